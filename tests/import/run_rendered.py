"""Runs the command of each rendered pipeline with its secrets in the environment, as Kubernetes would, and compares the
workflow that main.py is given with the file that the pipeline was imported from, as PyYAML reads both.

In: the folder of rendered objects, and on standard input {"originals": [path…], "secrets": {name: {key: value}},
"completed": [[path, part]…]}, the last of which name parts that get an empty config.
Out: what differs, a line each; nothing when all is the same.
"""

import json, os, pathlib, subprocess, sys, tempfile

import yaml

MAIN = "import json, os, yaml; print(json.dumps(yaml.safe_load(os.environ['config']), default=str, sort_keys=True))"


def run(folder, secrets, work):
    objects = {}
    for path in folder.glob("*.yaml"):
        made = yaml.safe_load(path.read_text())
        objects[made["kind"]] = made
    data = objects["ConfigMap"]["data"]
    container = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    environment = {"PATH": os.environ["PATH"]}
    for variable in container["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            environment[variable["name"]] = secrets[reference["name"]][reference["key"]]
        elif "configMapKeyRef" in source:
            environment[variable["name"]] = data[source["configMapKeyRef"]["key"]]
        elif "value" in variable:
            environment[variable["name"]] = variable["value"]
    command = [sys.executable if part == "python" else part for part in container["command"]]
    command += container.get("args", [])
    output = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, timeout=60)
    if output.returncode != 0:
        return f"exit code {output.returncode}: {output.stderr[-500:]}"
    return json.loads(output.stdout)


def main():
    rendered, given = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
    originals = []
    for path in given["originals"]:
        for workflow in yaml.safe_load_all(pathlib.Path(path).read_text()):
            workflow.pop("pipelineRunId", None)
            for part in (part for file, part in given["completed"] if file == path):
                workflow[part]["config"] = {}
            originals.append((path, json.loads(json.dumps(workflow, default=str))))
    with tempfile.TemporaryDirectory() as work:
        pathlib.Path(work, "main.py").write_text(MAIN)
        for folder in sorted(path for path in rendered.iterdir() if path.is_dir()):
            workflow = run(folder, given["secrets"], work)
            if not isinstance(workflow, dict):
                print(f"{folder.name}: {workflow}")
                continue
            # ompipe adds it where a file has none.
            without = {key: value for key, value in workflow.items() if key != "ingestionPipelineFQN"}
            if not workflow.get("ingestionPipelineFQN"):
                print(f"{folder.name}: it has no ingestionPipelineFQN")
            found = [number for number, (_, original) in enumerate(originals) if original in (workflow, without)]
            if found:
                originals.pop(found[0])
            else:
                print(f"{folder.name}: no file is this workflow")
    for path, _ in originals:
        print(f"{path}: no pipeline is this workflow")


main()
