#!/usr/bin/env python3
"""Checks what deploy/ installs: chart and kustomization are sound, give the same objects, and fit Kubernetes' types.

In: deploy/, the tools at their VERSIONS (built by `go install`, kept outside the clone) and, by `go mod download`, the
types of Kubernetes (swagger.json) and of the Prometheus operator (its CustomResourceDefinitions). Out: exit status 1
and a line for each thing that is wrong. Nothing is written but the cache, and no cluster is asked.

    tools/deploy-check.py
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "charts" / "ompipe-operator"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "ompipe-ci"
TOOLS = CACHE / "deploy-tools"

VERSIONS = {
    "helm": ("helm.sh/helm/v4/cmd/helm", "v4.3.1"),
    "kustomize": ("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.0"),
    "kubeconform": ("github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0"),
    "kube-score": ("github.com/zegl/kube-score/cmd/kube-score", "v1.20.0"),
}
KUBERNETES = "k8s.io/kubernetes@v1.36.3"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

# What Helm adds, and what only it needs.
HELM_LABELS = {"app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "helm.sh/chart"}
HELM_ANNOTATION = "helm.sh/resource-policy"

ALL_OPTIONS = [
    "env.watchNamespaces=openmetadata-pipelines",
    "metrics.serviceMonitor.enabled=true",
    "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true",
    "image.repository=registry.example.com/ompipe",
]
NODE_AFFINITY = ("affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
                 ".matchExpressions[0]")
FURTHER_OPTIONS = [
    "replicas=3", "image.tag=1.2.3", "imagePullSecrets[0].name=registry", "podLabels.team=data",
    "podAnnotations.note=a", "nodeSelector.zone=x", "tolerations[0].operator=Exists", "priorityClassName=high",
    f"{NODE_AFFINITY}.key=zone", f"{NODE_AFFINITY}.operator=Exists", "healthCheck.enabled=false",
    "serviceAccount.annotations.note=a", "podDisruptionBudget.enabled=false", "networkPolicy.enabled=false",
    "crds.enabled=false", "env.healthCheckPort=9000", "env.metricsPort=9000",
]
WRONG_OPTIONS = [
    "replica=3", "replicas=-1", "env.pollingIntervalSeconds=10", "env.watchNamespaces=a\\,b", "env.watchNamespaces=",
    "env.logLevel=loud", "image.pullPolicy=Sometimes", "image.repository=", "networkPolicy.apiServerPorts=443",
]

failures = []


def check(holds, message):
    if not holds:
        failures.append(message)


def run(tool, *arguments, text=None, fails=False):
    command = [str(TOOLS / tool), *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
    if not fails:
        check(done.returncode == 0, f"{tool} {' '.join(command[1:])}:\n{done.stdout}{done.stderr}")
    return done


def install():
    for tool, (package, version) in VERSIONS.items():
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


def conforms(folder, what, text):
    location = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = run("kubeconform", "-strict", "-summary", "-schema-location", location, "-", text=text, fails=True)
    check(done.returncode == 0 and "Valid: 0" not in done.stdout, f"kubeconform of {what}:\n{done.stdout}{done.stderr}")


def template(*options):
    sets = [part for option in options for part in ("--set", f"omjobOperator.{option}")]
    # The release has the name and the namespace of the kustomization's objects.
    return ["template", "ompipe-operator", CHART, "--namespace", "ompipe-operator", *sets]


def plain(value):
    """The value without what Helm adds to it."""
    if isinstance(value, list):
        items = [plain(item) for item in value]
        # Environment variables: kustomize puts a patched one first.
        named = items and all(isinstance(item, dict) and "name" in item for item in items)
        return sorted(items, key=lambda item: item["name"]) if named else items
    if not isinstance(value, dict):
        return value
    kept = {key: plain(item) for key, item in value.items() if key not in HELM_LABELS and key != HELM_ANNOTATION}
    if kept.get("annotations") == {}:
        del kept["annotations"]
    return kept


def objects(text):
    found = {}
    for item in yaml.safe_load_all(text):
        if item is not None and item["kind"] != "Namespace":
            metadata = item["metadata"]
            found[item["kind"], metadata.get("namespace"), metadata["name"]] = plain(item)
    return found


def difference(one, other, at=""):
    """Where two values first differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next(filter(None, (difference(one[key], other[key], f"{at}.{key}") for key in one)), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next(filter(None, (difference(*pair, f"{at}[{i}]") for i, pair in enumerate(zip(one, other)))), None)
    return None if one == other else f"{at}: kustomize {json.dumps(one)[:300]}, helm {json.dumps(other)[:300]}"


def same(what, kustomized, templated):
    for key in sorted(kustomized.keys() | templated.keys(), key=str):
        differs = difference(kustomized.get(key), templated.get(key))
        check(differs is None, f"{what}: {key} differs at {differs}")
    check(len(kustomized) > 10, f"{what}: only {len(kustomized)} objects")


def metric_names():
    """Alerts and dashboard ask for metrics that there are."""
    metrics = (ROOT / "src/controller/metrics.rs").read_text()
    known = set(re.findall(r'"((?:omjob|ompipe)_[a-z_]+)"', metrics))
    for file in ("prometheus-rule/prometheus-rule.yaml", "grafana-dashboard/ompipe-operator.json"):
        used = set(re.findall(r"\b((?:omjob|ompipe)_[a-z_]+?)(?:_total|_bucket)?\b(?=[\[{) ])",
                              (DEPLOY / "components" / file).read_text()))
        check(len(used) > 4, f"{file} uses only {used}")
        for name in sorted(used - known):
            check(False, f"{file}: there is no metric {name}")


def versions():
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    check(chart["version"] == chart["appVersion"] == version, f"Chart.yaml is not of version {version}")
    for file in ("base", "overlays/one-namespace"):
        images = yaml.safe_load((DEPLOY / file / "kustomization.yaml").read_text())["images"]
        check(images[0]["newTag"] == version, f"{file}/kustomization.yaml is not of version {version}")


def main():
    install()
    folder = schemas()
    run("helm", "lint", "--strict", CHART)
    base = run("kustomize", "build", DEPLOY / "base").stdout
    overlay = run("kustomize", "build", DEPLOY / "overlays/one-namespace").stdout
    default = run("helm", *template()).stdout
    optional = run("helm", *template(*ALL_OPTIONS)).stdout
    further = run("helm", *template(*FURTHER_OPTIONS)).stdout
    same("default values", objects(base), objects(default))
    same("one namespace", objects(overlay), objects(optional))
    check(not objects(run("helm", *template("enabled=false")).stdout), "something is installed though not enabled")
    for option in WRONG_OPTIONS:
        done = run("helm", *template(option), fails=True)
        check(done.returncode != 0 and "schema" in done.stderr, f"helm takes {option}:\n{done.stderr}")
    golden = (ROOT / "golden/operator/manifests.yaml").read_text()
    texts = {"kustomize": base, "one namespace": overlay, "helm": default, "helm, all options": optional,
             "helm, further options": further, "the goldens of the operator": golden}
    for what, text in texts.items():
        conforms(folder, what, text)
    # An unknown field is found, or the schemas are not closed.
    wrong = base.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    location = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = run("kubeconform", "-strict", "-schema-location", location, "-", text=wrong, fails=True)
    check(done.returncode != 0, "kubeconform does not see a misspelt field")
    # The image's tag is a version, which does not change; throttling is lag of exit handlers; the operator writes no
    # file, and where kubelets do not measure local storage no pod that asks for some finds a node.
    for what in ("kustomize", "one namespace", "helm", "helm, all options"):
        done = run("kube-score", "score", "--exit-one-on-warning", "--kubernetes-version", "v1.36",
                   "--ignore-test", "container-image-pull-policy", "--ignore-container-cpu-limit",
                   "--ignore-test", "container-ephemeral-storage-request-and-limit", "-", text=texts[what], fails=True)
        check(done.returncode == 0, f"kube-score of {what}:\n{done.stdout}{done.stderr}")
    metric_names()
    versions()
    for failure in failures:
        print(f"deploy-check: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"deploy-check: {len(objects(base))} objects by kustomize and Helm, the same and valid")


if __name__ == "__main__":
    main()
