//! `schedule --spread` at the process's edge: what `git apply` and `patch -p1` make of its diff is
//! what `--write` makes; and `graph --as dot` as Graphviz reads it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A copy of examples/schedules, with what is hard about files: no line end at the end, a blank in
/// a name, other line ends.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/schedules");
    for name in ["ompipe.yaml", "shop.yaml", "warehouse.yaml"] {
        fs::copy(example.join(name), folder.path().join(name)).unwrap();
    }
    let pipeline = |name: &str| {
        format!(
            "kind: IngestionPipeline\nmetadata: {{name: {name}}}\nspec:\n  service: shop\n  type: lineage\n  timeZone: Europe/Zurich\n  schedule: \"0 3 * * *\" # {name}"
        )
    };
    fs::create_dir(folder.path().join("more")).unwrap();
    fs::write(folder.path().join("more/a blank.yaml"), pipeline("blank")).unwrap();
    fs::write(folder.path().join("more/crlf.yaml"), pipeline("crlf").replace('\n', "\r\n"))
        .unwrap();
    folder
}

fn ompipe(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).current_dir(folder).env_clear().output().unwrap()
}

fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The texts of all definitions, by their paths.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(inner) = left.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if name == ".git" {
                continue;
            }
            if path.is_dir() {
                left.push(path);
            } else {
                texts.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}

/// Gives a text to a tool on its standard input; `None` where it is not installed.
fn applied(folder: &Path, tool: &[&str], diff: &str) -> Option<Output> {
    use std::io::Write;
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = match command.stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(_) if std::env::var_os("CI").is_none() => {
            println!("skipped: there is no {} here", tool[0]);
            return None;
        }
        Err(error) => panic!("{} is missing: {error}", tool[0]),
    };
    child.stdin.take().unwrap().write_all(diff.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn git_and_patch_apply_what_write_writes() {
    let written = project();
    let before = texts(written.path());
    succeed(ompipe(written.path(), &["schedule", "--spread", "--write"]));
    let after = texts(written.path());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let changed = before.iter().filter(|(name, text)| after[*name] != **text);
    let changed = changed.map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(changed, ["more/a blank.yaml", "more/crlf.yaml", "warehouse.yaml"]);
    assert_eq!(succeed(ompipe(written.path(), &["schedule", "--spread"])), "");
    succeed(ompipe(written.path(), &["validate", "--strict"]));

    // `--binary`: patch otherwise takes the line ends of the diff for those of a terminal.
    for tool in [&["git", "apply", "--whitespace=nowarn"][..], &["patch", "-p1", "--binary"]] {
        let patched = project();
        let diff = succeed(ompipe(patched.path(), &["schedule", "--spread"]));
        let Some(output) = applied(patched.path(), tool, &diff) else { continue };
        let (out, error) = (&output.stdout, &output.stderr);
        let told = (String::from_utf8_lossy(out), String::from_utf8_lossy(error));
        assert!(output.status.success(), "{tool:?}: {told:?}\n{diff}");
        assert_eq!(texts(patched.path()), after, "{tool:?}");
    }
}

#[test]
fn only_the_pipelines_that_are_named_move() {
    let folder = project();
    let diff = succeed(ompipe(folder.path(), &["schedule", "--spread", "-l", "warehouse-usage"]));
    assert_eq!(diff.lines().filter(|line| line.starts_with("+  ")).count(), 1, "{diff}");
}

#[test]
fn a_project_above_is_patched_from_its_own_folder() {
    let folder = project();
    let diff = succeed(ompipe(&folder.path().join("more"), &["schedule", "--spread"]));
    assert!(diff.contains("--- a/warehouse.yaml\n") && diff.contains("--- a/more/crlf.yaml\n"));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay_as_they_are() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = project();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("warehouse.yaml");
    fs::rename(folder.path().join("warehouse.yaml"), &target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("warehouse.yaml");
    symlink(&target, &link).unwrap();
    // Named, since links in a folder are not followed.
    let names = ["ompipe.yaml", "shop.yaml", "warehouse.yaml"];
    let arguments = [&["schedule", "--spread", "--write"][..], &names].concat();
    succeed(ompipe(folder.path(), &arguments));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(!fs::read_to_string(&target).unwrap().contains("schedule: 0 3"));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_page_never_takes_the_place_of_a_definition() {
    let folder = project();
    let before = texts(folder.path());
    let refused = ompipe(folder.path(), &["schedule", "--html", "more/../shop.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("it is a definition"));
    assert_eq!(texts(folder.path()), before);
}

#[test]
fn graphviz_draws_every_node_of_the_graph() {
    let folder = project();
    let graph = succeed(ompipe(folder.path(), &["graph", "--as", "dot"]));
    let nodes = graph.lines().filter(|line| line.contains("[shape=")).count();
    let edges = graph.lines().filter(|line| line.contains(" -> ")).count();
    let Some(output) = applied(folder.path(), &["dot", "-Tsvg"], &graph) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawn = String::from_utf8(output.stdout).unwrap().replace("&#45;", "-");
    assert_eq!(drawn.matches("<g id=\"node").count(), nodes);
    assert_eq!(drawn.matches("<g id=\"edge").count(), edges);
    assert!(nodes > 40 && drawn.contains("om-cronjob-warehouse-usage"));
}
