//! `ompipe render`.

use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::diagnostic::{Diagnostic, code};
use ompipe::output::{self, FileSet};
use ompipe::render::Mode;
use ompipe::tree::Span;
use uuid::Uuid;

use super::error::Error;
use super::exit::Status;
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
  ompipe render | kubectl apply -f -       To the cluster
  ompipe render --run -l orders            One run of the pipeline orders, now
  ompipe render pipelines/orders.yaml services ompipe.yaml")]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    input: InputArgs,

    /// The folder to write to, or - for stdout [default: stdout]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Render only the pipeline of this name; may be given several times. All are checked.
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    pipelines: Vec<String>,

    /// Render a Job or OMJob that runs each pipeline once, in place of its schedule
    #[arg(long)]
    run: bool,

    /// The id of that run [default: derived from what is run]
    #[arg(long, value_name = "UUID", requires = "run")]
    run_id: Option<Uuid>,
}

pub(crate) fn run(args: &RenderArgs, session: &mut Session) -> Result<Status, Error> {
    let folder = args.output.as_deref().filter(|path| *path != Path::new("-"));
    if folder.is_some() && !args.pipelines.is_empty() {
        return Err(Error::new("a folder is written whole, and --pipeline renders a part")
            .with_hint("Leave out one of --output and --pipeline."));
    }
    let mode = if args.run { Mode::Run(args.run_id) } else { Mode::Scheduled };
    let mut project = input::read(&args.input)?;
    let objects = input::compile(&mut project, &args.input, mode, &args.pipelines, true)?;
    let objects = objects.into_iter().map(|one| (one.file, one.order, one.span, one.text));
    let files = FileSet::new(objects, &mut project.found);

    let mut found = std::mem::take(&mut project.found).into_sorted();
    if !session.fails_on(&found) {
        match folder {
            Some(folder) => {
                found.extend(write_folder(folder, &files, &input::inputs(&project), session)?);
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

/// Writes the files; gives a warning for each that an earlier run wrote and this one did not.
fn write_folder(
    folder: &Path,
    files: &FileSet,
    inputs: &[&Path],
    session: &mut Session,
) -> Result<Vec<Diagnostic>, Error> {
    let written = output::write_folder(folder, files, inputs).map_err(|error| {
        let is_ours = matches!(error, output::Error::HoldsInput { .. });
        let failed = Error::new("failed to write the objects").because(error);
        if is_ours {
            failed.with_hint("Name a folder of its own, such as `rendered`.")
        } else {
            failed
        }
    })?;
    session.say(&format!(
        "Wrote {} files to {}; {} were up to date.",
        written.written,
        folder.display(),
        written.unchanged
    ));
    let stale = |path: &String| {
        let path = folder.join(path);
        let message = format!("{} is no longer rendered", path.display());
        Diagnostic::warning(&code::OUTPUT_STALE, Span::NONE, message)
            .with_help("remove it, or its object stays where the folder is applied as a whole")
    };
    Ok(written.stale.iter().map(stale).collect())
}
