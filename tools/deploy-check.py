#!/usr/bin/env python3
"""Checks what deploy/ installs: chart and kustomization are sound, give the same objects, and fit Kubernetes' types.

In: deploy/, the tools and types of kubernetes_tools.py. Out: exit status 1 and a line for each thing that is wrong. Nothing is
written but the cache, and no cluster is asked.

    tools/deploy-check.py
"""

import json
import re

import yaml

from kubernetes_tools import ROOT, check, conclude, install, run, schemas

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "charts" / "ompipe-operator"

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
    install("helm", "kustomize", "kubeconform", "kube-score")
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
    conclude("deploy-check", f"{len(objects(base))} objects by kustomize and Helm, the same and valid")


if __name__ == "__main__":
    main()
