//! `ompipe logs`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use ompipe::cluster::diagnose::{self, Diagnosis, diagnose};
use ompipe::cluster::logs::{
    Chunks, End, Failure, Note, Of, Output, Source, TooFar, Wanted, no_log, source, stream,
    task_key_of_labels,
};
use ompipe::cluster::observed::Pod;
use ompipe::cluster::runs::{self, Run};
use ompipe::cluster::{Cluster, Pipeline, main_pods};
use ompipe::model::labels;
use serde_json::Value;

use super::chosen_run::{Chosen, ChosenRunArgs};
use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::Pipelines;
use super::session::Session;

/// Where a log may be that its pod has taken with it.
const GONE: &str = "A log goes with its pod, and a pod with its Job or OMJob: by ttlSecondsAfterFinished, a history \
                    limit, a lost node or somebody's hand. Look where the cluster collects logs.";
/// How often is looked whether a run has a pod yet.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Show the log of a run
///
/// Writes what the container main of a pipeline's newest run has written, byte for byte, however
/// long it is: while it runs and after its end. Nothing is lost or doubled when a connection is
/// cut or the API server restarts meanwhile. With --format json it gives the log in the chunks of
/// about 1 MB that OpenMetadata's UI takes. Exit status: 0 here is the log, 1 there is none, or
/// not all of it.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe logs orders                    The newest run of the pipeline orders
  ompipe logs orders --follow           Until the run ends
  ompipe logs orders --run 6f1c         The run whose id begins so
  ompipe logs -n openmetadata-pipelines orders     Without a project
  ompipe logs -n openmetadata-pipelines om-automation-test-mysql    Of an automation
  ompipe logs orders --format json --after 3       The fourth chunk, as JSON")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    run: ChosenRunArgs,

    /// Wait for the run to start, and go on until its container ends
    #[arg(short, long)]
    follow: bool,

    /// Show the last lines only
    #[arg(long, value_name = "LINES")]
    tail: Option<u64>,

    /// Begin each line with the time at which it was written
    #[arg(long)]
    timestamps: bool,

    /// The log of the exit handler: of its sidecar, or of its own pod
    #[arg(long, conflicts_with = "container")]
    exit_handler: bool,

    /// The log of another container of the main pod
    #[arg(long, value_name = "NAME")]
    container: Option<String>,

    /// The log of an earlier try of the run, counted from 1 [default: the newest]
    #[arg(long, value_name = "N")]
    attempt: Option<usize>,

    /// With --format json: the chunk to give, as the chunk before it says [default: 0]
    #[arg(long, value_name = "CHUNK")]
    after: Option<usize>,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &LogsArgs, session: &mut Session) -> Result<Status, Error> {
    let pages = session.writes_json();
    if pages && (args.follow || args.tail.is_some() || args.timestamps) {
        return Err(Error::new("a chunk is a part of the log as it is")
            .with_hint("Leave --follow, --tail and --timestamps out, or --format json."));
    }
    if !pages && args.after.is_some() {
        return Err(Error::new("there are chunks in JSON only").with_hint("Add --format json."));
    }
    let pipelines = args.run.pipelines.resolve(session)?;
    match &pipelines {
        Pipelines::Wrong(status) => return Ok(*status),
        Pipelines::These(these) if these.len() > 1 => return Err(one_by_one()),
        _ => {}
    }
    block_on(show(args, &pipelines, session))
}

fn one_by_one() -> Error {
    Error::new("the logs of several runs would be one text").with_hint("Name one pipeline.")
}

/// A run's pods, whichever of its objects are still there.
enum Subject {
    /// The run is there.
    Run(Box<Run>),
    /// Its Job is gone, and has left the pods of this pipeline behind, or not.
    Orphans(Box<Pipeline>),
}

impl Subject {
    async fn pods(&self, cluster: &Cluster) -> Result<Vec<Pod>, Error> {
        Ok(match self {
            Self::Run(run) => runs::pods_of(cluster, run).await?,
            Self::Orphans(of) => main_pods(cluster, &of.namespace, &of.selector()).await?,
        })
    }

    fn namespace(&self) -> &str {
        match self {
            Self::Run(run) => &run.namespace,
            Self::Orphans(pipeline) => &pipeline.namespace,
        }
    }

    fn task(&self, pods: &[Pod]) -> &'static str {
        let of_pod = |key| pods.last().and_then(|pod| pod.metadata.label(key));
        let (of_type, component) = match self {
            Self::Run(run) => (run.pipeline_type.as_deref(), run.component.as_deref()),
            Self::Orphans(_) => (None, None),
        };
        let of_type = of_type.or_else(|| of_pod(labels::PIPELINE_TYPE));
        task_key_of_labels(of_type, component.or_else(|| of_pod(labels::COMPONENT)))
    }
}

async fn show(
    args: &LogsArgs,
    pipelines: &Pipelines,
    session: &mut Session,
) -> Result<Status, Error> {
    let cluster = args.cluster.connect_as(&args.run.pipelines.declared()).await?;
    let mut chosen = args.run.find(&cluster, pipelines).await?;
    let subject = match (chosen.pop(), chosen.is_empty()) {
        (Some(_), false) => return Err(one_by_one()),
        (Some(Chosen::Run(run)), true) => Subject::Run(run),
        (Some(Chosen::None(pipeline)), true) => Subject::Orphans(pipeline),
        (None, _) => return Err(Error::new("there are no runs")),
    };
    let of = match (&args.container, args.exit_handler) {
        (Some(name), _) => Of::Container(name.clone()),
        (None, true) => Of::ExitHandler,
        (None, false) => Of::Main,
    };
    let mut told = None;
    let (pods, source) = loop {
        let pods = subject.pods(&cluster).await?;
        let source = source(&pods, &of, args.attempt);
        if !args.follow || !matches!(source, Source::NoPod { .. }) {
            break (pods, source);
        }
        let Some(why) = waits_for(&cluster, &subject).await? else { break (pods, source) };
        if told.as_ref() != Some(&why) {
            session.say(&format!("no log yet: {why}"));
            told = Some(why);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let task = subject.task(&pods);
    let (pod, uid, container) = match source {
        Source::In { pod, uid, container } => (pod, uid, container),
        Source::NoContainer(names) => return Err(no_container(&of, &names)),
        Source::NoPod { attempts } => {
            let why = match (args.attempt, attempts) {
                (Some(number), 1..) => {
                    format!("there is no attempt {number}: there are {attempts}")
                }
                _ => gone(&cluster, &subject).await?,
            };
            return without_log(task, &why, session);
        }
    };
    let wanted = Wanted {
        namespace: subject.namespace().to_owned(),
        pod,
        uid: Some(uid),
        container,
        follow: args.follow,
        timestamps: args.timestamps,
        tail: args.tail,
    };
    let end = if session.writes_json() {
        match page(&cluster, &wanted, args.after.unwrap_or_default(), task, session).await? {
            Some(end) => end,
            None => return Ok(Status::Fine),
        }
    } else {
        let mut out = Text { session };
        stream(&cluster, &wanted, &mut out).await.map_err(failed)?
    };
    match end {
        End::Complete | End::SoFar => Ok(Status::Fine),
        End::Gone => {
            let why = gone(&cluster, &subject).await?;
            without_log(task, &why, session)
        }
        End::NotYet(why) => without_log(task, &format!("no log yet: {why}"), session),
        End::Never(why) => without_log(task, &format!("no log: {why}"), session),
        End::Unreadable(why) => Err(Error::new(format!("failed to read the log: {why}")).with_hint(
            "A log is on its pod's node until the pod is deleted: look at the node, or where the \
             cluster collects logs. `ompipe diagnose` says more of the run.",
        )),
    }
}

/// What a run without a pod waits for, if it may still get one.
async fn waits_for(cluster: &Cluster, subject: &Subject) -> Result<Option<String>, Error> {
    let Subject::Run(run) = subject else { return Ok(None) };
    let evidence = diagnose::gather(cluster, run, 0).await?;
    let is_over = evidence.is_gone() || evidence.run.state.has_ended();
    Ok((!is_over).then(|| summary(&diagnose(&evidence, Timestamp::now()))))
}

/// A diagnosis in short, with what may say more and could not be read.
fn summary(diagnosis: &Diagnosis) -> String {
    let unread = diagnosis.unread.iter().map(|what| format!("\nCould not be read: {what}"));
    std::iter::once(diagnosis.summary.clone()).chain(unread).collect()
}

/// Writes a page of the log; gives the end where there is none.
async fn page(
    cluster: &Cluster,
    wanted: &Wanted,
    after: usize,
    task: &str,
    session: &mut Session,
) -> Result<Option<End>, Error> {
    let mut out = Pages { chunks: Chunks::keeping(after), session };
    let end = stream(cluster, wanted, &mut out).await.map_err(failed)?;
    let Pages { chunks, session } = out;
    if !matches!(end, End::Complete | End::SoFar) {
        return Ok(Some(end));
    }
    match chunks.finish() {
        Ok(page) => json(session, &page.to_json(task))?,
        Err(TooFar { total }) => {
            let message = format!("there is no chunk {after}: the log has {total}, counted from 0");
            return Err(Error::new(message)
                .with_hint("A chunk names the next one by `after`, if there is one."));
        }
    }
    Ok(None)
}

/// Says that there is no log, or not all of it.
fn without_log(task: &str, why: &str, session: &mut Session) -> Result<Status, Error> {
    if session.writes_json() {
        json(session, &no_log(task, why))?;
    }
    session.finish()?;
    session.say(why);
    Ok(Status::Findings)
}

/// What is known of a run whose pod is gone.
async fn gone(cluster: &Cluster, subject: &Subject) -> Result<String, Error> {
    match subject {
        Subject::Run(run) => {
            let evidence = diagnose::gather(cluster, run, 0).await?;
            let diagnosis = diagnose(&evidence, Timestamp::now());
            let (kind, name) = (run.kind.as_str(), &run.name);
            Ok(format!("no pod of {kind} {name} is there: {}\nHint: {GONE}", summary(&diagnosis)))
        }
        Subject::Orphans(pipeline) => Ok(format!(
            "{} has no run in {}, or none any more\nHint: `ompipe run` starts one. {GONE}",
            pipeline.name, pipeline.namespace
        )),
    }
}

fn no_container(of: &Of, names: &[String]) -> Error {
    let there = names.join(", ");
    match of {
        Of::ExitHandler => Error::new("the run has no exit handler with a log of its own").with_hint(
            "`exitHandler: sidecar` and the operator give it one; what a preStop hook writes is \
             kept by nobody.",
        ),
        Of::Main => Error::new("the pod has no container main")
            .with_hint(format!("Name one by --container: {there}.")),
        Of::Container(name) => Error::new(format!("the pod has no container {name}"))
            .with_hint(format!("It has {there}.")),
    }
}

pub(super) fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Output(error) => error.into(),
        Failure::Cluster(error) => error.into(),
    }
}

fn json(session: &mut Session, value: &Value) -> Result<(), Error> {
    serde_json::to_writer_pretty(&mut *session.out(), value).map_err(io::Error::from)?;
    Ok(writeln!(session.out())?)
}

fn say(session: &mut Session, note: Note) {
    session.say(&match note {
        Note::Waiting(why) => format!("no log yet: {why}"),
        Note::Again(why) => format!("the connection is gone ({why}): asking again"),
        Note::Gap => "the node rotated the log meanwhile: lines may be missing here".to_owned(),
        Note::Restarted => "the container was started again: here begins its new log".to_owned(),
    });
}

/// The log as it is.
pub(super) struct Text<'a> {
    pub(super) session: &'a mut Session,
}

impl Output for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.out().write_all(bytes)
    }

    fn pause(&mut self) -> io::Result<()> {
        self.session.out().flush()
    }

    fn note(&mut self, note: Note) {
        // What was written before comes before it.
        let _closed = self.session.out().flush();
        say(self.session, note);
    }
}

/// The log in chunks.
struct Pages<'a> {
    chunks: Chunks,
    session: &'a mut Session,
}

impl Output for Pages<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.chunks.take(bytes);
        Ok(())
    }

    fn note(&mut self, note: Note) {
        if note == Note::Restarted {
            self.chunks = self.chunks.again();
        }
        say(self.session, note);
    }
}
