from airflow.models import Variable

config = f"""
source: {{type: mysql, serviceName: {Variable.get("service")}}}
workflowConfig: {{}}
"""
