"""Times the verbs on a cluster as whole processes, beside kubectl and Helm. `cluster.sh` makes the control plane for it.

    cluster.py apply [PIPELINES]
    cluster.py status [RUNS]
"""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
OMPIPE, KUBECTL, HELM = (os.environ[name] for name in ("OMPIPE", "KUBECTL", "HELM"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
# What the API server and this program can do side by side on two processors.
AT_ONCE = 8


class Server:
    """The API server, by as many connections as there are threads."""

    def __init__(self, kubeconfig):
        config = yaml.safe_load(pathlib.Path(kubeconfig).read_text())
        cluster = config["clusters"][0]["cluster"]
        self.token = config["users"][0]["user"]["token"]
        self.address = urllib.parse.urlsplit(cluster["server"]).netloc
        self.trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self.local = threading.local()

    def send(self, method, path, body, kind="application/json"):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPSConnection(self.address, context=self.trust)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        self.local.connection.request(method, path, json.dumps(body), headers)
        answer = self.local.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"cluster.py: {method} {path}: {answer.status} {text[:400]}")
        return json.loads(text)

    def namespace(self, name):
        self.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


def servers():
    """The processor time that the control plane's servers have taken, in seconds."""
    taken = 0
    for file in (pathlib.Path(os.environ["KUBECONFIG"]).parent / "run").glob("*.pid"):
        numbers = pathlib.Path(f"/proc/{file.read_text().strip()}/stat").read_text().rsplit(")", 1)[1].split()
        taken += int(numbers[11]) + int(numbers[12])
    return taken / os.sysconf("SC_CLK_TCK")


def measured(*command, directory=None, fails=False):
    """Runs a command; wall time, processor time, its own and the servers', and peak memory, in seconds and MiB."""
    before = servers()
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=directory)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        log.seek(0)
        output = log.read().decode(errors="replace")
    if process.returncode != 0 and not fails:
        sys.exit(f"cluster.py: {' '.join(map(str, command))}: status {process.returncode}\n{output[-2000:]}")
    return {
        "wall": wall,
        "servers": servers() - before,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "failed": output.strip().splitlines()[-1] if process.returncode else None,
    }


def median(samples, what):
    return statistics.median(sample[what] for sample in samples)


def row(name, samples, base):
    refused = next((sample["failed"] for sample in samples if sample["failed"]), None)
    if refused:
        return f"| {name} | refused: {refused[:120]} | | | | |"
    wall = median(samples, "wall")
    times = f"{base / wall:.1f}" if base else ""
    return (f"| {name} | {wall:.2f} | {times} | {median(samples, 'cpu'):.2f} | {median(samples, 'servers'):.2f} "
            f"| {median(samples, 'memory'):.0f} |")


def head():
    version = subprocess.run([OMPIPE, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    print(f"ompipe {version}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; load when it began: {load}\n")


def project(folder, count):
    """A project of so many pipelines whose Secrets are rendered, too; suspended, so that none starts meanwhile."""
    subprocess.run(
        ["cargo", "test", "--locked", "--quiet", "--bench", "project", "--", str(folder), str(count)],
        cwd=ROOT, check=True, capture_output=True)
    main = folder / "ompipe.yaml"
    main.write_text(main.read_text().replace("  kubernetes:\n", "  kubernetes:\n    secrets: {way: secret}\n"))
    names = {"openmetadata-bot"}
    for file in (folder / "pipelines").iterdir():
        text = file.read_text()
        names.update(re.findall(r"secretKeyRef: {name: ([\w-]+)", text))
        file.write_text(text.replace("  schedule: ", "  enabled: false\n  schedule: "))
    values = folder / ".values.yaml"
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {
        key: base64.b64encode(b"a value of a benchmark").decode() for key in ("password", "token")}}
    values.write_text("---\n".join(yaml.safe_dump({**secret, "metadata": {"name": name}}) for name in sorted(names)))
    return values


def apply(server, count):
    head()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ompipe-bench-"))
    try:
        values = project(folder / "project", count)
        main = folder / "project/ompipe.yaml"
        text = main.read_text()
        first, again = {}, {}
        for round_ in range(ROUNDS):
            tools = ["kubectl", "helm", "ompipe"]
            # Each comes first once: the control plane holds more with every tool that was there before.
            for tool in tools[round_ % 3:] + tools[:round_ % 3]:
                namespace = f"{tool}-{round_}"
                server.namespace(namespace)
                main.write_text(text.replace("namespace: openmetadata\n", f"namespace: {namespace}\n"))
                command = commands(tool, folder, values, namespace)
                first.setdefault(tool, []).append(measured(*command[0], fails=tool == "helm"))
                again.setdefault(tool, []).append(measured(*command[1], fails=tool == "helm"))
    finally:
        shutil.rmtree(folder)
    objects = 3 * count + 3
    print(f"{count:,} pipelines, {objects:,} objects, {ROUNDS} rounds, medians\n")
    for title, samples in (("applied to an empty namespace", first), ("applied again, unchanged", again)):
        base = median(samples["kubectl"], "wall")
        print(f"| {title} | wall, s | times faster than kubectl | its processor, s | the servers', s | memory, MiB |")
        print("|---|--:|--:|--:|--:|--:|")
        for tool, name in (("kubectl", "`kubectl apply --server-side`"), ("helm", "`helm install`, `upgrade`"),
                           ("ompipe", "`ompipe apply`")):
            print(row(name, samples[tool], base))
        print()


def commands(tool, folder, values, namespace):
    """What applies the project for the first time, and again. Rendering is ompipe's own share alone."""
    definitions = folder / "project"
    if tool == "ompipe":
        command = [OMPIPE, "apply", definitions, "--include-secrets", values]
        return command, command
    rendered = folder / "rendered.yaml"
    with rendered.open("w") as out:
        subprocess.run([OMPIPE, "render", definitions, "--include-secrets", values], stdout=out, check=True)
    if tool == "kubectl":
        command = [KUBECTL, "apply", "--server-side", "--filename", rendered]
        return command, command
    chart = folder / "chart"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: bench\nversion: 0.1.0\n")
    shutil.copy(rendered, chart / "templates/all.yaml")
    common = ["bench", chart, "--namespace", namespace]
    return [HELM, "install", *common], [HELM, "upgrade", *common]


def status(server, count):
    head()
    namespace = "runs"
    server.namespace(namespace)
    began = time.time()

    def labels(i):
        return {"app.kubernetes.io/name": "openmetadata", "app.kubernetes.io/component": "ingestion",
                "app.kubernetes.io/managed-by": "openmetadata", "app.kubernetes.io/pipeline": f"pipeline-{i % 500}",
                "app.kubernetes.io/pipeline-type": "metadata"}

    def stamp(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + seconds))

    # Of a size as rendered ones have.
    container = {"name": "main", "image": "openmetadata/ingestion-base:1.13.6", "command": ["python", "main.py"],
                 "env": [{"name": f"VARIABLE_{n}", "value": "x" * 60} for n in range(12)]}

    def run(i):
        # Nobody acts on it: the Job controller leaves to others what names another manager.
        job = {"metadata": {"name": f"om-job-pipeline-{i:08}", "labels": labels(i)},
               "spec": {"managedBy": "example.org/benchmark",
                        "template": {"metadata": {"labels": labels(i)},
                                     "spec": {"restartPolicy": "Never", "containers": [container]}}}}
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        made = server.send("POST", path, job)
        failed = i % 7 == 0
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": stamp(9), "reason": reason}
            for kind, reason in ([("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")] if failed
                                 else [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])]
        made["status"] = {"startTime": stamp(0), "conditions": conditions, "failed" if failed else "succeeded": 1}
        if not failed:
            made["status"]["completionTime"] = stamp(9)
        server.send("PUT", f"{path}/{made['metadata']['name']}/status", made)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(run, range(count)))
    print(f"{count:,} ended Jobs of 500 pipelines, {ROUNDS} rounds, medians\n")
    print("| | wall, s | times faster than kubectl | its processor, s | the servers', s | memory, MiB |")
    print("|---|--:|--:|--:|--:|--:|")
    rows = {
        "`kubectl get jobs`": [KUBECTL, "get", "jobs", "--namespace", namespace],
        "`ompipe status`": [OMPIPE, "status", "--namespace", namespace],
        "`ompipe status --format json`": [OMPIPE, "status", "--namespace", namespace, "--format", "json"],
    }
    samples = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, command in rows.items():
            samples[name].append(measured(*command))
    base = median(samples["`kubectl get jobs`"], "wall")
    for name, found in samples.items():
        print(row(name, found, base))


def main():
    what, *rest = sys.argv[1:] or ["apply"]
    server = Server(os.environ["KUBECONFIG"])
    {"apply": lambda: apply(server, int(rest[0]) if rest else 1000),
     "status": lambda: status(server, int(rest[0]) if rest else 10000)}[what]()


main()
