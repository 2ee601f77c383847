//! `ompipe apply` where it cannot come to its end: a policy that denies, a quota that is used up, few
//! rights, a server that goes away. No pipeline is ever half there, and the next apply heals.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ResourceQuota, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::apply::versions;
use crate::cluster::{self, Servers};
use crate::namespace::{Namespace, test, test_alone};
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_pipeline_whose_schedule_a_policy_denies_leaves_nothing", denied),
        test("a_quota_that_is_used_up_leaves_no_half_pipeline", quota),
        test("apply_with_few_rights_sends_all_and_says_what_it_lacks", few_rights),
        test("apply_with_a_token_that_is_no_longer_good_says_so", expired),
        test_alone("apply_goes_on_when_the_api_server_is_back", restarted),
    ]
}

/// The pipelines with a ConfigMap, and those with a schedule.
async fn halves(namespace: &Namespace) -> [Vec<String>; 2] {
    let all = versions(namespace).await;
    ["configmap/om-config-", "cronjob/om-cronjob-"].map(|prefix| {
        let names = all.keys().filter_map(|name| name.strip_prefix(prefix));
        names.map(str::to_owned).collect()
    })
}

/// Makes an object of the whole cluster.
async fn create<K>(namespace: &Namespace, object: Value) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + for<'de> serde::Deserialize<'de>,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::all(namespace.client.clone());
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    api
}

async fn denied(namespace: &Namespace) {
    let name = namespace.name.as_str();
    let policies = create::<ValidatingAdmissionPolicy>(
        namespace,
        json!({"metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["batch"], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["cronjobs"],
            }]},
            "validations": [{
                "expression": "!object.metadata.name.endsWith('night') || object.spec.schedule != '0 3 * * *'",
                "message": "nothing runs at three o'clock",
            }],
        }}),
    )
    .await;
    let bindings = create::<ValidatingAdmissionPolicyBinding>(
        namespace,
        json!({"metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
        }}),
    )
    .await;
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("night", "0 3 * * *", "");
    project.pipeline("day", "0 12 * * *", "");
    namespace
        .until("the policy", async || {
            let said = project.run(&["apply", "--dry-run=server"]);
            (said.status == 1).then_some(())
        })
        .await;
    let said = project.run(&["apply"]).with_status(1);
    assert!(said.stderr.contains("error[OMP0801]"), "{}", said.stderr);
    assert!(said.stderr.contains("nothing runs at three o'clock"), "{}", said.stderr);
    assert!(said.stderr.contains("--> night.yaml:3:"), "{}", said.stderr);
    assert_eq!(halves(namespace).await, [["day"], ["day"]]);

    project.pipeline("night", "0 2 * * *", "");
    project.run(&["apply"]).with_status(0);
    assert_eq!(halves(namespace).await, [["day", "night"], ["day", "night"]]);
    bindings.delete(name, &DeleteParams::default()).await.unwrap();
    policies.delete(name, &DeleteParams::default()).await.unwrap();
}

async fn quota(namespace: &Namespace) {
    let quotas = namespace.api::<ResourceQuota>();
    let quota = |number: u32| {
        json!({
            "metadata": {"name": "schedules"},
            "spec": {"hard": {"count/cronjobs.batch": number.to_string()}},
        })
    };
    let made: ResourceQuota = serde_json::from_value(quota(1)).unwrap();
    quotas.create(&PostParams::default(), &made).await.unwrap();
    namespace
        .until("the quota", async || quotas.get("schedules").await.unwrap().status?.used.map(drop))
        .await;
    let project = Project::new(namespace, "analytics", "");
    for number in 0..6 {
        project.pipeline(&format!("p{number}"), "0 3 * * *", "");
    }
    let said = project.run(&["apply"]).with_status(2);
    assert!(said.stderr.contains("exceeded quota"), "{}", said.stderr);
    assert!(said.stderr.contains("Raise the ResourceQuota"), "{}", said.stderr);
    let [configs, schedules] = halves(namespace).await;
    assert_eq!(schedules.len(), 1);
    assert_eq!(configs, schedules, "{}", said.stdout);

    let raised = Patch::Merge(quota(10));
    quotas.patch("schedules", &PatchParams::default(), &raised).await.unwrap();
    namespace
        .until("the raised quota", async || {
            let hard = quotas.get("schedules").await.unwrap().status?.hard?;
            (hard["count/cronjobs.batch"].0 == "10").then_some(())
        })
        .await;
    project.run(&["apply"]).with_status(0);
    assert_eq!(halves(namespace).await.map(|all| all.len()), [6, 6]);
}

/// A kubeconfig of a service account with these rights.
async fn kubeconfig_with(namespace: &Namespace, rules: Value) -> tempfile::NamedTempFile {
    let how = PostParams::default();
    let of = |kind: Value| {
        let mut object = kind;
        object["metadata"] = json!({"name": "deployer"});
        object
    };
    let account: ServiceAccount = serde_json::from_value(of(json!({}))).unwrap();
    let accounts = namespace.api::<ServiceAccount>();
    accounts.create(&how, &account).await.unwrap();
    let role: Role = serde_json::from_value(of(json!({"rules": rules}))).unwrap();
    namespace.api::<Role>().create(&how, &role).await.unwrap();
    let binding: RoleBinding = serde_json::from_value(of(json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace.name}],
    })))
    .unwrap();
    namespace.api::<RoleBinding>().create(&how, &binding).await.unwrap();
    let request =
        serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 3600}}));
    let token = accounts.create_token_request("deployer", &how, &request.unwrap()).await.unwrap();
    kubeconfig_of(token.status.unwrap().token.as_deref().unwrap())
}

/// The administrator's kubeconfig with another token.
fn kubeconfig_of(token: &str) -> tempfile::NamedTempFile {
    let mut config = kube::config::Kubeconfig::read_from(cluster::kubeconfig()).unwrap();
    for user in &mut config.auth_infos {
        user.auth_info = serde_json::from_value(json!({"token": token})).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, &config).unwrap();
    file
}

async fn few_rights(namespace: &Namespace) {
    let writes = |rules: Value| {
        let mut all = vec![
            // What the rendered Role allows, so that it may be given on.
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}),
            json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}),
            json!({"apiGroups": [""], "resources": ["events"], "verbs": ["list"]}),
        ];
        all.extend(rules.as_array().unwrap().clone());
        Value::from(all)
    };
    let all = writes(json!([
        {"apiGroups": [""], "resources": ["configmaps", "serviceaccounts"], "verbs": ["create", "patch"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "patch"]},
    ]));
    let file = kubeconfig_with(namespace, all).await;
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    let run = || Project::said(project.command_by(file.path().to_str().unwrap(), &["apply"]));
    // No schedule may be made: it says which right is missing, and takes back the ConfigMap, or says
    // that it could not.
    let said = run().with_status(2);
    assert!(said.stderr.contains("resource \"cronjobs\""), "{}", said.stderr);
    assert!(said.stderr.contains("ompipe rbac"), "{}", said.stderr);
    assert!(said.stdout.contains("configmap/om-config-orders not taken back"), "{}", said.stdout);

    let more = json!([{"op": "add", "path": "/rules/-", "value":
        {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["create", "patch"]}}]);
    let more = Patch::<()>::Json(serde_json::from_value(more).unwrap());
    namespace.api::<Role>().patch("deployer", &PatchParams::default(), &more).await.unwrap();
    namespace.until("the rights", async || (run().status == 0).then_some(())).await;
    assert_eq!(halves(namespace).await, [["orders"], ["orders"]]);
}

async fn expired(namespace: &Namespace) {
    let file = kubeconfig_of("Pl4nted-no-longer-good");
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.arg("apply").env("KUBECONFIG_CONTENT", text).current_dir(project.path(""));
    let said = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("log in again"), "{stderr}");
    assert!(!stderr.contains("Pl4nted"), "{stderr}");
    let secrets = namespace.api::<Secret>().list(&ListParams::default()).await.unwrap();
    assert!(secrets.items.is_empty() && versions(namespace).await.is_empty());
}

async fn restarted(namespace: &Namespace, servers: &Servers) {
    let project = Project::new(namespace, "analytics", "");
    for number in 0..150 {
        project.pipeline(&format!("p{number:03}"), "0 3 * * *", "");
    }
    let child = project.command(&["apply", "--retry-for", "60"]).spawn().unwrap();
    let crons = namespace.api::<CronJob>();
    namespace
        .until("the first schedules", async || {
            let some = crons.list_metadata(&ListParams::default().limit(20)).await.unwrap();
            (some.items.len() > 5).then_some(())
        })
        .await;
    servers.kill("kube-apiserver");
    servers.start("kube-apiserver");
    Project::ended(child).with_status(0);
    assert_eq!(halves(namespace).await.map(|all| all.len()), [150, 150]);
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}
