//! Airflow DAGs that hold a workflow as a text: `config = """…"""`, as OpenMetadata's documentation
//! has them.
//!
//! In: a Python file. Out: a draft for each such text, with what the DAG's call says of when it
//! runs. The file is never run: what it puts together when it runs (an f-string, a Variable) is not
//! known here, which is then said.

mod call;
mod tokens;

use call::{Dag, Schedule};
use tokens::{Kind, Token, tokens};

use super::workflow::{WORKFLOW_CONFIG, not_a_workflow, unknown_type};
use super::{Found, NotTaken, timing};
use crate::diagnostic::Diagnostics;
use crate::import::draft::{Draft, Drafts};
use crate::import::kind;
use crate::import::names::{of_file, sanitize};
use crate::import::report::Skipped;
use crate::source::Sources;
use crate::tree::Node;
use crate::yaml::{self, Dialect};

/// How OpenMetadata's own generated DAGs find their pipeline.
const FACTORY: &str = "WorkflowFactory";

/// A workflow in a DAG file.
#[derive(Debug)]
pub(crate) struct Embedded {
    file: String,
    line: usize,
    workflow: Node,
    dag: Option<Dag>,
    notes: Vec<String>,
}

/// Whether a Python file has to do with ingestion; others beside it are none of ours.
pub(in crate::import) fn concerns_ingestion(text: &str) -> bool {
    text.contains(WORKFLOW_CONFIG) || text.contains(FACTORY)
}

/// Files the workflows of a Python file.
pub(super) fn take(
    file: &str,
    text: &str,
    into: &mut Found,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<(), NotTaken> {
    let tokens = tokens(text);
    let texts = workflow_texts(&tokens);
    let mut dags = call::dags(&tokens);
    let dag = if texts.len() == 1 && dags.len() == 1 { dags.pop() } else { None };
    let (mut taken, mut others) = (false, Vec::new());
    for WorkflowText { line, name, value } in texts {
        let value = match value {
            Ok(value) => value,
            Err(reason) => {
                others.push((line, reason));
                continue;
            }
        };
        // Findings are shown at the lines of the file.
        let padded = format!("{}{value}", "\n".repeat(line - 1));
        let source = sources.add(file, padded.as_str());
        let mut own = Diagnostics::default();
        let workflow = yaml::read(source, &padded, Dialect::PyYaml, &mut own).into_iter().next();
        taken |= own.has_errors();
        found.append(own);
        let Some(workflow) = workflow else { continue };
        if let Some(reason) = not_a_workflow(&workflow) {
            others.push((line, reason));
            continue;
        }
        taken = true;
        let mut notes = Vec::new();
        if let Some(line) = name.and_then(|name| call::changes_after_reading(&tokens, name)) {
            notes.push(format!(
                "line {line} changes the workflow when it runs: see whether that is to be kept"
            ));
        }
        if !dags.is_empty() {
            notes.push("which DAG runs it is not known here, so it has no schedule".to_owned());
        }
        let dag = dag.clone();
        into.embedded.push(Embedded { file: file.to_owned(), line, workflow, dag, notes });
    }
    if !taken {
        let reason = others.first().map_or_else(|| why_not(text), |(_, reason)| *reason);
        return Err(NotTaken::Because(reason));
    }
    into.skipped.extend(others.into_iter().map(|(line, reason)| Skipped {
        name: format!("{file}:{line}"),
        reason: reason.to_owned(),
    }));
    Ok(())
}

/// The drafts of the workflows, in the order of their files and lines.
pub(super) fn drafts(mut embedded: Vec<Embedded>, drafts: &mut Drafts, found: &mut Diagnostics) {
    embedded.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    for Embedded { file, line, workflow, dag, notes } in embedded {
        let Some(pipeline_type) = kind::pipeline_type(&workflow) else {
            found.push(unknown_type(&workflow));
            continue;
        };
        let mut draft = Draft::of_workflow(format!("{file}:{line}"), pipeline_type, workflow);
        draft.names = of_file(&file, pipeline_type.as_str());
        draft.left_behind = notes;
        if let Some(dag) = dag {
            if let Some(id) = &dag.id {
                draft.names.insert(0, sanitize(id));
            }
            runs_by(dag, &mut draft);
        }
        drafts.pipelines.push(draft);
    }
}

/// What the DAG's call says.
fn runs_by(dag: Dag, draft: &mut Draft) {
    let Dag { id: _, schedule, time_zone, paused, description, others } = dag;
    draft.description = description;
    let schedule = match schedule {
        Schedule::Text(text) => Some(text),
        Schedule::Never => None,
        Schedule::Missing => {
            draft.note("its DAG names no schedule, which Airflow 2 takes for daily");
            None
        }
        Schedule::Computed => {
            draft.note("its DAG's schedule is no text, so it is left out");
            None
        }
    };
    // Airflow reads schedules in UTC unless the start date has a zone.
    let time_zone = time_zone.as_deref().unwrap_or("UTC");
    timing::set(draft, schedule.as_deref(), Some(time_zone), !paused);
    for name in others {
        draft.note(format!("its DAG's `{name}` is left out"));
    }
}

/// A text that speaks of what only workflows have.
struct WorkflowText<'a> {
    line: usize,
    /// What it is assigned to.
    name: Option<&'a str>,
    /// The text, or why it is only known where the file runs.
    value: Result<String, &'static str>,
}

/// The workflows among the texts of a file. Texts beside each other are one.
fn workflow_texts<'a>(tokens: &[Token<'a>]) -> Vec<WorkflowText<'a>> {
    let mut texts = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let (mut value, mut is_workflow) = (Some(String::new()), false);
        while let Some(Token { kind: Kind::Text(part), .. }) = tokens.get(at) {
            value = value.zip(part.value.as_ref()).map(|(value, part)| value + part);
            is_workflow |= part.written.contains(WORKFLOW_CONFIG) && part.written.contains(':');
            at += 1;
        }
        if is_workflow {
            let before = start.checked_sub(1).map(|at| &tokens[at].kind);
            let name = match (start.checked_sub(2).map(|at| &tokens[at].kind), before) {
                (Some(Kind::Name(name)), Some(Kind::Symbol('='))) => Some(*name),
                _ => None,
            };
            let of_operator = matches!(before, Some(Kind::Symbol('+' | '%')));
            let change = changed_by(&tokens[at..])
                .or_else(|| of_operator.then_some(BY_OPERATOR))
                .or_else(|| changed_later(tokens, name?));
            let value = change.map_or(value.ok_or(BY_FORMAT), Err);
            texts.push(WorkflowText { line: tokens[start].line, name, value });
        }
        at = at.max(start + 1);
    }
    texts
}

const BY_FORMAT: &str =
    "its text is put together when it runs (an f-string, `.format` or the like)";
const BY_OPERATOR: &str = "its text is put together when it runs (`+` or `%`)";
const BY_TEMPLATE: &str = "its text is filled in when it runs (`Template` or `expandvars`)";

/// What the tokens behind a text do to it.
fn changed_by(tokens: &[Token<'_>]) -> Option<&'static str> {
    match [tokens.first().map(|token| &token.kind), tokens.get(1).map(|token| &token.kind)] {
        [Some(Kind::Symbol('+' | '%')), _] => Some(BY_OPERATOR),
        [Some(Kind::Symbol('.')), Some(Kind::Name(method))] if is_change(method) => Some(BY_FORMAT),
        _ => None,
    }
}

/// Whether a method puts something into a text.
fn is_change(method: &str) -> bool {
    matches!(method, "format" | "format_map" | "replace" | "substitute" | "safe_substitute")
}

/// What the file does to the text of a name when it runs.
fn changed_later(tokens: &[Token<'_>], name: &str) -> Option<&'static str> {
    let named = tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Name(name));
    let mut named = named.map(|(at, _)| at);
    named.find_map(|at| {
        let call = at.checked_sub(2).map(|at| &tokens[at].kind);
        match call {
            Some(Kind::Name("Template" | "expandvars")) => Some(BY_TEMPLATE),
            _ => changed_by(&tokens[at + 1..]),
        }
    })
}

/// Why a file has no text that is a workflow.
fn why_not(text: &str) -> &'static str {
    if text.contains(FACTORY) {
        "OpenMetadata generated it: its pipeline is in the JSON file that it names, in dag_generated_configs"
    } else if text.contains(WORKFLOW_CONFIG) {
        "its workflow is no text: write out with `json.dumps` what it gives to the workflow's `create`"
    } else {
        "it holds no workflow"
    }
}
