//! What runs on the cluster: pods of the image that `image/build` makes, as Pod Security
//! "restricted" wants them, whose scripts end as a test asks.

use serde_json::{Value, json};

/// The reference that `image/build` gives it: the examples' own.
pub(crate) const IMAGE: &str = "docker.getcollate.io/openmetadata/ingestion:1.13.6";

/// The environment of a script. `asked` is the workflow's `test`, which `image/main.py` and
/// `image/exit_handler.py` describe.
pub(crate) fn env(asked: &Value, job: &str) -> Value {
    json!([
        // JSON is YAML.
        {"name": "config", "value": json!({"test": asked}).to_string()},
        {"name": "pipelineType", "value": "metadata"},
        {"name": "pipelineRunId", "value": "run"},
        {"name": "jobName", "value": job},
        {"name": "namespace", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ])
}

/// The security context of a pod that may run.
pub(crate) fn security_context() -> Value {
    json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}})
}

/// The spec of a pod that runs main.py.
pub(crate) fn pod_spec(asked: &Value, job: &str) -> Value {
    json!({
        "restartPolicy": "Never",
        "securityContext": security_context(),
        "containers": [{
            "name": "main",
            "image": IMAGE,
            "command": ["python", "main.py"],
            "env": env(asked, job),
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
            },
        }],
    })
}

/// The spec of an OMJob whose scripts end as asked. Its run is the OMJob's own UID.
pub(crate) fn omjob_spec(asked: &Value) -> Value {
    let mut env = env(asked, "{{ omjob.name }}");
    for variable in env.as_array_mut().unwrap() {
        if variable["name"] == "pipelineRunId" {
            variable["value"] = json!("{{ omjob.uid }}");
        }
    }
    let pod = |script: &str| {
        json!({
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", script],
            "env": env,
            "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
            "securityContext": security_context(),
            "terminationGracePeriodSeconds": 10,
        })
    };
    json!({"mainPodSpec": pod("main.py"), "exitHandlerSpec": pod("exit_handler.py")})
}
