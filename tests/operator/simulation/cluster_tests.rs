//! The simulated cluster acts as Kubernetes' own parts do, without the operator.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::cluster;
use super::delete::{DeleteOptions, Propagation};
use super::kubelet::{Habits, State};
use super::network::Network;
use super::nodes::Loss;
use super::pod;
use super::random::Random;
use super::resource::{Key, Resource};
use super::store::{Verb, finalizers};
use super::world::{NAMESPACE, SharedWorld};

/// A cluster whose pods run for up to `longest` milliseconds.
fn cluster(longest: u64) -> SharedWorld {
    let world = SharedWorld::new(Random::of(3), Network::perfect(), false);
    world.lock().cluster.habits = Habits { longest, ..Habits::default() };
    tokio::spawn(cluster::run(world.clone()));
    world
}

fn key(name: &str) -> Key {
    Key::new(Resource::Pods, NAMESPACE, name)
}

fn make_pod(world: &SharedWorld, name: &str, metadata: Value, spec: Value) {
    let mut pod = json!({ "metadata": metadata, "spec": spec });
    pod["metadata"]["name"] = json!(name);
    pod["spec"]["containers"] = json!([{ "name": "main", "image": "image" }]);
    pod["spec"]["restartPolicy"] = json!("Never");
    world.step(|world| world.store.create(Resource::Pods, NAMESPACE, pod)).unwrap();
}

fn make_owner(world: &SharedWorld, finalizers: Value) -> (Key, Value) {
    let job = json!({ "metadata": { "name": "owner", "finalizers": finalizers }, "spec": {} });
    let job = world.step(|world| world.store.create(Resource::OMJobs, NAMESPACE, job)).unwrap();
    let reference = json!([{
        "apiVersion": "pipelines.openmetadata.org/v1", "kind": "OMJob", "name": "owner",
        "uid": job.uid(), "controller": true, "blockOwnerDeletion": true,
    }]);
    (Key::new(Resource::OMJobs, NAMESPACE, "owner"), reference)
}

fn object(world: &SharedWorld, key: &Key) -> Option<Value> {
    world.lock().store.get(key).map(|object| object.value.clone())
}

fn delete(world: &SharedWorld, key: &Key, propagation: Option<Propagation>) {
    let options = DeleteOptions { propagation, ..DeleteOptions::default() };
    world.step(|world| world.store.delete(key, &options)).unwrap();
}

/// The phases of a pod in their order, and `gone` where it went.
fn phases(world: &SharedWorld, name: &str) -> Vec<String> {
    let mut phases = Vec::new();
    for change in world.lock().store.since(0).iter().filter(|change| change.key == key(name)) {
        let phase = match change.verb {
            Verb::Deleted => "gone",
            Verb::Added | Verb::Modified => pod::phase(&change.object.value),
        };
        if phases.last().is_none_or(|last| last != phase) {
            phases.push(phase.to_owned());
        }
    }
    phases
}

async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_runs_and_ends() {
    let world = cluster(20_000);
    make_pod(&world, "a", json!({}), json!({}));
    minutes(1).await;
    assert_eq!(phases(&world, "a"), ["Pending", "Running", "Succeeded"]);
    let pod = object(&world, &key("a")).unwrap();
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(0), &json!("Completed")));
}

#[tokio::test(start_paused = true)]
async fn a_gated_pod_waits_until_its_gate_goes() {
    let world = cluster(600_000);
    make_pod(&world, "a", json!({}), json!({ "schedulingGates": [{ "name": "gate" }] }));
    minutes(1).await;
    assert_eq!(phases(&world, "a"), ["Pending"]);
    let ungate = |pod: &mut Value| pod["spec"]["schedulingGates"] = json!([]);
    world.step(|world| world.store.modify(&key("a"), super::write::Part::Whole, ungate)).unwrap();
    minutes(15).await;
    assert_eq!(phases(&world, "a"), ["Pending", "Running", "Succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_ends_within_its_grace_and_says_how_before_it_goes() {
    let world = cluster(3_600_000);
    make_pod(&world, "a", json!({}), json!({}));
    sleep(Duration::from_secs(10)).await;
    delete(&world, &key("a"), None);
    sleep(Duration::from_secs(40)).await;
    let phases = phases(&world, "a");
    assert!(matches!(phases[2].as_str(), "Succeeded" | "Failed"), "{phases:?}");
    assert_eq!(phases.last().unwrap(), "gone");
}

#[tokio::test(start_paused = true)]
async fn dependents_go_after_an_owner_that_is_deleted_in_the_background() {
    let world = cluster(3_600_000);
    let (owner, reference) = make_owner(&world, json!(["ours"]));
    make_pod(&world, "a", json!({ "ownerReferences": reference }), json!({}));
    minutes(1).await;
    delete(&world, &owner, Some(Propagation::Background));
    minutes(1).await;
    assert!(object(&world, &owner).is_some(), "held by its finalizer");
    assert_eq!(phases(&world, "a"), ["Pending", "Running"]);
    world.step(|world| world.unhold(&owner, "ours"));
    minutes(1).await;
    assert!(object(&world, &owner).is_none() && object(&world, &key("a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_deleted_in_the_foreground_waits_for_its_dependents() {
    let world = cluster(3_600_000);
    let (owner, reference) = make_owner(&world, json!([]));
    make_pod(
        &world,
        "a",
        json!({ "ownerReferences": reference, "finalizers": ["ours"] }),
        json!({}),
    );
    minutes(1).await;
    delete(&world, &owner, Some(Propagation::Foreground));
    minutes(1).await;
    assert!(object(&world, &owner).is_some());
    assert!(object(&world, &key("a")).unwrap()["metadata"]["deletionTimestamp"].is_string());
    world.step(|world| world.unhold(&key("a"), "ours"));
    minutes(1).await;
    assert!(object(&world, &owner).is_none() && object(&world, &key("a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_and_lose_their_owner() {
    let world = cluster(3_600_000);
    let (owner, reference) = make_owner(&world, json!([]));
    make_pod(&world, "a", json!({ "ownerReferences": reference }), json!({}));
    delete(&world, &owner, Some(Propagation::Orphan));
    minutes(1).await;
    assert!(object(&world, &owner).is_none());
    assert!(object(&world, &key("a")).unwrap()["metadata"]["ownerReferences"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_when_all_in_it_is_gone() {
    let world = cluster(3_600_000);
    make_pod(&world, "a", json!({ "finalizers": ["ours"] }), json!({}));
    minutes(1).await;
    let namespace = Key::new(Resource::Namespaces, "", NAMESPACE);
    delete(&world, &namespace, None);
    minutes(2).await;
    assert!(object(&world, &namespace).is_some());
    assert_eq!(finalizers(&object(&world, &key("a")).unwrap()), ["ours"]);
    world.step(|world| world.unhold(&key("a"), "ours"));
    minutes(2).await;
    assert!(object(&world, &namespace).is_none() && object(&world, &key("a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_deleted_node_are_failed_and_removed() {
    let world = cluster(3_600_000);
    make_pod(&world, "a", json!({}), json!({}));
    minutes(1).await;
    let node = pod::node(&object(&world, &key("a")).unwrap()).unwrap().to_owned();
    world.step(|world| world.delete_node(&node, None));
    minutes(2).await;
    assert_eq!(phases(&world, "a"), ["Pending", "Running", "Failed", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_is_unknown_and_its_pods_are_evicted_and_run_on_until_it_returns() {
    let world = cluster(86_400_000);
    make_pod(&world, "a", json!({}), json!({}));
    minutes(1).await;
    let pod = object(&world, &key("a")).unwrap();
    let node = pod::node(&pod).unwrap().to_owned();
    let returns = Some(Duration::from_secs(1200));
    world.step(|world| world.lose_node(&node, Loss::CutOff, returns));
    minutes(1).await;
    let conditions = &object(&world, &Key::new(Resource::Nodes, "", &node)).unwrap()["status"];
    assert_eq!(conditions["conditions"][0]["status"], "Unknown");
    minutes(10).await;
    let pod = object(&world, &key("a")).unwrap();
    assert!(pod["metadata"]["deletionTimestamp"].is_string(), "tolerated for five minutes");
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    assert_eq!(world.lock().cluster.containers[uid].state, State::Running);
    minutes(15).await;
    assert!(object(&world, &key("a")).is_none());
    assert!(matches!(world.lock().cluster.containers[uid].state, State::Ended(_)));
}

#[tokio::test(start_paused = true)]
async fn a_pod_removed_by_force_is_killed_when_its_kubelet_hears_of_it() {
    let world = cluster(3_600_000);
    make_pod(&world, "a", json!({}), json!({}));
    minutes(1).await;
    let uid = object(&world, &key("a")).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    world.step(|world| world.store.delete(&key("a"), &DeleteOptions::at_once(&uid))).unwrap();
    assert!(object(&world, &key("a")).is_none());
    assert_eq!(world.lock().cluster.containers[&uid].state, State::Running);
    minutes(1).await;
    assert!(matches!(world.lock().cluster.containers[&uid].state, State::Ended(_)));
}
