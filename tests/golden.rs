//! What the examples render to, and what the invalid ones print, compared with the files in
//! `golden/`.
//!
//! `examples/NAME/` is a project. Its file `.cases` lists command lines, each with the golden it
//! makes in `golden/NAME/`:
//!
//!     manifests.yaml: render
//!     folder/: render -o {out}
//!
//! Without the file there is the first of these. `examples/invalid/CASE/` is what is refused;
//! `golden/invalid/CASE.txt` holds what its command (`.cases`, or `validate`) prints, with its exit
//! status.
//!
//! A golden that is missing, that differs or that no example makes is a failure. OMPIPE_UPDATE=1
//! writes them anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use similar::TextDiff;

/// The codes that no folder of small files can show, and why.
const WITHOUT_EXAMPLE: &[(&str, &str)] = &[
    ("OMP0423", "it takes 256 KiB of annotations"),
    (
        "OMP0634",
        "names are lower case before they are files, so that it takes templates of one's own",
    ),
    ("OMP0635", "it takes a folder that was written before; tests/cli.rs has one"),
    ("OMP0801", "it takes a cluster; tests/cluster/apply.rs has one"),
    ("OMP0802", "it takes a cluster; tests/cluster/apply.rs has one"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let update = std::env::var_os("OMPIPE_UPDATE").is_some();
    let mut trials = Vec::new();
    let mut claimed = BTreeSet::new();
    for example in folders(&root().join("examples")) {
        if example == "invalid" {
            continue;
        }
        for case in Case::of_example(&example) {
            claimed.extend([case.golden.clone(), case.stderr_golden()]);
            let name = format!("{example}/{}", case.name);
            trials.push(Trial::test(name, move || case.check(update)));
        }
        trials.push(Trial::test(format!("{example}/on any number of threads"), move || {
            threads_make_no_difference(&example)
        }));
    }
    for case in folders(&root().join("examples/invalid")) {
        let case = Case::of_invalid(&case);
        claimed.insert(case.golden.clone());
        trials.push(Trial::test(format!("invalid/{}", case.name), move || {
            case.check_invalid(update)
        }));
    }
    trials.push(Trial::test("every golden has an example", move || no_orphans(&claimed, update)));
    trials.push(Trial::test("every code has an example", every_code_has_an_example));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the folders in a folder, in order.
fn folders(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap()).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A command line and the golden that it makes.
struct Case {
    name: String,
    /// The folder that it runs in.
    folder: PathBuf,
    arguments: Vec<String>,
    golden: PathBuf,
}

impl Case {
    fn of_example(example: &str) -> Vec<Self> {
        let folder = root().join("examples").join(example);
        let cases = fs::read_to_string(folder.join(".cases"))
            .unwrap_or_else(|_| "manifests.yaml: render".to_owned());
        let lines = cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let case = |line: &str| {
            let (name, command) = line.split_once(": ").unwrap();
            let golden = root().join("golden").join(example).join(name.trim_end_matches('/'));
            Self {
                name: name.to_owned(),
                folder: folder.clone(),
                arguments: words(command),
                golden,
            }
        };
        lines.map(case).collect()
    }

    fn of_invalid(name: &str) -> Self {
        let folder = root().join("examples/invalid").join(name);
        let command =
            fs::read_to_string(folder.join(".cases")).unwrap_or_else(|_| "validate".to_owned());
        let golden = root().join("golden/invalid").join(format!("{name}.txt"));
        Self { name: name.to_owned(), folder, arguments: words(command.trim()), golden }
    }

    fn check(&self, update: bool) -> Result<(), Failed> {
        let out = tempfile::tempdir()?;
        let run = run(&self.folder, &self.arguments, out.path());
        // A difference is what is asked for.
        let expected = i32::from(self.arguments.iter().any(|argument| argument == "diff-env"));
        if run.status != expected {
            return Err(format!("exit status {}\n{}{}", run.status, run.stdout, run.stderr).into());
        }
        compare(&self.stderr_golden(), &run.stderr, update)?;
        if !self.name.ends_with('/') {
            return compare(&self.golden, &run.stdout, update);
        }
        let written: BTreeMap<PathBuf, String> = files(out.path())
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(&path).unwrap();
                (self.golden.join(path.strip_prefix(out.path()).unwrap()), text)
            })
            .collect();
        for path in files(&self.golden) {
            if !written.contains_key(&path) {
                if !update {
                    return Err(format!("{} is no longer written", path.display()).into());
                }
                fs::remove_file(path)?;
            }
        }
        written.iter().try_for_each(|(path, text)| compare(path, text, update))
    }

    fn check_invalid(&self, update: bool) -> Result<(), Failed> {
        let out = tempfile::tempdir()?;
        let run = run(&self.folder, &self.arguments, out.path());
        if run.status == 2 {
            return Err(format!("the tool failed:\n{}", run.stderr).into());
        }
        if !run.stdout.contains("[OMP") && !run.stderr.contains("[OMP") {
            return Err("nothing is found wrong with it".into());
        }
        let text = format!(
            "$ ompipe {}\n{}{}exit status: {}\n",
            self.arguments.join(" "),
            run.stdout,
            run.stderr,
            run.status
        );
        compare(&self.golden, &text, update)
    }

    /// What goes to stderr beside the result: warnings.
    fn stderr_golden(&self) -> PathBuf {
        let mut name = self.golden.file_name().unwrap().to_owned();
        name.push(".stderr");
        self.golden.with_file_name(name)
    }
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

struct Run {
    stdout: String,
    stderr: String,
    status: i32,
}

/// Runs the binary with nothing of the environment; `{out}` is a folder for what it writes.
fn run(folder: &Path, arguments: &[String], out: &Path) -> Run {
    let out = out.to_str().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(arguments.iter().map(|argument| argument.replace("{out}", out)))
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(out, "{out}");
    Run {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        status: output.status.code().unwrap(),
    }
}

/// Compares a text with its golden, or writes that; an empty text has none.
fn compare(golden: &Path, text: &str, update: bool) -> Result<(), Failed> {
    let expected = fs::read_to_string(golden).unwrap_or_default();
    if expected == text {
        return Ok(());
    }
    if !update {
        let diff = TextDiff::from_lines(expected.as_str(), text);
        let diff = diff.unified_diff().header("golden", "now").to_string();
        let shown: Vec<&str> = diff.lines().take(60).collect();
        return Err(format!("{} differs:\n{}", golden.display(), shown.join("\n")).into());
    }
    if text.is_empty() {
        fs::remove_file(golden)?;
    } else {
        fs::create_dir_all(golden.parent().unwrap())?;
        fs::write(golden, text)?;
    }
    Ok(())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.exists() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn threads_make_no_difference(example: &str) -> Result<(), Failed> {
    let folder = root().join("examples").join(example);
    let render = |threads: &str| {
        let run = run(&folder, &words(&format!("render --threads {threads}")), Path::new("/none"));
        (run.stdout, run.stderr)
    };
    let one = render("1");
    for threads in ["2", "8"] {
        if render(threads) != one {
            return Err(format!("{threads} threads render other bytes than one").into());
        }
    }
    Ok(())
}

fn no_orphans(claimed: &BTreeSet<PathBuf>, update: bool) -> Result<(), Failed> {
    for path in files(&root().join("golden")) {
        if !path.ancestors().any(|part| claimed.contains(part)) {
            if !update {
                return Err(format!("no example makes {}", path.display()).into());
            }
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn every_code_has_an_example() -> Result<(), Failed> {
    let shown: String = files(&root().join("golden"))
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "txt" || end == "stderr"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let missing: Vec<&str> = ompipe::diagnostic::code::ALL
        .iter()
        .map(|code| code.id)
        .filter(|id| !shown.contains(&format!("[{id}]")))
        .filter(|id| !WITHOUT_EXAMPLE.iter().any(|(without, _)| without == id))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no example in examples/invalid shows {}", missing.join(", ")).into())
    }
}
