"""Reads the metadata of the orders database every night."""
import pendulum
import yaml
from airflow import DAG
from airflow.operators.python import PythonOperator
from metadata.workflow.metadata import MetadataWorkflow

default_args = {"owner": "data", "retries": 3}

config = """
source:
  type: mysql
  serviceName: orders
  serviceConnection:
    config:
      type: Mysql
      username: openmetadata
      authType:
        password: "dag-Passw0rd-plain"  # from the vault
      hostPort: orders.shop.example:3306
  sourceConfig:
    config:
      type: DatabaseMetadata
sink:
  type: metadata-rest
  config: {}
workflowConfig:
  openMetadataServerConfig:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig:
      jwtToken: dag-token-plain
"""


def ingest():
    workflow_config = yaml.safe_load(config)
    workflow_config["workflowConfig"]["loggerLevel"] = "DEBUG"
    workflow = MetadataWorkflow.create(workflow_config)
    workflow.execute()
    workflow.raise_from_status()
    workflow.stop()


with DAG(
    "orders_metadata",
    default_args=default_args,
    description="Tables of the orders database",
    start_date=pendulum.datetime(2024, 3, 1, tz="Europe/Zurich"),
    is_paused_upon_creation=False,
    schedule_interval="0 2 * * *",
    catchup=False,
) as dag:
    PythonOperator(task_id="ingest", python_callable=ingest)
