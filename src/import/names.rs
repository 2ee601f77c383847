//! Names for what is written: of services, pipelines and Secrets, and of their files.
//!
//! In: file and service names as people wrote them. Out: names that Kubernetes takes, each once,
//! the same for the same input.

use std::collections::BTreeSet;

/// The longest name that is made: what Kubernetes lets a label's value and a Service's name be.
const MAX_LENGTH: usize = 63;

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

/// Candidates for a pipeline's name, the plainest first: the file's, with its folder, with its
/// type.
pub(super) fn of_pipeline(path: &str, pipeline_type: &str) -> Vec<String> {
    let path = path.trim_start_matches("./");
    let mut steps = path.rsplit('/').filter(|step| !matches!(*step, "" | "." | ".."));
    let file = match steps.next() {
        None | Some("-") => "pipeline",
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
        assert_eq!(names.take(&of_pipeline("a/orders_db.yaml", "usage")), "orders-db");
        assert_eq!(names.take(&of_pipeline("b/orders_db.yaml", "usage")), "b-orders-db");
        assert_eq!(names.take(&of_pipeline("b/orders_db.yml", "usage")), "orders-db-usage");
        assert_eq!(names.take(&of_pipeline("c/b/orders_db.yml", "usage")), "orders-db-usage-2");
    }

    #[test]
    fn names_are_what_kubernetes_takes() {
        assert_eq!(sanitize("Local_MySQL (prod)"), "local-mysql-prod");
        assert_eq!(sanitize("__"), "unnamed");
        assert_eq!(sanitize("Zürich"), "z-rich");
        assert_eq!(sanitize(&"x".repeat(80)).len(), 63);
        assert_eq!(of_pipeline("-", "usage")[0], "pipeline");
        assert_eq!(of_pipeline("../../etc.yaml", "usage")[0], "etc");
    }
}
