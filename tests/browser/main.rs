//! The page of `schedule --html` in a real browser: nothing overflows, on a screen, a phone or paper,
//! in light and dark; every pipeline is named; nothing is fetched and nothing is complained about.
//! Skipped, with a word, where there is no Chromium; with CI set that is a failure.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod chromium;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chromium::{Browser, Page};
use serde_json::{Value, json};

/// A4 without the page's margins, in CSS pixels.
const PAPER: u32 = 688;

/// What sticks out: of the page, of its cell, or of its picture.
const STICKING_OUT: &str = "
(() => {
  const found = [], width = document.documentElement.clientWidth;
  const tell = (what, e) => found.push(what + ': ' + e.tagName + ' ' + e.textContent.slice(0, 60));
  if (document.documentElement.scrollWidth > width) found.push('the page scrolls sideways');
  for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect();
    // On a phone the pictures are scrolled, within the page.
    const scrolled = e.closest('figure') && e.tagName != 'FIGURE';
    if (!scrolled && (box.right > width + 1 || box.left < -1)) tell('out of the page', e);
  }
  for (const e of document.querySelectorAll('h1, h2, p, dt, dd, th, td, small')) {
    if (e.scrollWidth > e.clientWidth + 1) tell('out of its cell', e);
  }
  for (const e of document.querySelectorAll('svg text')) {
    const box = e.getBBox(), view = e.ownerSVGElement.viewBox.baseVal;
    if (box.x < -1 || box.x + box.width > view.width + 1 || box.y < -1 || box.y + box.height > view.height + 1)
      tell('out of its picture by ' + [box.x, box.y, box.x + box.width - view.width, box.y + box.height - view.height].map(Math.round), e);
  }
  return found.slice(0, 8);
})()";

/// Labels of a picture that lie on each other.
const ON_EACH_OTHER: &str = "
[...document.querySelectorAll('svg')].flatMap(svg => {
  const boxes = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBBox()]);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1, i + 40)
    .filter(([, b]) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)
    .map(([other]) => one + ' on ' + other));
}).slice(0, 8)";

/// What no reader of a screen would be told: pictures without a title.
const UNTITLED: &str = "
[...document.querySelectorAll('svg')].filter(svg => !svg.querySelector(':scope > title')?.textContent).length";

/// A project with its page, and the names on it.
struct Case {
    name: &'static str,
    folder: PathBuf,
    arguments: &'static [&'static str],
}

/// The browser; `None`, with a word, where there is none and need not be one.
fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        let message = "there is no chromium here";
        assert!(std::env::var_os("CI").is_none(), "{message}: apt-get install chromium");
        println!("skipped: {message}");
    }
    browser
}

#[test]
fn the_checks_find_what_is_wrong_with_a_page() {
    const WRONG: &str = "<!DOCTYPE html><body><p style='width: 3em'>unbreakable-text-of-one-word</p>
        <svg viewBox='0 0 10 10'><text x='0' y='5'>far too long</text><text x='0' y='5'>twice</text></svg>
        <img src='http://127.0.0.1:9/x.png'><script>console.error('no')</script>";
    let Some(mut browser) = browser() else { return };
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("wrong.html");
    fs::write(&file, WRONG).unwrap();
    let mut page = browser.page();
    page.show(&file, 360, "screen", "light");
    let found = page.evaluate(STICKING_OUT).to_string();
    assert!(found.contains("out of its cell") && found.contains("out of its picture"), "{found}");
    assert_eq!(page.evaluate(ON_EACH_OTHER), json!(["far too long on twice"]));
    assert_eq!(page.evaluate(UNTITLED), json!(1));
    assert!(page.complaints().iter().any(|complaint| complaint.contains("\"no\"")));
    assert!(page.requests().iter().any(|url| url == "http://127.0.0.1:9/x.png"));
    browser.close();
}

#[test]
fn the_page_reads_well_on_screens_and_paper_and_fetches_nothing() {
    let Some(mut browser) = browser() else { return };
    let large = tempfile::tempdir().unwrap();
    fs::write(large.path().join("ompipe.yaml"), large_project(500)).unwrap();
    let small = tempfile::tempdir().unwrap();
    fs::write(small.path().join("ompipe.yaml"), large_project(3)).unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let cases = [
        Case { name: "3 pipelines", folder: small.path().to_owned(), arguments: &[] },
        Case { name: "examples/schedules", folder: examples.join("schedules"), arguments: &[] },
        Case { name: "examples/team", folder: examples.join("team"), arguments: &["--days", "31"] },
        Case { name: "500 pipelines", folder: large.path().to_owned(), arguments: &[] },
    ];
    let out = tempfile::tempdir().unwrap();
    for case in &cases {
        let file = out.path().join("schedule.html");
        let names = written(case, &file);
        let mut page = browser.page();
        for (look, width, media, scheme) in [
            ("screen", 1280, "screen", "light"),
            ("dark screen", 1280, "screen", "dark"),
            ("phone", 360, "screen", "light"),
            ("paper", PAPER, "print", "light"),
        ] {
            page.show(&file, width, media, scheme);
            let what = format!("{} on a {look}", case.name);
            assert_eq!(page.evaluate(STICKING_OUT), json!([]), "{what}");
            assert_eq!(page.evaluate(ON_EACH_OTHER), json!([]), "{what}");
            assert_eq!(page.evaluate(UNTITLED), json!(0), "{what}");
            let text = page.evaluate("document.body.innerText");
            let text = text.as_str().unwrap();
            let missing = names.iter().filter(|name| !text.contains(name.as_str()));
            assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "{what}");
        }
        check_colors(&mut page, &file);
        assert_eq!(page.complaints(), [""; 0], "{}", case.name);
        let own = format!("file://{}", file.display());
        let fetched =
            page.requests().into_iter().filter(|url| *url != own && !url.starts_with("data:"));
        assert_eq!(fetched.collect::<Vec<_>>(), [""; 0], "{}", case.name);
    }
    browser.close();
}

/// Light is light and dark is dark; paper is light whatever the screen is.
fn check_colors(page: &mut Page<'_>, file: &Path) {
    const PAPER_COLOR: &str = "getComputedStyle(document.body).backgroundColor";
    for (media, scheme, expected) in [
        ("screen", "light", "rgb(255, 255, 255)"),
        ("screen", "dark", "rgb(13, 17, 23)"),
        ("print", "dark", "rgb(255, 255, 255)"),
    ] {
        page.show(file, 1280, media, scheme);
        assert_eq!(page.evaluate(PAPER_COLOR), json!(expected), "{media} {scheme}");
    }
}

/// Writes a case's page, and gives the names of its pipelines.
fn written(case: &Case, file: &Path) -> Vec<String> {
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
        command.args(["schedule", "--from", "2026-11-23"]).args(case.arguments).args(more);
        let output = command.current_dir(&case.folder).env_clear().output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["--html", file.to_str().unwrap()]);
    let document: Value = serde_json::from_slice(&run(&["--format", "json"])).unwrap();
    let strings = |key: &str| document[key].as_array().unwrap().clone();
    let on_schedule = strings("pipelines").into_iter().map(|one| one["name"].clone());
    let names = on_schedule.chain(strings("byHand")).chain(strings("disabled"));
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// A project of so many pipelines, with what is hard to lay out: names without a place to break,
/// hours with hundreds of starts, every kind of schedule.
fn large_project(pipelines: usize) -> String {
    const SCHEDULES: [&str; 8] = [
        "0 3 * * *",
        "30 2 * * SUN",
        "@hourly",
        "*/5 * * * *",
        "@every 7h",
        "0,15,30,45 0-5,18-23 1-7,15-21 JAN-MAR,NOV MON-FRI",
        "0 0 31 2 *",
        "0 0 * * *",
    ];
    const ZONES: [&str; 4] =
        ["Europe/Zurich", "America/Argentina/ComodRivadavia", "Australia/Lord_Howe", ""];
    let mut text = "\
kind: IngestionProject
metadata: {name: large}
spec:
  openMetadata: {hostPort: 'http://om:8585/api', authProvider: openmetadata, securityConfig: {jwtToken: {secretKeyRef: {name: bot, key: token}}}}
  kubernetes: {resources: {requests: {cpu: 1234m, memory: 12345Mi}, limits: {cpu: '4', memory: 16Gi}}, startingDeadlineSeconds: 600}
".to_owned();
    for service in 0..pipelines.div_ceil(12) {
        write!(text, "---\nkind: ServiceConnection\nmetadata: {{name: service-{service:03}}}\nspec: {{type: postgres}}\n").unwrap();
    }
    for number in 0..pipelines {
        let long = if number % 50 == 1 { "x".repeat(90) } else { String::new() };
        let zone = ZONES[number % ZONES.len()];
        let zone = if zone.is_empty() { String::new() } else { format!(", timeZone: {zone}") };
        let enabled = number % 41 != 7;
        write!(
            text,
            "---\nkind: IngestionPipeline\nmetadata: {{name: pipeline-{number:03}-<i>-{long}}}\nspec: {{type: metadata, service: service-{:03}, enabled: {enabled}, schedule: '{}'{zone}}}\n",
            number / 12,
            SCHEDULES[number % SCHEDULES.len()],
        ).unwrap();
    }
    text
}
