//! Secrets and ConfigMaps that pods need and nobody has made, and service accounts.
//!
//! In: what is needed, and what is there; of a Secret its keys alone. Out: findings, each with who is
//! to make what is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Finding, Look, Topic, named};
use super::wanted::Wanted;
use crate::definition::Encryption;
use crate::survey::secrets::{Maker, NeededSecret};

/// What is there of a Secret or ConfigMap: its keys, or nothing.
pub(super) type Keys = Option<BTreeSet<String>>;

/// The Secrets that are needed in a namespace.
pub(super) fn conclude(
    namespace: &str,
    wanted: &Wanted,
    secrets: &BTreeMap<String, Look<Keys>>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut there = 0;
    for (name, look) in secrets {
        let needed = wanted.secrets.iter().filter(|one| *one.name == **name);
        let needed = needed.collect::<Vec<_>>();
        let what = format!("the Secret {name}");
        found.extend(look.concluded(Topic::Secrets, &what, |keys| {
            let findings = of_secret(namespace, name, &needed, keys.as_ref(), wanted);
            there += usize::from(findings.is_empty());
            findings
        }));
    }
    if found.is_empty() && there > 0 {
        let message = match there {
            1 => "the Secret that is needed is there, with its keys".to_owned(),
            there => format!("all {there} Secrets that are needed are there, with their keys"),
        };
        found.push(Finding::fine(Topic::Secrets, message));
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

fn of_secret(
    namespace: &str,
    name: &str,
    needed: &[&NeededSecret],
    keys: Option<&BTreeSet<String>>,
    wanted: &Wanted,
) -> Vec<Finding> {
    let lacks = |one: &&&NeededSecret| match (keys, &one.key) {
        (None, _) => true,
        (Some(keys), Some(key)) => !keys.contains(key.as_str()),
        (Some(_), None) => false,
    };
    let missing = needed.iter().filter(lacks).copied().collect::<Vec<_>>();
    let Some(first) = missing.first() else { return Vec::new() };
    let mut pipelines =
        missing.iter().flat_map(|one| one.pipelines.iter().map(|name| name.to_string()));
    let pipelines: BTreeSet<String> = pipelines.by_ref().collect();
    let pipelines = pipelines.into_iter().collect::<Vec<_>>();
    let missing_keys = missing.iter().filter_map(|one| one.key.as_deref()).map(str::to_owned);
    let missing_keys = missing_keys.collect::<Vec<_>>();
    let message = match keys {
        None => format!("there is no Secret {name}, which {} need", of_pipelines(&pipelines)),
        Some(_) => format!(
            "the Secret {name} has no key {}, which {} need",
            named(&missing_keys),
            of_pipelines(&pipelines)
        ),
    };
    let is_required = wanted.required.contains(&("Secret", name.to_owned()));
    let finding = match is_required || first.key.is_none() {
        true => Finding::problem(Topic::Secrets, message),
        false => Finding::warning(Topic::Secrets, format!("{message} if it is there")),
    };
    vec![finding.with_remedy(remedy(namespace, name, &missing_keys, &first.maker, keys.is_some()))]
}

/// Who makes it, and how.
fn remedy(namespace: &str, name: &str, keys: &[String], maker: &Maker, exists: bool) -> String {
    match maker {
        Maker::Unknown if exists => format!(
            "Add it: `kubectl edit secret {name} -n {namespace}`, or where the Secret comes from."
        ),
        Maker::Unknown if keys.is_empty() => {
            format!("Create it in the namespace {namespace}; it pulls images or is mounted whole.")
        }
        Maker::Unknown => {
            let literals = keys.iter().map(|key| format!(" --from-file={key}=FILE"));
            let literals = literals.collect::<String>();
            format!("Create it: `kubectl create secret generic {name} -n {namespace}{literals}`.")
        }
        Maker::File(by, _) => match by {
            Encryption::Sops => {
                "An encrypted file of the project holds it: decrypt and apply that with SOPS."
                    .to_owned()
            }
            _ => "A SealedSecret of the project makes it: apply that, and look at its controller."
                .to_owned(),
        },
        Maker::Store { kind, name: store, .. } => format!(
            "External Secrets makes it from the {kind} {store}: `kubectl describe externalsecret {name} -n {namespace}` says why it did not."
        ),
        Maker::Values(_) => {
            "`ompipe render --include-secrets` makes it from local values.".to_owned()
        }
    }
}

/// The ConfigMaps that pods need and that no pipeline has.
pub(super) fn config_maps(namespace: &str, maps: &BTreeMap<String, Look<Keys>>) -> Vec<Finding> {
    let found = maps.iter().flat_map(|(name, look)| {
        look.concluded(Topic::Secrets, &format!("the ConfigMap {name}"), |keys| match keys {
            Some(_) => Vec::new(),
            None => {
                let message = format!("there is no ConfigMap {name}, which pods need");
                let create = format!("Create it in the namespace {namespace}.");
                vec![Finding::problem(Topic::Secrets, message).with_remedy(create)]
            }
        })
    });
    found.map(|finding| finding.within(namespace)).collect()
}

/// The service accounts: those that `apply` makes are missing only until it has run.
pub(super) fn accounts(
    namespace: &str,
    wanted: &Wanted,
    accounts: &BTreeMap<String, Look<bool>>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, look) in accounts {
        found.extend(look.concluded(
            Topic::Accounts,
            &format!("the service account {name}"),
            |there| {
                let is_rendered = wanted.accounts.get(name).copied().unwrap_or(false);
                let finding = match (there, is_rendered) {
                    (true, _) => Finding::fine(
                        Topic::Accounts,
                        format!("the service account {name} is there"),
                    ),
                    (false, true) => Finding::warning(
                        Topic::Accounts,
                        format!("there is no service account {name} yet"),
                    )
                    .with_remedy("`ompipe apply` makes it."),
                    (false, false) => Finding::problem(
                        Topic::Accounts,
                        format!("there is no service account {name}, and no pod starts without"),
                    )
                    .with_remedy(format!(
                        "Create it: `kubectl create serviceaccount {name} -n {namespace}`."
                    )),
                };
                vec![finding.within(namespace)]
            },
        ));
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

fn of_pipelines(names: &[String]) -> String {
    match names.len() {
        1 => format!("the runs of {}", named(names)),
        _ => format!("the runs of {}", named(names)),
    }
}

#[cfg(test)]
mod tests {
    use compact_str::CompactString;

    use super::*;
    use crate::cluster::doctor::report::Outcome;

    fn needed(name: &str, key: Option<&str>) -> NeededSecret {
        NeededSecret {
            namespace: "n".into(),
            name: name.into(),
            key: key.map(CompactString::from),
            pipelines: vec!["orders".into()],
            places: Vec::new(),
            maker: Maker::Unknown,
        }
    }

    fn wanted(secrets: Vec<NeededSecret>, required: &[&str]) -> Wanted {
        let required = required.iter().map(|name| ("Secret", (*name).to_owned())).collect();
        Wanted { secrets, required, ..Wanted::default() }
    }

    fn there(keys: &[&str]) -> Look<Keys> {
        Look::Seen(Some(keys.iter().map(|key| (*key).to_owned()).collect()))
    }

    fn told(wanted: &Wanted, name: &str, look: Look<Keys>) -> Vec<(Outcome, String)> {
        let looks = BTreeMap::from([(name.to_owned(), look)]);
        let found = conclude("n", wanted, &looks);
        found.into_iter().map(|one| (one.outcome, one.message)).collect()
    }

    #[test]
    fn a_missing_secret_and_a_missing_key_are_told_apart() {
        let wanted =
            wanted(vec![needed("db", Some("password")), needed("db", Some("user"))], &["db"]);
        let none = told(&wanted, "db", Look::Seen(None));
        let says = "there is no Secret db, which the runs of orders need";
        assert_eq!(none, [(Outcome::Problem, says.to_owned())]);
        let key = told(&wanted, "db", there(&["user"]));
        let says = "the Secret db has no key password, which the runs of orders need";
        assert_eq!(key, [(Outcome::Problem, says.to_owned())]);
        assert_eq!(told(&wanted, "db", there(&["user", "password"]))[0].0, Outcome::Fine);
    }

    #[test]
    fn what_is_optional_is_no_problem_and_what_may_not_be_read_is_not_missing() {
        let optional = wanted(vec![needed("db", Some("password"))], &[]);
        assert_eq!(told(&optional, "db", Look::Seen(None))[0].0, Outcome::Warning);
        let forbidden = Look::Forbidden("get secrets".to_owned());
        assert_eq!(told(&optional, "db", forbidden)[0].0, Outcome::Unknown);
    }

    #[test]
    fn a_rendered_account_is_missing_only_until_it_is_applied() {
        let mut wanted = Wanted::default();
        wanted.accounts.insert("rendered".to_owned(), true);
        wanted.accounts.insert("other".to_owned(), false);
        let outcome = |name: &str, there| {
            let looks = BTreeMap::from([(name.to_owned(), Look::Seen(there))]);
            accounts("n", &wanted, &looks)[0].outcome
        };
        assert_eq!(outcome("rendered", false), Outcome::Warning);
        assert_eq!(outcome("other", false), Outcome::Problem);
        assert_eq!(outcome("other", true), Outcome::Fine);
    }
}
