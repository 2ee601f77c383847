//! What an import leaves to its owner: Secrets to create, and what is not as it was.
//!
//! In: what [`convert`](super::convert()) found. Out: a text for people, without any secret value.

use std::fmt::{self, Display, Formatter};

use super::lift::Secret;
use crate::diagnostic::counted;

/// A file that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file.
    pub name: String,
    /// Why, "it has no workflowConfig".
    pub reason: &'static str,
}

/// Something that is not as it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// The file; empty for what holds for all.
    pub file: String,
    /// What, in a sentence.
    pub text: String,
}

/// What was imported, and what is left to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// How many ServiceConnections were made.
    pub services: usize,
    /// How many IngestionPipelines were made.
    pub pipelines: usize,
    /// The namespace that the pipelines run in, where the Secrets belong.
    pub namespace: String,
    /// The Secrets to create.
    pub secrets: Vec<Secret>,
    /// What is not as it was.
    pub notes: Vec<Note>,
    /// The files that were left out.
    pub skipped: Vec<Skipped>,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { services, pipelines, namespace, secrets, notes, skipped } = self;
        writeln!(
            f,
            "imported {} and {}",
            counted(*pipelines, "pipeline"),
            counted(*services, "service")
        )?;
        if !secrets.is_empty() {
            writeln!(
                f,
                "\nSecrets to create before the pipelines run; each value stands in the files named beside its key:"
            )?;
        }
        for Secret { name, keys } in secrets {
            writeln!(f, "\n  {name}")?;
            for key in keys {
                let more = key.found_at.len().saturating_sub(1);
                let first = key.found_at.first().map_or("", String::as_str);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                writeln!(f, "    {}: {first}{more}", key.key)?;
            }
            write!(f, "  kubectl create secret generic {name} --namespace {namespace}")?;
            for key in keys {
                write!(f, " --from-literal={}='<{}>'", key.key, key.key)?;
            }
            writeln!(f)?;
        }
        if !notes.is_empty() {
            writeln!(f, "\nNotes:")?;
        }
        for Note { file, text } in notes {
            let file = if file.is_empty() { String::new() } else { format!("{file}: ") };
            writeln!(f, "  {file}{text}")?;
        }
        if !skipped.is_empty() {
            writeln!(f, "\nLeft out:")?;
        }
        for Skipped { name, reason } in skipped {
            writeln!(f, "  {name}: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::lift::SecretKey;
    use super::*;

    #[test]
    fn the_report_names_every_key_and_how_to_create_its_secret() {
        let found_at =
            vec!["a.yaml: source.password".to_owned(), "b.yaml: source.password".to_owned()];
        let report = Report {
            services: 1,
            pipelines: 2,
            namespace: "pipelines".to_owned(),
            secrets: vec![Secret {
                name: "mysql".to_owned(),
                keys: vec![SecretKey { key: "password".to_owned(), found_at }],
            }],
            notes: vec![Note {
                file: String::new(),
                text: "comments are not carried over".to_owned(),
            }],
            skipped: vec![Skipped { name: "c.yaml".to_owned(), reason: "it is empty" }],
        };
        let text = report.to_string();
        assert!(text.starts_with("imported 2 pipelines and 1 service\n"), "{text}");
        assert!(text.contains("    password: a.yaml: source.password and 1 more\n"), "{text}");
        assert!(
            text.contains("kubectl create secret generic mysql --namespace pipelines --from-literal=password='<password>'\n"),
            "{text}"
        );
        assert!(text.ends_with("Left out:\n  c.yaml: it is empty\n"), "{text}");
    }
}
