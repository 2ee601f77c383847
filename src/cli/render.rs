//! `ompipe render`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::diagnostic::{Diagnostic, Diagnostics, code, counted};
use ompipe::output::{self, Change, Checked, Difference, Edits, FileSet, Folder, Written};
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::tree::Span;
use uuid::Uuid;

use super::entity::{self, EntityArgs};
use super::error::Error;
use super::exit::Status;
use super::include_secrets;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Render the Kubernetes objects that run the pipelines
///
/// Everything is checked first; if anything is wrong, nothing is written. The objects go to stdout
/// as one stream of YAML, or to a folder, one file each, with a kustomization.yaml. The same
/// definitions always give the same bytes. Findings go to stderr.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe render                            The project of the current folder
  ompipe render -o rendered                One file per object, for Git
  ompipe render --force -o rendered        The same, over edits by hand
  ompipe render --check -o rendered        Whether it is up to date, for CI
  ompipe render | kubectl apply -f -       To the cluster
  ompipe render --helm -o chart            A Helm chart
  ompipe render --run -l orders            One run of the pipeline orders, now
  ompipe render --automation test.yaml     One run of an automation, such as a connection's test
  sops -d s.yaml | ompipe render --include-secrets - | kubectl apply -f -
  ompipe render pipelines/orders.yaml services ompipe.yaml")]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    input: InputArgs,

    /// The folder to write to, or - for stdout [default: stdout]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Render only the pipeline of this name; may be given several times. All are checked.
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    #[arg(conflicts_with_all = ["automation", "application"])]
    pipelines: Vec<String>,

    /// Render a Job or OMJob that runs each pipeline once, in place of its schedule
    #[arg(long, conflicts_with_all = ["automation", "application"])]
    run: bool,

    #[command(flatten)]
    entity: EntityArgs,

    /// Overwrite what was changed by hand in the folder, and take over files that the lock does not
    /// list
    #[arg(long, requires = "output", conflicts_with = "check")]
    force: bool,

    /// Write nothing; exit with 1, and print a diff, if the folder is not what would be written
    #[arg(long, requires = "output")]
    check: bool,

    /// Write a Helm chart rather than a kustomization: the namespace and the image of most objects
    /// become its values
    #[arg(long, requires = "output")]
    helm: bool,

    /// The id of that run [default: derived from what is run]
    #[arg(long, value_name = "UUID")]
    run_id: Option<Uuid>,

    /// Render the Secrets of the way `secret` too, with values from a file of Kubernetes Secrets,
    /// or, for `env`, from the variables OMPIPE_SECRET_…; to stdout, or a folder that Git ignores
    #[arg(long, value_name = "FILE|env")]
    include_secrets: Option<PathBuf>,
}

pub(crate) fn run(args: &RenderArgs, session: &mut Session) -> Result<Status, Error> {
    let folder = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let entity = args.entity.chosen();
    if folder.is_some() && !args.pipelines.is_empty() {
        return Err(Error::new("a folder is written whole, and --pipeline renders a part")
            .with_hint("Leave out one of --output and --pipeline."));
    }
    if folder.is_some() && entity.is_some() {
        return Err(Error::new("a folder holds what pipelines are rendered to")
            .with_hint("Leave --output out: what an automation or application runs is one text."));
    }
    if args.run_id.is_some() && !args.run && entity.is_none() {
        return Err(Error::new("--run-id is for what is run once").with_hint("Add --run."));
    }
    let of_folders = [(args.check, "--check"), (args.force, "--force"), (args.helm, "--helm")];
    let of_folders = of_folders.into_iter().find(|(is_given, _)| *is_given);
    if let (None, Some((_, option))) = (folder, of_folders) {
        return Err(Error::new(format!("{option} is about a folder, and --output names none"))
            .with_hint("Name the folder: `-o rendered`."));
    }
    let is_run = args.run || entity.is_some();
    let mode = if is_run { Mode::Run(args.run_id) } else { Mode::Scheduled };
    let values = args.include_secrets.as_deref().map(include_secrets::values).transpose()?;
    let with_secrets = values.is_some();
    let mut project = input::read(&args.input)?;
    let name = project.definitions.project().map_or("pipelines", |one| one.name()).to_owned();
    let input = &args.input;
    let objects = match entity {
        Some(entity) => entity::compile(entity, &mut project, input, mode, values)?,
        None => input::compile_with(&mut project, input, mode, &args.pipelines, true, values)?,
    };
    let objects = objects.into_iter().map(|one| (one.file, one.order, one.span, one.text));
    let root = project.root.as_deref();
    let files = FileSet::new(objects, &project.sources, root, &mut project.found);

    let files = if args.helm { files.into_chart(&name) } else { files };
    let mut found = std::mem::take(&mut project.found).into_sorted();
    if !session.fails_on(&found) {
        match folder {
            Some(folder) if args.check => {
                found.extend(check_folder(folder, &files, &mut project, session)?);
            }
            Some(folder) => {
                if with_secrets {
                    let paths = files.files().iter().map(|file| file.path.as_str());
                    include_secrets::require_ignored(folder, paths)?;
                }
                let edits = if args.force { Edits::Overwrite } else { Edits::Refuse };
                found.extend(write_folder(folder, &files, edits, &mut project, session)?);
            }
            None => {
                let texts = files.files().iter().map(|file| file.text.as_str());
                output::write_stdout(texts, session.out())
                    .map_err(|error| Error::new("failed to write the objects").because(error))?;
            }
        }
    }
    let status = session.report(found, &project.sources, Findings::AsMessages);
    // The process ends here. To give back each text by itself would take as long as sorting them
    // did.
    std::mem::forget((project, files));
    status
}

/// Writes the files; gives what is wrong in the folder, and a warning for each file in it that looks
/// rendered and is not ompipe's.
fn write_folder(
    path: &Path,
    files: &FileSet,
    edits: Edits,
    project: &mut Project,
    session: &mut Session,
) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Diagnostics::default();
    let mut sources = std::mem::take(&mut project.sources);
    let inputs = input::inputs(project);
    let folder = Folder::open(path, &inputs, edits, &mut sources, &mut found);
    project.sources = sources;
    let written = match folder.map_err(failed_to_write)? {
        Some(folder) => folder.write(files, edits, &mut found).map_err(failed_to_write)?,
        None => None,
    };
    let mut found = found.into_sorted();
    if let Some((_, written)) = written {
        session.say(&sentence(path, &written));
        found.extend(written.stale.iter().map(|stale| not_ours(&path.join(stale))));
    }
    Ok(found)
}

/// Compares the files with the folder, and prints the differences; gives what is wrong in the folder,
/// and that it differs.
fn check_folder(
    path: &Path,
    files: &FileSet,
    project: &mut Project,
    session: &mut Session,
) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Diagnostics::default();
    let mut sources = std::mem::take(&mut project.sources);
    let inputs = input::inputs(project);
    let checked = output::check(path, files, &inputs, &mut sources, &mut found);
    project.sources = sources;
    let checked = checked.map_err(|error| {
        Error::new(format!("failed to compare with {}", path.display())).because(error)
    })?;
    let mut found = found.into_sorted();
    let Some(Checked { differences, stale }) = checked else {
        return Ok(found);
    };
    if session.writes_json() {
        let document = serde_json::json!({"folder": path, "differences": &differences});
        serde_json::to_writer_pretty(session.out(), &document)
            .map_err(|error| Error::from(std::io::Error::from(error)))?;
        session.out().write_all(b"\n")?;
    } else {
        for difference in &differences {
            session.out().write_all(difference.diff.as_deref().unwrap_or_default().as_bytes())?;
        }
    }
    if differences.is_empty() {
        session.say(&format!("{} is up to date.", path.display()));
    } else {
        found.push(differs(path, &differences));
    }
    found.extend(stale.iter().map(|stale| not_ours(&path.join(stale))));
    Ok(found)
}

/// How many files are named beside the diff.
const NAMED: usize = 10;

fn differs(path: &Path, differences: &[Difference]) -> Diagnostic {
    let path = path.display();
    let message = format!("{path} is not what the definitions give");
    let finding = Diagnostic::error(&code::OUTPUT_DIFFERS, Span::NONE, message);
    let named = differences.iter().take(NAMED).map(|difference| {
        let change = match difference.change {
            Change::Changed => "changed",
            Change::Missing => "missing",
            Change::Surplus => "surplus",
        };
        format!("{change}: {}", difference.path)
    });
    let more =
        differences.len().checked_sub(NAMED + 1).map(|more| format!("and {} more", more + 1));
    let finding = named.chain(more).fold(finding, Diagnostic::with_note);
    finding.with_help(
        "render again with the same options, without `--check`; what was edited by hand is refused \
         then, unless `--force` overwrites it",
    )
}

fn sentence(path: &Path, written: &Written) -> String {
    let Written { written, unchanged, removed, stale: _ } = written;
    let removed = match removed {
        0 => String::new(),
        removed => format!("removed {removed}, "),
    };
    let written = counted(*written, "file");
    format!("Wrote {written} to {}; {removed}{unchanged} were up to date.", path.display())
}

pub(super) fn not_ours(path: &Path) -> Diagnostic {
    let message = format!("{} is no longer rendered", path.display());
    Diagnostic::warning(&code::OUTPUT_STALE, Span::NONE, message)
        .with_help("remove it, or its object stays where the folder is applied as a whole")
}

pub(super) fn failed_to_write(error: output::Error) -> Error {
    let hint = match error {
        output::Error::HoldsInput { .. } => "Name a folder of its own, such as `rendered`.",
        output::Error::Busy { .. } => "Wait for it to end, or end it.",
        _ => return Error::new("failed to write the objects").because(error),
    };
    Error::new("failed to write the objects").because(error).with_hint(hint)
}
