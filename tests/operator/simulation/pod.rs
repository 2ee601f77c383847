//! What the API server knows of pods alone: defaults, what of a spec may change, binding.

use std::sync::Arc;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::resource::Key;
use super::store::{Object, Store};

/// Kubernetes' own default, in seconds.
const GRACE_PERIOD: i64 = 30;
/// What the admission of default tolerations adds, in seconds.
const TOLERATED: i64 = 300;

/// A new pod: defaults, and the status that every pod begins with.
pub(crate) fn prepare(key: &Key, pod: &mut Value) -> Result<(), Refusal> {
    let Some(spec) = pod["spec"].as_object_mut() else {
        return Err(Refusal::invalid(key, "spec", "Required value"));
    };
    let containers = spec.get("containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        return Err(Refusal::invalid(key, "spec.containers", "Required value"));
    }
    spec.entry("restartPolicy").or_insert(json!("Always"));
    spec.entry("terminationGracePeriodSeconds").or_insert(json!(GRACE_PERIOD));
    let tolerations = spec.entry("tolerations").or_insert(json!([]));
    for taint in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let list = tolerations.as_array_mut();
        if let Some(list) = list.filter(|list| !list.iter().any(|other| tolerates(other, taint))) {
            list.push(json!({
                "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED,
            }));
        }
    }
    pod["status"] = json!({ "phase": "Pending", "qosClass": "BestEffort" });
    if is_gated(pod) {
        pod["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    Ok(())
}

/// Whether a toleration is for a taint of the effect NoExecute.
pub(crate) fn tolerates(toleration: &Value, taint: &str) -> bool {
    let key = toleration["key"].as_str().unwrap_or_default();
    let effect = toleration["effect"].as_str().unwrap_or_default();
    (key == taint || key.is_empty()) && (effect == "NoExecute" || effect.is_empty())
}

pub(crate) fn is_gated(pod: &Value) -> bool {
    pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty())
}

/// The node that a pod is bound to.
pub(crate) fn node(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|name| !name.is_empty())
}

pub(crate) fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

pub(crate) fn is_terminal(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Of a pod's spec only the gates may change here, and only by going.
pub(crate) fn check_update(key: &Key, old: &Value, new: &Value) -> Result<(), Refusal> {
    let gates =
        |pod: &Value| pod["spec"]["schedulingGates"].as_array().cloned().unwrap_or_default();
    let before = gates(old);
    if gates(new).iter().any(|gate| !before.contains(gate)) {
        let why = "Forbidden: only deletion is allowed, but found new scheduling gate";
        return Err(Refusal::invalid(key, "spec.schedulingGates", why));
    }
    let rest = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        super::write::remove(&mut spec, "schedulingGates");
        spec
    };
    if rest(old) != rest(new) {
        let why = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        return Err(Refusal::invalid(key, "spec", why));
    }
    Ok(())
}

impl Store {
    /// The scheduler's binding.
    pub(crate) fn bind(&mut self, key: &Key, node: &str) -> Result<Arc<Object>, Refusal> {
        let pod = Arc::clone(self.get(key).ok_or_else(|| Refusal::not_found(key))?);
        if pod.is_deleting() {
            let why = format!("pod {} is being deleted, cannot be assigned to a host", key.name);
            return Err(Refusal::conflict(key, &why));
        }
        if let Some(other) = self::node(&pod.value) {
            let why = format!("pod {} is already assigned to node {other:?}", key.name);
            return Err(Refusal::conflict(key, &why));
        }
        if is_gated(&pod.value) {
            let why = format!("pod {} has non-empty .spec.schedulingGates", key.name);
            return Err(Refusal::conflict(key, &why));
        }
        let mut value = pod.value.clone();
        value["spec"]["nodeName"] = json!(node);
        value["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "True", "lastTransitionTime": self.clock.text(),
        }]);
        Ok(self.put(key.clone(), value))
    }
}
