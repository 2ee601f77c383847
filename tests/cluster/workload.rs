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
