//! An account of a namespace with just the rights that it is given, and commands as that account.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use ompipe::cluster::rights::{Right, rules};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cluster;
use crate::namespace::Namespace;
use crate::project::Project;
use crate::site::signal;

/// Its name in each namespace.
pub(crate) const NAME: &str = "somebody";

/// An account.
pub(crate) struct Account {
    folder: TempDir,
    client: Client,
}

impl Account {
    /// A new one without rights, whose token lasts for so long; Kubernetes takes ten minutes or more.
    pub(crate) async fn new(namespace: &Namespace) -> Self {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME}});
        namespace.apply(account).await;
        let accounts = namespace.api::<ServiceAccount>();
        let spec = TokenRequestSpec { expiration_seconds: Some(600), ..Default::default() };
        let request = TokenRequest { spec: Some(spec), ..Default::default() };
        let answer = accounts.create_token_request(NAME, &PostParams::default(), &request).await;
        Self::with_token(&answer.unwrap().status.unwrap().token.unwrap()).await
    }

    /// One who bears this token.
    pub(crate) async fn with_token(token: &str) -> Self {
        let mut kubeconfig = Kubeconfig::read_from(cluster::kubeconfig()).unwrap();
        for user in &mut kubeconfig.auth_infos {
            user.auth_info = serde_json::from_value(json!({"token": token})).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(&kubeconfig).unwrap();
        std::fs::write(folder.path().join("kubeconfig"), text).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        Self { folder, client: Client::try_from(config).unwrap() }
    }

    /// Gives it these rights and no other, and waits until that holds.
    pub(crate) async fn may(&self, namespace: &Namespace, rights: &BTreeSet<Right>) {
        let rules = rules(rights).into_iter().map(|rule| {
            json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.actions})
        });
        let (api, rules) = ("rbac.authorization.k8s.io/v1", rules.collect::<Vec<_>>());
        let metadata = json!({"name": NAME});
        namespace
            .apply(json!({"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules}))
            .await;
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME});
        let subject = json!({"kind": "ServiceAccount", "name": NAME, "namespace": namespace.name});
        namespace
            .apply(json!({
                "apiVersion": api, "kind": "RoleBinding", "metadata": metadata,
                "roleRef": role, "subjects": [subject],
            }))
            .await;
    }

    /// Waits until the API server knows what it may and may not do.
    pub(crate) async fn until(&self, namespace: &Namespace, right: &Right, allowed: bool) {
        namespace
            .until(&format!("{right} to be {allowed}"), async || {
                (self.has(namespace, right).await == allowed).then_some(())
            })
            .await;
    }

    async fn has(&self, namespace: &Namespace, right: &Right) -> bool {
        let (resource, subresource) = match right.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (right.resource, None),
        };
        let attributes = ResourceAttributes {
            namespace: Some(namespace.name.clone()),
            group: Some(right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(right.action.to_owned()),
            ..Default::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..Default::default()
        };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &review).await.unwrap();
        review.status.unwrap().allowed
    }

    /// Runs a command on a project as this account: its status, and all that it writes.
    pub(crate) async fn run(&self, project: &Project, words: &[&str]) -> (i32, String) {
        ended(self.command(project, words).spawn().unwrap()).await
    }

    /// The same with one that has no end of its own: it is asked to end after so long.
    pub(crate) async fn run_for(
        &self,
        project: &Project,
        words: &[&str],
        time: Duration,
    ) -> (i32, String) {
        let child = self.command(project, words).spawn().unwrap();
        tokio::time::sleep(time).await;
        signal("TERM", &child.id().unwrap().to_string());
        ended(child).await
    }

    fn command(&self, project: &Project, words: &[&str]) -> Command {
        let command = project.command(words);
        let arguments: Vec<_> = command.get_args().map(|word| word.to_owned()).collect();
        let position = arguments.iter().position(|word| word == "--kubeconfig").unwrap();
        let mut own = Command::new(command.get_program());
        for (at, word) in arguments.iter().enumerate() {
            match at == position + 1 {
                true => own.arg(self.folder.path().join("kubeconfig")),
                false => own.arg(word),
            };
        }
        own.current_dir(command.get_current_dir().unwrap()).kill_on_drop(true);
        own.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        own
    }
}

/// Its status, and all that it writes.
async fn ended(child: Child) -> (i32, String) {
    let output = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output());
    let Output { status, stdout, stderr } = output.await.expect("it hangs").unwrap();
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}
