//! Whether what is in the cluster is what the definitions give, by the workflows alone.
//!
//! In: the ConfigMaps that `apply` would send, and those that are there. Out: findings. It is a quick
//! look; `ompipe diff` compares every field of every object.

use std::collections::BTreeMap;

use super::report::{Finding, Topic, named};

/// What a ConfigMap holds, by its keys.
pub(super) type Data = BTreeMap<String, String>;

/// What became of the definitions.
pub(super) fn conclude(
    namespace: &str,
    wanted: &BTreeMap<String, Data>,
    there: &BTreeMap<String, Data>,
) -> Vec<Finding> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let names = |is: &dyn Fn(&String, &Data) -> bool| {
        let names = wanted.iter().filter(|(name, data)| is(name, data));
        names.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let missing = names(&|name, _| !there.contains_key(name));
    let changed = names(&|name, data| there.get(name).is_some_and(|there| there != data));
    let mut found = Vec::new();
    if !missing.is_empty() {
        let message = match missing.len() == wanted.len() {
            true => "nothing of the project is in the cluster yet".to_owned(),
            false => format!("not in the cluster yet: {}", named(&missing)),
        };
        found.push(
            Finding::warning(Topic::Applied, message).with_remedy("`ompipe apply` sends it."),
        );
    }
    if !changed.is_empty() {
        let message = format!("what is in the cluster is out of date: {}", named(&changed));
        found.push(
            Finding::warning(Topic::Applied, message)
                .with_remedy("`ompipe diff` shows how, `ompipe apply` brings it up to date."),
        );
    }
    if found.is_empty() {
        let message = "the workflows in the cluster are those of the definitions";
        found.push(Finding::fine(Topic::Applied, message));
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(list: &[(&str, &str)]) -> BTreeMap<String, Data> {
        let data = |text: &str| BTreeMap::from([("config".to_owned(), text.to_owned())]);
        list.iter().map(|(name, text)| ((*name).to_owned(), data(text))).collect()
    }

    fn told(there: &[(&str, &str)]) -> Vec<String> {
        let found = conclude("n", &maps(&[("a", "1"), ("b", "2")]), &maps(there));
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_is_missing_and_what_has_changed_are_told_apart() {
        assert_eq!(told(&[]), ["nothing of the project is in the cluster yet"]);
        let both = ["not in the cluster yet: a", "what is in the cluster is out of date: b"];
        assert_eq!(told(&[("b", "old")]), both);
        let fine = ["the workflows in the cluster are those of the definitions"];
        assert_eq!(told(&[("a", "1"), ("b", "2"), ("other", "3")]), fine);
    }
}
