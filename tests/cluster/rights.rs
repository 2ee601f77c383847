//! `ompipe rbac`: what it prints suffices for every verb, and without any one of its rights a verb
//! does not work, and says so.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use ompipe::cluster::rights::{self, Kinds, Right, Verb};
use serde_json::json;

use crate::account::Account;
use crate::crd;
use crate::namespace::{Namespace, documents, test};
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("rights_as_printed_suffice_for_every_verb", suffice),
        test("rights_that_lack_are_each_missed", each_is_needed),
        test("rights_that_are_wrong_are_told_with_what_to_do", wrong_token),
    ]
}

/// A project with a pipeline of either kind, and the Secrets that they need.
async fn project(namespace: &Namespace) -> Project {
    crd::installed(namespace).await;
    let project = Project::new(namespace, "analytics", "    serviceAccountName: ingest");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 4 * * *", "  kubernetes: {useOMJobOperator: true}");
    let entity =
        json!({"id": "1", "name": "test", "workflowType": "TEST_CONNECTION", "request": {}});
    project.write("test.json", &entity.to_string());
    let token = json!({"token": "x"});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openmetadata-bot"}, "stringData": token});
    namespace.apply(secret).await;
    project
}

/// What a project of CronJobs and CronOMJobs renders.
fn kinds() -> Kinds {
    Kinds::of(["ConfigMap", "CronJob", "CronOMJob", "ServiceAccount", "Role", "RoleBinding"])
}

fn all() -> BTreeSet<Right> {
    Verb::all().flat_map(|verb| rights::of(verb, &kinds())).collect()
}

/// The command lines of each verb, in an order in which each has something to do.
const LINES: [(Verb, &[&str]); 11] = [
    (Verb::Apply, &["apply"]),
    (Verb::Prune, &["apply", "--prune"]),
    (Verb::Diff, &["diff"]),
    (Verb::Run, &["run", "orders"]),
    (Verb::Run, &["run", "sales"]),
    (Verb::Run, &["run", "--automation", "test.json"]),
    (Verb::Run, &["run", "--application", "test.json"]),
    (Verb::History, &["history"]),
    (Verb::Diagnose, &["diagnose", "orders"]),
    (Verb::Secrets, &["secrets", "list", "--cluster"]),
    (Verb::Doctor, &["doctor", "--format", "json"]),
];

async fn suffice(namespace: &Namespace) {
    let project = project(namespace).await;
    let account = Account::new(namespace).await;
    let subject = format!("serviceaccount:{}/somebody", namespace.name);
    let printed = project.command(&["rbac", "--subject", &subject]);
    let printed = without_cluster(printed).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let printed = documents(&printed);
    assert_eq!(printed.len(), 2, "{printed:?}");
    for object in printed {
        assert_eq!(object["metadata"]["namespace"], namespace.name.as_str());
        namespace.apply(object).await;
    }
    for right in &all() {
        account.until(namespace, right, true).await;
    }
    for (verb, words) in LINES {
        let (status, text) = account.run(&project, words).await;
        assert!(!text.contains("orbidden"), "{words:?}: {text}");
        // A pod of the tests' API server has no image to run: diagnose finds that.
        let fine: &[i32] = if verb == Verb::Diagnose { &[0, 1] } else { &[0] };
        assert!(fine.contains(&status), "{words:?}: {status}: {text}");
    }
}

/// `rbac` asks no cluster, and takes no flag of one.
fn without_cluster(command: std::process::Command) -> std::process::Command {
    let mut own = std::process::Command::new(command.get_program());
    let words: Vec<_> = command.get_args().collect();
    let end = words.iter().position(|word| *word == "--kubeconfig").unwrap();
    own.args(&words[..end]).current_dir(command.get_current_dir().unwrap());
    own
}

async fn each_is_needed(namespace: &Namespace) {
    let project = project(namespace).await;
    project.run(&["apply"]).with_status(0);
    let account = Account::new(namespace).await;
    for right in all() {
        let mut others = all();
        others.remove(&right);
        account.may(namespace, &others).await;
        let witness = others.iter().next().unwrap();
        account.until(namespace, witness, true).await;
        account.until(namespace, &right, false).await;
        // Who asks for all verbs is told which of them it is that will not work.
        let (status, text) = account.run(&project, &["doctor"]).await;
        let lacking = Verb::all().filter(|verb| rights::of(*verb, &kinds()).contains(&right));
        let lacking = lacking.collect::<Vec<_>>();
        let is_doctors = lacking == [Verb::Doctor];
        assert_eq!(status, if is_doctors { 0 } else { 1 }, "{right}: {text}");
        let line = text.lines().find(|line| line.contains("missing: "));
        let line = line.unwrap_or_else(|| panic!("{right}: {text}"));
        assert!(line.ends_with(&right.to_string()), "{right}: {line}");
        for verb in lacking.iter().filter(|verb| **verb != Verb::Doctor) {
            assert!(text.contains(&format!("`{}", verb.as_str())), "{right}: {text}");
        }
    }
    // And the verbs fail of themselves, with the right that they lack and where it is to be had.
    let lacks = |group, resource, action| Right { group, resource, action };
    let cases: [(Right, &[&str]); 6] = [
        (lacks("", "configmaps", "patch"), &["apply", "--prune"]),
        (lacks("batch", "cronjobs", "patch"), &["diff"]),
        (lacks("batch", "jobs", "create"), &["run", "orders"]),
        (lacks("pipelines.openmetadata.org", "omjobs", "create"), &["run", "sales"]),
        (lacks("batch", "jobs", "list"), &["history"]),
        (lacks("", "secrets", "get"), &["secrets", "list", "--cluster"]),
    ];
    for (right, words) in cases {
        project.pipeline("orders", "0 5 * * *", "  description: changed");
        let mut others = all();
        others.remove(&right);
        account.may(namespace, &others).await;
        account.until(namespace, others.iter().next().unwrap(), true).await;
        account.until(namespace, &right, false).await;
        let (status, text) = account.run(&project, words).await;
        assert_eq!(status, 2, "{right}: {words:?}: {text}");
        assert!(text.contains("cannot") && text.contains(right.action), "{right}: {text}");
        assert!(text.contains("`ompipe rbac`"), "{right}: {text}");
    }
}

async fn wrong_token(namespace: &Namespace) {
    let project = project(namespace).await;
    let nobody = Account::with_token("Pl4nted-token").await;
    for words in [&["apply"][..], &["diff"], &["history"], &["doctor"]] {
        let (status, text) = nobody.run(&project, words).await;
        assert_eq!(status, 2, "{words:?}: {text}");
        assert!(text.contains("wrong or have expired: log in again"), "{words:?}: {text}");
        assert!(!text.contains("Pl4nted"), "{words:?}: {text}");
    }
}
