//! The verbs on a cluster, while whatever can happen to a request happens to theirs: `proxy` stands
//! between them and the API server.
//!
//! What passes is overcome: the verb says and does the same as in peace, nothing is done twice. What
//! lasts ends it with an error that says what to do, exit status 2, and a state that a rerun heals:
//! then all is as if there had been no fault. So it is when Ctrl-C ends it, at any of its requests.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use libtest_mimic::Trial;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::outcome::{Outcome, lasting, same};
use crate::proxy::{Asked, Fate, Proxy};
use crate::rendered::{condition, render};
use crate::workload::IMAGE;
use crate::{cluster, crd, inventory};

/// What is run while something happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Crd,
    Secrets,
    /// To a cluster that has nothing of it.
    Apply,
    /// One pipeline has changed, another is defined no more.
    Prune,
    Diff,
    Run,
    /// Until its end, with a pod that really runs.
    RunWait,
    Status,
    History,
    Kill,
    Suspend,
    Resume,
    Delete,
    Logs,
    Diagnose,
}

const VERBS: [Verb; 3] = [Verb::Crd, Verb::Secrets, Verb::History];
/// Verbs whose tests have not passed yet: run them by `--ignored`, mend what they find, and move
/// them up.
const TO_BE_TRIED: [Verb; 12] = [
    Verb::Apply,
    Verb::Prune,
    Verb::Diff,
    Verb::Run,
    Verb::RunWait,
    Verb::Status,
    Verb::Kill,
    Verb::Suspend,
    Verb::Resume,
    Verb::Delete,
    Verb::Logs,
    Verb::Diagnose,
];

/// A fault: its name, and what it does to a request.
type Fault = (&'static str, fn(&Asked) -> Fate);

/// What is over when the same is asked again.
const PASSING: [Fault; 10] = [
    ("connections refused", |asked| first(asked, Fate::Refused)),
    ("answers lost", |asked| first(asked, Fate::AnswerLost)),
    ("answers cut", |asked| first(asked, Fate::Cut(30))),
    ("429", |asked| first(asked, answer(429, "TooManyRequests", Some(1)))),
    ("500", |asked| first(asked, answer(500, "InternalError", None))),
    ("502", |asked| first(asked, answer(502, "BadGateway", None))),
    ("503", |asked| first(asked, answer(503, "ServiceUnavailable", None))),
    ("504", |asked| first(asked, answer(504, "GatewayTimeout", None))),
    ("late answers", |_| Fate::Late(Duration::from_millis(150))),
    ("streams cut again and again", |asked| match asked.streams() && asked.number < 20 {
        true => Fate::CutAfter(Duration::from_millis(200)),
        false => Fate::Pass,
    }),
];

/// What does not pass within the time that the verb has, and a part of what is said of it.
const LASTING: [(Fault, &str); 8] = [
    (("connections refused", |_| Fate::Refused), "does not answer"),
    (("answers lost", |_| Fate::AnswerLost), "does not answer"),
    (("429", |_| answer(429, "TooManyRequests", None)), "overloaded"),
    (
        ("500", |_| answer(500, "InternalError", None)),
        "The API server or one of its webhooks fails",
    ),
    (("503", |_| answer(503, "ServiceUnavailable", None)), "The API server or one of its webhooks"),
    (("an expired token", |_| answer(401, "Unauthorized", None)), "log in again"),
    (("forbidden", |_| Fate::AsNobody), "`ompipe rbac` prints a Role"),
    (
        ("a token that expires on the way", |asked| match asked.number {
            0 => Fate::Pass,
            _ => answer(401, "Unauthorized", None),
        }),
        "log in again",
    ),
];

fn first(asked: &Asked, fate: Fate) -> Fate {
    if asked.repeated == 0 { fate } else { Fate::Pass }
}

const fn answer(code: u16, reason: &'static str, retry_after: Option<u32>) -> Fate {
    Fate::Answered { code, reason, message: "planted by the proxy", retry_after }
}

pub(crate) fn tests() -> Vec<Trial> {
    let tried = VERBS.into_iter().flat_map(of_verb);
    let ignored = |test: Trial| test.with_ignored_flag(true);
    tried.chain(TO_BE_TRIED.into_iter().flat_map(of_verb).map(ignored)).collect()
}

fn of_verb(verb: Verb) -> [Trial; 3] {
    let name = |what: &str| -> &'static str {
        Box::leak(format!("{verb:?}_{what}").to_lowercase().into_boxed_str())
    };
    [
        test(name("overcomes_what_passes"), async move |namespace| {
            overcomes(namespace, verb).await;
        }),
        test(name("says_what_lasts_and_heals"), async move |namespace| {
            fails_and_heals(namespace, verb).await;
        }),
        test(name("heals_after_ctrl_c_at_any_request"), async move |namespace| {
            heals_after_interrupts(namespace, verb).await;
        }),
    ]
}

async fn overcomes(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let peace = all.site().await;
    let expected = peace.outcome(&peace.ompipe("20")).await;
    for (name, fault) in PASSING {
        let site = all.site().await;
        all.proxy.plan(fault);
        let output = site.ompipe("20");
        all.proxy.plan(|_| Fate::Pass);
        same(&site.outcome(&output).await, &expected, &format!("{name}: {output:?}"));
    }
    let site = all.site().await;
    all.proxy.down();
    let proxy = all.proxy.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        proxy.up();
    });
    let output = site.ompipe("20");
    same(&site.outcome(&output).await, &expected, &format!("a restart: {output:?}"));
}

async fn fails_and_heals(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let peace = all.site().await;
    let output = peace.ompipe("20");
    let requests = all.proxy.asked().len();
    let expected = peace.outcome(&output).await;
    for ((name, fault), said) in LASTING {
        if requests < 2 && name.ends_with("on the way") {
            continue;
        }
        let site = all.site().await;
        all.proxy.plan(fault);
        let began = Instant::now();
        let output = site.ompipe("1");
        all.proxy.plan(|_| Fate::Pass);
        failed(&output, name, said);
        assert!(began.elapsed() < Duration::from_secs(10), "{name}: not within its second");
        site.heals(name, &expected).await;
    }
    // Every single request of it in turn, which writes the others of the same run may have done.
    for number in 0..requests {
        let site = all.site().await;
        let failing: Mutex<Option<String>> = Mutex::new(None);
        all.proxy.plan(move |asked| {
            let mut failing = failing.lock().unwrap();
            if asked.number == number {
                *failing = Some(asked.path.clone());
            }
            match failing.as_ref() == Some(&asked.path) {
                true => answer(503, "ServiceUnavailable", None),
                false => Fate::Pass,
            }
        });
        let output = site.ompipe("1");
        all.proxy.plan(|_| Fate::Pass);
        // What it can do without it does without.
        if output.status.code() != expected.code {
            failed(&output, &format!("request {number}"), "planted by the proxy");
        }
        site.heals(&format!("after request {number}"), &expected).await;
    }
    let site = all.site().await;
    all.proxy.down();
    let output = site.ompipe("1");
    all.proxy.up();
    failed(&output, "nobody there", "does not answer");
    site.heals("nobody there", &expected).await;
}

/// It ended as the tool's own failures do, and says this.
fn failed(output: &Output, name: &str, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
    assert!(stderr.contains("Error: ") && stderr.contains("Hint: "), "{name}: {stderr}");
    assert!(stderr.contains(said), "{name}: not {said:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{name}: {stderr}");
}

async fn heals_after_interrupts(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let peace = all.site().await;
    let output = peace.ompipe("20");
    let requests = all.proxy.asked().len();
    let expected = peace.outcome(&output).await;
    for number in 0..requests {
        for done in [false, true] {
            let name = format!("Ctrl-C at request {number}, done by the API server: {done}");
            let site = all.site().await;
            let process = Arc::new(AtomicU32::new(0));
            let of_plan = process.clone();
            all.proxy.plan(move |asked| {
                if asked.number < number {
                    return Fate::Pass;
                }
                if asked.number == number {
                    while of_plan.load(Ordering::SeqCst) == 0 {
                        std::thread::yield_now();
                    }
                    let id = of_plan.load(Ordering::SeqCst).to_string();
                    if done {
                        // After the answer is lost, when the API server has done it.
                        std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_millis(30));
                            interrupt(&id);
                        });
                        return Fate::AnswerLost;
                    }
                    interrupt(&id);
                }
                Fate::Refused
            });
            let child = site.command("20").spawn().unwrap();
            process.store(child.id(), Ordering::SeqCst);
            let output = child.wait_with_output().unwrap();
            all.proxy.plan(|_| Fate::Pass);
            let by_signal = output.status.signal() == Some(2);
            assert!(by_signal || output.status.code().is_some_and(|code| code != 0), "{output:?}");
            site.heals(&name, &expected).await;
        }
    }
}

fn interrupt(process: &str) {
    assert!(Command::new("kill").args(["-s", "INT", process]).status().unwrap().success());
}

/// Where a verb meets its faults, each on a pipeline of its own.
struct Sites<'a> {
    namespace: &'a Namespace,
    verb: Verb,
    proxy: Arc<Proxy>,
    count: AtomicU32,
}

impl<'a> Sites<'a> {
    async fn new(namespace: &'a Namespace, verb: Verb) -> Self {
        crd::installed(namespace).await;
        namespace.apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bot"}, "stringData": {"token": "x"},
        }))
        .await;
        let proxy = Arc::new(Proxy::start());
        Self { namespace, verb, proxy, count: AtomicU32::new(0) }
    }

    async fn site(&self) -> Site<'_> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let folder = tempfile::tempdir().unwrap();
        let pipeline = format!("p{number:03}");
        let id = format!("{number:08x}-0000-4000-8000-000000000000");
        let site = Site { all: self, folder, pipeline, id };
        self.proxy.plan(|_| Fate::Pass);
        site.write("0 3 31 12 *", &[""]);
        match self.verb {
            Verb::Crd | Verb::Secrets | Verb::Apply => {}
            Verb::Run | Verb::RunWait | Verb::Suspend => site.deploy(&[]).await,
            Verb::Resume => {
                site.deploy(&[]).await;
                let suspended = site.peacefully(&site.arguments(Verb::Suspend));
                assert!(suspended.status.success(), "{suspended:?}");
            }
            Verb::Status | Verb::History | Verb::Kill | Verb::Delete | Verb::Diagnose => {
                site.deploy(&[]).await;
                site.deploy(&["--run", "--run-id", &site.id]).await;
            }
            Verb::Logs => {
                site.deploy(&[]).await;
                site.deploy(&["--run", "--run-id", &site.id]).await;
                let jobs = self.namespace.api::<Job>();
                let job = format!("om-job-{}-{}", site.pipeline, &site.id[..8]);
                self.namespace
                    .until("the end of a run", async || {
                        condition(&jobs.get(&job).await.unwrap(), "Complete").map(|_| ())
                    })
                    .await;
            }
            Verb::Prune | Verb::Diff => {
                site.write("0 3 31 12 *", &["", "-gone"]);
                let applied = site.peacefully(&site.arguments(Verb::Apply));
                assert!(applied.status.success(), "{applied:?}");
                site.write("0 4 31 12 *", &[""]);
            }
        }
        site
    }
}

impl Verb {
    /// Whether its pods really run.
    fn runs(self) -> bool {
        matches!(self, Self::RunWait | Self::Logs)
    }
}

struct Site<'a> {
    all: &'a Sites<'a>,
    folder: tempfile::TempDir,
    pipeline: String,
    id: String,
}

impl Site<'_> {
    /// Writes its project: pipelines whose names begin with its own.
    fn write(&self, schedule: &str, pipelines: &[&str]) {
        let (namespace, name) = (&self.all.namespace.name, &self.pipeline);
        let mut text = format!(
            "
kind: IngestionProject
metadata: {{name: {name}}}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {{jwtToken: {{secretKeyRef: {{name: bot, key: token}}}}}}
  kubernetes:
    namespace: {namespace}
    ingestionImage: {IMAGE}
    serviceAccountName: {name}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
    nodeSelector: {{{}}}
",
            // What does not have to run does not.
            if self.all.verb.runs() { "" } else { "ompipe.test/nowhere: 'true'" },
        );
        for suffix in pipelines {
            text += &format!(
                "
---
kind: IngestionPipeline
metadata: {{name: {name}{suffix}}}
spec:
  type: metadata
  schedule: '{schedule}'
  workflow:
    source:
      type: postgres
      serviceName: faulty
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
"
            );
        }
        std::fs::write(self.folder.path().join("ompipe.yaml"), text).unwrap();
    }

    /// Applies what it renders to, as `kubectl` would.
    async fn deploy(&self, arguments: &[&str]) {
        for object in render(self.folder.path(), arguments) {
            self.all.namespace.apply(object).await;
        }
    }

    /// The command line of a verb.
    fn arguments(&self, verb: Verb) -> Vec<String> {
        let (folder, name) = (self.folder.path().to_str().unwrap(), &*self.pipeline);
        let of_project = |verb| vec![verb, name, "--project", folder];
        let words: Vec<&str> = match verb {
            Verb::Crd => vec!["crd", "--apply"],
            Verb::Secrets => vec!["secrets", "list", "--cluster", folder],
            Verb::Apply => vec!["apply", folder],
            Verb::Prune => vec!["apply", folder, "--prune", "--yes"],
            Verb::Diff => vec!["diff", folder],
            Verb::Run => vec!["run", name, folder, "--run-id", &self.id],
            Verb::RunWait => vec!["run", name, folder, "--run-id", &self.id, "--wait"],
            Verb::Status => of_project("status"),
            Verb::History => of_project("history"),
            Verb::Kill => of_project("kill"),
            Verb::Suspend => of_project("suspend"),
            Verb::Resume => of_project("resume"),
            Verb::Delete => [of_project("delete"), vec!["--yes"]].concat(),
            Verb::Logs => of_project("logs"),
            Verb::Diagnose => of_project("diagnose"),
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Runs a command line on the cluster itself.
    fn peacefully(&self, arguments: &[String]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ompipe"))
            .args(arguments)
            .args(["--kubeconfig", &cluster::kubeconfig()])
            .output()
            .unwrap()
    }

    fn command(&self, retry_for: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
        command
            .args(self.arguments(self.all.verb))
            .args(["--retry-for", retry_for, "--kubeconfig"])
            .arg(self.all.proxy.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn ompipe(&self, retry_for: &str) -> Output {
        self.command(retry_for).output().unwrap()
    }

    /// Run again without a fault it does what it did not, and all is as without one.
    async fn heals(&self, name: &str, expected: &Outcome) {
        let output = self.ompipe("20");
        let outcome = self.outcome(&output).await;
        let expected = Outcome { said: outcome.said.clone(), ..expected.clone() };
        same(&outcome, &expected, &format!("{name}: {output:?}"));
    }

    /// With the names of its own taken out, so that two sites can be compared.
    async fn outcome(&self, output: &Output) -> Outcome {
        let neutral = |text: &str| {
            text.replace(&self.pipeline, "PIPELINE")
                .replace(&self.id, "RUN")
                .replace(&self.id[..8], "RUN")
                .replace(self.folder.path().to_str().unwrap(), "FOLDER")
        };
        let mut there = BTreeMap::new();
        for object in inventory::of_namespace(self.all.namespace).await {
            let is_own = object["metadata"]["name"]
                .as_str()
                .is_some_and(|name| name.split(['-', '.']).any(|part| part == self.pipeline));
            if !is_own || ["Pod", "Event"].iter().any(|kind| object["kind"] == *kind) {
                continue;
            }
            let text = neutral(&lasting(&object).to_string());
            let name = neutral(&inventory::called(&object));
            there.insert(name, serde_json::from_str(&text).unwrap());
        }
        let said = neutral(&String::from_utf8_lossy(&output.stdout));
        // Ages and times differ.
        let words = said.split_whitespace().filter(|word| !word.contains(char::is_numeric));
        let said = words.collect::<Vec<_>>().join(" ");
        Outcome { code: output.status.code(), said, there }
    }
}
