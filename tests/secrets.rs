//! Secrets at the process's edge: values that are asked for and where they may go, encrypted files
//! byte for byte, and what must exist.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use tempfile::TempDir;

fn example(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).envs(variables.iter().copied());
    command.output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
        .status;
    assert!(status.success(), "git {arguments:?}");
}

/// The rendered files of a folder, by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            all.insert(name, fs::read(path).unwrap());
        }
    }
    all
}

const WITH_VALUES: [&str; 3] = ["render", "--include-secrets", ".values.yaml"];

#[test]
fn values_go_to_no_folder_that_git_keeps() {
    let project = example("local-secrets");
    let folder = project.path();
    let to = |out: &str| {
        let output = run(folder, &[&WITH_VALUES[..], &["-o", out]].concat(), &[]);
        (output.status.code().unwrap(), stderr(&output).to_owned())
    };
    git(folder, &["init", "-q"]);
    let (status, error) = to("rendered");
    assert_eq!(status, 2);
    assert!(error.contains("Git does not ignore") && error.contains(".gitignore"), "{error}");
    assert!(!folder.join("rendered").exists());

    // To ignore the Secrets alone would leave their hashes in the lock.
    fs::write(folder.join(".gitignore"), "secret-*.yaml\n").unwrap();
    assert_eq!(to("rendered").0, 2);

    fs::write(folder.join(".gitignore"), "rendered/\n").unwrap();
    let (status, error) = to("rendered");
    assert_eq!(status, 0, "{error}");
    let secret = "crm-metadata/secret-om-secret-crm-metadata.yaml";
    assert!(files(&folder.join("rendered")).contains_key(secret));

    // What is tracked is kept, ignored or not.
    git(folder, &["add", "-f", &format!("rendered/{secret}")]);
    git(folder, &["commit", "-qm", "x"]);
    assert_eq!(to("rendered").0, 2);
    assert_eq!(to("elsewhere").0, 2);

    let outside = tempfile::tempdir().unwrap();
    let (status, error) = to(outside.path().join("out").to_str().unwrap());
    assert_eq!(status, 0, "{error}");
}

#[test]
fn without_values_everything_but_the_secret_is_rendered_and_nothing_tells_of_a_value() {
    let project = example("local-secrets");
    let folder = project.path();
    let variables = |password| {
        [("OMPIPE_SECRET_CRM_PASSWORD", password), ("OMPIPE_SECRET_OPENMETADATA_BOT_TOKEN", "t")]
    };
    let render = |arguments: &[&str], password| {
        let output = run(folder, arguments, &variables(password));
        assert!(output.status.success(), "{}", stderr(&output));
        let documents = stdout(&output).split("---\n").map(str::to_owned);
        documents.partition::<Vec<_>, _>(|text| text.contains("\nkind: Secret\n"))
    };
    let (none, without) = render(&["render"], "");
    let with = ["render", "--include-secrets", "env"];
    let (secrets, rest) = render(&with, "hunter2: \"x\" # {{");
    assert_eq!((none.len(), secrets.len()), (0, 1));
    // No hash or other trace of a value is in what may go into Git.
    assert_eq!(without, rest);
    assert_eq!(render(&with, "other").1, rest);
    let encoded = secrets[0].split("  config: ").nth(1).unwrap().trim();
    let config = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    assert!(String::from_utf8(config).unwrap().contains("password: 'hunter2: \"x\" # {{'\n"));
}

#[test]
fn a_file_of_values_that_cannot_be_read_is_an_error_without_its_values() {
    let project = example("local-secrets");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: crm}\n";
    for text in [
        format!("{secret}stringData: {{password: hunter2: }}\n"),
        format!("{secret}stringData: {{password: hunter2\n"),
        format!("{secret}data: {{password: hunter2!}}\n"),
        "password: hunter2\n".to_owned(),
        format!("{secret}stringData:\n  password: 0777\n"),
        "\thunter2".to_owned(),
    ] {
        fs::write(project.path().join(".values.yaml"), &text).unwrap();
        for format in ["text", "json", "sarif", "github", "junit"] {
            let output =
                run(project.path(), &[&WITH_VALUES[..], &["--format", format]].concat(), &[]);
            assert_eq!(output.status.code(), Some(2), "{text}");
            let all = format!("{}{}", stdout(&output), stderr(&output));
            assert!(!all.contains("hunter2") && !all.contains("0777"), "{all}");
        }
    }
}

#[test]
fn encrypted_files_come_through_byte_for_byte() {
    let project = example("encrypted");
    let sops = project.path().join("secrets/openmetadata-bot.sops.yaml");
    // As another editor leaves it: SOPS signs the values, and whoever compares the files sees each byte.
    let text = fs::read_to_string(&sops).unwrap().replace('\n', "\r\n");
    fs::write(&sops, format!("# kept\r\n{}", text.trim_end())).unwrap();
    let out = project.path().join("rendered");
    for _ in 0..2 {
        let output = run(project.path(), &["render", "-o", "rendered"], &[]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let rendered = files(&out);
    for name in ["crm.sealed.yaml", "openmetadata-bot.sops.yaml"] {
        let original = fs::read(project.path().join("secrets").join(name)).unwrap();
        assert_eq!(rendered[&format!("encrypted/{name}")], original);
        let index = String::from_utf8(rendered["kustomization.yaml"].clone()).unwrap();
        assert!(index.contains(&format!("- encrypted/{name}\n")), "{index}");
        let stream = run(project.path(), &["render"], &[]).stdout;
        assert!(stream.windows(original.len()).any(|part| part == original), "{name}");
    }
    // Those of a part are not asked for.
    let part = run(project.path(), &["render", "-l", "crm-metadata"], &[]);
    assert!(!stdout(&part).contains("sops:"));
}

#[test]
fn a_reference_of_a_secret_manager_passes_by_every_way() {
    for way in ["env", "externalSecret", "secret"] {
        let project = tempfile::tempdir().unwrap();
        let text = format!(
            "kind: IngestionProject\nmetadata: {{name: a}}\nspec:\n  openMetadata: {{hostPort: 'http://om/api', \
             securityConfig: {{jwtToken: {{secretKeyRef: {{name: bot, key: token}}}}}}}}\n  kubernetes:\n    \
             secrets: {{way: {way}, externalSecret: {{storeRef: {{name: s}}}}}}\n---\nkind: IngestionPipeline\n\
             metadata: {{name: p}}\nspec:\n  type: metadata\n  workflow:\n    source: {{serviceName: s, \
             serviceConnection: {{config: {{password: 'secret:/prod/db'}}}}}}\n"
        );
        fs::write(project.path().join("ompipe.yaml"), text).unwrap();
        let variables = [("OMPIPE_SECRET_BOT_TOKEN", "t")];
        let output = run(project.path(), &["render", "--include-secrets", "env"], &variables);
        let text = stdout(&output);
        let mut configs = vec![text.to_owned()];
        for encoded in text.split("\n  config: ").skip(1) {
            let encoded = encoded.lines().next().unwrap();
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
            configs.extend(decoded.ok().map(|bytes| String::from_utf8(bytes).unwrap()));
        }
        let expected = if way == "env" { 1 } else { 2 };
        let count = |text: &String| text.matches("password: secret:/prod/db\n").count();
        assert_eq!(configs.iter().map(count).sum::<usize>(), expected, "{way}: {configs:?}");
    }
}
