//! Which cluster a verb talks to and as whom: kubeconfigs by file, content and context, plugins that
//! give tokens, a project's own parameters; and that no credential is ever shown. Against an API
//! server in this process that lets in who bears the right token.
#![cfg(all(feature = "cluster", unix))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The token that the API server takes, and one that it does not.
const TOKEN: &str = "Pl4nted-token-right";
const EXPIRED: &str = "Pl4nted-token-expired";

/// Serves Secrets to who bears [`TOKEN`], on an address that it gives.
fn api_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(&stream.unwrap()));
        }
    });
    format!("http://{address}")
}

fn answer(stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while lines.next().is_some() {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let bears = |line: &String| {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {TOKEN}")
        };
        let (status, body) = if head.iter().any(bears) {
            let keys = r#"{"user":"YQ==","password":"YQ==","token":"YQ=="}"#;
            (
                "200 OK",
                format!(
                    r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"x"}},"data":{keys}}}"#
                ),
            )
        } else {
            ("401 Unauthorized", r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401,"message":"Unauthorized"}"#.to_owned())
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut stream = stream;
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// A folder with a project, and a home in it that nothing else is in.
struct Place {
    folder: TempDir,
    server: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
        fs::create_dir(folder.path().join("team")).unwrap();
        for file in ["ompipe.yaml", "snowflake.yaml"] {
            fs::copy(example.join(file), folder.path().join("team").join(file)).unwrap();
        }
        Self { folder, server: api_server() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig whose context `c` has this user; its context `other` leads nowhere.
    fn kubeconfig(&self, user: &str) -> String {
        let server = &self.server;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: k, cluster: {{server: '{server}'}}}}, {{name: gone, cluster: {{server: 'http://127.0.0.1:1'}}}}]\n\
             users: [{{name: u, user: {user}}}]\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}, {{name: other, context: {{cluster: gone, user: u}}}}]\n"
        )
    }

    /// Adds parameters to the project.
    fn declare(&self, parameters: &str) {
        let path = self.path("team/ompipe.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let declared = format!("  kubernetes:\n    {parameters}\n");
        fs::write(path, text.replace("  kubernetes:\n", &declared)).unwrap();
    }

    fn ompipe(&self, line: &str, variables: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ompipe"))
            .args(line.split_whitespace())
            .current_dir(self.path("team"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// Asks the cluster for Secrets, and gives the status and all that is written.
    fn ask(&self, flags: &str, variables: &[(&str, &str)]) -> (i32, String) {
        let line = format!("secrets list --cluster {flags}");
        let output = self.ompipe(&line, variables);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains("Pl4nted"), "a credential is shown: {text}");
        (output.status.code().unwrap(), text)
    }

    fn is_let_in(&self, flags: &str, variables: &[(&str, &str)]) {
        let (status, text) = self.ask(flags, variables);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("  yes  "), "{text}");
    }

    fn is_refused(&self, flags: &str, variables: &[(&str, &str)], says: &[&str]) {
        let (status, text) = self.ask(flags, variables);
        assert_eq!(status, 2, "{text}");
        for part in says {
            assert!(text.contains(part), "no {part} in: {text}");
        }
        assert!(text.contains("Hint:"), "{text}");
    }

    /// A program that prints credentials, or fails.
    fn plugin(&self, name: &str, script: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.display();
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{path}', interactiveMode: IfAvailable, provideClusterInfo: false}}}}"
        )
    }
}

fn bearer(token: &str) -> String {
    format!("{{token: {token}}}")
}

#[test]
fn a_kubeconfig_is_named_by_a_flag_a_variable_or_lies_in_the_home_folder() {
    let place = Place::new();
    let text = place.kubeconfig(&bearer(TOKEN));
    let file = place.write("some/config", &text);
    let file = file.to_str().unwrap();
    place.is_let_in(&format!("--kubeconfig {file}"), &[]);
    place.is_let_in("", &[("KUBECONFIG", file)]);
    // As kubectl reads the list: what is not there is passed over.
    place.is_let_in("", &[("KUBECONFIG", &format!("/nowhere:{file}"))]);
    place.is_let_in("", &[("KUBECONFIG_CONTENT", &text)]);
    place.is_refused("", &[], &["there is no kubeconfig"]);
    place.write("home/.kube/config", &text);
    place.is_let_in("", &[]);
}

#[test]
fn a_context_is_chosen_by_its_name_and_those_that_there_are_are_told() {
    let place = Place::new();
    let file = place.write("config", &place.kubeconfig(&bearer(TOKEN)));
    let flag = format!("--kubeconfig {}", file.display());
    place.is_let_in(&format!("{flag} --context c"), &[]);
    place.is_refused(
        &format!("{flag} --context other --retry-for 0"),
        &[],
        &["127.0.0.1:1 does not answer"],
    );
    let unknown = ["it has no context staging", "there are c, other"];
    place.is_refused(&format!("{flag} --context staging"), &[], &unknown);
    let content = place.kubeconfig(&bearer(TOKEN)).replace("current-context: c\n", "");
    let variable = [("KUBECONFIG_CONTENT", content.as_str())];
    place.is_refused("", &variable, &["no current context", "there are c, other"]);
    place.is_let_in("--context c", &variable);
}

#[test]
fn a_flag_wins_over_a_variable_that_over_the_project_and_the_project_over_kubectls_rules() {
    let place = Place::new();
    let right = place.kubeconfig(&bearer(TOKEN));
    let wrong = place.kubeconfig(&bearer(EXPIRED));
    place.write("access/right", &right);
    place.write("access/wrong", &wrong);
    let file = |name: &str| place.path(name).display().to_string();
    let kubectls = file("access/wrong");
    let kubectls = ("KUBECONFIG", kubectls.as_str());
    let (right, wrong) = (("KUBECONFIG_CONTENT", &*right), ("KUBECONFIG_CONTENT", &*wrong));

    place.declare("kubeconfigPath: ../access/right");
    place.is_let_in("", &[kubectls]);
    place.is_refused("", &[wrong], &["expired"]);
    place.is_let_in(&format!("--kubeconfig {}", file("access/right")), &[wrong]);
    place.is_refused(&format!("--kubeconfig {}", file("access/wrong")), &[right], &["expired"]);
    place.declare("kubeContext: other");
    place.is_refused("--retry-for 0", &[], &["127.0.0.1:1 does not answer"]);
    place.is_let_in("--context c", &[]);
}

#[test]
fn an_environment_has_a_cluster_of_its_own() {
    let place = Place::new();
    place.write("team/right", &place.kubeconfig(&bearer(TOKEN)));
    place.write("home/.kube/config", &place.kubeconfig(&bearer(EXPIRED)));
    let path = place.path("team/ompipe.yaml");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("  environments:\n    prod: {kubernetes: {kubeconfigPath: right}}\n");
    fs::write(path, text).unwrap();
    place.is_refused("", &[], &["expired"]);
    place.is_let_in("-e prod", &[]);
}

#[test]
fn rendering_asks_nobody_and_reads_no_kubeconfig() {
    let place = Place::new();
    let output = place.ompipe("render", &[]);
    place.declare("kubeconfigPath: ../nowhere");
    place.declare("kubeContext: nobody");
    let with = place.ompipe("render", &[("KUBECONFIG", "/nowhere")]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
    assert_eq!(with.stdout, output.stdout);
    place.is_refused("", &[], &["nowhere", "No such file"]);
}

#[test]
fn a_plugin_gives_the_token() {
    let place = Place::new();
    let credential = format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{TOKEN}","expirationTimestamp":"2100-01-01T00:00:00Z"}}}}"#
    );
    // It is told that nobody sits before a terminal.
    let script = format!(
        "case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) echo '{credential}';; *) exit 9;; esac"
    );
    let user = place.plugin("login", &script);
    place.is_let_in("", &[("KUBECONFIG_CONTENT", &place.kubeconfig(&user))]);
}

#[test]
fn a_plugin_that_fails_is_named_with_what_it_says_and_never_what_it_prints() {
    let place = Place::new();
    let script = "echo 'Pl4nted-stdout'; echo 'the session is over' >&2; echo 'password: Pl4nted-x' >&2; exit 3";
    let user = place.plugin("login", script);
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(&user))];
    place.is_refused("", &variable, &["login failed with status 3", "the session is over"]);
    let user = place.plugin("login", "echo 'Pl4nted-stdout'");
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(&user))];
    place.is_refused("", &variable, &["no ExecCredential"]);
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: acme-login, args: [Pl4nted-argument], installHint: See https://acme.example/login}}";
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(user))];
    place.is_refused("", &variable, &["failed to start", "acme-login", "acme.example/login"]);
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: acme-login, interactiveMode: Always}}";
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(user))];
    place.is_refused("", &variable, &["on a terminal, and there is none"]);
}

#[test]
fn a_plugin_that_fails_later_is_told_alike_and_at_once() {
    let place = Place::new();
    // Its first token is over at once, so that the first request asks for another.
    let credential = format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{TOKEN}","expirationTimestamp":"2000-01-01T00:00:00Z"}}}}"#
    );
    let script = format!(
        "[ -e '{0}' ] && {{ echo Pl4nted-stdout; echo 'gone' >&2; exit 4; }}; touch '{0}'; echo '{credential}'",
        place.path("first").display()
    );
    let user = place.plugin("login", &script);
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(&user))];
    let begin = std::time::Instant::now();
    place.is_refused("", &variable, &["login failed with status 4: gone"]);
    assert!(begin.elapsed().as_secs() < 20, "it was tried again");
}

#[test]
fn a_token_is_read_from_a_file_and_an_expired_one_says_to_log_in_again() {
    let place = Place::new();
    let token = place.write("token", TOKEN);
    let user = format!("{{tokenFile: {}}}", token.display());
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(&user))];
    place.is_let_in("", &variable);
    fs::remove_file(&token).unwrap();
    place.is_refused("", &variable, &["failed to read the token's file"]);
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(&bearer(EXPIRED)))];
    place.is_refused("", &variable, &["wrong or have expired: log in again"]);
    let user = "{token: \"Pl4nted-token\\nin two lines\"}";
    let variable = [("KUBECONFIG_CONTENT", &*place.kubeconfig(user))];
    place.is_refused("", &variable, &["characters that no header may have"]);
}

#[test]
fn a_malformed_kubeconfig_is_told_by_its_place_and_never_quoted() {
    let place = Place::new();
    let sound = place.kubeconfig(&bearer(TOKEN));
    let cases = [
        ("Pl4nted-scalar", "wrong at line 1"),
        ("users: [{name: u, user: {token: Pl4nted-x", "wrong at line"),
        ("apiVersion: v1\nusers: Pl4nted-users\n", "wrong at line 2"),
        ("", "no current context"),
        (&*sound.replace("server: 'http", "server: 'Pl4nted http"), "is no URL"),
        (&*sound.replace("cluster: k,", "cluster: missing,"), "names the cluster missing"),
        (
            &*sound.replace(
                "{token:",
                "{client-key: /nowhere/key, client-certificate: /nowhere/certificate, token:",
            ),
            "/nowhere/",
        ),
        (
            &*sound
                .replace("server: 'http:", "certificate-authority-data: Pl4nted, server: 'https:"),
            "certificate authority",
        ),
    ];
    for (text, says) in cases {
        let file = place.write("broken", text);
        // Nothing else is tried in its place, whatever there is.
        place.write("home/.kube/config", &sound);
        let variable = [("KUBECONFIG", file.to_str().unwrap()), ("KUBERNETES_SERVICE_HOST", "x")];
        place.is_refused("", &variable, &[says]);
    }
}

#[test]
fn outside_of_a_pod_there_is_no_service_account() {
    let place = Place::new();
    place.write("home/.kube/config", &place.kubeconfig(&bearer(TOKEN)));
    place.is_refused("--in-cluster", &[], &["the pod's own service account"]);
    place.declare("inCluster: true");
    place.is_refused("", &[], &["the pod's own service account"]);
    // A context is one of a kubeconfig.
    place.is_let_in("--context c", &[]);
}

#[test]
fn a_kubeconfigs_text_is_not_taken_from_a_definition_and_never_shown_by_help() {
    let place = Place::new();
    place.declare("kubeConfigContent: Pl4nted-kubeconfig");
    let (status, text) = place.ask("", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("OMP0501") && text.contains("KUBECONFIG_CONTENT"), "{text}");
    let help = place.ompipe("run --help", &[("KUBECONFIG_CONTENT", "Pl4nted-kubeconfig")]);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("KUBECONFIG_CONTENT") && !help.contains("Pl4nted"), "{help}");
}
