//! The simulated API server answers as Kubernetes' own does: through a real client, everything that the
//! operator rests on.

#![expect(clippy::panic, reason = "a test fails that meets what it does not know")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    Preconditions, WatchEvent, WatchParams,
};
use kube::runtime::watcher;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::delete::{FOREGROUND, Propagation};
use super::network::{Fate, Mood, Network, WatchEnd, WatchFate};
use super::random::Random;
use super::resource::{Key, Resource};
use super::server::Connection;
use super::world::{NAMESPACE, SharedWorld};

/// A world in which nobody acts but the client.
struct Server {
    world: SharedWorld,
    pods: Api<Pod>,
    jobs: Api<DynamicObject>,
}

fn server() -> Server {
    let world = SharedWorld::new(Random::of(1), Network::perfect(), false);
    let client = Connection::new(&world, "client").client();
    let resource = ApiResource {
        group: "pipelines.openmetadata.org".to_owned(),
        version: "v1".to_owned(),
        api_version: "pipelines.openmetadata.org/v1".to_owned(),
        kind: "OMJob".to_owned(),
        plural: "omjobs".to_owned(),
    };
    Server {
        world,
        pods: Api::namespaced(client.clone(), NAMESPACE),
        jobs: Api::namespaced_with(client, NAMESPACE, &resource),
    }
}

fn job(name: &str) -> DynamicObject {
    let job =
        json!({ "metadata": { "name": name }, "spec": { "a": 1 }, "status": { "phase": "X" } });
    serde_json::from_value(job).unwrap()
}

fn pod(name: &str, metadata: Value) -> Pod {
    let mut pod = json!({
        "metadata": metadata, "spec": { "containers": [{ "name": "main", "image": "image" }] },
    });
    pod["metadata"]["name"] = json!(name);
    serde_json::from_value(pod).unwrap()
}

fn refused<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.reason),
        other => panic!("{other}"),
    }
}

fn merge(patch: Value) -> Patch<Value> {
    Patch::Merge(patch)
}

impl Server {
    async fn make(&self, name: &str) -> DynamicObject {
        self.jobs.create(&PostParams::default(), &job(name)).await.unwrap()
    }

    async fn make_pod(&self, name: &str, metadata: Value) -> Pod {
        self.pods.create(&PostParams::default(), &pod(name, metadata)).await.unwrap()
    }

    fn bind(&self, name: &str) {
        let key = Key::new(Resource::Pods, NAMESPACE, name);
        self.world.step(|world| world.store.bind(&key, "node-a")).unwrap();
    }

    async fn patch(&self, name: &str, patch: Value) -> kube::Result<Pod> {
        self.pods.patch(name, &PatchParams::default(), &merge(patch)).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_gives_a_uid_and_a_second_one_already_exists() {
    let server = server();
    let made = server.make("a").await;
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
    assert_eq!(made.metadata.generation, Some(1));
    let again = server.jobs.create(&PostParams::default(), &job("a")).await;
    assert_eq!(refused(again), (409, "AlreadyExists".to_owned()));
    assert_eq!(refused(server.jobs.get("b").await), (404, "NotFound".to_owned()));
    let mut versioned = job("c");
    versioned.metadata.resource_version = Some("1".to_owned());
    assert_eq!(refused(server.jobs.create(&PostParams::default(), &versioned).await).0, 400);
}

#[tokio::test(start_paused = true)]
async fn status_is_written_by_its_subresource_alone() {
    let server = server();
    let mut made = server.make("a").await;
    assert!(made.data.get("status").is_none(), "a create drops it");
    made.data["status"] = json!({ "phase": "Running" });
    made.data["spec"] = json!({ "a": 2 });
    let made = server.jobs.replace_status("a", &PostParams::default(), &made).await.unwrap();
    assert_eq!(
        (&made.data["status"]["phase"], &made.data["spec"]["a"]),
        (&json!("Running"), &json!(1))
    );
    assert_eq!(made.metadata.generation, Some(1));
    let mut changed = made.clone();
    changed.data["status"] = json!({ "phase": "Failed" });
    changed.data["spec"] = json!({ "a": 3 });
    let changed = server.jobs.replace("a", &PostParams::default(), &changed).await.unwrap();
    let status = &changed.data["status"]["phase"];
    assert_eq!((status, changed.metadata.generation), (&json!("Running"), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_put_of_an_old_version_is_a_conflict_and_one_that_changes_nothing_is_no_write() {
    let server = server();
    let old = server.make("a").await;
    let mut new = old.clone();
    new.data["spec"] = json!({ "a": 2 });
    let new = server.jobs.replace("a", &PostParams::default(), &new).await.unwrap();
    assert_eq!(
        refused(server.jobs.replace("a", &PostParams::default(), &old).await),
        (409, "Conflict".to_owned())
    );
    let same = server.jobs.replace("a", &PostParams::default(), &new).await.unwrap();
    assert_eq!(same.metadata.resource_version, new.metadata.resource_version);
    let mut without = new.clone();
    without.metadata.resource_version = None;
    assert_eq!(refused(server.jobs.replace("a", &PostParams::default(), &without).await).0, 422);
    let versioned = json!({ "metadata": { "resourceVersion": "1" }, "spec": { "a": 3 } });
    let patched = server.jobs.patch("a", &PatchParams::default(), &merge(versioned)).await;
    assert_eq!(refused(patched).0, 409);
}

#[tokio::test(start_paused = true)]
async fn a_put_to_an_object_made_anew_is_a_conflict_by_its_uid() {
    let server = server();
    let mut made = server.make_pod("a", json!({})).await;
    server.pods.delete("a", &DeleteParams::default()).await.unwrap();
    server.make_pod("a", json!({})).await;
    made.metadata.resource_version = None;
    assert_eq!(refused(server.pods.replace("a", &PostParams::default(), &made).await).0, 409);
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_whose_test_fails_is_unprocessable() {
    let server = server();
    let made = server.make_pod("a", json!({})).await;
    let patch = |uid: &str| {
        Patch::Json::<()>(
            serde_json::from_value(json!([
                { "op": "test", "path": "/metadata/uid", "value": uid },
                { "op": "add", "path": "/metadata/labels", "value": { "a": "b" } },
            ]))
            .unwrap(),
        )
    };
    let params = PatchParams::default();
    assert_eq!(refused(server.pods.patch("a", &params, &patch("other")).await).0, 422);
    let patched =
        server.pods.patch("a", &params, &patch(&made.metadata.uid.unwrap())).await.unwrap();
    assert_eq!(patched.metadata.labels.unwrap()["a"], "b");
}

#[tokio::test(start_paused = true)]
async fn an_object_with_a_finalizer_stays_until_it_is_taken_and_gets_no_new_one() {
    let server = server();
    server.make("a").await;
    let hold = json!({ "metadata": { "finalizers": ["one", "two"] } });
    server.jobs.patch("a", &PatchParams::default(), &merge(hold)).await.unwrap();
    let deleted = server.jobs.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(deleted.metadata.deletion_timestamp.is_some());
    assert_eq!(deleted.metadata.generation, Some(2), "a deletion is a change of what is wanted");
    let more = json!({ "metadata": { "finalizers": ["one", "two", "three"] } });
    assert_eq!(refused(server.jobs.patch("a", &PatchParams::default(), &merge(more)).await).0, 422);
    for left in [json!(["two"]), json!([])] {
        server.jobs.get("a").await.unwrap();
        let patch = json!({ "metadata": { "finalizers": left } });
        server.jobs.patch("a", &PatchParams::default(), &merge(patch)).await.unwrap();
    }
    assert_eq!(refused(server.jobs.get("a").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_has_preconditions() {
    let server = server();
    let made = server.make("a").await;
    let with = |uid: Option<&str>, version: Option<&str>| DeleteParams {
        preconditions: Some(Preconditions {
            uid: uid.map(str::to_owned),
            resource_version: version.map(str::to_owned),
        }),
        ..DeleteParams::default()
    };
    assert_eq!(refused(server.jobs.delete("a", &with(Some("other"), None)).await).0, 409);
    assert_eq!(refused(server.jobs.delete("a", &with(None, Some("1"))).await).0, 409);
    let (uid, version) = (made.metadata.uid, made.metadata.resource_version);
    let gone = server.jobs.delete("a", &with(uid.as_deref(), version.as_deref())).await.unwrap();
    assert!(gone.right().unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_node_goes_at_once_and_a_bound_one_has_its_grace() {
    let server = server();
    server.make_pod("a", json!({})).await;
    server.pods.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(refused(server.pods.get("a").await).0, 404);

    server.make_pod("b", json!({})).await;
    server.bind("b");
    server.pods.delete("b", &DeleteParams::default()).await.unwrap();
    let before = server.pods.get("b").await.unwrap();
    assert_eq!(before.metadata.deletion_grace_period_seconds, Some(30));
    // Only sooner, not later.
    let later = DeleteParams::default().grace_period(100);
    server.pods.delete("b", &later).await.unwrap();
    assert_eq!(server.pods.get("b").await.unwrap(), before);
    server.pods.delete("b", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(refused(server.pods.get("b").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_pod_with_a_finalizer_that_is_removed_by_force_stays_without_grace() {
    let server = server();
    server.make_pod("a", json!({ "finalizers": ["ours"] })).await;
    server.bind("a");
    server.pods.delete("a", &DeleteParams::default().grace_period(0)).await.unwrap();
    let held = server.pods.get("a").await.unwrap();
    assert_eq!(held.metadata.deletion_grace_period_seconds, Some(0));
    server.patch("a", json!({ "metadata": { "finalizers": null } })).await.unwrap();
    assert_eq!(refused(server.pods.get("a").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_taken_during_the_grace_period_does_not_end_it() {
    let server = server();
    server.make_pod("a", json!({ "finalizers": ["ours"] })).await;
    server.bind("a");
    server.pods.delete("a", &DeleteParams::default()).await.unwrap();
    server.patch("a", json!({ "metadata": { "finalizers": null } })).await.unwrap();
    server.pods.get("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_gate_can_only_go_and_a_gated_or_deleted_pod_is_not_bound() {
    let server = server();
    let mut gated = pod("a", json!({ "finalizers": ["ours"] }));
    let gate = json!([{ "name": "example.com/gate" }]);
    gated.spec.as_mut().unwrap().scheduling_gates = serde_json::from_value(gate.clone()).unwrap();
    server.pods.create(&PostParams::default(), &gated).await.unwrap();
    let key = Key::new(Resource::Pods, NAMESPACE, "a");
    let bind = || server.world.step(|world| world.store.bind(&key, "node-a")).map(|_| ());
    assert_eq!(bind().unwrap_err().code, 409);
    server.patch("a", json!({ "spec": { "schedulingGates": null } })).await.unwrap();
    assert_eq!(
        refused(server.patch("a", json!({ "spec": { "schedulingGates": gate } })).await).0,
        422
    );
    server.pods.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(bind().unwrap_err().code, 409);
    assert_eq!(
        refused(server.patch("a", json!({ "spec": { "restartPolicy": "Never" } })).await).0,
        422
    );
}

#[tokio::test(start_paused = true)]
async fn propagation_is_a_finalizer_of_the_garbage_collector() {
    let server = server();
    server.make("a").await;
    let finalizers = || async { server.jobs.get("a").await.unwrap().metadata.finalizers };
    server.jobs.delete("a", &DeleteParams::foreground()).await.unwrap();
    assert_eq!(finalizers().await, Some(vec![FOREGROUND.to_owned()]));
    server.jobs.delete("a", &DeleteParams::orphan()).await.unwrap();
    assert_eq!(finalizers().await, Some(vec!["orphan".to_owned()]));
    server.jobs.delete("a", &DeleteParams::background()).await.unwrap();
    assert_eq!(refused(server.jobs.get("a").await).0, 404);
    assert_eq!(Propagation::Background, Propagation::Background);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_created_in_a_namespace_that_is_being_deleted() {
    let server = server();
    let key = Key::new(Resource::Namespaces, "", NAMESPACE);
    server.world.step(|world| world.store.delete(&key, &Default::default())).unwrap();
    match server.pods.create(&PostParams::default(), &pod("a", json!({}))).await.unwrap_err() {
        kube::Error::Api(status) => {
            assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
            let causes = status.details.unwrap().causes;
            assert_eq!(causes[0].reason, "NamespaceTerminating");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_has_pages_of_one_moment_and_forgets_old_ones() {
    let server = server();
    for name in ["a", "b", "c"] {
        server.make(name).await;
    }
    let first = server.jobs.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((first.items.len(), first.metadata.remaining_item_count), (2, Some(1)));
    let token = first.metadata.continue_.unwrap();
    server.make("d").await;
    let next = ListParams::default().limit(2).continue_token(&token);
    let second = server.jobs.list(&next).await.unwrap();
    let names: Vec<_> = second.items.iter().filter_map(|job| job.metadata.name.clone()).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    server.world.step(|world| world.store.compact(u64::MAX));
    assert_eq!(refused(server.jobs.list(&next).await), (410, "Expired".to_owned()));
}

/// What a watch brings until nothing more comes: verb and name.
async fn told(
    events: impl futures::Stream<Item = kube::Result<WatchEvent<Pod>>>,
) -> Vec<(&'static str, String)> {
    let mut events = std::pin::pin!(events);
    let mut told = Vec::new();
    while let Ok(Some(event)) = timeout(Duration::from_secs(1), events.next()).await {
        let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
        told.push(match event.unwrap() {
            WatchEvent::Added(pod) => ("ADDED", name(&pod)),
            WatchEvent::Modified(pod) => ("MODIFIED", name(&pod)),
            WatchEvent::Deleted(pod) => ("DELETED", name(&pod)),
            WatchEvent::Bookmark(mark) => {
                let initial = mark.metadata.annotations.contains_key("k8s.io/initial-events-end");
                ("BOOKMARK", if initial { "initial" } else { "" }.to_owned())
            }
            WatchEvent::Error(status) => ("ERROR", status.code.to_string()),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_watch_brings_what_came_after_its_version_and_what_leaves_a_selection_as_deleted() {
    let server = server();
    let from = server.make_pod("a", json!({ "labels": { "wanted": "yes" } })).await;
    let from = from.metadata.resource_version.unwrap();
    let selected = WatchParams::default().labels("wanted=yes");
    server.make_pod("b", json!({})).await;
    let events = server.pods.watch(&selected, &from).await.unwrap();
    server.patch("a", json!({ "metadata": { "labels": { "other": "1" } } })).await.unwrap();
    server.patch("b", json!({ "metadata": { "labels": { "wanted": "yes" } } })).await.unwrap();
    server.patch("a", json!({ "metadata": { "labels": { "wanted": "no" } } })).await.unwrap();
    server.pods.delete("b", &DeleteParams::default()).await.unwrap();
    let expected = [
        ("MODIFIED", "a"),
        ("ADDED", "b"),
        ("DELETED", "a"),
        // A pod is marked first.
        ("MODIFIED", "b"),
        ("DELETED", "b"),
    ];
    assert_eq!(told(events).await, expected.map(|(verb, name)| (verb, name.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_watch_can_bring_what_is_there_first_and_says_when_that_is_all() {
    let server = server();
    server.make_pod("a", json!({})).await;
    let events = server.pods.watch(&WatchParams::default().initial_events(), "0").await.unwrap();
    let expected = [("ADDED", "a"), ("BOOKMARK", "initial")];
    assert_eq!(told(events).await, expected.map(|(verb, name)| (verb, name.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_version_is_expired() {
    let server = server();
    server.make_pod("a", json!({})).await;
    server.world.step(|world| world.store.compact(u64::MAX));
    let events = server.pods.watch(&WatchParams::default(), "1").await.unwrap();
    assert_eq!(told(events).await, [("ERROR", "410".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over_and_sends_bookmarks_until_then() {
    let server = server();
    let params = WatchParams::default().timeout(150);
    let events: Vec<_> =
        server.pods.watch(&params, "1").await.unwrap().try_collect().await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))));
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_lists_again_after_an_expired_watch() {
    let server = server();
    let stream = watcher(server.pods.clone(), watcher::Config::default());
    let mut events = std::pin::pin!(stream);
    let mut initial = 0;
    while initial < 1 {
        initial += i32::from(matches!(events.next().await, Some(Ok(watcher::Event::InitDone))));
    }
    let fate = WatchFate {
        lag: Duration::ZERO,
        stall: None,
        end: Some((tokio::time::Instant::now() + Duration::from_secs(5), WatchEnd::Expired)),
    };
    server.world.step(|world| world.network.next_watch(fate));
    // The first watch runs into its time; the next has the fate above.
    let mut seen = Vec::new();
    for _ in 0..20 {
        match timeout(Duration::from_secs(600), events.next()).await {
            Ok(Some(Ok(watcher::Event::Init))) => {
                seen.push("listed again");
                break;
            }
            Ok(Some(Err(watcher::Error::WatchError(status)))) => {
                assert_eq!(status.code, 410);
                seen.push("410");
            }
            Ok(Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["410", "listed again"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_an_error_although_the_write_was_done() {
    let server = server();
    for (fate, done) in [(Fate::LostBefore, false), (Fate::LostAfter, true)] {
        server.world.step(|world| world.network.next(fate));
        assert!(server.jobs.create(&PostParams::default(), &job("a")).await.is_err());
        assert_eq!(server.jobs.get_opt("a").await.unwrap().is_some(), done);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_write_is_done_after_its_client_gave_up() {
    let server = server();
    server.world.step(|world| world.network.next(Fate::Late(Duration::from_secs(30))));
    assert!(server.jobs.create(&PostParams::default(), &job("a")).await.is_err());
    assert!(server.jobs.get_opt("a").await.unwrap().is_none());
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(server.jobs.get_opt("a").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_is_an_old_state_and_never_one_that_was_asked_to_be_newest() {
    let mood = Mood { stale_read: 1000, ..Mood::default() };
    let calm = tokio::time::Instant::now() + Duration::from_secs(3600);
    let server = server();
    server.make("a").await;
    server.world.step(|world| world.network = Network::new(Random::of(1), mood, calm));
    let any = ListParams::default().match_any();
    let mut counts = Vec::new();
    for _ in 0..20 {
        counts.push(server.jobs.list(&any).await.unwrap().items.len());
        assert_eq!(server.jobs.list(&ListParams::default()).await.unwrap().items.len(), 1);
    }
    assert!(counts.contains(&0), "{counts:?}");
}
