# Puts secrets into the workflow and runs the script named by the first argument, or the module after -m, unchanged.
# A value goes in as data, never as text: no quote, newline or $ in it means anything.
import json, os, re, runpy, signal, sys, threading, yaml

def fill(node):
    if isinstance(node, dict):
        if list(node) == ["secretEnv"]:
            return os.environ[node["secretEnv"]]
        return {key: fill(value) for key, value in node.items()}
    return [fill(item) for item in node] if isinstance(node, list) else node

def as_json(node):
    # Without what JSON takes as it stands and PyYAML does not: a module may read it by either.
    text = json.dumps(node, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)

def leave(code):
    file = os.environ.get("OMPIPE_EXIT_CODE_FILE")
    if file and sys.argv[0] == "main.py":
        with open(file, "w") as out:
            out.write(f"{code}\n")

def terminated():
    # Process 1 ignores SIGTERM otherwise, and the exit handler would have no time left. A thread of its own, since a
    # handler in the main one waits for whatever call into C it is in.
    signal.sigwait({signal.SIGTERM})
    leave(143)
    os._exit(143)

sys.argv = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
threading.Thread(target=terminated, daemon=True).start()
workflow = fill(yaml.safe_load(os.environ["config"]))
is_module = sys.argv[0] == "-m"
if is_module:
    del sys.argv[0]
    os.environ["config"] = as_json(workflow)
else:
    os.environ["config"] = yaml.safe_dump(workflow, default_style='"', sort_keys=False, width=1 << 30)
code = 1
try:
    if is_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
    code = 0
except SystemExit as end:
    code = end.code if isinstance(end.code, int) else int(end.code is not None)
    raise
finally:
    leave(code)
