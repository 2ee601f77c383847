//! `ompipe doctor`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use clap::Args;
use ompipe::cluster::Declared;
use ompipe::cluster::doctor::{self, Finding, Outcome, Question, Topic, Wanted, wanted};
use ompipe::cluster::rights::Verb;
use ompipe::diagnostic::counted;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::survey::secrets::needed;
use ompipe::workspace;
use serde_json::{Value, json};

use super::cluster::{ClusterArgs, block_on, declared};
use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::rbac;
use super::session::{Findings, Session};

/// Say what keeps a project from working in its cluster, and what to do about it
///
/// Looks at the API server, your rights for each verb, the namespace and its Pod Security, the
/// operator, Secrets, service accounts, quota, nodes and pods that do not start, against what the
/// project renders. It changes nothing, and reads no value of a Secret. With -n no project is read,
/// and what depends on one is left out. Exit status: 0 all is well, or there are warnings; 1 there
/// are problems; 2 the cluster cannot be asked.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe doctor                         The current folder's project, in its cluster
  ompipe doctor -e prod                 In another environment's
  ompipe doctor -n ingestion            Only the namespace and the cluster
  ompipe doctor --verbs status,logs     Who only looks needs fewer rights
  ompipe doctor --format json")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Look at this namespace, and read no project
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with_all = ["paths", "environment"])]
    namespace: Option<String>,

    /// The verbs that are to work, separated by commas [default: all]
    #[arg(long, value_name = "VERBS", value_delimiter = ',', value_parser = rbac::verb)]
    verbs: Vec<Verb>,

    /// The namespace of the operator's Lease
    #[arg(long, value_name = "NAMESPACE", default_value = "ompipe-operator")]
    operator_namespace: String,

    /// The name of the operator's Lease
    #[arg(long, value_name = "NAME", default_value = "omjob-operator", hide_short_help = true)]
    lease_name: String,

    /// Use no character beyond ASCII
    #[arg(long)]
    ascii: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &DoctorArgs, session: &mut Session) -> Result<Status, Error> {
    let mut declared = Declared::default();
    let namespaces = match &args.namespace {
        Some(namespace) => BTreeMap::from([(namespace.clone(), None)]),
        None => match of_project(args, session)? {
            Some((wanted, project)) => {
                declared = project;
                wanted.into_iter().map(|(name, wanted)| (name, Some(wanted))).collect()
            }
            None => return Ok(Status::Findings),
        },
    };
    let verbs = match args.verbs.as_slice() {
        [] => Verb::all().collect(),
        chosen => chosen.to_vec(),
    };
    let lease = (args.operator_namespace.clone(), args.lease_name.clone());
    let question = Question { namespaces, verbs, lease };
    let found = block_on(async {
        let cluster = args.cluster.connect_as(&declared).await?;
        Ok(doctor::examine(&cluster, &question).await?)
    })?;
    if session.writes_json() {
        json(&found, session.out())?;
    } else {
        let look = Look {
            color: session.colors_results(),
            symbols: !args.ascii && has_symbols(),
            has_namespaces: question.namespaces.len() > 1,
        };
        text(&found, &look, session.out())?;
    }
    let has_problems = found.iter().any(|finding| finding.outcome == Outcome::Problem);
    Ok(if has_problems { Status::Findings } else { Status::Fine })
}

/// What a project needs, by namespace, and what it says of its cluster.
type Read = (BTreeMap<String, Wanted>, Declared);

/// What a project needs; `None`: it is wrong, which is told.
fn of_project(args: &DoctorArgs, session: &mut Session) -> Result<Option<Read>, Error> {
    let mut project = input::read(&args.input)?;
    let declared = declared(&project, args.input.environment.as_deref());
    let options = input::options(&mut project, &args.input, Mode::Scheduled, &[], false)?;
    let encrypted = project.definitions.encrypted.clone();
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    let mut found = std::mem::take(&mut project.found).into_sorted();
    if session.fails_on(&found) {
        session.report(found, &project.sources, Findings::AsMessages)?;
        return Ok(None);
    }
    // The objects are compiled again from what was read: a survey lets them go.
    let mut project = input::read(&args.input)?;
    let objects = input::compile(&mut project, &args.input, Mode::Scheduled, &[], true)?;
    // Warnings are what `validate` and `render` say of the same definitions.
    found.clear();
    Ok(Some((wanted(&seen, needed(&seen, &encrypted), &objects), declared)))
}

/// How it looks.
struct Look {
    color: bool,
    symbols: bool,
    has_namespaces: bool,
}

/// Whether signs beyond ASCII can be read.
fn has_symbols() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
    let mut locale = locale.map(|text| text.to_string_lossy().to_lowercase());
    let locale = locale.find(|text| !text.is_empty());
    io::stdout().is_terminal()
        && locale.is_some_and(|text| text.contains("utf-8") || text.contains("utf8"))
}

fn text(found: &[Finding], look: &Look, out: &mut impl Write) -> io::Result<()> {
    for topic in Topic::ALL {
        let of_topic = found.iter().filter(|finding| finding.topic == topic).collect::<Vec<_>>();
        if of_topic.is_empty() {
            continue;
        }
        writeln!(out, "{}", topic.title())?;
        for finding in of_topic {
            let within = finding.namespace.as_deref().filter(|_| look.has_namespaces);
            let within = within.map(|name| format!("{name}: ")).unwrap_or_default();
            writeln!(out, "  {} {within}{}", mark(finding.outcome, look), plain(&finding.message))?;
            if let Some(remedy) = &finding.remedy {
                let indent = if look.symbols { 4 } else { 11 };
                writeln!(out, "{:indent$}Hint: {}", "", plain(remedy))?;
            }
        }
    }
    let count = |outcome| found.iter().filter(|finding| finding.outcome == outcome).count();
    let (problems, warnings) = (count(Outcome::Problem), count(Outcome::Warning));
    let unknown = count(Outcome::Unknown);
    let mut parts = Vec::new();
    for (count, word) in [(problems, "problem"), (warnings, "warning")] {
        if count > 0 {
            parts.push(counted(count, word));
        }
    }
    if unknown > 0 {
        parts.push(format!("{unknown} could not be looked at"));
    }
    let summary = if parts.is_empty() { "all is well".to_owned() } else { parts.join(", ") };
    writeln!(out, "\n{summary}")
}

/// The sign before a finding, of one width.
fn mark(outcome: Outcome, look: &Look) -> String {
    let (symbol, word, color) = match outcome {
        Outcome::Fine => ("✓", "ok", 32),
        Outcome::LeftOut => ("-", "left out", 2),
        Outcome::Unknown => ("?", "unknown", 33),
        Outcome::Warning => ("!", "warning", 33),
        Outcome::Problem => ("✗", "PROBLEM", 31),
    };
    let text = if look.symbols { symbol.to_owned() } else { format!("{word:<8}") };
    if look.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text }
}

/// A text of the cluster, without what moves a terminal's cursor.
fn plain(text: &str) -> String {
    let lines = text.replace('\n', "\n    ");
    lines.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn json(found: &[Finding], out: &mut impl Write) -> io::Result<()> {
    let findings = found.iter().map(|finding| {
        let mut object = json!({
            "topic": finding.topic.id(),
            "outcome": finding.outcome.as_str(),
            "message": finding.message,
        });
        object["namespace"] = finding.namespace.as_deref().map_or(Value::Null, Value::from);
        object["remedy"] = finding.remedy.as_deref().map_or(Value::Null, Value::from);
        object
    });
    let count = |outcome| found.iter().filter(|finding| finding.outcome == outcome).count();
    let document = json!({
        "version": 1,
        "problems": count(Outcome::Problem),
        "warnings": count(Outcome::Warning),
        "findings": findings.collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_grouped_with_their_remedies_and_counted() {
        let found = [
            Finding::fine(Topic::Server, "it answers"),
            Finding::problem(Topic::Secrets, "there is no Secret db\u{1b}[2J")
                .with_remedy("Create it.")
                .within("n"),
            Finding::new(Topic::Nodes, Outcome::Unknown, "could not look"),
        ];
        let mut out = Vec::new();
        let look = Look { color: false, symbols: false, has_namespaces: true };
        text(&found, &look, &mut out).unwrap();
        let expected = "\
API server
  ok       it answers
Secrets and ConfigMaps
  PROBLEM  n: there is no Secret db\u{fffd}[2J
           Hint: Create it.
Nodes
  unknown  could not look

1 problem, 1 could not be looked at
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
