# Puts secrets into the workflow and runs the script named by the first argument, unchanged.
# A value goes in as data, never as text: no quote, newline or $ in it means anything.
import os, runpy, signal, sys, threading, yaml

def fill(node):
    if isinstance(node, dict):
        if list(node) == ["secretEnv"]:
            return os.environ[node["secretEnv"]]
        return {key: fill(value) for key, value in node.items()}
    return [fill(item) for item in node] if isinstance(node, list) else node

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
os.environ["config"] = yaml.safe_dump(workflow, default_style='"', sort_keys=False, width=1 << 30)
code = 1
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
    code = 0
except SystemExit as end:
    code = end.code if isinstance(end.code, int) else int(end.code is not None)
    raise
finally:
    leave(code)
