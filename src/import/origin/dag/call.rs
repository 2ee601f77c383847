//! The calls of a DAG file that say when it runs.
//!
//! In: tokens. Out: what `DAG(…)` and `@dag(…)` are given, as far as it is written out.

use super::tokens::{Kind, Token};

/// What a DAG is created with.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Dag {
    /// `dag_id`.
    pub(super) id: Option<String>,
    /// `schedule` or `schedule_interval`.
    pub(super) schedule: Schedule,
    /// The zone of `start_date`, where it has one.
    pub(super) time_zone: Option<String>,
    /// `is_paused_upon_creation`.
    pub(super) paused: bool,
    /// `description`.
    pub(super) description: Option<String>,
    /// The names of all other arguments.
    pub(super) others: Vec<String>,
}

/// When a DAG runs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) enum Schedule {
    /// Nothing is said.
    #[default]
    Missing,
    /// `None`: by hand.
    Never,
    /// A text.
    Text(String),
    /// Something that is only known where the file runs.
    Computed,
}

/// The DAGs that a file creates.
pub(super) fn dags(tokens: &[Token<'_>]) -> Vec<Dag> {
    let is_call = |at: usize| {
        let kind = |at: usize| tokens.get(at).map(|token| &token.kind);
        let before = at.checked_sub(1).and_then(kind);
        let named = match kind(at) {
            Some(Kind::Name("DAG")) => !matches!(before, Some(Kind::Name("class" | "def"))),
            Some(Kind::Name("dag")) => matches!(before, Some(Kind::Symbol('@'))),
            _ => false,
        };
        named && kind(at + 1) == Some(&Kind::Symbol('('))
    };
    (0..tokens.len())
        .filter(|at| is_call(*at))
        .map(|at| dag(&arguments(&tokens[at + 2..])))
        .collect()
}

/// The arguments of a call, from behind its opening bracket.
fn arguments<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut arguments = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol('(' | '[' | '{') => depth += 1,
            Kind::Symbol(')' | ']' | '}') if depth == 0 => {
                arguments.push(&tokens[start..at]);
                break;
            }
            Kind::Symbol(')' | ']' | '}') => depth -= 1,
            Kind::Symbol(',') if depth == 0 => {
                arguments.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

fn dag(arguments: &[&[Token<'_>]]) -> Dag {
    let mut dag = Dag::default();
    for (position, argument) in arguments.iter().enumerate() {
        let (name, value) = match argument {
            [
                Token { kind: Kind::Name(name), .. },
                Token { kind: Kind::Symbol('='), .. },
                value @ ..,
            ] => (*name, value),
            value if position == 0 => ("dag_id", *value),
            _ => ("*", *argument),
        };
        let text = match value {
            [Token { kind: Kind::Text(text), .. }] => text.value.clone(),
            _ => None,
        };
        let word = match value {
            [Token { kind: Kind::Name(word), .. }] => *word,
            _ => "",
        };
        match name {
            "dag_id" => dag.id = text,
            "schedule" | "schedule_interval" => {
                dag.schedule = match text {
                    Some(text) => Schedule::Text(text),
                    None if word == "None" => Schedule::Never,
                    None => Schedule::Computed,
                };
            }
            "is_paused_upon_creation" => dag.paused = word == "True",
            "description" if text.is_some() => dag.description = text,
            "catchup" if word == "False" => {}
            "start_date" => {
                dag.time_zone = zone(value);
                dag.others.push(name.to_owned());
            }
            _ => dag.others.push(name.to_owned()),
        }
    }
    dag
}

/// The zone in `datetime(…, tz="Europe/Zurich")`.
fn zone(value: &[Token<'_>]) -> Option<String> {
    value.windows(3).find_map(|window| match [&window[0].kind, &window[1].kind, &window[2].kind] {
        [Kind::Name("tz"), Kind::Symbol('='), Kind::Text(zone)] => zone.value.clone(),
        _ => None,
    })
}

/// The first line that sets an entry of what was read from the text of a name.
pub(super) fn changes_after_reading(tokens: &[Token<'_>], text: &str) -> Option<usize> {
    let read = tokens.iter().enumerate().find_map(|(at, token)| {
        let of_text = token.kind == Kind::Name(text);
        let call = at.checked_sub(2).map(|at| &tokens[at].kind);
        let reads = matches!(call, Some(Kind::Name("safe_load" | "load" | "loads")));
        (of_text && reads).then(|| assigned(&tokens[..at])).flatten()
    })?;
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].kind == Kind::Name(read) {
            let line = tokens[at].line;
            let mut end = at + 1;
            while tokens.get(end).is_some_and(|token| token.kind == Kind::Symbol('[')) {
                end += 1 + arguments_length(&tokens[end + 1..]);
            }
            let symbol = |at: usize| tokens.get(at).map(|token| &token.kind);
            let set = symbol(end) == Some(&Kind::Symbol('='))
                && symbol(end + 1) != Some(&Kind::Symbol('='));
            if end > at + 1 && set {
                return Some(line);
            }
        }
        at += 1;
    }
    None
}

/// How many tokens there are up to the bracket that closes, with it.
fn arguments_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol('(' | '[' | '{') => depth += 1,
            Kind::Symbol(')' | ']' | '}') if depth == 0 => return at + 1,
            Kind::Symbol(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The name that the statement at the end of some tokens assigns to.
fn assigned<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    let start = tokens.iter().rposition(|token| token.kind == Kind::Newline).map_or(0, |at| at + 1);
    match &tokens[start..] {
        [Token { kind: Kind::Name(name), .. }, Token { kind: Kind::Symbol('='), .. }, ..] => {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn a_dag_is_what_its_call_writes_out() {
        let text = r#"
with models.DAG(
    "orders",
    default_args={"retries": 3, "owner": "x"},
    schedule_interval='*/5 * * * *',  # often
    start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Zurich"),
    is_paused_upon_creation=True, catchup=False,
) as dag:
    pass
"#;
        let expected = Dag {
            id: Some("orders".to_owned()),
            schedule: Schedule::Text("*/5 * * * *".to_owned()),
            time_zone: Some("Europe/Zurich".to_owned()),
            paused: true,
            description: None,
            others: vec!["default_args".to_owned(), "start_date".to_owned()],
        };
        assert_eq!(dags(&tokens(text)), [expected]);
    }

    #[test]
    fn a_schedule_may_be_missing_none_or_computed() {
        let schedule = |text: &str| dags(&tokens(text)).remove(0).schedule;
        assert_eq!(schedule("DAG('a')"), Schedule::Missing);
        assert_eq!(schedule("@dag(schedule=None)\ndef a(): pass"), Schedule::Never);
        assert_eq!(schedule("DAG(dag_id='a', schedule=timedelta(days=1))"), Schedule::Computed);
        assert_eq!(dags(&tokens("from airflow import DAG\nclass DAG(object): pass")), []);
    }

    #[test]
    fn a_workflow_that_is_changed_after_reading_is_found() {
        let text =
            "config = '''a'''\nw = yaml.safe_load(config)\nprint(w['a'] == 1)\nw['a']['b'] = x\n";
        assert_eq!(changes_after_reading(&tokens(text), "config"), Some(4));
        assert_eq!(changes_after_reading(&tokens(&text[..60]), "config"), None);
    }
}
