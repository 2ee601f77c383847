"""The Kubernetes tools that checks run, each at one version, and the types that they check by.

Built by `go install` and kept outside the clone, beside the schemas that are made of the modules of Kubernetes and of the
Prometheus operator. Checks note what is wrong with `check` and end with `conclude`.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "ompipe-ci"
TOOLS = CACHE / "deploy-tools"

VERSIONS = {
    "helm": ("helm.sh/helm/v4/cmd/helm", "v4.3.1"),
    "kustomize": ("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.0"),
    "kubeconform": ("github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0"),
    "actionlint": ("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"),
    "kube-score": ("github.com/zegl/kube-score/cmd/kube-score", "v1.20.0"),
}
KUBERNETES = "k8s.io/kubernetes@v1.36.3"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

failures = []


def check(holds, message):
    if not holds:
        failures.append(message)


def conclude(name, summary):
    """Says what is wrong, or what was found to be right."""
    for failure in failures:
        print(f"{name}: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"{name}: {summary}")


def run(tool, *arguments, text=None, fails=False):
    command = [str(TOOLS / tool), *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
    if not fails:
        check(done.returncode == 0, f"{tool} {' '.join(command[1:])}:\n{done.stdout}{done.stderr}")
    return done


def install(*tools):
    for tool in tools:
        package, version = VERSIONS[tool]
        stamp = TOOLS / f"{tool}.version"
        if (TOOLS / tool).exists() and stamp.exists() and stamp.read_text() == version:
            continue
        environment = {**os.environ, "GOBIN": str(TOOLS)}
        subprocess.run(["go", "install", f"{package}@{version}"], check=True, env=environment, cwd="/")
        stamp.write_text(version)


def module(name):
    answer = subprocess.run(["go", "mod", "download", "-json", name], check=True, capture_output=True, text=True, cwd="/")
    return pathlib.Path(json.loads(answer.stdout)["Dir"])


def close(schema):
    """Refuses the fields that a type does not have, as the API server does where it is strict."""
    if isinstance(schema, list):
        return [close(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: {name: close(part) for name, part in value.items()} if key == "properties" else close(value)
              for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and not closed.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    if closed.get("x-kubernetes-int-or-string") or closed.get("format") == "int-or-string":
        closed.pop("format", None)
        closed["type"] = ["integer", "string"]
    return closed


def schemas():
    """A folder with a closed JSON Schema of each kind, as kubeconform looks for them."""
    folder = CACHE / "deploy-schemas" / re.sub(r"[^\w.]+", "-", f"{KUBERNETES} {PROMETHEUS_OPERATOR}")
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        swagger = json.loads((module(KUBERNETES) / "api/openapi-spec/swagger.json").read_text())
        definitions = close(swagger["definitions"])
        definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
        for name, schema in definitions.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                group = kind["group"].split(".")[0]
                file = "-".join(filter(None, [kind["kind"].lower(), group, kind["version"]])) + ".json"
                reachable, waiting = {}, [name]
                while waiting:
                    one = waiting.pop()
                    if one not in reachable:
                        reachable[one] = definitions[one]
                        waiting += re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions[one]))
                whole = {"$ref": f"#/definitions/{name}", "definitions": reachable}
                (folder / file).write_text(json.dumps(whole))
        definitions = module(PROMETHEUS_OPERATOR) / "example/prometheus-operator-crd"
        for plural in ("prometheusrules", "servicemonitors"):
            definition = yaml.safe_load((definitions / f"monitoring.coreos.com_{plural}.yaml").read_text())["spec"]
            for version in definition["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                schema["properties"]["metadata"] = {"type": "object"}
                kind = f"{definition['names']['kind'].lower()}-monitoring-{version['name']}.json"
                (folder / kind).write_text(json.dumps(close(schema)))
        (folder / "complete").touch()
    for kind in ("OMJob", "CronOMJob"):
        ours = (ROOT / "schemas" / f"{kind}.json").read_text()
        (folder / f"{kind.lower()}-pipelines-v1.json").write_text(ours)
    return folder
