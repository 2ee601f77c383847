//! The faults themselves: a test that survives one says nothing if the fault did not happen.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::cluster::{Node, is_ours};
use crate::namespace::{test, test_alone};
use crate::workload;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_frozen_node_is_lost_until_it_is_thawed", async |namespace| {
            let node = Node::alone().await;
            namespace.apply(pod_on(&node)).await;
            namespace
                .until("a pod that runs there", async || {
                    (!namespace.recorded("main", "started").is_empty()).then_some(())
                })
                .await;
            node.freeze();
            node.until_lost(namespace).await;
            node.thaw();
            node.until_ready_is(namespace, "True").await;
        })
        .with_ignored_flag(!is_ours()),
        test_alone(
            "a_killed_api_server_comes_back_with_all_objects",
            async |namespace, servers| {
                let maps: Api<ConfigMap> = namespace.api();
                let map = ConfigMap {
                    metadata: ObjectMeta { name: Some("kept".to_owned()), ..ObjectMeta::default() },
                    data: Some(BTreeMap::from([("key".to_owned(), "value".to_owned())])),
                    ..ConfigMap::default()
                };
                let kept = maps.create(&PostParams::default(), &map).await.unwrap();
                servers.kill("kube-apiserver");
                assert!(maps.list(&ListParams::default()).await.is_err());
                servers.start("kube-apiserver");
                assert_eq!(maps.get("kept").await.unwrap().metadata.uid, kept.metadata.uid);
            },
        ),
    ]
}

/// A pod on that node that runs for longer than any test.
fn pod_on(node: &Node) -> Value {
    let mut spec = workload::pod_spec(&json!({"main": {"seconds": 3600}}), "faults");
    node.attract(&mut spec);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "there"}, "spec": spec})
}
