"""Stands for the ingestion image's exit_handler.py: tells the outcome of a run to the outside.

`test: {exitHandler: …}` of the workflow asks for `seconds` that it takes and the code that it ends with, `exit`.
"""

import os
import sys
import time

from record import asked, report

_, wanted = asked("exitHandler")
report("exit-handler", "started", status=os.environ["pipelineStatus"])
time.sleep(wanted.get("seconds", 0))
report("exit-handler", "ended", status=os.environ["pipelineStatus"], exit=wanted.get("exit", 0))
sys.exit(wanted.get("exit", 0))
