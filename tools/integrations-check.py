#!/usr/bin/env python3
"""Tries what integrations/ holds with the tools themselves: kustomize, Argo CD, Flux, Helm, kubeconform, pre-commit, GitHub.

In: the binary (built by cargo, or OMPIPE names one), the examples, the tools of kubernetes_tools.py, pre-commit from PyPI, and
by `go mod download` Argo CD and Flux, whose types and manifests are read. Out: a line for each thing that was tried, a line
for each that is wrong, and exit status 1 then. Nothing is written but the cache and a folder that is removed again; no cluster
is asked.

    tools/integrations-check.py
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import yaml

from kubernetes_tools import CACHE, ROOT, TOOLS, check, close, conclude, failures, install, module, run, schemas

# The newest that build with Go 1.26; their modules are in tests/integrations/go/go.mod.
ARGOCD = "github.com/argoproj/argo-cd/v3@v3.5.7"
FLUX = ["github.com/fluxcd/kustomize-controller@v1.9.6", "github.com/fluxcd/source-controller@v1.9.6"]
PRE_COMMIT = "pre-commit==4.7.0"

# Argo CD's manifests are 2 MB; in C they are read in a second.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INTEGRATIONS = ROOT / "integrations"
CATALOGUE = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"


def ompipe():
    """The binary, in a folder that is first on the PATH, so that tools find it as their users' do."""
    binary = os.environ.get("OMPIPE")
    if binary is None:
        built = subprocess.run(["cargo", "build", "--locked", "--quiet", "--message-format", "json"], cwd=ROOT,
                               check=True, stdout=subprocess.PIPE, text=True)
        binary = [path for line in built.stdout.splitlines() for path in [json.loads(line).get("executable")] if path][-1]
    return pathlib.Path(binary).resolve()


def shell(*command, folder=ROOT, text=None, environment=None, status=0):
    """Runs a command as a user does, and checks its exit status; None: whatever it is."""
    done = subprocess.run([str(part) for part in command], cwd=folder, input=text, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    if status is not None:
        check(done.returncode == status, f"{' '.join(map(str, command))} in {folder}: exit status {done.returncode}, "
              f"expected {status}:\n{done.stdout}{done.stderr}")
    return done


def objects(text):
    """The objects of a stream, by what they are."""
    found = {}
    for item in yaml.load_all(text, LOADER):
        if item is not None:
            key = (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
            check(key not in found, f"{key} is there twice")
            found[key] = item
    return found


def same(what, one, other):
    check(len(other) > 3, f"{what}: only {len(other)} objects")
    check(one.keys() == other.keys(), f"{what}: {sorted(one.keys() ^ other.keys(), key=str)} are in one of both alone")
    for key in one.keys() & other.keys():
        check(one[key] == other[key], f"{what}: {key} differs:\n{json.dumps(one[key])}\n{json.dumps(other[key])}")


def render(folder, *arguments):
    return shell("ompipe", "render", "--quiet", *arguments, folder=folder).stdout


def copied(scratch, name, *sources):
    """A folder of its own with the files of others."""
    folder = scratch / name
    folder.mkdir()
    for source in sources:
        for path in source.iterdir():
            if path.is_file() and not path.name.startswith("."):
                shutil.copy(path, folder)
    return folder


def misspell(path):
    text = path.read_text()
    check("schedule:" in text, f"{path} has no schedule")
    path.write_text(text.replace("schedule:", "shedule:"))


# --- kustomize, kpt ---

BUILD = [TOOLS / "kustomize", "build", "--enable-alpha-plugins", "--enable-exec"]
FUNCTION = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: ompipe
  annotations:
    config.kubernetes.io/function: |
      exec: {path: ompipe, args: [fn]}
"""


def kustomize_generator(scratch):
    folder = scratch / "generator"
    shutil.copytree(INTEGRATIONS / "kustomize", folder)
    built = objects(shell(*BUILD, folder).stdout)
    expected = objects(render(folder / "definitions", "."))
    for key, item in expected.items():
        # What the kustomization itself adds.
        item["metadata"]["labels"]["example.com/team"] = "data"
        if key[1] == "CronJob":
            item["metadata"].setdefault("annotations", {})["argocd.argoproj.io/ignore-healthcheck"] = "true"
    same("kustomize's generator", built, expected)
    # An environment, by the function's options.
    for path in (ROOT / "examples/environments").glob("*.yaml"):
        shutil.copy(path, folder / "definitions")
    (folder / "definitions/shop.yaml").unlink()
    config = (folder / "render.yaml").read_text() + "  environment: prod\n"
    (folder / "render.yaml").write_text(config)
    (folder / "kustomization.yaml").write_text("generators: [render.yaml]\n")
    same("an environment in kustomize", objects(shell(*BUILD, folder).stdout),
         objects(render(ROOT / "examples/environments", "-e", "prod")))
    # Files that are encrypted pass through kustomize as they are.
    shutil.rmtree(folder / "definitions")
    shutil.copytree(ROOT / "examples/encrypted", folder / "definitions")
    (folder / "render.yaml").write_text(config.replace("  environment: prod\n", ""))
    same("encrypted files in kustomize", objects(shell(*BUILD, folder).stdout), objects(render(ROOT / "examples/encrypted")))
    shutil.copy(INTEGRATIONS / "kustomize/definitions/shop.yaml", folder / "definitions")
    misspell(folder / "definitions/shop.yaml")
    done = shell(*BUILD, folder, status=1)
    check("definitions/shop.yaml:" in done.stderr and "spec.shedule" in done.stderr and not done.stdout,
          f"kustomize does not say what is wrong:\n{done.stderr}")


def kustomize_transformer(scratch):
    folder = copied(scratch, "transformer", ROOT / "examples/quickstart")
    (folder / "fn.yaml").write_text(FUNCTION)
    (folder / "other.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: openmetadata-pipelines\n")
    files = {"resources": ["ompipe.yaml", "other.yaml", "snowflake.yaml"], "transformers": ["fn.yaml"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(files))
    built = objects(shell(*BUILD, folder).stdout)
    check(built.pop(("v1", "Namespace", None, "openmetadata-pipelines"), None), "another object is lost")
    # kustomize hands a transformer its resources with sorted keys: another order in the workflow, and so another hash.
    expected = objects(render(folder, "ompipe.yaml", "snowflake.yaml"))
    check(built.keys() == expected.keys(), f"kustomize's transformer makes {built.keys()}")
    for key, item in expected.items():
        if key[1] == "ConfigMap":
            workflow, other = (yaml.safe_load(one["data"]["config"]) for one in (item, built[key]))
            check(workflow == other, f"kustomize's transformer makes another workflow of {key}")
        check("annotations" not in built[key]["metadata"], f"{key} keeps annotations of kustomize")
    misspell(folder / "snowflake.yaml")
    done = shell(*BUILD, folder, status=1)
    check("IngestionPipeline snowflake-metadata, spec.shedule" in done.stderr, f"kustomize: {done.stderr}")


def function_in_place(scratch):
    """As kpt does: a function on a folder of files, by the same library."""
    folder = copied(scratch, "package", ROOT / "examples/quickstart")
    expected = {path.relative_to(scratch / "expected"): path.read_text() for path in rendered(scratch, folder)}
    wrapper = scratch / "ompipe-fn"
    wrapper.write_text("#!/bin/sh\nexec ompipe fn\n")
    wrapper.chmod(0o755)
    results = scratch / "results"
    results.mkdir()
    command = [TOOLS / "kustomize", "fn", "run", folder, "--enable-exec", "--exec-path", wrapper, "--results-dir", results]
    wrong = copied(scratch, "wrong-package", ROOT / "examples/quickstart")
    # Twice, with the definitions kept: what the first run wrote is replaced, and nothing else changes.
    definitions = {path.name: path.read_text() for path in folder.iterdir()}
    for _ in range(2):
        shell(*command, "--", "keepDefinitions=true")
        written = {path.relative_to(folder): path.read_text() for path in folder.rglob("*.yaml")}
        check({str(name) for name in written} == set(definitions) | {str(name) for name in expected},
              f"a function writes {sorted(map(str, written))}")
        for name, text in expected.items():
            check(written.get(name) == text, f"a function writes {name} otherwise than render:\n{written.get(name)}")
    # Without, they are replaced by what is rendered from them.
    shell(*command)
    left = {path.relative_to(folder) for path in folder.rglob("*.yaml")}
    check(left == set(expected), f"a function leaves {sorted(map(str, left))}")
    misspell(wrong / "snowflake.yaml")
    command[3] = wrong
    shell(*command, status=1)
    found = yaml.safe_load((results / "results-0.yaml").read_text())
    check(found == [{
        "message": "unknown field `shedule`: not a field of `spec`\nhelp: did you mean `schedule`?",
        "severity": "error",
        "resourceRef": {"apiVersion": "pipelines.openmetadata.org/v1alpha1", "kind": "IngestionPipeline",
                        "name": "snowflake-metadata"},
        "field": {"path": "spec.shedule"},
        "file": {"path": "snowflake.yaml", "index": 1},
        "tags": {"code": "OMP0202"},
    }], f"the results are {found}")


def rendered(scratch, folder):
    render(folder, "--output", scratch / "expected")
    return [path for path in (scratch / "expected").rglob("*.yaml") if path.name != "kustomization.yaml"]


# --- Argo CD, Flux ---

def go_tests(argocd):
    """Lua, CEL and the plugin's fields, by Argo CD's and Flux's own libraries."""
    done = shell("go", "test", "./...", folder=ROOT / "tests/integrations/go", environment={"ARGOCD_SOURCE": str(argocd)})
    check("ok" in done.stdout, f"no Go tests: {done.stdout}")


def argocd_plugin(scratch):
    """The generate command, as Argo CD runs it: in the application's folder, with its parameters as environment."""
    plugin = yaml.safe_load((INTEGRATIONS / "argocd/plugin.yaml").read_text())["spec"]["generate"]
    project = ROOT / "examples/environments"
    for parameters, arguments in [({}, []), ({"PARAM_ENVIRONMENT": ""}, []), ({"PARAM_ENVIRONMENT": "prod"}, ["-e", "prod"])]:
        done = shell(*plugin["command"], *plugin["args"], folder=project, environment=parameters)
        check(done.stdout == render(project, *arguments), f"the plugin renders otherwise with {parameters}")
    done = shell(*plugin["command"], *plugin["args"], folder=project, environment={"PARAM_ENVIRONMENT": "$(id) prod"}, status=1)
    check("$(id) prod" in done.stderr and not done.stdout, f"the plugin's parameter is not one word: {done.stderr}")


def argocd_component(argocd, scratch, locations):
    """Sidecar and health checks, over the manifests that Argo CD is installed with."""
    folder = scratch / "argocd"
    folder.mkdir()
    shutil.copy(argocd / "manifests/install.yaml", folder)
    (folder / "install.yaml").chmod(0o644)
    shutil.copytree(INTEGRATIONS / "argocd", folder / "ompipe")
    (folder / "kustomization.yaml").write_text("namespace: argocd\nresources: [install.yaml]\ncomponents: [ompipe]\n")
    before, after = objects((folder / "install.yaml").read_text()), objects(shell(TOOLS / "kustomize", "build", folder).stdout)
    check(len(before) == len(after), f"{len(before)} objects become {len(after)}")
    health = after["v1", "ConfigMap", "argocd", "argocd-cm"]["data"]
    for kind in ("OMJob", "CronOMJob"):
        script = health.get(f"resource.customizations.health.pipelines.openmetadata.org_{kind}")
        check(script == (INTEGRATIONS / f"argocd/health/{kind}.lua").read_text(), f"argocd-cm has no health of {kind}")
    server = after["apps/v1", "Deployment", "argocd", "argocd-repo-server"]
    pod = server["spec"]["template"]["spec"]
    names = [container["name"] for container in pod["containers"]]
    check(names == ["argocd-repo-server", "ompipe"] or names == ["ompipe", "argocd-repo-server"], f"containers {names}")
    volumes = {volume["name"] for volume in pod["volumes"]}
    sidecar = next(container for container in pod["containers"] if container["name"] == "ompipe")
    for mount in sidecar["volumeMounts"]:
        check(mount["name"] in volumes, f"the sidecar mounts {mount['name']}, which is no volume of {volumes}")
    conforms("the repo-server with the sidecar", yaml.safe_dump(server), locations)


def crds(folder, files):
    """Schemas of custom resources in the catalogue's layout, closed, below a folder."""
    for file in files:
        for definition in yaml.safe_load_all(file.read_text()):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = close(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                path = folder / spec["group"] / f"{spec['names']['singular'].lower()}_{version['name']}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(schema))


def kubeconform(text, locations):
    places = [part for location in locations for part in ("-schema-location", location)]
    return run("kubeconform", "-strict", "-summary", *places, "-", text=text, fails=True)


def conforms(what, text, locations, typo=None):
    """Valid, and no longer so with a field misspelt."""
    done = kubeconform(text, locations)
    check(done.returncode == 0 and "Valid: 0" not in done.stdout, f"kubeconform of {what}:\n{done.stdout}{done.stderr}")
    if typo is not None:
        check(typo in text, f"{what} has no {typo}")
        wrong = kubeconform(text.replace(typo, "x" + typo), locations)
        check(wrong.returncode == 1 and "additional properties" in wrong.stdout, f"{what}: kubeconform takes x{typo}")


def examples(argocd, flux, scratch, locations):
    folder = scratch / "crds"
    crds(folder, [argocd / "manifests/crds/application-crd.yaml", *(
        path for source in flux for path in (source / "config/crd/bases").glob("*.yaml"))])
    locations = [*locations, f"{folder}/{CATALOGUE}"]
    for file in ("argocd/application.yaml", "argocd/application-rendered.yaml"):
        conforms(file, (INTEGRATIONS / file).read_text(), locations, "selfHeal")
    conforms("flux", (INTEGRATIONS / "flux/openmetadata-pipelines.yaml").read_text(), locations, "healthCheckExprs")


# --- schemas ---

def catalogue(kubernetes):
    """Every rendered object and every definition of the examples, by the schemas in schemas/catalogue."""
    ours = f"schemas/catalogue/{CATALOGUE}"
    conforms("OMJobs and CronOMJobs", (ROOT / "golden/operator/manifests.yaml").read_text(), [kubernetes, ours], "omJobSpec:")
    conforms("one run", (ROOT / "golden/operator/run.yaml").read_text(), [kubernetes, ours], "exitHandlerSpec:")
    done = shell("ompipe", "render", ROOT / "examples/team")
    conforms("CronJobs", done.stdout, [kubernetes], "concurrencyPolicy:")
    files = [path for path in sorted(ROOT.glob("examples/*/**/*.yaml"))
             # kubeconform's reader takes a merge key beside another one of its keys for a key given twice.
             if "invalid" not in path.parts and "templates" not in path.parts and "<<:" not in path.read_text()]
    definitions = [item for path in files for item in yaml.safe_load_all(path.read_text()) if item is not None
                   and str(item.get("apiVersion")).startswith("pipelines.openmetadata.org/")]
    kinds = {item["kind"] for item in definitions}
    check(kinds >= {"IngestionProject", "ServiceConnection", "IngestionPipeline"}, f"the examples are of {kinds}")
    conforms("definitions", yaml.safe_dump_all(definitions), [ours], "timeZone:")


def score():
    """What kube-score says of rendered CronJobs. Not asked: pods' network policies are the cluster's; the image's tag is a
    version; its containers write to their own file system; the user is that of OpenMetadata's image."""
    done = run("kube-score", "score", "--kubernetes-version", "v1.36", "--output-format", "ci",
               "--ignore-test", "pod-networkpolicy", "--ignore-test", "container-image-pull-policy",
               "--ignore-test", "container-security-context-readonlyrootfilesystem",
               "--ignore-test", "container-security-context-user-group-id",
               "--ignore-test", "container-ephemeral-storage-request-and-limit", "-",
               text=render(ROOT / "examples/quickstart"), fails=True)
    check(done.returncode == 0, f"kube-score:\n{done.stdout}{done.stderr}")
    check("[OK]" in done.stdout and "CronJob" in done.stdout, f"kube-score looked at nothing:\n{done.stdout}")


# --- Helm ---

def helm(scratch):
    for example in ("quickstart", "operator", "team", "templates", "encrypted", "environments", "external-secrets"):
        project, chart = ROOT / "examples" / example, scratch / f"chart-{example}"
        render(project, "--helm", "--output", chart)
        run("helm", "lint", "--strict", chart)
        expected = objects(render(project))
        same(f"the chart of {example}", objects(run("helm", "template", "any", chart).stdout), expected)
    values = ["--set", "namespace=elsewhere", "--set", "image=registry.example.com/ingestion:2"]
    chart = scratch / "chart-quickstart"
    changed = run("helm", "template", "any", chart, *values).stdout
    check({key[2] for key in objects(changed)} == {"elsewhere"}, "a chart's namespace is not that of all objects")
    check("openmetadata-pipelines" not in changed and changed.count("registry.example.com/ingestion:2") == 2, changed)


# --- pre-commit, GitHub ---

def git(folder, *arguments):
    return shell("git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments, folder=folder).stdout


def pre_commit_tool():
    environment = CACHE / "pre-commit"
    stamp = environment / "version"
    if not stamp.exists() or stamp.read_text() != PRE_COMMIT:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin/pip", "install", "--quiet", "--disable-pip-version-check", PRE_COMMIT], check=True)
        stamp.write_text(PRE_COMMIT)
    return environment / "bin/pre-commit"


def pre_commit(scratch, tool):
    hooks = scratch / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks, "init", "--quiet")
    git(hooks, "add", ".")
    git(hooks, "commit", "--quiet", "--message", "hooks")
    folder = copied(scratch, "repository", ROOT / "examples/quickstart")
    config = {"repos": [{"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD").strip(),
                         "hooks": [{"id": "ompipe-validate"}, {"id": "ompipe-render"}]}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    render(folder, "--output", "rendered")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    environment = {"PRE_COMMIT_HOME": str(scratch / "pre-commit"), "PRE_COMMIT_COLOR": "never"}
    hook = lambda status: shell(tool, "run", folder=folder, environment=environment, status=status).stdout
    check(hook(0).count("Passed") == 2, "the hooks do not pass")
    # Definitions change and what is rendered from them does not.
    path = folder / "snowflake.yaml"
    path.write_text(path.read_text().replace("0 3 * * *", "0 4 * * *"))
    git(folder, "add", ".")
    told = hook(1)
    check(told.count("Passed") == 1 and "-  schedule: 0 3 * * *" in told and "+  schedule: 0 4 * * *" in told, told)
    render(folder, "--output", "rendered")
    git(folder, "add", ".")
    check(hook(0).count("Passed") == 2, "the hooks do not pass again")
    misspell(path)
    git(folder, "add", ".")
    check("error[OMP0202]" in hook(1), "the hooks take a misspelt field")


def github(scratch):
    file = INTEGRATIONS / "github/rendered-diff.yaml"
    run("actionlint", "-shellcheck=", "-pyflakes=", file)
    workflow = yaml.safe_load(file.read_text())
    check(workflow["permissions"] == {}, "the workflow has permissions beyond its job's")
    job = workflow["jobs"]["comment"]
    for step in job["steps"]:
        action = step.get("uses")
        check(action is None or re.fullmatch(r".+@[0-9a-f]{40}", action), f"{action} is not pinned")
        check("${{" not in step.get("run", ""), f"an expression within a script: {step}")
    # The step itself, on a pull request that changes a schedule, one that changes nothing, and a new project.
    script = next(step["run"] for step in job["steps"] if step.get("name") == "Compare what is rendered")
    folder = scratch / "pull-request"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    commits = [git(folder, "rev-parse", "HEAD").strip()]
    for schedule in ("0 3 * * *", "0 4 * * *"):
        for path in (ROOT / "examples/quickstart").glob("*.yaml"):
            (folder / path.name).write_text(path.read_text().replace("0 3 * * *", schedule))
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", schedule)
        commits.append(git(folder, "rev-parse", "HEAD").strip())
    new, before, after = commits
    for name, base, lines in [
        ("new", new, ["files change.", "+kind: CronJob"]),
        ("changed", before, ["1 files change.", "-  schedule: 0 3 * * *", "+  schedule: 0 4 * * *"]),
        ("unchanged", after, ["The rendered objects stay as they are."]),
    ]:
        temporary = scratch / f"runner-{name}"
        temporary.mkdir()
        environment = {"RUNNER_TEMP": str(temporary), "GITHUB_WORKSPACE": str(folder), "PROJECT": ".", "BASE": base,
                       "GITHUB_STEP_SUMMARY": str(temporary / "summary.md")}
        shell("bash", "-e", "-c", script, folder=folder, environment=environment)
        comment = (temporary / "rendered/comment.md").read_text()
        check(all(line in comment for line in lines), f"the comment on {name} is:\n{comment}")
        check("ompipe.lock" not in comment, f"the comment on {name} tells of the lock")


def main():
    binary = ompipe()
    install("helm", "kustomize", "kubeconform", "kube-score", "actionlint")
    kubernetes = f"{schemas()}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    argocd, *flux = (module(name) for name in [ARGOCD, *FLUX])
    tool = pre_commit_tool()
    with tempfile.TemporaryDirectory(prefix="ompipe-integrations-") as temporary:
        scratch = pathlib.Path(temporary)
        (scratch / "bin").mkdir()
        (scratch / "bin/ompipe").symlink_to(binary)
        os.environ["PATH"] = f"{scratch / 'bin'}:{os.environ['PATH']}"
        tried = {
            "kustomize, generator": lambda: kustomize_generator(scratch),
            "kustomize, transformer": lambda: kustomize_transformer(scratch),
            "a function on a folder, as kpt runs it": lambda: function_in_place(scratch),
            "Argo CD, plugin": lambda: argocd_plugin(scratch),
            "Argo CD, sidecar and health checks over its own manifests": lambda: argocd_component(argocd, scratch, [kubernetes]),
            "Argo CD and Flux, health in every state (Go)": lambda: go_tests(argocd),
            "Argo CD and Flux, examples by their CRDs": lambda: examples(argocd, flux, scratch, [kubernetes]),
            "kubeconform, the catalogue of schemas": lambda: catalogue(kubernetes),
            "kube-score, rendered CronJobs": score,
            "Helm, charts": lambda: helm(scratch),
            "pre-commit, hooks": lambda: pre_commit(scratch, tool),
            "GitHub, workflow": lambda: github(scratch),
        }
        for what, attempt in tried.items():
            start, before = time.monotonic(), len(failures)
            try:
                attempt()
            except (KeyError, OSError, StopIteration, TypeError, yaml.YAMLError) as error:
                # A tool whose output is not what it should be: the others are tried all the same.
                check(False, f"{what}: {type(error).__name__}: {error}")
            result = "ok" if len(failures) == before else "FAILED"
            print(f"integrations-check: {what}: {result}, {time.monotonic() - start:.1f} s", flush=True)
    conclude("integrations-check", f"{len(tried)} integrations tried")


if __name__ == "__main__":
    main()
