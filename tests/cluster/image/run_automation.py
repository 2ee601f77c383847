"""Stands for the ingestion image's run_automation.py: `config` is a Workflow, as YAML or JSON, by PyYAML's reading.

It does what `test: {main: …}` of it asks for, as main.py does.
"""

import os
import runpy

import yaml

workflow = yaml.safe_load(os.environ["config"])
# Without these OpenMetadata's class of it cannot be made.
assert all(workflow[field] for field in ("id", "name", "workflowType", "request"))
assert workflow["openMetadataServerConnection"]["hostPort"]
runpy.run_path("main.py", run_name="__main__")
