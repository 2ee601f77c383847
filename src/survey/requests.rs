//! What a pod requests of a node, as Kubernetes' scheduler counts it.
//!
//! In: a rendered pod template. Out: CPU and memory. Containers count together; init containers run
//! one after the other and count where one is larger, but for those that go on beside the
//! containers (`restartPolicy: Always`), which count with them.

use crate::diagnostic::Diagnostics;
use crate::manifest::{Manifest, pod_templates};
use crate::model::Quantity;
use crate::tree::{Node, Value};

/// CPU and memory that are reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Requests {
    /// Billionths of a CPU.
    pub cpu: i128,
    /// Bytes.
    pub memory: i128,
}

const NANOS: i128 = 1_000_000_000;

impl Requests {
    /// What the pod of a run requests. The operator's exit handler is a pod of its own, the second,
    /// which runs when main is over.
    pub(super) fn of_objects(objects: &[Manifest]) -> Self {
        // What the operator's merge finds, rendering has found.
        let mut found = Diagnostics::default();
        let mut pods = objects.iter().flat_map(|object| pod_templates(object, &mut found));
        pods.next().map(|pod| Self::of_pod(&pod)).unwrap_or_default()
    }

    /// What a pod of this template requests.
    pub fn of_pod(template: &Node) -> Self {
        let spec = template.get("spec");
        let containers = |key: &str| spec.and_then(|spec| spec.get(key)?.as_sequence());
        let mut beside = Self::default();
        let mut before = Self::default();
        for container in containers("initContainers").unwrap_or_default() {
            let own = Self::of_resources(container.get("resources"));
            let goes_on = container.get("restartPolicy").and_then(Node::as_str) == Some("Always");
            if goes_on {
                beside = beside.plus(own);
                before = before.max(beside);
            } else {
                before = before.max(beside.plus(own));
            }
        }
        let main = containers("containers").unwrap_or_default().iter();
        let main = main.map(|container| Self::of_resources(container.get("resources")));
        let sum = main.fold(beside, Self::plus).max(before);
        // Resources of the pod as a whole stand in place of the sum of its containers'.
        let whole = spec.and_then(|spec| spec.get("resources"));
        let [cpu, memory] = ["cpu", "memory"].map(|name| amount(whole, name));
        let overhead = spec.and_then(|spec| spec.get("overhead"));
        let overhead = ["cpu", "memory"].map(|name| quantity(overhead, name).unwrap_or(0));
        let cpu = cpu.unwrap_or(sum.cpu) + overhead[0];
        Self { cpu, memory: memory.map_or(sum.memory, bytes) + bytes(overhead[1]) }
    }

    fn of_resources(resources: Option<&Node>) -> Self {
        let [cpu, memory] = ["cpu", "memory"].map(|name| amount(resources, name).unwrap_or(0));
        Self { cpu, memory: bytes(memory) }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory }
    }

    /// What is left without the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, memory: self.memory - other.memory }
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory) }
    }
}

fn bytes(nanos: i128) -> i128 {
    nanos / NANOS
}

/// A request, or, where there is none, the limit, which then is the request too.
fn amount(resources: Option<&Node>, name: &str) -> Option<i128> {
    let resources = resources?;
    quantity(resources.get("requests"), name).or_else(|| quantity(resources.get("limits"), name))
}

fn quantity(list: Option<&Node>, name: &str) -> Option<i128> {
    let text = match &list?.get(name)?.value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(Quantity::parse(&text).ok()?.nanos())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(spec: serde_json::Value) -> (i128, i128) {
        let Requests { cpu, memory } = Requests::of_pod(&json!({"spec": spec}).into());
        (cpu / 1_000_000, memory >> 20)
    }

    fn container(cpu: &str, memory: &str) -> serde_json::Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}})
    }

    #[test]
    fn containers_and_sidecars_count_together() {
        let mut sidecar = container("100m", "256Mi");
        sidecar["restartPolicy"] = json!("Always");
        let spec = json!({"containers": [container("500m", "1Gi")], "initContainers": [sidecar]});
        assert_eq!(of(spec), (600, 1280));
    }

    #[test]
    fn an_init_container_counts_where_it_is_larger_than_what_follows() {
        let init = container("2", "64Mi");
        let spec = json!({"containers": [container("500m", "1Gi")], "initContainers": [init]});
        assert_eq!(of(spec), (2000, 1024));
    }

    #[test]
    fn a_limit_alone_is_the_request() {
        let main = json!({"resources": {"limits": {"cpu": 1, "memory": "2Gi"}}});
        assert_eq!(of(json!({"containers": [main]})), (1000, 2048));
    }

    #[test]
    fn the_pods_own_resources_win_and_its_overhead_is_added() {
        let spec = json!({
            "containers": [container("500m", "1Gi")],
            "resources": {"requests": {"cpu": "3"}},
            "overhead": {"memory": "128Mi"},
        });
        assert_eq!(of(spec), (3000, 1152));
    }
}
