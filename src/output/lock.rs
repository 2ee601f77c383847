//! `ompipe.lock`: which files of an output folder are ompipe's own, and what they held when it
//! wrote them.
//!
//! In: the lock's text, or the files of a run. Out: the hashes by path, or the text. It is YAML of
//! one line per file, sorted, so that Git merges changes of different pipelines, and what is on a
//! line after `- ` is JSON. Read strictly: a line is in the one form in which it is written.
//!
//! A path may stand there twice, with different hashes, and lines in any order: that is what Git's
//! merge driver `union` makes of two branches (`.gitattributes` asks for it), and both hashes are
//! ompipe's.

use std::fmt::Write as _;
use std::ops::Range;

use super::file_set;

/// The lock's file, in the output folder.
pub const NAME: &str = "ompipe.lock";

/// The version of the format. A lock of a higher one is not read.
const VERSION: u32 = 1;

const HEAD: &str = "\
# The files in this folder that ompipe wrote, for it to tell them from yours.
# After a merge conflict take either side and render again.
";

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// What is wrong with a lock, and where.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub(super) kind: ProblemKind,
    /// Bytes of the text.
    pub(super) at: Range<usize>,
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum ProblemKind {
    /// A later ompipe wrote it.
    Newer,
    /// Git's conflict markers stand in it.
    Conflict,
    /// A line that ompipe never writes.
    Malformed(&'static str),
}

/// The line of a file, with its end.
pub(super) fn line(path: &str, hash: &Hash, source: Option<&str>) -> String {
    let mut line = String::with_capacity(path.len() + 64 + 64);
    line.push_str("- {\"path\": ");
    push_json(path, &mut line);
    line.push_str(", \"sha256\": \"");
    for byte in hash {
        // To a String, which takes everything.
        let _ = write!(line, "{byte:02x}");
    }
    line.push('"');
    if let Some(source) = source {
        line.push_str(", \"source\": ");
        push_json(source, &mut line);
    }
    line.push_str("}\n");
    line
}

fn push_json(text: &str, out: &mut String) {
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The text of a lock, of its files' lines in order.
pub(super) fn text<'l>(lines: impl Iterator<Item = &'l str> + Clone) -> String {
    let length = lines.clone().map(str::len).sum::<usize>() + 256;
    let mut text = String::with_capacity(length);
    text.push_str(HEAD);
    let tool = env!("CARGO_PKG_VERSION");
    let _ = write!(text, "lockVersion: {VERSION}\nompipe: {tool}\nfiles:\n");
    lines.for_each(|line| text.push_str(line));
    text
}

/// Reads a lock, strictly; `each` gets every path with its hash.
pub(super) fn read(text: &str, mut each: impl FnMut(String, Hash)) -> Result<(), Problem> {
    let mut at = 0;
    let mut has_version = false;
    let mut malformed = None;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.trim_end_matches(['\n', '\r']).len();
        at += line.len();
        let why = match parse(line) {
            Ok(Line::Entry(path, hash)) => {
                each(path, hash);
                continue;
            }
            Ok(Line::Version(version)) if version > VERSION => {
                return Err(Problem { kind: ProblemKind::Newer, at: range });
            }
            Ok(Line::Version(_)) => {
                has_version = true;
                continue;
            }
            Ok(Line::Head) => continue,
            Ok(Line::Marker) => return Err(Problem { kind: ProblemKind::Conflict, at: range }),
            Err(why) => why,
        };
        // A version or a marker further down says more than a line that only they explain.
        malformed.get_or_insert(Problem { kind: ProblemKind::Malformed(why), at: range });
    }
    if malformed.is_none() && !has_version {
        let why = "it does not say its `lockVersion`";
        malformed = Some(Problem { kind: ProblemKind::Malformed(why), at: 0..0 });
    }
    malformed.map_or(Ok(()), Err)
}

/// Reads every line that is whole and passes over the others: of a lock that a crash cut short, or
/// in which Git has left both sides.
pub(super) fn read_whole_lines(text: &str, mut each: impl FnMut(String, Hash)) {
    for line in text.split_inclusive('\n') {
        if let Ok(Line::Entry(path, hash)) = parse(line) {
            each(path, hash);
        }
    }
}

enum Line {
    Entry(String, Hash),
    Version(u32),
    /// What says nothing about a file: comments, the tool's version.
    Head,
    Marker,
}

/// Reads one line with its end.
fn parse(line: &str) -> Result<Line, &'static str> {
    let Some(line) = line.strip_suffix('\n') else {
        return Err("the line is cut off");
    };
    let line = line.strip_suffix('\r').unwrap_or(line);
    if let Some(entry) = line.strip_prefix("- {\"path\": ") {
        return parse_entry(entry);
    }
    if let Some(version) = line.strip_prefix("lockVersion: ") {
        return version.parse().map(Line::Version).map_err(|_| "the version is no number");
    }
    if line.starts_with('#') || line.starts_with("ompipe: ") || line == "files:" {
        return Ok(Line::Head);
    }
    if ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        return Ok(Line::Marker);
    }
    Err("not a line of a lock")
}

/// Reads what follows `- {"path": `.
fn parse_entry(entry: &str) -> Result<Line, &'static str> {
    let (path, rest) = take_json(entry).ok_or("the path is no string")?;
    let rest = rest.strip_prefix(", \"sha256\": \"").ok_or("there is no `sha256`")?;
    let (hash, rest) = rest.split_once('"').ok_or("there is no `sha256`")?;
    let hash = parse_hash(hash).ok_or("`sha256` is not 64 hexadecimal digits")?;
    let rest = match rest.strip_prefix(", \"source\": ") {
        Some(source) => take_json(source).ok_or("the source is no string")?.1,
        None => rest,
    };
    if rest != "}" {
        return Err("the line goes on");
    }
    if path == NAME || file_set::leads_astray(&path).is_some() {
        return Err("the path cannot be that of a rendered file");
    }
    Ok(Line::Entry(path, hash))
}

/// Takes a JSON string off the start of a text.
fn take_json(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = inner.find(['"', '\\'])?;
    if inner.as_bytes().get(end) == Some(&b'"') {
        return Some((inner.get(..end)?.to_owned(), inner.get(end + 1..)?));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let value = values.next()?.ok()?;
    let end = values.byte_offset();
    Some((value, text.get(end..)?))
}

fn parse_hash(text: &str) -> Option<Hash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Result<Vec<(String, Hash)>, Problem> {
        let mut entries = Vec::new();
        read(text, |path, hash| entries.push((path, hash))).map(|()| entries)
    }

    fn lock(lines: &[String]) -> String {
        text(lines.iter().map(String::as_str))
    }

    #[test]
    fn a_lock_is_read_back() {
        let lines = [
            line("a/job-a.yaml", &[1; 32], Some("pipelines/a.yaml")),
            line("é \"x\".yaml", &[0xab; 32], Some("-")),
            line("rbac.yaml", &[0; 32], None),
        ];
        let text = lock(&lines);
        assert!(text.ends_with(&format!(
            "lockVersion: 1\nompipe: {}\nfiles:\n{}",
            env!("CARGO_PKG_VERSION"),
            lines.concat()
        )));
        let expected = [
            ("a/job-a.yaml".to_owned(), [1; 32]),
            ("é \"x\".yaml".to_owned(), [0xab; 32]),
            ("rbac.yaml".to_owned(), [0; 32]),
        ];
        assert_eq!(entries(&text).unwrap(), expected);
        // As Git writes it where autocrlf is on and .gitattributes is gone.
        assert_eq!(entries(&text.replace('\n', "\r\n")).unwrap(), expected);
        assert_eq!(
            lines[0],
            format!(
                "- {{\"path\": \"a/job-a.yaml\", \"sha256\": \"{}\", \"source\": \"pipelines/a.yaml\"}}\n",
                "01".repeat(32)
            )
        );
    }

    #[test]
    fn a_lock_is_yaml_whose_files_are_json() {
        let text = lock(&[line("a.yaml", &[1; 32], Some("b.yaml"))]);
        for line in text.lines().filter_map(|line| line.strip_prefix("- ")) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&value["path"], &value["source"]), (&"a.yaml".into(), &"b.yaml".into()));
        }
    }

    #[test]
    fn what_a_union_of_two_branches_holds_is_all_read() {
        let one = lock(&[line("a.yaml", &[1; 32], None)]);
        let other = lock(&[line("a.yaml", &[2; 32], None)]);
        assert_eq!(
            entries(&(one + &other)).unwrap(),
            [("a.yaml".to_owned(), [1; 32]), ("a.yaml".to_owned(), [2; 32])]
        );
    }

    fn problem(text: &str) -> (ProblemKind, &str) {
        let problem = entries(text).unwrap_err();
        (problem.kind, text.get(problem.at).unwrap())
    }

    #[test]
    fn a_lock_of_a_later_version_and_one_with_conflict_markers_are_told_apart() {
        let newer = lock(&[]).replace("lockVersion: 1", "lockVersion: 2") + "new: thing\n";
        assert_eq!(problem(&newer), (ProblemKind::Newer, "lockVersion: 2"));
        let moved = format!("new: thing\n{newer}");
        assert_eq!(problem(&moved).0, ProblemKind::Newer);
        let conflict = lock(&[]) + "<<<<<<< HEAD\n=======\n>>>>>>> other\n";
        assert_eq!(problem(&conflict), (ProblemKind::Conflict, "<<<<<<< HEAD"));
    }

    #[test]
    fn any_other_line_is_refused_where_it_stands() {
        let good = line("a.yaml", &[1; 32], None);
        for (bad, why) in [
            ("files: []\n".to_owned(), "not a line of a lock"),
            (good.replace("a.yaml", "../a.yaml"), "the path cannot be that of a rendered file"),
            (good.replace("a.yaml", "/etc/a.yaml"), "the path cannot be that of a rendered file"),
            (good.replace("a.yaml", "ompipe.lock"), "the path cannot be that of a rendered file"),
            (good.replace("01\"", "0\""), "`sha256` is not 64 hexadecimal digits"),
            (good.replace("01\"", "0G\""), "`sha256` is not 64 hexadecimal digits"),
            (good.replace('}', ", \"x\": 1}"), "the line goes on"),
            (good.trim_end().to_owned(), "the line is cut off"),
        ] {
            let text = lock(&[]) + &bad;
            assert_eq!(problem(&text), (ProblemKind::Malformed(why), bad.trim_end()));
        }
        assert_eq!(problem("").0, ProblemKind::Malformed("it does not say its `lockVersion`"));
    }

    #[test]
    fn of_a_lock_that_is_cut_short_the_whole_lines_count() {
        let text = lock(&[line("a.yaml", &[1; 32], None), line("b.yaml", &[2; 32], None)]);
        let mut paths = Vec::new();
        read_whole_lines(&text[..text.len() - 5], |path, _| paths.push(path));
        assert_eq!(paths, ["a.yaml"]);
    }
}
