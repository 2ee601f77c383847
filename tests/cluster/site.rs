//! Where the verbs meet faults: a project of a pipeline in the cluster, a verb that is run on it
//! through the proxy, and what came of that.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::core::ApiResource;
use kube::discovery::Scope;
use serde_json::{Value, json};

use crate::namespace::Namespace;
use crate::outcome::{Outcome, lasting};
use crate::proxy::{Fate, Proxy};
use crate::rendered::{condition, render};
use crate::workload::IMAGE;
use crate::{cluster, crd, inventory};

/// Longer than any verb takes here: one that is still there hangs.
const HANGS: Duration = Duration::from_secs(120);

/// What is run while something happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
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
    /// Of an automation, with all that it has of its own.
    RunAutomation,
    Status,
    /// Until Ctrl-C; meanwhile the schedule is suspended.
    StatusWatch,
    History,
    Kill,
    Suspend,
    Resume,
    Delete,
    Logs,
    /// From before the pod begins until its end.
    LogsFollow,
    Diagnose,
    Doctor,
}

impl Verb {
    pub(crate) const ALL: [Self; 19] = [
        Self::Crd,
        Self::Secrets,
        Self::Apply,
        Self::Prune,
        Self::Diff,
        Self::Run,
        Self::RunWait,
        Self::RunAutomation,
        Self::Status,
        Self::StatusWatch,
        Self::History,
        Self::Kill,
        Self::Suspend,
        Self::Resume,
        Self::Delete,
        Self::Logs,
        Self::LogsFollow,
        Self::Diagnose,
        Self::Doctor,
    ];

    /// Whether pods have somewhere to run.
    fn runs(self) -> bool {
        matches!(self, Self::RunWait | Self::Logs | Self::LogsFollow | Self::Doctor)
    }

    /// Whether it changes nothing, so that one site is enough for any number of faults.
    fn only_looks(self) -> bool {
        matches!(
            self,
            Self::Secrets
                | Self::Diff
                | Self::Status
                | Self::StatusWatch
                | Self::History
                | Self::Logs
                | Self::LogsFollow
                | Self::Diagnose
                | Self::Doctor
        )
    }
}

/// Where a verb meets its faults: each on a pipeline of its own, as far as it leaves traces.
pub(crate) struct Sites<'a> {
    place: Place<'a>,
    count: AtomicU32,
    last: RefCell<Option<Rc<Site<'a>>>>,
    first: RefCell<Option<(Rc<Site<'a>>, There)>>,
}

/// The objects of a site, by kind and name.
type There = BTreeMap<String, Value>;

/// What sites share.
#[derive(Clone)]
struct Place<'a> {
    namespace: &'a Namespace,
    verb: Verb,
    proxy: Arc<Proxy>,
    kinds: Rc<Vec<ApiResource>>,
}

impl<'a> Sites<'a> {
    pub(crate) async fn new(namespace: &'a Namespace, verb: Verb) -> Self {
        crd::installed(namespace).await;
        namespace.apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bot"}, "stringData": {"token": "x"},
        }))
        .await;
        let kinds = Rc::new(inventory::kinds(namespace, Scope::Namespaced).await);
        let place = Place { namespace, verb, proxy: Arc::new(Proxy::start()), kinds };
        Self {
            place,
            count: AtomicU32::new(0),
            last: RefCell::default(),
            first: RefCell::default(),
        }
    }

    pub(crate) fn proxy(&self) -> &Arc<Proxy> {
        &self.place.proxy
    }

    /// A site for the next fault.
    pub(crate) async fn site(&self) -> Rc<Site<'a>> {
        self.place.proxy.plan(|_| Fate::Pass);
        let last = self.last.borrow().clone();
        match last {
            Some(last) if self.place.verb.only_looks() => last,
            _ => self.new_site().await,
        }
    }

    /// A site that no fault has met yet.
    pub(crate) async fn new_site(&self) -> Rc<Site<'a>> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let folder = tempfile::tempdir().unwrap();
        let automation = folder.path().join("automation.json").to_str().unwrap().to_owned();
        let site = Rc::new(Site {
            place: self.place.clone(),
            folder,
            automation,
            pipeline: format!("p{number:03}"),
            id: format!("{number:08x}-0000-4000-8000-000000000000"),
        });
        site.prepare().await;
        if self.place.verb.only_looks() && self.first.borrow().is_none() {
            let there = site.there().await;
            *self.first.borrow_mut() = Some((site.clone(), there));
        }
        *self.last.borrow_mut() = Some(site.clone());
        site
    }

    /// A verb that only looks has changed nothing, whatever happened to it.
    pub(crate) async fn are_as_they_were(&self) {
        let first = self.first.borrow_mut().take();
        if let Some((site, there)) = first {
            assert_eq!(site.there().await, there);
        }
    }
}

pub(crate) struct Site<'a> {
    place: Place<'a>,
    folder: tempfile::TempDir,
    pipeline: String,
    /// The file of an automation.
    automation: String,
    id: String,
}

impl Site<'_> {
    /// Puts into the cluster what the verb is about.
    async fn prepare(&self) {
        self.place.proxy.plan(|_| Fate::Pass);
        self.write("0 3 31 12 *", &[""]);
        match self.place.verb {
            Verb::Crd | Verb::Secrets | Verb::Apply | Verb::RunAutomation => {}
            Verb::Run | Verb::RunWait | Verb::Suspend | Verb::StatusWatch | Verb::Doctor => {
                self.deploy(&[]).await;
            }
            Verb::Resume => {
                self.deploy(&[]).await;
                self.peacefully(Verb::Suspend);
            }
            Verb::Status | Verb::History | Verb::Kill | Verb::Delete | Verb::LogsFollow => {
                self.deploy(&[]).await;
                self.deploy(&["--run", "--run-id", &self.id]).await;
            }
            Verb::Diagnose => {
                self.deploy(&[]).await;
                self.deploy(&["--run", "--run-id", &self.id]).await;
                self.place
                    .namespace
                    .until("a pod that has nowhere to run to say so", async || {
                        let said = self.ompipe("20").stdout;
                        String::from_utf8_lossy(&said).contains("FailedScheduling").then_some(())
                    })
                    .await;
                self.place.proxy.plan(|_| Fate::Pass);
            }
            Verb::Logs => {
                self.deploy(&[]).await;
                self.deploy(&["--run", "--run-id", &self.id]).await;
                let jobs = self.place.namespace.api::<Job>();
                let job = format!("om-job-{}-{}", self.pipeline, &self.id[..8]);
                self.place
                    .namespace
                    .until("the end of a run", async || {
                        condition(&jobs.get(&job).await.unwrap(), "Complete").map(|_| ())
                    })
                    .await;
            }
            Verb::Prune | Verb::Diff => {
                self.write("0 3 31 12 *", &["", "-gone"]);
                self.peacefully(Verb::Apply);
                self.write("0 4 31 12 *", &[""]);
            }
        }
    }

    /// Writes its project: pipelines whose names begin with its own.
    fn write(&self, schedule: &str, pipelines: &[&str]) {
        let (namespace, name) = (&self.place.namespace.name, &self.pipeline);
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
            if self.place.verb.runs() { "" } else { "ompipe.test/nowhere: 'true'" },
        );
        let asked = match self.place.verb {
            Verb::Logs => "{log: {bytes: 60000}}",
            Verb::LogsFollow => "{log: {bytes: 60000, seconds: 2}}",
            _ => "{}",
        };
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
    test: {{main: {asked}}}
    source:
      type: postgres
      serviceName: faulty
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
"
            );
        }
        std::fs::write(self.folder.path().join("ompipe.yaml"), text).unwrap();
        let automation =
            json!({"id": "1", "name": name, "workflowType": "TEST_CONNECTION", "request": {}});
        std::fs::write(&self.automation, automation.to_string()).unwrap();
    }

    /// Applies what it renders to, as `kubectl` would.
    async fn deploy(&self, arguments: &[&str]) {
        for object in render(self.folder.path(), arguments) {
            self.place.namespace.apply(object).await;
        }
    }

    /// The command line of a verb.
    fn arguments(&self, verb: Verb) -> Vec<&str> {
        let (folder, name) = (self.folder.path().to_str().unwrap(), &*self.pipeline);
        let of_project = |verb| vec![verb, name, "--project", folder];
        match verb {
            Verb::Crd => vec!["crd", "--apply"],
            Verb::Secrets => vec!["secrets", "list", "--cluster", folder],
            Verb::Apply => vec!["apply", folder],
            Verb::Prune => vec!["apply", folder, "--prune", "--yes"],
            Verb::Diff => vec!["diff", folder],
            Verb::Run => vec!["run", name, folder, "--run-id", &self.id],
            Verb::RunAutomation => {
                vec!["run", "--automation", &self.automation, folder, "--run-id", &self.id]
            }
            Verb::RunWait => vec!["run", name, folder, "--run-id", &self.id, "--wait"],
            Verb::Status => of_project("status"),
            Verb::StatusWatch => [of_project("status"), vec!["--watch"]].concat(),
            Verb::History => of_project("history"),
            Verb::Kill => of_project("kill"),
            Verb::Suspend => of_project("suspend"),
            Verb::Resume => of_project("resume"),
            Verb::Delete => [of_project("delete"), vec!["--yes"]].concat(),
            Verb::Logs => of_project("logs"),
            Verb::LogsFollow => [of_project("logs"), vec!["--follow"]].concat(),
            Verb::Diagnose => of_project("diagnose"),
            Verb::Doctor => vec!["doctor", folder],
        }
    }

    /// Runs a verb on the cluster itself.
    fn peacefully(&self, verb: Verb) {
        let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
            .args(self.arguments(verb))
            .args(["--kubeconfig", &cluster::kubeconfig()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts the verb, to be ended by [`Site::ended`].
    pub(crate) fn start(&self, retry_for: &str) -> Child {
        // What a shell starts in the background ignores SIGINT, and the tests may be started so.
        Command::new("env")
            .args(["--default-signal=INT", env!("CARGO_BIN_EXE_ompipe")])
            .args(self.arguments(self.place.verb))
            .args(["--retry-for", retry_for, "--kubeconfig"])
            .arg(self.place.proxy.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What it said until its end, which must come.
    pub(crate) fn ended(&self, child: Child) -> Output {
        let id = child.id().to_string();
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || send.send(child.wait_with_output()));
        receive.recv_timeout(HANGS).map(Result::unwrap).unwrap_or_else(|_| {
            signal("KILL", &id);
            panic!("{:?} {} hangs", self.place.verb, self.pipeline)
        })
    }

    /// Runs the verb.
    pub(crate) fn ompipe(&self, retry_for: &str) -> Output {
        let child = self.start(retry_for);
        match self.place.verb {
            Verb::StatusWatch => self.watched(child),
            _ => self.ended(child),
        }
    }

    /// Changes something once the first table is there, and ends it after the second one.
    fn watched(&self, mut child: Child) -> Output {
        let id = child.id().to_string();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, tables) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            // A table ends with an empty line.
            while stdout.read_line(&mut all).unwrap() > 0 {
                if all.ends_with("\n\n") {
                    let _nobody_waits = send.send(());
                }
            }
            stdout.read_to_string(&mut all).unwrap();
            all
        });
        // The other end goes when it ends of itself.
        let comes = || tables.recv_timeout(HANGS) != Err(mpsc::RecvTimeoutError::Timeout);
        let mut in_time = comes();
        let runs = child.try_wait().unwrap().is_none();
        if runs {
            self.peacefully(Verb::Suspend);
            in_time = in_time && comes();
            signal("TERM", &id);
        }
        let mut output = self.ended(child);
        output.stdout = reader.join().unwrap().into_bytes();
        if runs {
            self.peacefully(Verb::Resume);
        }
        assert!(in_time, "nothing more came: {output:?}");
        output
    }

    /// With the names of its own taken out, so that two sites can be compared. What a verb leaves that
    /// only looks is compared once, in the end.
    pub(crate) async fn outcome(&self, output: &Output) -> Outcome {
        let there = match self.place.verb.only_looks() {
            true => There::new(),
            false => self.there().await,
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let said = match self.place.verb {
            // What the scripts say of themselves has times in it.
            Verb::Logs | Verb::LogsFollow => {
                let lines = said.lines().filter_map(|line| line.split('{').next());
                lines.collect::<Vec<_>>().join("\n")
            }
            // Ages and times differ.
            _ => {
                let said = self.neutral(&said);
                let words = said.split_whitespace().filter(|word| !word.contains(char::is_numeric));
                words.collect::<Vec<_>>().join(" ")
            }
        };
        Outcome { code: output.status.code(), said, there }
    }

    /// Its objects.
    async fn there(&self) -> There {
        let mut there = There::new();
        for object in inventory::of_kinds(self.place.namespace, &self.place.kinds).await {
            let is_own = object["metadata"]["name"]
                .as_str()
                .is_some_and(|name| name.split(['-', '.']).any(|part| part == self.pipeline));
            if !is_own || ["Pod", "Event"].iter().any(|kind| object["kind"] == *kind) {
                continue;
            }
            let text = self.neutral(&lasting(&object).to_string());
            let name = self.neutral(&inventory::called(&object));
            there.insert(name, serde_json::from_str(&text).unwrap());
        }
        there
    }

    fn neutral(&self, text: &str) -> String {
        text.replace(&self.pipeline, "PIPELINE")
            .replace(&self.id, "RUN")
            .replace(&self.id[..8], "RUN")
            .replace(self.folder.path().to_str().unwrap(), "FOLDER")
    }
}

/// Sends a process a signal.
pub(crate) fn signal(name: &str, process: &str) {
    let sent = Command::new("kill").args(["-s", name, process]).status().unwrap();
    // It may have ended of itself a moment before.
    assert!(sent.success() || name != "INT", "{name} {process}");
}
