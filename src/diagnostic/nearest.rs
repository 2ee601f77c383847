//! "Did you mean": the known name that is nearest to a mistyped one.

/// The known name that a mistyped one most likely stands for; `None` when none is near enough to
/// suggest.
pub fn nearest<'a>(mistyped: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One edit in three characters, and at least one: more of them suggest words that have nothing
    // in common.
    let most = (mistyped.chars().count() / 3).max(1);
    let lower = mistyped.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

/// The help line for a mistyped name, when a known one is near enough.
pub fn did_you_mean<'a>(
    mistyped: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(mistyped, known).map(suggestion)
}

/// The help line that suggests a name.
pub fn suggestion(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// The name that a help line suggests.
#[cfg(feature = "lsp")]
pub(super) fn suggested(help: &str) -> Option<&str> {
    help.strip_prefix("did you mean `")?.strip_suffix("`?")
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    #[test]
    fn a_slip_finds_its_name_and_a_different_word_none() {
        let known = ["backoffLimit", "namespace", "schedule"];
        assert_eq!(nearest("backofLimit", known), Some("backoffLimit"));
        assert_eq!(nearest("SCHEDULE", known), Some("schedule"));
        assert_eq!(nearest("image", known), None);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(
            did_you_mean("shedule", ["schedule"]).as_deref(),
            Some("did you mean `schedule`?")
        );
        assert_eq!(did_you_mean("image", ["schedule"]), None);
    }
}
