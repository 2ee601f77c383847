//! A diagnosis as text for people.
//!
//! In: a diagnosis and the time. Out: what is wrong first, and what to do about it, then what it
//! rests on: pods, events, the end of the log.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::words::span;
use super::{ContainerView, Diagnosis, EventView, Finding, PodView};

/// The text of a diagnosis, a full stop or a line end at its end.
pub fn text(diagnosis: &Diagnosis, now: Timestamp) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, diagnosis, now);
    text
}

fn write(text: &mut String, of: &Diagnosis, now: Timestamp) -> std::fmt::Result {
    writeln!(text, "{} in {}: {}", of.pipeline, of.namespace, of.state)?;
    writeln!(text, "run {}, {}", of.run_id, of.object)?;
    writeln!(text, "\n{}.", capitalized(&of.summary))?;
    for finding in &of.findings {
        let Finding { reason, object, message, remedy } = finding;
        if of.summary.ends_with(message.as_str()) {
            writeln!(text, "  {reason}, {object}")?;
        } else {
            writeln!(text, "\n{}.\n  {reason}, {object}", capitalized(message))?;
        }
        if let Some(remedy) = remedy {
            writeln!(text, "  Hint: {remedy}")?;
        }
    }
    if !of.pods.is_empty() {
        writeln!(text, "\nPods:")?;
        for pod in &of.pods {
            write_pod(text, pod, now)?;
        }
    }
    if !of.events.is_empty() {
        writeln!(text, "\nLast events:")?;
        for event in &of.events {
            write_event(text, event, now)?;
        }
    }
    if let Some(log) = &of.log {
        let lines = log.lines.len();
        writeln!(
            text,
            "\nLast {lines} lines of the log of {}, container {}:",
            log.pod, log.container
        )?;
        for line in &log.lines {
            writeln!(text, "  {line}")?;
        }
    }
    for unread in &of.unread {
        writeln!(text, "\nNot looked at: {unread}")?;
    }
    Ok(())
}

fn write_pod(text: &mut String, pod: &PodView, now: Timestamp) -> std::fmt::Result {
    write!(text, "  {}: {}", pod.name, pod.phase)?;
    if let Some(reason) = &pod.reason {
        write!(text, " ({reason})")?;
    }
    match &pod.node {
        Some(node) => write!(text, ", node {node}")?,
        None => write!(text, ", no node")?,
    }
    writeln!(text)?;
    for container in &pod.containers {
        write_container(text, container, now)?;
    }
    Ok(())
}

fn write_container(
    text: &mut String,
    container: &ContainerView,
    now: Timestamp,
) -> std::fmt::Result {
    let ContainerView {
        name,
        kind,
        state,
        reason,
        exit_code,
        meaning,
        started_at,
        finished_at,
        restarts,
    } = container;
    write!(text, "    {name}")?;
    if *kind != "main" {
        write!(text, " ({kind})")?;
    }
    write!(text, ": {state}")?;
    match (exit_code, reason, meaning) {
        (Some(code), Some(reason), Some(meaning)) => {
            write!(text, " with exit code {code} ({reason}): {meaning}")?;
        }
        (Some(code), ..) => write!(text, " with exit code {code}")?,
        (None, Some(reason), _) => write!(text, " ({reason})")?,
        (None, None, _) => {}
    }
    match (started_at, finished_at) {
        (Some(started), Some(finished)) => write!(
            text,
            "; it ran for {} and ended {} ago",
            span(*started, *finished),
            span(*finished, now)
        )?,
        (Some(started), None) => write!(text, " since {}", span(*started, now))?,
        _ => {}
    }
    if *restarts > 0 {
        write!(text, "; restarts: {restarts}")?;
    }
    writeln!(text)
}

fn write_event(text: &mut String, event: &EventView, now: Timestamp) -> std::fmt::Result {
    let EventView { time, count, kind, reason, object, message } = event;
    match time {
        Some(time) => write!(text, "  {} ago", span(*time, now))?,
        None => write!(text, "  at some time")?,
    }
    if *count > 1 {
        write!(text, ", {count} times")?;
    }
    // Some have several lines.
    let message = message.replace('\n', " ");
    writeln!(text, ": {kind} {reason} of {object}: {message}")
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
