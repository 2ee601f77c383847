//! What a proposal changes in the texts, and what it leaves alone.

use proptest::prelude::*;

use super::*;
use crate::compile::Options;
use crate::project::{Input, Project};
use crate::render::Mode;
use crate::workspace;

const SHARED: &str = "\
kind: IngestionProject
metadata: {name: p}
spec: {openMetadata: {hostPort: 'http://om:8585/api', authProvider: openmetadata, securityConfig: {jwtToken: {secretKeyRef: {name: bot, key: token}}}}}
---
kind: ServiceConnection
metadata: {name: one}
spec: {type: postgres}
---
kind: ServiceConnection
metadata: {name: two}
spec: {type: mysql}
";

/// What is proposed for files, all of which are well formed.
fn proposed(files: &[(String, String)], window: u8) -> Proposal {
    let inputs = files
        .iter()
        .map(|(name, text)| Input::Text { name: name.clone(), bytes: text.as_bytes().to_vec() });
    let shared = Input::Text { name: "p.yaml".to_owned(), bytes: SHARED.as_bytes().to_vec() };
    let mut project = Project::read(inputs.chain([shared]).collect()).unwrap();
    let options = Options {
        mode: Mode::Scheduled,
        environment: None,
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects: false,
    };
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    assert!(!found.has_errors(), "{found:?}");
    spread(&seen, &TimeZone::utc(), window, sources, |_| true)
}

fn pipeline(name: &str, schedule: &str) -> String {
    format!(
        "kind: IngestionPipeline\nmetadata: {{name: {name}}}\nspec: {{type: metadata, service: one, schedule: {schedule}}}\n"
    )
}

fn stays(text: &str) -> Vec<(String, Kept)> {
    // Two that cannot move, so that neither has a better place.
    let other = text.replace("name: a", "name: b");
    let files = [("a.yaml".to_owned(), text.to_owned()), ("b.yaml".to_owned(), other)];
    let proposal = proposed(&files, 60);
    assert_eq!(proposal.patches, []);
    proposal.stays.into_iter().map(|stay| (stay.name.to_string(), stay.why)).collect()
}

#[test]
fn an_alias_an_anchor_and_a_merged_schedule_stay() {
    let alias = "kind: IngestionPipeline\nmetadata: {name: a, annotations: {x: &s 0 3 * * *}}\nspec: {type: metadata, service: one, schedule: *s}\n";
    let merged = "kind: IngestionPipeline\nmetadata: {name: a, annotations: &m {schedule: 0 3 * * *}}\nspec: {<<: *m, type: metadata, service: one}\n";
    let anchor = pipeline("a", "&s 0 3 * * *");
    for (text, why) in [(alias, Kept::Shared), (merged, Kept::Entangled), (&anchor, Kept::Shared)] {
        assert_eq!(stays(text), [("a".to_owned(), why), ("b".to_owned(), why)], "{text}");
    }
}

#[test]
fn a_folded_schedule_stays() {
    let folded = pipeline("a", "\"0 3\n    * * *\"");
    assert_eq!(stays(&folded)[0].1, Kept::Form);
}

#[test]
fn disabled_pipelines_neither_move_nor_count() {
    let off = pipeline("resting", "0 3 * * *").replace("spec: {", "spec: {enabled: false, ");
    let files = [("a.yaml", pipeline("a", "0 3 * * *")), ("b.yaml", off)];
    let files = files.map(|(name, text)| (name.to_owned(), text));
    assert_eq!(proposed(&files, 60).moves, []);
}

/// A pipeline as somebody might write it: (schedule, style, comment, service).
fn document(number: usize, written: &(String, u8, String, bool)) -> String {
    let (schedule, style, comment, first) = written;
    let service = if *first { "one" } else { "two" };
    let plain = schedule.starts_with(|c: char| c.is_ascii_digit());
    let schedule = match style % 3 {
        0 if plain => schedule.clone(),
        1 => format!("'{schedule}'"),
        _ => format!("\"{schedule}\""),
    };
    match style / 3 {
        0 => format!(
            "# {comment}\nkind: IngestionPipeline\nmetadata:\n    name: p{number}   # {comment}\nspec:\n    type: metadata\n    service: {service}\n    schedule:   {schedule}  # {comment}\n"
        ),
        1 => format!(
            "{{kind: IngestionPipeline, metadata: {{name: p{number}}}, # {comment}\n spec: {{schedule: {schedule}, service: {service}, type: metadata}}}}\n"
        ),
        _ => format!(
            "kind: IngestionPipeline\r\nmetadata: {{name: p{number}}}\r\nspec:\r\n  schedule: # {comment}\r\n    {schedule}\r\n  type: metadata\r\n  service: {service}\r\n"
        ),
    }
}

fn without_minutes(text: &str) -> String {
    let schedules = regex_lite::Regex::new(
        r#"(schedule:\s+(?:#.*\s+)?['"]?)(?:@daily|@hourly|\d+ (?:0|\*) \* \* \*|\d+)"#,
    );
    schedules.unwrap().replace_all(text, "$1").into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_minutes_changes_and_a_second_time_nothing(
        documents in prop::collection::vec((
            "(0 3 \\* \\* \\*|00 3 \\* \\* MON|5 3 \\* \\* \\*|@daily|@hourly|\\*/30 3 \\* \\* \\*)",
            0u8..9, "[ -~äé]{0,12}", any::<bool>(),
        ), 1..24),
        window in 2u8..=60,
        files in 1usize..4,
    ) {
        let mut texts = vec![String::new(); files];
        for (number, written) in documents.iter().enumerate() {
            let text = &mut texts[number % files];
            if !text.is_empty() {
                text.push_str("---\n");
            }
            text.push_str(&document(number, written));
        }
        let texts = texts.into_iter().enumerate().filter(|(_, text)| !text.is_empty());
        let mut texts = texts.map(|(n, text)| (format!("{n}.yaml"), text)).collect::<Vec<_>>();
        let first = proposed(&texts, window);
        prop_assert_eq!(first.moves.is_empty(), first.patches.is_empty());
        for patch in &first.patches {
            let (_, text) = texts.iter_mut().find(|(name, _)| *name == patch.file).unwrap();
            prop_assert_eq!(&patch.before, &*text);
            prop_assert_eq!(patch.before.lines().count(), patch.after.lines().count());
            prop_assert_eq!(without_minutes(&patch.before), without_minutes(&patch.after));
            text.clone_from(&patch.after);
        }
        // It is read and checked again, and there is nothing left to move.
        let second = proposed(&texts, window);
        prop_assert_eq!(second.moves, []);
    }
}
