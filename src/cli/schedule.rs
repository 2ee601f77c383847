//! `ompipe schedule`.

mod spread;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use ompipe::calendar::text::Look;
use ompipe::calendar::{Calendar, Question, html, json, text};
use ompipe::model::TimeZone;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::spread::WINDOW;
use ompipe::workspace;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Show when everything runs
///
/// Next runs, the starts of each hour of a week, pipelines of one service that run at once, the peak
/// of what pods request, and runs that a change of the clock skips or doubles. Times are those that
/// Kubernetes finds. With --format json the result is a JSON document.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe schedule                          The week of the current folder's project
  ompipe schedule -l orders -l shop        Two of its pipelines
  ompipe schedule --html schedule.html     As a page, to look at or to print
  ompipe schedule --from 2026-12-24 --days 14 --format json
  ompipe schedule --spread | git apply     Stagger what all starts at once
  ompipe schedule --spread --write         The same")]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Show only the pipeline of this name; may be given several times
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    pipelines: Vec<String>,

    /// The instant that next runs follow, or a day, which begins at midnight UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,

    /// How many days to show, from the one that this instant lies in
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=31))]
    days: u16,

    /// How long a run is taken to last; its activeDeadlineSeconds may end it before
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    duration: SignedDuration,

    /// The zone of schedules that name none: the cluster's
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    time_zone: TimeZone,

    /// Write one page of HTML to this file, or - for stdout, in place of the text
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Use no character beyond ASCII, for logs and terminals that show no others
    #[arg(long)]
    ascii: bool,

    /// Propose other minutes for pipelines that start at once, as a diff for git apply or patch -p1:
    /// those of one service first, then all. Hours, days, comments and everything else stay
    #[arg(long, conflicts_with_all = ["html", "ascii", "from", "days", "duration"])]
    spread: bool,

    /// How many minutes they are spread over, within their hour
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = window)]
    #[arg(requires = "spread")]
    window: u8,

    /// Change the definition files in place of printing the diff
    #[arg(long, requires = "spread")]
    write: bool,
}

pub(crate) fn run(args: &ScheduleArgs, session: &mut Session) -> Result<Status, Error> {
    let mut project = input::read(&args.input)?;
    let options =
        input::options(&mut project, &args.input, Mode::Scheduled, &args.pipelines, true)?;
    let title = project.definitions.project().map_or_else(
        || "Ingestion schedule".to_owned(),
        |definition| format!("Ingestion schedule of {}", definition.name()),
    );
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    let mut found = std::mem::take(&mut project.found).into_sorted();
    if !session.fails_on(&found) {
        // Warnings are what `validate` and `render` say of the same definitions.
        found.clear();
        if args.spread {
            let request = spread::Request {
                only: &args.pipelines,
                cluster_zone: &args.time_zone,
                window: args.window,
                write: args.write,
                root: project.root.as_deref(),
            };
            spread::run(&seen, &request, &project.sources, session)?;
            return session.report(found, &project.sources, Findings::AsMessages);
        }
        let mut planned = seen.into_iter().map(|seen| seen.planned).collect::<Vec<_>>();
        planned.retain(|pipeline| {
            args.pipelines.is_empty() || args.pipelines.iter().any(|name| *name == pipeline.name)
        });
        let calendar = Calendar::new(planned, question(args));
        if args.html.as_deref() == Some(Path::new("-")) {
            html::write(&calendar, &title, session.out())?;
        } else if let Some(path) = &args.html {
            refuse_definition(path, &project.files)?;
            let mut page = Vec::new();
            html::write(&calendar, &title, &mut page)?;
            std::fs::write(path, page).map_err(|error| {
                Error::new(format!("failed to write {}", path.display())).because(error)
            })?;
            session.say(&format!("Wrote {}.", path.display()));
        } else if session.writes_json() {
            json::write(&calendar, session.out())?;
        } else {
            let look = Look { color: session.colors_results(), ascii: args.ascii };
            text::write(&calendar, look, session.out())?;
        }
    }
    session.report(found, &project.sources, Findings::AsMessages)
}

/// A page in the place of a definition would be the end of that.
fn refuse_definition(page: &Path, definitions: &[PathBuf]) -> Result<(), Error> {
    let Ok(there) = page.canonicalize() else { return Ok(()) };
    let is_it = |file: &PathBuf| file.canonicalize().is_ok_and(|file| file == there);
    match definitions.iter().any(is_it) {
        true => Err(Error::new(format!("refused to write {}", page.display()))
            .because(std::io::Error::other("it is a definition that was read"))),
        false => Ok(()),
    }
}

fn question(args: &ScheduleArgs) -> Question {
    Question {
        from: args.from.unwrap_or_else(Timestamp::now),
        days: args.days,
        duration: args.duration.as_secs(),
        cluster_zone: args.time_zone.clone(),
    }
}

/// `2026-11-23T06:00:00+01:00`, or a day.
fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<Date>() {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC);
        return midnight.map(|midnight| midnight.timestamp()).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| {
        "write an instant such as 2026-11-23T06:00:00+01:00, or a day such as 2026-11-23".to_owned()
    })
}

/// `30m`, `1h30m`: of at least a second.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let duration = text.parse::<SignedDuration>();
    let duration = duration.ok().filter(|duration| *duration >= SignedDuration::from_secs(1));
    duration.ok_or_else(|| "write a time such as 45m or 1h30m".to_owned())
}

/// `15m`: whole minutes of one hour.
fn window(text: &str) -> Result<u8, String> {
    let seconds = duration(text)?.as_secs();
    let minutes = u8::try_from(seconds / 60).ok().filter(|minutes| WINDOW.contains(minutes));
    minutes
        .filter(|_| seconds % 60 == 0)
        .ok_or_else(|| format!("write whole minutes, {}m to {}m", WINDOW.start(), WINDOW.end()))
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::parse(text).map_err(|refusal| match refusal.help {
        Some(help) => format!("{}: {help}", refusal.reason),
        None => refusal.reason,
    })
}
