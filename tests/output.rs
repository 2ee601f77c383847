//! The output folder of real processes: killed at any moment, several at once, on a disk that is
//! full or read-only, and in Git. What one render does to a folder is tested beside its code.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How often a render is killed; `OMPIPE_KILLS` sets another number.
const KILLS: usize = 40;

fn ompipe(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    ompipe(folder, arguments).output().unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A project of this many pipelines. Those of another variant have other schedules, and some have
/// other names.
fn project(pipelines: usize, variant: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("ompipe.yaml"),
        "kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
---
kind: ServiceConnection
metadata: {name: shop}
spec:
  type: postgres
  connection: {config: {type: Postgres, username: openmetadata, hostPort: 'shop:5432'}}
",
    )
    .unwrap();
    for number in 0..pipelines {
        write_pipeline(folder.path(), number, variant);
    }
    folder
}

fn write_pipeline(folder: &Path, number: usize, variant: usize) {
    let name = if number.is_multiple_of(3) { number + variant * 1000 } else { number };
    let minute = if number.is_multiple_of(2) { variant } else { 0 };
    let text = format!(
        "kind: IngestionPipeline
metadata: {{name: orders-{name}}}
spec:
  service: shop
  type: metadata
  schedule: {minute} 3 * * *
  workflow: {{source: {{sourceConfig: {{config: {{type: DatabaseMetadata}}}}}}}}
"
    );
    fs::write(folder.join(format!("orders-{number}.yaml")), text).unwrap();
}

fn render(project: &Path, out: &Path) -> Output {
    run(project, &["render", "-o", out.to_str().unwrap()])
}

fn assert_renders(project: &Path, out: &Path) {
    let output = render(project, out);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
}

/// Every file below a folder, and every folder, with a slash.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let inner = path.strip_prefix(folder).unwrap().to_owned();
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            all.insert(inner.join(""), Vec::new());
        } else {
            all.insert(inner, fs::read(&path).unwrap());
        }
    }
    all
}

fn fresh(project: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let out = tempfile::tempdir().unwrap();
    assert_renders(project, out.path());
    tree(out.path())
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

#[test]
fn a_render_that_is_killed_at_any_moment_is_healed_by_the_next() {
    let kills = std::env::var("OMPIPE_KILLS").ok().and_then(|kills| kills.parse().ok());
    let projects = [project(120, 0), project(120, 1), project(60, 2)];
    let expected = projects.each_ref().map(|project| fresh(project.path()));
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let started = Instant::now();
    assert_renders(projects[0].path(), &out);
    let longest = u64::try_from(started.elapsed().as_micros()).unwrap();
    let mut numbers = Numbers(1);
    let mut killed = 0;
    for round in 0..kills.unwrap_or(KILLS) {
        // Without being healed in between, too.
        let project = &projects[usize::try_from(numbers.below(3)).unwrap()];
        let mut child = ompipe(project.path(), &["render", "-q", "-o", out.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(numbers.below(longest)));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        killed += usize::from(output.status.code().is_none());
        assert!(output.status.code().is_none_or(|code| code == 0), "{}", stderr(&output));
        if round % 2 == 0 {
            let next = usize::try_from(numbers.below(3)).unwrap();
            assert_renders(projects[next].path(), &out);
            assert!(tree(&out) == expected[next], "round {round}: other files than a fresh render");
        }
    }
    assert!(killed > 0, "every render ended before it was killed");
}

#[test]
fn renders_at_once_into_one_folder_wait_for_each_other() {
    let projects = [project(40, 0), project(40, 1)];
    let expected = projects.each_ref().map(|project| fresh(project.path()));
    let out = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let start = |project: &TempDir| {
            ompipe(project.path(), &["render", "-o", out.path().to_str().unwrap()])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let children: Vec<Child> = projects.iter().chain(&projects).map(start).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert_eq!(status(&output), 0, "{}", stderr(&output));
        }
        assert!(expected.contains(&tree(out.path())), "a mixture of two renders");
    }
}

/// A file system of its own, in memory.
struct Disk {
    place: TempDir,
}

impl Disk {
    /// `None`, and a word about it, where it takes rights that the test does not have.
    fn new(options: &str) -> Option<Self> {
        let disk = Self { place: tempfile::tempdir().unwrap() };
        if disk.mount(options) {
            return Some(disk);
        }
        assert!(std::env::var_os("CI").is_none(), "where CI is set, a disk can be mounted");
        println!("skipped: this user cannot mount a disk");
        None
    }

    fn mount(&self, options: &str) -> bool {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.place.path())
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success())
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("rendered")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.place.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_the_folder_as_it_was() {
    let Some(disk) = Disk::new("size=1m") else { return };
    let (small, large) = (project(20, 0), project(400, 1));
    assert_renders(small.path(), &disk.folder());
    let before = tree(&disk.folder());
    let output = render(large.path(), &disk.folder());
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("No space left on device"), "{}", stderr(&output));
    assert!(tree(&disk.folder()) == before, "the folder was changed");

    assert!(disk.mount("remount,size=64m"));
    assert_renders(large.path(), &disk.folder());
    assert!(tree(&disk.folder()) == fresh(large.path()));
}

#[test]
fn a_read_only_disk_can_be_compared_with_and_is_said_to_be_one() {
    let Some(disk) = Disk::new("size=8m") else { return };
    let (project, changed) = (project(5, 0), project(5, 1));
    assert_renders(project.path(), &disk.folder());
    let before = tree(&disk.folder());
    assert!(disk.mount("remount,ro"));

    assert_renders(project.path(), &disk.folder());
    let folder = disk.folder();
    let check = ["render", "--check", "-o", folder.to_str().unwrap()];
    assert_eq!(status(&run(project.path(), &check)), 0);
    assert_eq!(status(&run(changed.path(), &check)), 1);
    let output = render(changed.path(), &disk.folder());
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("Read-only file system"), "{}", stderr(&output));
    assert!(tree(&disk.folder()) == before);
}

#[test]
fn a_check_prints_what_a_render_would_change_and_writes_nothing() {
    let folder = project(3, 0);
    let out = folder.path().join("rendered");
    assert_renders(folder.path(), &out);
    let check = |format: &str| {
        let arguments = ["render", "--check", "-o", "rendered", "--format", format];
        run(folder.path(), &arguments)
    };
    let output = check("text");
    assert_eq!((status(&output), stdout(&output)), (0, ""));
    assert_eq!(stderr(&output), "rendered is up to date.\n");

    let before = tree(&out);
    write_pipeline(folder.path(), 2, 7);
    let output = check("text");
    assert_eq!(status(&output), 1);
    assert!(stdout(&output).contains("-  schedule: 0 3 * * *\n+  schedule: 7 3 * * *\n"));
    assert!(stderr(&output).contains("error[OMP0642]"), "{}", stderr(&output));
    assert!(tree(&out) == before);

    let output = check("json");
    assert_eq!(status(&output), 1);
    let document: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    let differences = document["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 2, "{document}");
    assert_eq!(differences[0]["path"], "ompipe.lock");
    assert_eq!(differences[1]["change"], "changed");
    assert!(differences[1]["diff"].as_str().unwrap().starts_with("--- a/orders-2/cronjob-"));
    for wrong in [&["render", "--check"][..], &["render", "--check", "-o", "-"]] {
        assert_eq!(status(&run(folder.path(), wrong)), 2, "{wrong:?}");
    }
}

#[test]
fn the_folder_is_the_same_from_wherever_it_is_rendered() {
    let folder = project(2, 0);
    fs::create_dir(folder.path().join("below")).unwrap();
    assert_renders(folder.path(), &folder.path().join("rendered"));
    assert_renders(&folder.path().join("below"), &folder.path().join("rendered-too"));
    let elsewhere = tempfile::tempdir().unwrap();
    let project = folder.path().to_str().unwrap();
    let output = run(elsewhere.path(), &["render", project, "-o", "rendered"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let expected = tree(&folder.path().join("rendered"));
    assert!(tree(&folder.path().join("rendered-too")) == expected);
    assert!(tree(&elsewhere.path().join("rendered")) == expected);
}

/// Runs Git in a folder, as nobody in particular; what it says is for a failing test.
fn git(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("git")
        .args(["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"])
        .args(["-c", "core.autocrlf=true", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    println!("git {arguments:?}: {}{}", stdout(&output), stderr(&output));
    output
}

fn has_git() -> bool {
    let has_git = Command::new("git").arg("--version").output().is_ok();
    assert!(has_git || std::env::var_os("CI").is_none(), "Git is needed where CI is set");
    if !has_git {
        println!("skipped: there is no git");
    }
    has_git
}

#[test]
fn git_changes_no_byte_and_merges_the_lock_of_two_branches() {
    if !has_git() {
        return;
    }
    let folder = project(6, 0);
    let path = folder.path();
    let render = || assert_renders(path, &path.join("rendered"));
    let commit = |message: &str| {
        git(path, &["add", "--all"]);
        assert!(git(path, &["commit", "--quiet", "-m", message]).status.success());
    };
    render();
    let before = tree(&path.join("rendered"));
    git(path, &["init", "--quiet"]);
    commit("rendered");
    // Checked out anew, with autocrlf.
    fs::remove_dir_all(path.join("rendered")).unwrap();
    git(path, &["checkout", "--quiet", "--", "rendered"]);
    assert!(tree(&path.join("rendered")) == before, "Git has changed line ends");

    // Two branches change pipelines that are neighbours in the lock, and each adds another one, so
    // that both have an index of their own.
    git(path, &["checkout", "--quiet", "-b", "other"]);
    write_pipeline(path, 4, 9);
    write_pipeline(path, 7, 9);
    render();
    commit("other");
    git(path, &["checkout", "--quiet", "main"]);
    write_pipeline(path, 5, 9);
    write_pipeline(path, 3, 9);
    write_pipeline(path, 8, 9);
    render();
    commit("this");
    let merged = git(path, &["merge", "--quiet", "other", "-m", "merge"]);
    let lock = fs::read_to_string(path.join("rendered/ompipe.lock")).unwrap();
    assert!(!lock.contains("<<<<<<<"), "{}", stdout(&merged));
    assert!(!merged.status.success(), "the index is a conflict");
    render();
    assert!(tree(&path.join("rendered")) == fresh(path));
}
