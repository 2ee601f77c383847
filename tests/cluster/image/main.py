"""Stands for the ingestion image's main.py: the workflow comes in as `config`, its end is an exit code.

`test: {main: …}` of the workflow asks for an end:

    seconds: 3          how long it takes (none: it ends at once)
    exit: 7             the exit code (none: 0)
    crash: segfault     a fault of the processor, or `abort`
    memory: true        takes memory until it is killed
    log: {bytes: 9}     before all of that, writes so many bytes of a log that is always the same, of whose lines one
                        in a thousand is longer than what a container runtime takes at once. `seconds` in it: spread
                        over that time; `text`: this first
    disk: /scratch/x    writes 8 MiB to that file
    hang: true          never ends, and ignores SIGTERM: in a call into C that holds the interpreter, so that no other
                        thread, the launcher's among them, hears of anything
    onTerm: 0           ends by SIGTERM with that code; without it SIGTERM does nothing, as to every first process
    termSeconds: 2      takes that long for it
"""

import ctypes
import hashlib
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


def lines():
    """The lines of the log, by their numbers: tests/cluster/logs.rs has the same."""
    number = 0
    while True:
        yield f"{number:08d} {'x' * (number * 7 % 120)} é😀\n".encode()
        if number % 1000 == 999:
            yield b"y" * 40000 + b"\n"
        number += 1


def log(of):
    """Writes a log: so much at once that the pipe to the container's runtime is full, if it is long."""
    if "text" in of:
        print(of["text"], flush=True)
    left = of.get("bytes", 0)
    source, piece = lines(), bytearray()
    size = min(1 << 20, max(1, left // 50))
    while left:
        while len(piece) < min(size, left):
            piece += next(source)
        # A write of its own each time, so that nothing is held back.
        written = os.write(1, piece[: min(size, left)])
        del piece[:written]
        left -= written
        time.sleep(of.get("seconds", 0) / 50)


def password(workflow):
    """What the launcher put in place of the reference to the connection's password; never itself."""
    of_service = workflow.get("source", {}).get("serviceConnection") or workflow.get("request", {}).get("connection")
    connection = (of_service or {}).get("config") or workflow.get("appConfiguration", {})
    value = connection.get("password")
    return hashlib.sha256(value.encode()).hexdigest() if isinstance(value, str) else None


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
    type=os.environ.get("pipelineType"),
    pipeline=workflow.get("ingestionPipelineFQN"),
    unfilled=secrets(workflow),
    password=password(workflow),
)
log(wanted.get("log", {}))
if wanted.get("disk"):
    with open(wanted["disk"], "wb") as file:
        file.write(b"x" * (1 << 23))
time.sleep(wanted.get("seconds", 0))
if wanted.get("hang"):
    ctypes.PyDLL(None).sleep(1 << 30)
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
