//! `ompipe watch` on a real file system, told of changes by a real kernel: whatever is done to a
//! project, the output folder is what `ompipe render` makes of it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod edits;
mod session;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use edits::{Edit, edit};
use session::{Watching, ompipe, render};

/// How many random histories; `OMPIPE_WATCH_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("OMPIPE_WATCH_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(6)
}

/// A folder with a new project in it.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    let output = ompipe(&project, &["init", "--quiet"]).output().unwrap();
    assert!(output.status.success());
    folder
}

/// Everything in a folder.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// What rendering makes of a project now; `None` when something is wrong.
fn rendered(project: &Path) -> Option<BTreeMap<String, String>> {
    let output = tempfile::tempdir().unwrap();
    let output = output.path().join("out");
    render(project, &output).status.success().then(|| tree(&output))
}

/// Compares the watched folder with a fresh one, or with the last good one while there is none.
fn assert_same(project: &Path, last: &mut BTreeMap<String, String>) {
    if let Some(fresh) = rendered(project) {
        *last = fresh;
    }
    let watched = tree(&project.join("rendered"));
    let differ = |path: &&String| watched.get(*path) != last.get(*path);
    let paths = watched.keys().chain(last.keys()).filter(differ);
    assert_eq!(paths.collect::<Vec<_>>(), Vec::<&String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn the_folder_is_always_what_rendering_gives(
        edits in prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..20),
    ) {
        let folder = project();
        let project = folder.path().join("project");
        let mut watching = Watching::start(&project, &["-o", "rendered"]);
        let mut last = BTreeMap::new();
        watching.settle();
        assert_same(&project, &mut last);
        for edits in edits {
            for edit in &edits {
                edit.make(&project);
            }
            watching.settle();
            assert_same(&project, &mut last);
        }
    }
}

#[test]
fn while_something_is_wrong_the_last_good_output_stays_and_findings_go_when_it_is_mended() {
    let folder = project();
    let project = folder.path().join("project");
    let watching = Watching::start(&project, &["-o", "rendered"]);
    assert_eq!(watching.next()["event"], "rendered");
    let good = tree(&project.join("rendered"));

    let path = project.join("pipelines/warehouse-metadata.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("schedule: ", "schedule: x")).unwrap();
    let event = watching.next();
    assert_eq!((&event["event"], &event["errors"]), (&"findings".into(), &1.into()));
    assert_eq!(event["findings"][0]["file"], "pipelines/warehouse-metadata.yaml");
    assert_eq!(tree(&project.join("rendered")), good);

    fs::write(&path, format!("{text}  description: mended\n")).unwrap();
    let events = watching.until("rendered");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["event"], "cleared");
    assert_same(&project, &mut BTreeMap::new());
    assert_eq!(watching.end("-TERM"), Some(0));
}

#[test]
fn a_save_in_several_steps_is_one_change() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "rendered"]);
    watching.settle();
    let path = project.join("pipelines/warehouse-metadata.yaml");
    let text = fs::read_to_string(&path).unwrap();
    // It ends within a key, and is no definition.
    let (begin, end) = text.split_at(text.find("schedule").unwrap() + 3);
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(begin.as_bytes()).unwrap();
    file.flush().unwrap();
    // Longer than a burst of changes takes to be over.
    std::thread::sleep(std::time::Duration::from_millis(40));
    file.write_all(end.as_bytes()).unwrap();
    file.write_all(b"  description: saved\n").unwrap();
    drop(file);
    let events = watching.settle();
    let has_errors = |event: &&serde_json::Value| event["errors"].as_u64().unwrap_or(0) > 0;
    assert_eq!(events.iter().find(has_errors), None);
    assert_same(&project, &mut BTreeMap::new());
}

#[test]
fn what_is_written_is_no_change_that_is_seen() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "rendered"]);
    assert_eq!(watching.next()["event"], "rendered");
    for _ in 0..3 {
        let names = watching.settle().into_iter().map(|event| event["event"].to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["\"findings\"", "\"rendered\""]);
    }
}

#[test]
fn a_project_that_goes_and_comes_back_is_watched_as_before() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "../rendered"]);
    assert_eq!(watching.next()["event"], "rendered");
    let aside = folder.path().join("aside");
    fs::rename(&project, &aside).unwrap();
    let event = watching.next();
    assert_eq!(event["event"], "error");
    assert!(event["message"].as_str().unwrap().contains("failed to enter"), "{event}");
    assert!(folder.path().join("rendered/kustomization.yaml").is_file());

    let copied = std::process::Command::new("cp").arg("-r").args([&aside, &project]).status();
    assert!(copied.unwrap().success());
    watching.until("rendered");
    watching.settle();
    let fresh = folder.path().join("fresh");
    assert!(render(&project, &fresh).status.success());
    assert_eq!(tree(&folder.path().join("rendered")), tree(&fresh));
}

#[test]
fn another_writer_to_the_folder_is_noticed_and_its_changes_are_written_over() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "rendered"]);
    watching.settle();
    // As Git does when it switches to a branch whose folder is another one.
    fs::remove_dir_all(project.join("rendered")).unwrap();
    watching.settle();
    assert_same(&project, &mut BTreeMap::new());
}

#[test]
fn thousands_of_files_at_once_are_seen_all() {
    let folder = project();
    let project = folder.path().join("project");
    let text = fs::read_to_string(project.join("pipelines/warehouse-metadata.yaml")).unwrap();
    let mut watching = Watching::start(&project, &["-o", "rendered"]);
    watching.settle();
    let many = project.join("pipelines/many");
    fs::create_dir(&many).unwrap();
    for round in ["one", "two"] {
        for number in 0..2000 {
            let name = format!("warehouse-{number}");
            let text = text.replace("warehouse-metadata", &name);
            let text = format!("{text}  description: {round}\n");
            fs::write(many.join(format!("{number}.yaml")), text).unwrap();
        }
    }
    watching.settle();
    assert_same(&project, &mut BTreeMap::new());
    fs::remove_dir_all(&many).unwrap();
    watching.settle();
    assert_same(&project, &mut BTreeMap::new());
}

#[test]
fn without_a_folder_what_would_change_is_listed() {
    let folder = project();
    let project = folder.path().join("project");
    let watching = Watching::start(&project, &[]);
    assert_eq!(watching.next()["all"], true);
    let path = project.join("pipelines/warehouse-metadata.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}  description: other\n")).unwrap();
    let event = watching.next();
    let cron_job = "warehouse-metadata/cronjob-om-cronjob-warehouse-metadata.yaml";
    assert!(event["changed"].as_array().unwrap().contains(&cron_job.into()), "{event}");
    assert_eq!(event["filesWritten"], 0);
    fs::remove_file(&path).unwrap();
    assert!(watching.next()["removed"].as_array().unwrap().contains(&cron_job.into()));
    assert_eq!(watching.end("-INT"), Some(0));
}

#[test]
fn polling_sees_what_it_is_not_told() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "rendered", "--poll", "1"]);
    watching.settle();
    assert_same(&project, &mut BTreeMap::new());
}

/// The time of the processor that a process has taken, in the kernel's ticks.
#[cfg(target_os = "linux")]
fn ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace().collect::<Vec<_>>();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn at_rest_it_takes_no_time_of_the_processor() {
    let folder = project();
    let project = folder.path().join("project");
    let mut watching = Watching::start(&project, &["-o", "rendered"]);
    watching.settle();
    let before = ticks(watching.id());
    std::thread::sleep(std::time::Duration::from_secs(2));
    // A loop without rest takes 200 in this time.
    let taken = ticks(watching.id()) - before;
    assert!(taken < 20, "{taken} ticks in two seconds");
}

#[test]
fn what_cannot_be_watched_is_an_error_that_says_why() {
    let folder = project();
    let project = folder.path().join("project");
    for (arguments, said) in [
        (&["watch", "-"][..], "standard input cannot be watched"),
        (&["watch", "nowhere"], "failed to read nowhere"),
        (&["watch", "--format", "sarif"], "Use --format text or json."),
        (&["watch", "-o", "."], "it holds the input"),
    ] {
        let output = ompipe(&project, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said_now = String::from_utf8(output.stderr).unwrap();
        assert!(said_now.contains(said), "{said_now}");
    }
}

#[test]
fn edits_are_as_different_as_they_are_meant_to_be() {
    let folder = project();
    let project = folder.path().join("project");
    for edit in [Edit::Folder(0), Edit::Broken(0), Edit::Remove(0)] {
        edit.make(&project);
    }
    assert!(!project.join("pipelines/0.yaml").exists());
}
