//! What an import leaves to its owner: Secrets to create, and what is not as it was.
//!
//! In: what [`convert`](super::convert()) found. Out: a text for people, without any secret value.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::lift::{Secret, SecretKey};
use crate::diagnostic::counted;

/// Something that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file, and what in it.
    pub name: String,
    /// Why, "it has no workflowConfig".
    pub reason: String,
}

/// Something that is not as it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// The file, or the pipeline by its name where it came from; empty for what holds for all.
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
    /// What was left out.
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
                "\nSecrets to create before the pipelines run; each value stands where is said beside its key:"
            )?;
        }
        for secret in secrets {
            write_secret(secret, namespace, f)?;
        }
        if !notes.is_empty() {
            writeln!(f, "\nNotes:")?;
        }
        write_notes(notes, f)?;
        if !skipped.is_empty() {
            writeln!(f, "\nLeft out:")?;
        }
        for Skipped { name, reason } in skipped {
            writeln!(f, "  {name}: {reason}")?;
        }
        Ok(())
    }
}

fn write_secret(secret: &Secret, namespace: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let Secret { name, keys } = secret;
    writeln!(f, "\n  {name}")?;
    for SecretKey { key, found_at, withheld } in keys {
        let first = found_at.first().map_or("", String::as_str);
        let more = match found_at.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let masked = if *withheld { " (masked or encrypted: ask who knows it)" } else { "" };
        writeln!(f, "    {key}: {first}{more}{masked}")?;
    }
    write!(f, "  kubectl create secret generic {name} --namespace {namespace}")?;
    for key in keys {
        write!(f, " --from-literal={}='<{}>'", key.key, key.key)?;
    }
    writeln!(f)
}

/// What holds for several is said once, with all their names.
fn write_notes(notes: &[Note], f: &mut Formatter<'_>) -> fmt::Result {
    let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Note { file, text } in notes {
        by_text.entry(text).or_default().push(file);
    }
    for Note { file, text } in notes {
        match by_text.remove(text.as_str()).as_deref() {
            None => {}
            Some([_]) if file.is_empty() => writeln!(f, "  {text}")?,
            Some([_]) => writeln!(f, "  {file}: {text}")?,
            Some(files) => {
                writeln!(f, "  {}: {text}", counted(files.len(), "time"))?;
                writeln!(f, "    {}", files.join(", "))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_every_key_and_how_to_create_its_secret() {
        let found_at =
            vec!["a.yaml: source.password".to_owned(), "b.yaml: source.password".to_owned()];
        let key = SecretKey { key: "password".to_owned(), found_at, withheld: false };
        let masked = SecretKey {
            key: "token".to_owned(),
            found_at: vec!["c.json: token".to_owned()],
            withheld: true,
        };
        let report = Report {
            services: 1,
            pipelines: 2,
            namespace: "pipelines".to_owned(),
            secrets: vec![Secret { name: "mysql".to_owned(), keys: vec![key, masked] }],
            notes: vec![Note {
                file: String::new(),
                text: "comments are not carried over".to_owned(),
            }],
            skipped: vec![Skipped { name: "c.yaml".to_owned(), reason: "it is empty".to_owned() }],
        };
        let text = report.to_string();
        assert!(text.starts_with("imported 2 pipelines and 1 service\n"), "{text}");
        assert!(text.contains("    password: a.yaml: source.password and 1 more\n"), "{text}");
        assert!(text.contains("    token: c.json: token (masked or encrypted"), "{text}");
        assert!(
            text.contains("kubectl create secret generic mysql --namespace pipelines --from-literal=password='<password>' --from-literal=token='<token>'\n"),
            "{text}"
        );
        assert!(text.ends_with("Left out:\n  c.yaml: it is empty\n"), "{text}");
    }

    #[test]
    fn what_holds_for_several_is_said_once_with_all_their_names() {
        let note = |file: &str| Note { file: file.to_owned(), text: "owners".to_owned() };
        let report = Report { notes: vec![note("a"), note("b")], ..Report::default() };
        assert!(report.to_string().contains("  2 times: owners\n    a, b\n"), "{report}");
    }
}
