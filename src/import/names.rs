//! Names for what is written: of services, pipelines and Secrets, and of their files.
//!
//! In: file and service names as people wrote them. Out: names that Kubernetes takes, each once,
//! the same for the same input.

use std::collections::BTreeSet;

/// The longest name that is made: what Kubernetes lets a label's value and a Service's name be.
const MAX_LENGTH: usize = 63;

/// How standard input is called, which has no name.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// The first of the candidates that is free, else the last with a number.
    pub(super) fn take(&mut self, candidates: &[String]) -> String {
        let free = candidates.iter().find(|name| !self.taken.contains(*name)).cloned();
        let last = candidates.last().map_or("pipeline", String::as_str);
        let name = free.unwrap_or_else(|| {
            let short: String = last.chars().take(MAX_LENGTH - 8).collect();
            let numbered = |number: usize| format!("{short}-{number}");
            (2..).map(numbered).find(|name| !self.taken.contains(name)).unwrap_or_default()
        });
        self.taken.insert(name.clone());
        name
    }
}

/// A name as Kubernetes takes it: lower case letters, digits and single hyphens between them.
pub(super) fn sanitize(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == MAX_LENGTH {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// A file's name without its ending.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Candidates for a service's name: as OpenMetadata knows it, then with its type. What OpenMetadata
/// does not take as a name (empty, with `::` or control characters, over 256 characters) is
/// sanitized.
pub(super) fn of_service(name: &str, service_type: &str) -> Vec<String> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 200 && !name.contains("::");
    let name =
        if fits && !name.contains(char::is_control) { name.to_owned() } else { sanitize(name) };
    let with_type = format!("{name}-{}", sanitize(service_type));
    vec![name, with_type]
}

/// The last part of a fully qualified name, without quotes: a pipeline's own name.
pub(super) fn last_part(fqn: &str) -> &str {
    match fqn.strip_suffix('"') {
        Some(quoted) => quoted.rsplit_once('"').map_or(quoted, |(_, part)| part),
        None => fqn.rsplit_once('.').map_or(fqn, |(_, part)| part),
    }
}

/// Candidates for the name of a pipeline that OpenMetadata knows, the plainest first: its own, with
/// its service, with its type. Each is what OpenMetadata's Kubernetes client makes of a name, so
/// that the objects of the same pipeline keep theirs.
pub(super) fn of_entity(name: &str, service: &str, pipeline_type: &str) -> Vec<String> {
    let mut names = vec![sanitize(name)];
    if !service.is_empty() {
        names.push(sanitize(&format!("{service}-{name}")));
    }
    names.push(sanitize(&format!("{name}-{pipeline_type}")));
    names
}

/// Candidates for the name of a pipeline that a file is all that is known of, the plainest first:
/// the file's, with its folder, with its type.
pub(super) fn of_file(path: &str, pipeline_type: &str) -> Vec<String> {
    let path = path.trim_start_matches("./");
    let mut steps = path.rsplit('/').filter(|step| !matches!(*step, "" | "." | ".."));
    let file = match steps.next() {
        None | Some(STANDARD_INPUT) => "pipeline",
        Some(name) => stem(name),
    };
    let mut names = vec![sanitize(file)];
    if let Some(folder) = steps.next() {
        names.push(sanitize(&format!("{folder}-{file}")));
    }
    names.push(sanitize(&format!("{file}-{pipeline_type}")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gives_way_to_a_longer_one() {
        let mut names = Names::default();
        assert_eq!(names.take(&of_file("a/orders_db.yaml", "usage")), "orders-db");
        assert_eq!(names.take(&of_file("b/orders_db.yaml", "usage")), "b-orders-db");
        assert_eq!(names.take(&of_file("b/orders_db.yml", "usage")), "orders-db-usage");
        assert_eq!(names.take(&of_file("c/b/orders_db.yml", "usage")), "orders-db-usage-2");
    }

    #[test]
    fn names_are_what_kubernetes_takes() {
        assert_eq!(sanitize("Local_MySQL (prod)"), "local-mysql-prod");
        assert_eq!(sanitize("__"), "unnamed");
        assert_eq!(sanitize("Zürich"), "z-rich");
        assert_eq!(sanitize(&"x".repeat(80)).len(), 63);
        assert_eq!(sanitize("a--b_-c"), "a-b-c", "as OpenMetadata's own client does");
        assert_eq!(of_file(STANDARD_INPUT, "usage")[0], "pipeline");
        assert_eq!(of_file("../../etc.yaml", "usage")[0], "etc");
    }

    #[test]
    fn the_last_part_of_a_full_name_may_stand_in_quotes() {
        assert_eq!(last_part("orders.nightly"), "nightly");
        assert_eq!(last_part("\"my.orders\".nightly"), "nightly");
        assert_eq!(last_part("orders.\"night.ly\""), "night.ly");
        assert_eq!(last_part("nightly"), "nightly");
    }
}
