config = {
    "source": {"type": "mysql", "serviceName": "orders"},
    "workflowConfig": {"openMetadataServerConfig": {"hostPort": "http://openmetadata:8585/api"}},
}
