//! Input that means harm, or is merely broken: each ends in a clear error, in bounded memory, with
//! nothing written. The bound is the shell's `ulimit`, so these tests need one; what ends too late
//! would make the test hang.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run may take of memory, in KiB: enough for a million values and their findings.
const MEMORY: usize = 1 << 20;

/// A shell command in a folder, with `ompipe` the binary and memory bounded.
fn shell(folder: &Path, command: &str) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -v {MEMORY}; ompipe() {{ '{}' \"$@\"; }}; {command}",
            env!("CARGO_BIN_EXE_ompipe")
        ))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs a command that must fail; gives its status and all that it said.
fn refused(folder: &Path, command: &str) -> (i32, String) {
    let output = shell(folder, command);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = output.status.code().unwrap_or(-1);
    assert!([1, 2].contains(&status), "{command}: {status}\n{said}");
    assert!(said.len() < 100_000, "{command} says too much");
    (status, said)
}

/// Asserts that a command fails with a status and says so much.
fn assert_refused(folder: &Path, command: &str, status: i32, says: &str) {
    let (was, said) = refused(folder, command);
    assert_eq!(was, status, "{command}\n{said}");
    assert!(said.contains(says), "{command}\nshould say: {says}\n{said}");
}

/// A folder with a new project.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = shell(folder.path(), "ompipe init --quiet");
    assert!(output.status.success());
    folder
}

#[test]
fn texts_without_bounds_are_refused_from_files_and_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let bomb = (b'b'..b'l').map(|name| {
        let of = format!("*{}", char::from(name - 1));
        format!("{0}: &{0} [{1}]\n", char::from(name), vec![of; 10].join(", "))
    });
    let bomb = format!("a: &a [x, x]\n{}", bomb.collect::<String>());
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("bomb", bomb.into(), "OMP0109"),
        ("flow", "[".repeat(10_000).into(), "deeper than 128 levels"),
        (
            "closed",
            ["[".repeat(10_000), "]".repeat(10_000)].concat().into(),
            "deeper than 128 levels",
        ),
        ("maps", "{a: ".repeat(10_000).into(), "deeper than 128 levels"),
        ("sequences", "- ".repeat(10_000).into(), "deeper than 128 levels"),
        ("keys", "? ".repeat(10_000).into(), "deeper than 128 levels"),
        ("circle", "a: &a [*a]\n".into(), "OMP0107"),
        ("latin", b"kind: \xe9\n".to_vec(), "is not UTF-8"),
        ("nul", b"kind: a\0b\n".to_vec(), "NUL"),
    ];
    for (name, text, says) in cases {
        fs::write(path.join(format!("{name}.yaml")), text).unwrap();
        assert_refused(path, &format!("ompipe validate {name}.yaml"), 1, says);
        assert_refused(path, &format!("ompipe validate - < {name}.yaml"), 1, says);
        assert_refused(path, &format!("ompipe render -o out {name}.yaml"), 1, says);
        let import = format!("ompipe import {name}.yaml -o out");
        let (status, said) = refused(path, &import);
        let is_text = name != "latin";
        assert_eq!(status, if is_text { 1 } else { 2 }, "{said}");
        assert!(said.contains(if is_text { says } else { "is not UTF-8" }), "{said}");
        assert!(!path.join("out").exists(), "{name}");
    }
}

#[test]
fn what_is_too_large_is_called_so_wherever_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Sparse: 100 MB of NUL.
    fs::File::create(path.join("large.yaml")).unwrap().set_len(100 << 20).unwrap();
    for input in ["large.yaml", "- < large.yaml", "/dev/zero", "- < /dev/zero"] {
        let says = "it is larger than 16 MiB";
        assert_refused(path, &format!("ompipe validate {input}"), 1, says);
        assert_refused(path, &format!("ompipe render -o out {input}"), 1, says);
    }
    assert_refused(path, "ompipe import large.yaml -o out", 2, "larger than 16 MiB");
    assert!(!path.join("out").exists());
}

#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for_and_one_of_the_shell_is_read() {
    let folder = project();
    let path = folder.path();
    shell(path, "mkfifo pipe.yaml; mkdir own; mkfifo own/pod.yaml");
    assert_refused(path, "ompipe validate pipe.yaml", 2, "it is not a file");
    assert_refused(path, "ompipe import pipe.yaml -o out", 2, "not a file");
    assert_refused(path, "ompipe validate --templates own", 2, "it is not a file");
    let piped = "cat ompipe.yaml | ompipe validate /dev/stdin";
    assert!(shell(path, piped).status.success());
}

#[test]
fn links_out_of_the_project_are_not_read() {
    let folder = project();
    let path = folder.path();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("a.yaml"), "a: confidential\n").unwrap();
    symlink(elsewhere.path().join("a.yaml"), path.join("services/out.yaml")).unwrap();
    symlink("..", path.join("services/up")).unwrap();
    symlink(".", path.join("services/here.yaml")).unwrap();
    shell(path, "mkfifo pipe; ln -s ../pipe services/pipe.yaml");
    let (_, said) = refused(path, "ompipe render -o out");
    assert_eq!(said.matches("error[OMP0705]").count(), 3, "{said}");
    assert!(!said.contains("confidential"), "{said}");

    fs::create_dir(path.join("templates")).unwrap();
    symlink(elsewhere.path().join("a.yaml"), path.join("templates/pod.yaml")).unwrap();
    let (_, said) = refused(path, "ompipe render -o out");
    assert!(said.contains("link out of its folder") && !said.contains("confidential"), "{said}");
    assert!(!path.join("out").exists());
}

#[test]
fn names_do_not_lead_out_of_the_output_folder() {
    for name in ["../../etc/x", "/etc/x", "..", ".", "a/b", "a\\\\b", "-", "a\\0b", ""] {
        let folder = project();
        let path = folder.path();
        for file in ["services/warehouse.yaml", "pipelines/warehouse-metadata.yaml"] {
            let file = path.join(file);
            let text = fs::read_to_string(&file).unwrap();
            let metadata = text.find("metadata:").unwrap();
            let start = metadata + text[metadata..].find("name: ").unwrap();
            let end = start + text[start..].find(['\n', '}']).unwrap();
            fs::write(&file, format!("{}name: \"{name}\"{}", &text[..start], &text[end..]))
                .unwrap();
            let before = walk(path);
            let output = shell(path, "ompipe render -o out");
            assert!(output.status.code().is_some_and(|code| code < 3), "{name}");
            let after = walk(path);
            let strays =
                after.iter().filter(|file| !before.contains(file) && !file.starts_with("out"));
            assert_eq!(strays.count(), 0, "{name}: {after:?}");
            fs::write(&file, text).unwrap();
        }
    }
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let output = shell(folder, "find . ! -type d | sed 's,^./,,'");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn templates_end_and_keep_within_the_memory() {
    let folder = project();
    let path = folder.path();
    let own = path.join("own");
    fs::create_dir(&own).unwrap();
    let config_map = |value: &str| {
        let identity = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}";
        format!("{identity}\ndata: {{a: \"{value}\"}}\n")
    };
    let deep = format!("{{{{ {}1{} }}}}", "[".repeat(10_000), "]".repeat(10_000));
    let billion = format!("{{{{ {}'' }}}}", "'x' * 1000000 ~ ".repeat(1000));
    for value in [
        "{{ range(10**9) }}",
        "{{ range(10**9) | list | length }}",
        "{{ 'x' * 10**9 }}",
        "{{ ('x' * 100000) | replace('x', 'x' * 100000) }}",
        "{{ 'x' | indent(10**9, true) }}",
        "{{ '%1000000000d' | format(3) }}",
        "{{ [1] * 10**9 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        &deep,
        &billion,
        "{{ {{",
    ] {
        fs::write(own.join("configmap.yaml"), config_map(value)).unwrap();
        assert_refused(path, "ompipe render -o out --templates own", 1, "OMP0601");
    }
    for (text, says) in [
        ("", "the template is empty"),
        ("# nothing\n", "the template is empty"),
        ("a: b\n---\nc: d\n", "a template holds one document"),
    ] {
        fs::write(own.join("configmap.yaml"), text).unwrap();
        assert_refused(path, "ompipe render -o out --templates own", 1, says);
    }
    fs::write(own.join("configmap.yaml"), b"a: \xff").unwrap();
    assert_refused(path, "ompipe render -o out --templates own", 2, "offset 3 is not UTF-8");
    assert!(!path.join("out").exists());
}

#[test]
fn templates_that_include_each_other_end_too() {
    let folder = project();
    let path = folder.path();
    // Each includes these, by number, from templates of so many.
    type Includes = fn(usize) -> Vec<usize>;
    let cases: [(usize, Includes, &str); 4] = [
        (1, |_| vec![0], "includes itself"),
        (20, |_| (0..20).collect(), "includes itself"),
        (3000, |n| vec![n + 1], "deeper than 32 levels"),
        (30, |n| vec![n + 1, n + 1], "grows beyond 16 MiB"),
    ];
    for (count, includes, says) in cases {
        let own = path.join("own");
        fs::create_dir(&own).unwrap();
        for number in 0..count {
            let fields = includes(number)
                .into_iter()
                .enumerate()
                .map(|(at, of)| format!("k{at}: \"{{{{ include('t{of}.yaml') }}}}\"\n"));
            fs::write(own.join(format!("t{number}.yaml")), fields.collect::<String>()).unwrap();
        }
        fs::write(own.join(format!("t{count}.yaml")), "{}\n").unwrap();
        fs::write(own.join("configmap.yaml"), "data: \"{{ include('t0.yaml') }}\"\n").unwrap();
        assert_refused(path, "ompipe render -o out --templates own", 1, says);
        fs::remove_dir_all(own).unwrap();
    }
    assert!(!path.join("out").exists());
}

#[test]
fn the_definitions_are_never_written_over() {
    let folder = project();
    let path = folder.path();
    let before = walk(path);
    for output in [".", "..", "pipelines", "rendered/.."] {
        shell(path, "mkdir -p rendered");
        let says = "Hint: Name a folder of its own";
        assert_refused(path, &format!("ompipe render -o {output}"), 2, says);
    }
    assert_refused(path, "ompipe render -o ompipe.yaml", 2, "is in the way");
    assert_refused(path, "ompipe render -o /dev/null", 2, "is in the way");
    assert_eq!(walk(path), before);
}

#[test]
fn a_bundle_is_a_file_of_a_bundles_size() {
    let folder = project();
    let path = folder.path();
    let text = fs::read_to_string(path.join("ompipe.yaml")).unwrap();
    let text = text.replace("\nspec:\n", "\nspec:\n  openMetadataVersion: \"1.13.6\"\n");
    fs::write(path.join("ompipe.yaml"), text).unwrap();
    let bundle = path.join(".ompipe/openmetadata-1.13.6.json");
    for (make, says) in [
        ("ln -s /dev/zero", "it is not a file"),
        ("mkfifo", "it is not a file"),
        ("truncate -s 100M", "it is larger than 64 MiB"),
    ] {
        shell(path, &format!("{make} {}", bundle.display()));
        assert_refused(path, "ompipe render -o out", 2, says);
        fs::remove_file(&bundle).unwrap();
    }
    fs::write(&bundle, "[".repeat(100_000)).unwrap();
    assert_refused(path, "ompipe render -o out", 2, "is not JSON");
    assert!(!path.join("out").exists());
}
