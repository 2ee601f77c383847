//! `--include-secrets`: values in, and Secrets with values only to where Git does not keep them.
//!
//! In: a file of Kubernetes Secrets, or variables; the output folder. Out: [`SecretValues`], or the
//! reason why the folder is refused. Nothing here shows a value.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ompipe::diagnostic::Diagnostics;
use ompipe::output::{LOCK, PENDING};
use ompipe::render::{SECRET_VARIABLE_PREFIX, SecretValues};
use ompipe::source::Sources;
use ompipe::yaml::{self, Dialect};

use super::error::Error;
use super::on_disk::on_disk;

/// What names the environment in place of a file.
const ENVIRONMENT: &str = "env";

/// The most that is read as values: many Secrets, each of which may have 1 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// The values of a file, of standard input (`-`) or of the environment (`env`).
pub(crate) fn values(from: &Path) -> Result<SecretValues, Error> {
    if from == Path::new(ENVIRONMENT) {
        // A variable that is not UTF-8 is missing, which the reference to it will say.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name =
                name.into_string().ok().filter(|name| name.starts_with(SECRET_VARIABLE_PREFIX))?;
            Some((name, value.into_string().ok()?))
        });
        return Ok(SecretValues::Variables(variables.collect::<BTreeMap<_, _>>()));
    }
    let failed = || Error::new(format!("failed to read the Secrets of {}", from.display()));
    let bytes = bytes(from).map_err(|error| failed().because(error))?;
    let text =
        String::from_utf8(bytes).map_err(|_| failed().because(invalid("it is not UTF-8")))?;
    let mut sources = Sources::default();
    let source = sources.add(from.to_string_lossy(), text);
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    let mut found = Diagnostics::default();
    let documents = yaml::read(source, text, Dialect::Definition, &mut found);
    // A finding would show its line, which may hold a value: the line's number and the kind of
    // mistake say enough.
    if let Some(finding) = found.into_sorted().first() {
        let line = sources.position(finding.span);
        let line = line.map_or(0, |position| position.line);
        let reason = format!("line {line}: {} ({})", finding.code.title, finding.code.id);
        return Err(failed().because(invalid(&reason)));
    }
    SecretValues::of_documents(&documents).map_err(|error| {
        failed().because(error).with_hint("It holds Kubernetes Secrets with data or stringData.")
    })
}

fn bytes(from: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if from == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(from)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(invalid(&format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

/// Refuses a folder that Git keeps: one in a repository that does not ignore each of these files
/// below it, what becomes such a file, and the lock beside them, which holds their hashes. Outside
/// of any repository all is well.
pub(crate) fn require_ignored<'f>(
    folder: &Path,
    files: impl IntoIterator<Item = &'f str>,
) -> Result<(), Error> {
    let failed =
        || Error::new(format!("refused to write Secrets with values to {}", folder.display()));
    let absolute = on_disk(folder).map_err(|error| failed().because(error))?;
    let Some(repository) = absolute.ancestors().find(|above| above.join(".git").exists()) else {
        return Ok(());
    };
    let ours = [absolute.join(LOCK), absolute.join(PENDING).join("0")];
    let paths: Vec<PathBuf> =
        files.into_iter().map(|file| absolute.join(file)).chain(ours).collect();
    let ignored = ignored(repository, &paths).map_err(|error| {
        failed().because(error).with_hint(
            "Only `git check-ignore` says whether Git would keep them; or write to stdout.",
        )
    })?;
    let Some(kept) = paths.iter().find(|path| !ignored.contains(*path)) else {
        return Ok(());
    };
    let shown = kept.strip_prefix(&absolute).unwrap_or(kept);
    let folder_name =
        folder.file_name().map_or_else(|| "rendered".into(), |name| name.to_string_lossy());
    Err(failed()
        .because(invalid(&format!("Git does not ignore {} in it", shown.display())))
        .with_hint(format!(
            "Add `{folder_name}/` to .gitignore (and `git rm --cached` what is tracked), write to stdout, or choose a folder outside of the repository."
        )))
}

/// Which of these paths Git ignores, by Git itself. A path that is tracked is not ignored.
fn ignored(repository: &Path, paths: &[PathBuf]) -> io::Result<HashSet<PathBuf>> {
    let mut git = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["check-ignore", "-z", "--stdin"])
        // They would name another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let input = git.stdin.take();
    let mut list = Vec::new();
    for path in paths {
        list.extend(path.as_os_str().as_encoded_bytes());
        list.push(0);
    }
    let writer = std::thread::spawn(move || match input {
        Some(mut input) => input.write_all(&list),
        None => Ok(()),
    });
    let output = git.wait_with_output()?;
    // Git that fails closes the pipe; why it failed says more than that.
    let _closed = writer.join();
    // 1: none is ignored.
    if !matches!(output.status.code(), Some(0 | 1)) {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(reason.trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_terminator('\0').map(PathBuf::from).collect())
}
