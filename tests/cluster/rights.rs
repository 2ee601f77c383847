//! `ompipe rbac`: what it prints suffices for every verb, and without any one of its rights a verb
//! does not work, and says so. `situations` has for each right of each verb when it is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use libtest_mimic::Trial;
use ompipe::cluster::rights::{self, Kinds, Right, Verb};
use serde_json::Value;

use crate::account::Account;
use crate::before::{Before, prepare};
use crate::crd;
use crate::namespace::{Namespace, documents, test};
use crate::situations::{SITUATIONS, Want};

pub(crate) fn tests() -> Vec<Trial> {
    let of_verb = |verb: Verb| {
        let name = format!("rights_that_lack_are_missed_by_{}", verb.as_str());
        test(Box::leak(name.into_boxed_str()), async move |namespace| {
            each_is_needed(namespace, verb).await;
        })
    };
    let others = [
        Trial::test("rights_have_each_a_situation_that_needs_them", each_has_a_situation),
        test("rights_as_printed_suffice_for_every_verb", suffice),
        test("rights_that_lack_are_each_missed", doctor_tells_them),
        test("rights_that_are_wrong_are_told_with_what_to_do", wrong_token),
    ];
    Verb::all().map(of_verb).chain(others).collect()
}

/// What a project of CronJobs and CronOMJobs renders.
fn kinds() -> Kinds {
    Kinds::of(["ConfigMap", "CronJob", "CronOMJob", "ServiceAccount", "Role", "RoleBinding"])
}

/// The rights of a verb with what there is then, those of `apply` with `apply --prune`'s.
fn with_all(verb: Verb, before: Before) -> BTreeSet<Right> {
    let kinds = if before.has_secrets() { Kinds::all() } else { kinds() };
    let mut rights = rights::of(verb, &kinds);
    if verb == Verb::Prune {
        rights.extend(rights::of(Verb::Apply, &kinds));
    }
    rights
}

fn each_has_a_situation() -> Result<(), libtest_mimic::Failed> {
    for verb in Verb::all() {
        let needed: BTreeSet<String> =
            rights::of(verb, &Kinds::all()).iter().map(Right::to_string).collect();
        let shown = SITUATIONS.iter().filter(|(of, ..)| *of == verb);
        let shown: BTreeSet<String> =
            shown.flat_map(|(.., rights)| *rights).map(|right| (*right).to_owned()).collect();
        assert_eq!(shown, needed, "{verb:?}");
    }
    Ok(())
}

async fn each_is_needed(namespace: &Namespace, verb: Verb) {
    crd::installed(namespace).await;
    let account = Account::new(namespace).await;
    for (of, before, words, want, lacking) in SITUATIONS {
        if *of != verb {
            continue;
        }
        for right in with_all(verb, *before) {
            if !lacking.contains(&&*right.to_string()) {
                continue;
            }
            let project = prepare(namespace, *before).await;
            let mut others = with_all(verb, *before);
            others.remove(&right);
            account.may(namespace, &others).await;
            account.until(namespace, &right, false).await;
            if let Some(other) = others.first() {
                account.until(namespace, other, true).await;
            }
            let (status, text) = account.run(&project, words).await;
            assert!(names(&text, &right), "{words:?} without {right}: {text}");
            if *want == Want::Fails {
                assert_eq!(status, 2, "{words:?} without {right}: {text}");
                assert!(text.contains("`ompipe rbac`"), "{words:?} without {right}: {text}");
            }
        }
    }
}

/// Whether a text says that this right is wanting: by the API server's words, or by ours.
fn names(text: &str, right: &Right) -> bool {
    let Right { group, resource, action } = right;
    let qualified = right.to_string().replacen(&format!("{action} "), "", 1);
    let kind = resource.split('/').next().unwrap_or_default().trim_end_matches('s');
    [
        format!("cannot {action} resource \"{resource}\" in API group \"{group}\""),
        format!("no right to {right}"),
        // Of a Role that gives it.
        format!("Resources:[\"{resource}\"], Verbs:[\"{action}\"]"),
    ]
    .iter()
    .any(|words| text.contains(words))
        || *action == "delete"
            && text.contains(&format!("{qualified} \"om-"))
            && text.contains("cannot set an ownerRef on a resource you can't delete")
        || resource.ends_with("/status")
            && text.contains(&format!("the right to {action} the status of {kind}/"))
}

async fn suffice(namespace: &Namespace) {
    crd::installed(namespace).await;
    let account = Account::new(namespace).await;
    let subject = format!("serviceaccount:{}/somebody", namespace.name);
    let mut done: BTreeSet<(Verb, Before, &[&str])> = BTreeSet::new();
    for (verb, before, words, ..) in SITUATIONS {
        if !done.insert((*verb, *before, words)) {
            continue;
        }
        let project = prepare(namespace, *before).await;
        let verbs = match verb {
            Verb::Prune => "apply,prune",
            verb => verb.as_str(),
        };
        let printed = project.command(&["rbac", "--verbs", verbs, "--subject", &subject]);
        let printed = without_cluster(printed).output().unwrap();
        let printed = documents(&String::from_utf8(printed.stdout).unwrap());
        assert_eq!(printed.len(), 2, "{printed:?}");
        for object in printed {
            assert_eq!(object["metadata"]["namespace"], namespace.name.as_str());
            namespace.apply(object).await;
        }
        for right in &with_all(*verb, *before) {
            account.until(namespace, right, true).await;
        }
        let (status, text) = match words.contains(&"--watch") {
            true => account.run_for(&project, words, Duration::from_secs(3)).await,
            false => account.run(&project, words).await,
        };
        // A doctor looks at nodes, too, which no Role of a namespace gives.
        let lacks = text.contains("\" cannot ") || text.contains("no right");
        assert!(*verb == Verb::Doctor || !lacks, "{words:?}: {text}");
        let fine: &[i32] = match (verb, before) {
            (Verb::Diff, _) => &[1],
            // There is no pod, or it waits, which is what is said.
            (_, Before::NoPods) => &[1],
            (Verb::Diagnose, _) => &[0, 1],
            (Verb::Run, _) if words.contains(&"--timeout") => &[2],
            // It finds that the other verbs lack theirs.
            (Verb::Doctor, _) => &[1],
            _ => &[0],
        };
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

/// What a doctor says of rights is exactly what is wanting: each right is known by the rounds in
/// which it is taken away, which are those of the ones in its number.
async fn doctor_tells_them(namespace: &Namespace) {
    let project = prepare(namespace, Before::Applied).await;
    let account = Account::new(namespace).await;
    let all: BTreeSet<Right> = Verb::all().flat_map(|verb| rights::of(verb, &kinds())).collect();
    let rounds = usize::BITS - all.len().leading_zeros();
    for round in 0..rounds {
        let is_taken = |number: usize| (number + 1) >> round & 1 == 1;
        let numbered = || all.iter().copied().enumerate();
        let taken: BTreeSet<Right> =
            numbered().filter(|(number, _)| is_taken(*number)).map(|(_, right)| right).collect();
        let left: BTreeSet<Right> = all.difference(&taken).copied().collect();
        account.may(namespace, &left).await;
        account.until(namespace, taken.first().unwrap(), false).await;
        account.until(namespace, left.first().unwrap(), true).await;
        let (status, text) = account.run(&project, &["doctor", "--format", "json"]).await;
        assert_eq!(status, 1, "{text}");
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for finding in document["findings"].as_array().unwrap() {
            let message = finding["message"].as_str().unwrap();
            let (true, Some((verbs, missing))) =
                (finding["topic"] == "rights", message.split_once("missing: "))
            else {
                continue;
            };
            // "`apply`, `diff` will not work; "
            for verb in verbs.split('`').skip(1).step_by(2) {
                told.insert(verb.to_owned(), missing.split(", ").map(str::to_owned).collect());
            }
        }
        let expected = Verb::all().filter_map(|verb| {
            let name = match verb {
                Verb::Prune => "apply --prune",
                Verb::Secrets => "secrets list --cluster",
                verb => verb.as_str(),
            };
            let lacks: BTreeSet<String> =
                rights::of(verb, &kinds()).intersection(&taken).map(Right::to_string).collect();
            (!lacks.is_empty()).then(|| (name.to_owned(), lacks))
        });
        assert_eq!(told, expected.collect::<BTreeMap<_, _>>(), "{text}");
    }
}

async fn wrong_token(namespace: &Namespace) {
    let project = prepare(namespace, Before::Applied).await;
    let nobody = Account::with_token("Pl4nted-token").await;
    for words in [&["apply"][..], &["diff"], &["history"], &["doctor"]] {
        let (status, text) = nobody.run(&project, words).await;
        assert_eq!(status, 2, "{words:?}: {text}");
        assert!(text.contains("wrong or have expired: log in again"), "{words:?}: {text}");
        assert!(!text.contains("Pl4nted"), "{words:?}: {text}");
    }
}
