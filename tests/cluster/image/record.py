"""Reports to the record, which is outside the cluster's API: what only a script that truly ran can do."""

import http.client
import json
import os
import time
import urllib.parse
import uuid

import yaml


def asked(part):
    """What the test asks of this run: the workflow's `test`, or the variable of that name."""
    workflow = yaml.safe_load(os.environ["config"])
    test = workflow.get("test") or yaml.safe_load(os.environ.get("test", "{}"))
    return workflow, test.get(part) or {}


def report(script, event, **more):
    """Adds a line to the record, however long that takes: a line lost would be a run not counted."""
    line = {
        "id": uuid.uuid4().hex,  # what is sent again for want of an answer counts once
        "script": script,
        "event": event,
        "job": os.environ.get("jobName"),
        "namespace": os.environ.get("namespace"),
        "run": os.environ.get("pipelineRunId"),
        "pod": os.environ["HOSTNAME"],
        "time": time.time(),
        **more,
    }
    print(json.dumps(line), flush=True)
    record = urllib.parse.urlsplit(os.environ["RECORD"])
    while True:
        try:
            connection = http.client.HTTPConnection(record.hostname, record.port, timeout=10)
            connection.request("POST", record.path or "/", json.dumps(line))
            if connection.getresponse().status == 204:
                return
        except OSError as error:
            print("record:", error, flush=True)
        time.sleep(0.2)
