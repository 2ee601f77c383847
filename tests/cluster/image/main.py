"""Stands for the ingestion image's main.py: the workflow comes in as `config`, its end is an exit code.

`test: {main: …}` of the workflow asks for an end:

    seconds: 3          how long it takes (none: it ends at once)
    exit: 7             the exit code (none: 0)
    crash: segfault     a fault of the processor, or `abort`
    memory: true        takes memory until it is killed
    onTerm: 0           ends by SIGTERM with that code; without it SIGTERM does nothing, as to every first process
    termSeconds: 2      takes that long for it
"""

import ctypes
import os
import signal
import sys
import time

from record import asked, report


def secrets(node):
    """How many references were left in the workflow: the launcher must have put a value for each."""
    if isinstance(node, dict):
        return (list(node) == ["secretEnv"]) + sum(map(secrets, node.values()))
    return sum(map(secrets, node)) if isinstance(node, list) else 0


workflow, wanted = asked("main")


def terminated(_signal, _frame):
    time.sleep(wanted.get("termSeconds", 0))
    report("main", "ended", exit=wanted["onTerm"])
    os._exit(wanted["onTerm"])


if "onTerm" in wanted:
    signal.signal(signal.SIGTERM, terminated)
report(
    "main",
    "started",
    type=os.environ["pipelineType"],
    pipeline=workflow.get("ingestionPipelineFQN"),
    unfilled=secrets(workflow),
)
time.sleep(wanted.get("seconds", 0))
if wanted.get("memory"):
    taken = []
    while True:
        taken.append(bytearray(b"x" * (1 << 24)))
# A signal that the first process of a container sends itself is ignored: only a real fault ends it.
if wanted.get("crash") == "segfault":
    ctypes.string_at(0)
if wanted.get("crash") == "abort":
    os.abort()
report("main", "ended", exit=wanted.get("exit", 0))
sys.exit(wanted.get("exit", 0))
