#!/usr/bin/env python3
"""Writes src/manifest/kubernetes.json: the Kubernetes types that ompipe renders, as a JSON Schema of one line a type.

In: api/openapi-spec/swagger.json of the Go module k8s.io/kubernetes at VERSION (fields, types, required fields, merge
keys) and its pkg/generated/openapi/zz_generated.openapi.go (the enums, which that swagger leaves out), both fetched
and verified by `go mod download`. Out: names, types and keys only, no descriptions, sorted, so that the next
version's changes are a readable diff.

    tools/kubernetes-types.py           writes the file
    tools/kubernetes-types.py --check   exits 1 when the file differs
"""

import json
import pathlib
import re
import subprocess
import sys

VERSION = "v1.36.3"
TARGET = pathlib.Path(__file__).resolve().parent.parent / "src" / "manifest" / "kubernetes.json"

# The kinds that are rendered: (group, version, kind).
KINDS = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "ServiceAccount"),
    ("batch", "v1", "CronJob"),
    ("batch", "v1", "Job"),
    ("rbac.authorization.k8s.io", "v1", "Role"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
]

# What only the API server writes: a manifest that holds it would be refused or ignored.
LEFT_OUT = {
    ("batch.v1.CronJob", "status"),
    ("batch.v1.Job", "status"),
    ("meta.v1.ObjectMeta", "managedFields"),
}

# What the API server's validation asks for although the types call it optional, to leave room for defaults.
ALSO_REQUIRED = {
    "batch.v1.CronJob": ["spec"],
    "batch.v1.Job": ["spec"],
    "batch.v1.JobTemplateSpec": ["spec"],
    "core.v1.Container": ["image"],
    "core.v1.EphemeralContainer": ["image"],
    "core.v1.PodTemplateSpec": ["spec"],
}

# Types with a reader of their own in Go, whose swagger entry says only "string".
READERS = {
    "Quantity": {"format": "quantity", "type": ["integer", "number", "string"]},
    "IntOrString": {"format": "int-or-string", "type": ["integer", "string"]},
    "meta.v1.Time": {"format": "date-time", "type": "string"},
}

KEPT = [
    "format",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
]


def short(name):
    """io.k8s.api.core.v1.PodSpec -> core.v1.PodSpec"""
    for prefix in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name.rsplit(".", 1)[1]


def module():
    """The folder of the module, checked against the checksum database by Go itself."""
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{VERSION}"],
        check=True, capture_output=True, text=True, cwd="/",
    )
    return pathlib.Path(json.loads(answer.stdout)["Dir"])


def enums(folder):
    """(type, field) -> (values, whether they are those of a list's items)"""
    text = (folder / "pkg/generated/openapi/zz_generated.openapi.go").read_text()
    found = {}
    for function in re.finditer(r"^func schema_k8sio_api_(\w+?)_(v1)_(\w+)\(ref.*?^}", text, re.S | re.M):
        field = None
        for line in function.group(0).split("\n"):
            if opening := re.match(r'^\t{5}"([\w$]+)": \{$', line):
                field = opening.group(1)
            if values := re.match(r"^(\t+)Enum:\s+\[\]interface\{\}\{(.*)\},$", line):
                key = (f"{function.group(1)}.{function.group(2)}.{function.group(3)}", field)
                found[key] = (json.loads(f"[{values.group(2)}]"), len(values.group(1)) > 7)
    return found


class Pruner:
    """Follows references from the rendered kinds and keeps the facts of each type met."""

    def __init__(self, folder):
        swagger = json.loads((folder / "api/openapi-spec/swagger.json").read_text())
        self.swagger = {short(name): value for name, value in swagger["definitions"].items()
                        if name.startswith(("io.k8s.api.", "io.k8s.apimachinery."))
                        and (".v1." in name or "resource" in name or "intstr" in name)}
        self.enums = enums(folder)
        self.kept = {}

    def keep(self, name):
        if name in self.kept:
            return
        self.kept[name] = None
        if name in READERS:
            self.kept[name] = READERS[name]
            return
        source = self.swagger[name]
        kept = {"additionalProperties": False, "properties": {}, "type": "object"}
        for field, value in source.get("properties", {}).items():
            if (name, field) not in LEFT_OUT:
                kept["properties"][field] = self.field(name, field, value)
        required = sorted(set(source.get("required", []) + ALSO_REQUIRED.get(name, [])))
        if required:
            kept["required"] = required
        self.kept[name] = kept

    def field(self, owner, name, value):
        kept = self.shape(value)
        if (owner, name) in self.enums:
            values, of_items = self.enums[owner, name]
            (kept["items"] if of_items else kept)["enum"] = values
        return kept

    def shape(self, value):
        kept = {key: value[key] for key in KEPT if key in value}
        if "$ref" in value:
            target = short(value["$ref"].rsplit("/", 1)[1])
            self.keep(target)
            kept["$ref"] = f"#/$defs/{target}"
            return kept
        kept["type"] = value["type"]
        if "items" in value:
            kept["items"] = self.shape(value["items"])
        if "additionalProperties" in value:
            kept["additionalProperties"] = self.shape(value["additionalProperties"])
        return kept

    def root(self, group, version, kind):
        """A rendered kind: says what it is, and has metadata."""
        owner = {"": "core", "rbac.authorization.k8s.io": "rbac"}.get(group, group)
        name = f"{owner}.{version}.{kind}"
        self.keep(name)
        properties = self.kept[name]["properties"]
        properties["apiVersion"] = {"enum": [f"{group}/{version}".lstrip("/")], "type": "string"}
        properties["kind"] = {"enum": [kind], "type": "string"}
        self.kept[name]["required"] = sorted({*self.kept[name].get("required", []), "apiVersion", "kind", "metadata"})


def render():
    pruner = Pruner(module())
    for kind in KINDS:
        pruner.root(*kind)
    types = ",\n".join(
        f"{json.dumps(name)}:{json.dumps(value, sort_keys=True, separators=(',', ':'))}"
        for name, value in sorted(pruner.kept.items())
    )
    comment = f"Kubernetes {VERSION}; generated by tools/kubernetes-types.py"
    return f'{{"$comment":{json.dumps(comment)},\n"$schema":"https://json-schema.org/draft/2020-12/schema",\n"$defs":{{\n{types}\n}}}}\n'


def main():
    text = render()
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text() != text:
            sys.exit(f"{TARGET.name} is stale: run `just kubernetes-types`")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()
