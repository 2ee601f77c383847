//! Routes as findings show them: `spec.extraEnvVars[0].name`, and
//! `metadata.labels."example.com/team"`.
//!
//! In: keys and indices, from the outside in. Out: one text. A key with a dot of its own stands in
//! quotes.

use std::fmt::Write as _;

/// Goes to the value of a key.
pub fn push_key(route: &mut String, key: &str) {
    if !route.is_empty() {
        route.push('.');
    }
    // Writing to a string never fails.
    let _ = match key.contains('.') {
        true => write!(route, "\"{key}\""),
        false => route.write_str(key),
    };
}

/// Goes to the item of an index, from 0.
pub fn push_index(route: &mut String, index: usize) {
    let _ = write!(route, "[{index}]");
}

/// The route to the value of a key.
pub fn under(route: &str, key: &str) -> String {
    let mut under = route.to_owned();
    push_key(&mut under, key);
    under
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_joined_by_dots_and_indices_stand_in_brackets() {
        let mut route = String::new();
        push_key(&mut route, "spec");
        push_key(&mut route, "list");
        push_index(&mut route, 3);
        push_key(&mut route, "name");
        assert_eq!(route, "spec.list[3].name");
    }

    #[test]
    fn a_dot_of_a_keys_own_cannot_be_taken_for_a_step() {
        assert_eq!(
            under("metadata.labels", "example.com/team"),
            "metadata.labels.\"example.com/team\""
        );
        assert_eq!(under("", "a"), "a");
    }
}
