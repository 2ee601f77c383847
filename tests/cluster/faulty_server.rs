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

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::namespace::{Namespace, test};
use crate::proxy::{Asked, Fate, Proxy};
use crate::rendered::render;
use crate::workload::IMAGE;
use crate::{crd, inventory};

/// What is run while something happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Crd,
    Secrets,
    History,
}

const VERBS: [Verb; 3] = [Verb::Crd, Verb::Secrets, Verb::History];

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
    let mut tests = Vec::new();
    for verb in VERBS {
        let name = |what: &str| -> &'static str {
            Box::leak(format!("{verb:?}_{what}").to_lowercase().into_boxed_str())
        };
        tests.push(test(name("overcomes_what_passes"), async move |namespace| {
            overcomes(namespace, verb).await;
        }));
        tests.push(test(name("says_what_lasts_and_heals"), async move |namespace| {
            fails_and_heals(namespace, verb).await;
        }));
        tests.push(test(name("heals_after_ctrl_c_at_any_request"), async move |namespace| {
            heals_after_interrupts(namespace, verb).await;
        }));
    }
    tests
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
        assert_eq!(site.outcome(&output).await, expected, "{name}: {output:?}");
    }
    let site = all.site().await;
    all.proxy.down();
    let proxy = all.proxy.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        proxy.up();
    });
    let output = site.ompipe("20");
    assert_eq!(site.outcome(&output).await, expected, "a restart: {output:?}");
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
        failed(&output, &format!("request {number}"), "planted by the proxy");
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

/// What a verb did: its exit status, what it says on stdout, and what there is afterwards.
#[derive(PartialEq, Debug)]
struct Outcome {
    code: Option<i32>,
    said: String,
    there: BTreeMap<String, Value>,
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
        let text = format!(
            "
kind: IngestionProject
metadata: {{name: faulty}}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {{jwtToken: {{secretKeyRef: {{name: bot, key: token}}}}}}
  kubernetes:
    namespace: {}
    ingestionImage: {IMAGE}
    # What runs is not asked here.
    nodeSelector: {{ompipe.test/nowhere: 'true'}}
---
kind: IngestionPipeline
metadata: {{name: {pipeline}}}
spec:
  type: metadata
  schedule: '0 3 31 12 *'
  workflow:
    source:
      type: postgres
      serviceName: faulty
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
",
            self.namespace.name
        );
        std::fs::write(folder.path().join("ompipe.yaml"), text).unwrap();
        let id = format!("{number:08x}-0000-4000-8000-000000000000");
        let site = Site { all: self, folder, pipeline, id };
        self.proxy.plan(|_| Fate::Pass);
        if self.verb.needs_run() {
            for arguments in [&[][..], &["--run", "--run-id", &site.id]] {
                for object in render(site.folder.path(), arguments) {
                    self.namespace.apply(object).await;
                }
            }
        }
        site
    }
}

impl Verb {
    /// Whether its pipeline's objects are there before it, and a run.
    fn needs_run(self) -> bool {
        self == Self::History
    }

    fn arguments(self, site: &Site<'_>) -> Vec<String> {
        let folder = site.folder.path().to_str().unwrap();
        let words: Vec<&str> = match self {
            Self::Crd => vec!["crd", "--apply"],
            Self::Secrets => vec!["secrets", "list", "--cluster", folder],
            Self::History => vec!["history", &site.pipeline, "--project", folder],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

struct Site<'a> {
    all: &'a Sites<'a>,
    folder: tempfile::TempDir,
    pipeline: String,
    id: String,
}

impl Site<'_> {
    fn command(&self, retry_for: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
        command
            .args(self.all.verb.arguments(self))
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
        assert_eq!(outcome.there, expected.there, "{name}: {output:?}");
        assert_eq!(outcome.code, expected.code, "{name}: {output:?}");
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
            let labels = &object["metadata"]["labels"];
            if labels["app.kubernetes.io/pipeline"] != *self.pipeline
                || ["Pod", "Event"].iter().any(|kind| object["kind"] == *kind)
            {
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

/// An object without what differs each time.
fn lasting(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
        metadata.remove(field);
    }
    // It is of the workflow, which has the pipeline's name in it.
    for place in ["/spec/template", "/spec/jobTemplate/spec/template"] {
        if let Some(template) = object.pointer_mut(place) {
            template["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    for place in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        if let Some(Value::Object(labels)) = object.pointer_mut(place) {
            labels.retain(|label, _| !label.ends_with("controller-uid"));
        }
    }
    object
}
