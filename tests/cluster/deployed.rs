//! The Deployment of `deploy/`, in the cluster: the binary in an image made here without a container
//! engine, by its own service account and roles, with a read-only root.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::{Patch, PatchParams, PropagationPolicy};
use kube::config::Kubeconfig;
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::{Value, json};

use crate::namespace::{Namespace, documents, test};
use crate::omjob::Run;
use crate::{cluster, crd, install};

/// The image's reference: what `deploy/` would have a registry's name before.
pub(crate) const IMAGE: &str = "localhost/ompipe:test";
/// Made and given to the nodes once, whichever test is the first to need it.
static LOADED: Once = Once::new();

pub(crate) fn tests() -> Vec<Trial> {
    let trial = test("the_deployment_runs_in_the_cluster", async |namespace| {
        crd::installed(namespace).await;
        load_image();
        install::allow(namespace).await;
        admit_host_network(namespace).await;
        namespace.apply(deployment(namespace)).await;
        let deployments = namespace.api::<Deployment>();
        namespace
            .until("the operator to be ready, by its probes", async || {
                let status = deployments.get(&namespace.name).await.unwrap().status?;
                (status.ready_replicas == Some(1)).then_some(())
            })
            .await;

        let run = Run::start(namespace, "run", json!({"main": {"exit": 3}}), |_| ()).await;
        assert_eq!(run.ended(Phase::Failed).await.main_pod_exit_code, Some(3));
        run.reported("Failed");

        // Asked to stop it lets go: nothing of it is left that holds anything.
        run.delete(PropagationPolicy::Background).await;
        run.gone().await;
        install::disallow(namespace).await;
    });
    // Images are given to our own nodes alone.
    vec![trial.with_ignored_flag(!cluster::is_ours())]
}

/// Gives the image to the nodes.
pub(crate) fn load_image() {
    LOADED.call_once(|| cluster::load_image(&image()));
}

/// The operator's binary and the libraries that it is linked to, and nothing else.
fn image() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (stripped, archive) = (folder.join("ompipe-stripped"), folder.join("ompipe-image.tar"));
    let binary = env!("CARGO_BIN_EXE_ompipe");
    done(Command::new("strip").args(["-o".as_ref(), stripped.as_os_str(), binary.as_ref()]));
    let libraries = done(Command::new("ldd").arg(binary));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("tests/cluster/kubernetes/mkimage"));
    command.arg(IMAGE).arg(&archive);
    command.arg("--file").arg(format!("{}:usr/local/bin/ompipe", stripped.display()));
    // "libc.so.6 => /lib/…/libc.so.6 (0x…)", and the loader by its path alone.
    let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths {
        command.arg("--file").arg(format!("{path}:{}", path.trim_start_matches('/')));
    }
    done(command.args(["--entrypoint", "/usr/local/bin/ompipe"]));
    archive
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Without kube-proxy a pod reaches the API server by its host's network alone, which "restricted"
/// forbids.
pub(crate) async fn admit_host_network(namespace: &Namespace) {
    let namespaces: Api<core::Namespace> = Api::all(namespace.client.clone());
    let labels =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    namespaces
        .patch(&namespace.name, &PatchParams::default(), &Patch::Merge(labels))
        .await
        .unwrap();
}

/// The Deployment, named after the namespace, for that namespace alone, and with what this cluster
/// lacks: one replica, since all nodes share the host's ports, and the way to the API server.
fn deployment(namespace: &Namespace) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base/deployment.yaml");
    let text = std::fs::read_to_string(file).unwrap().replace("ompipe-operator", &namespace.name);
    let mut deployment = documents(&text).remove(0);
    deployment["spec"]["replicas"] = json!(1);
    let pod = &mut deployment["spec"]["template"]["spec"];
    pod["hostNetwork"] = json!(true);
    let container = &mut pod["containers"][0];
    container["image"] = json!(IMAGE);
    let [health, metrics] = free_ports();
    for (port, number) in [(0, health), (1, metrics)] {
        container["ports"][port]["containerPort"] = json!(number);
    }
    let environment = container["env"].as_array_mut().unwrap();
    for (name, value) in [
        ("WATCH_NAMESPACES", namespace.name.as_str()),
        ("HEALTH_CHECK_PORT", &health.to_string()),
        ("METRICS_PORT", &metrics.to_string()),
    ] {
        environment.retain(|variable| variable["name"] != name);
        environment.push(json!({"name": name, "value": value}));
    }
    environment.extend(api_server_variables());
    deployment
}

/// The variables by which a container in its host's network finds the API server.
pub(crate) fn api_server_variables() -> [Value; 2] {
    let kubeconfig = Kubeconfig::read_from(cluster::kubeconfig()).unwrap();
    let server = kubeconfig.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    let (host, port) = server.trim_start_matches("https://").split_once(':').unwrap();
    [("KUBERNETES_SERVICE_HOST", host), ("KUBERNETES_SERVICE_PORT", port)]
        .map(|(name, value)| json!({"name": name, "value": value}))
}

/// Free a moment ago; nothing else asks for one by number.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
