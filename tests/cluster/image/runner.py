"""Stands for the module metadata.applications.runner: `config` is an App, as JSON, as OpenMetadata's server passes it.

It does what `test: {main: …}` of it asks for, as main.py does.
"""

import json
import os
import runpy

application = json.loads(os.environ["config"])
assert application["id"] and application["name"] and application["openMetadataServerConnection"]["hostPort"]
runpy.run_path("main.py", run_name="__main__")
