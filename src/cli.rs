//! The command line: one subcommand per file, each an `Args` struct, whose documentation is its
//! help text, and one function.
//!
//! In: the process's arguments. Out: an exit status ([`exit`]). Only this module and those below it
//! know that there is a terminal; they hold no rule about definitions or manifests.

#[cfg(feature = "cluster")]
mod apply;
#[cfg(feature = "cluster")]
mod chosen_run;
#[cfg(feature = "cluster")]
mod cluster;
mod completions;
#[cfg(feature = "cluster")]
mod controller;
#[cfg(feature = "cluster")]
mod crd;
#[cfg(feature = "cluster")]
mod delete;
#[cfg(feature = "cluster")]
mod diagnose;
#[cfg(feature = "cluster")]
mod diff;
mod diff_env;
#[cfg(feature = "cluster")]
mod doctor;
mod entity;
mod error;
mod exit;
#[cfg(feature = "cluster")]
mod exit_handler;
mod explain;
mod function;
mod graph;
#[cfg(feature = "cluster")]
mod history;
mod import;
mod include_secrets;
mod init;
mod input;
#[cfg(any(feature = "cluster", feature = "watch"))]
mod interrupt;
#[cfg(feature = "cluster")]
mod kill;
#[cfg(feature = "cluster")]
mod log;
#[cfg(feature = "cluster")]
mod logs;
#[cfg(feature = "lsp")]
mod lsp;
mod man;
mod on_disk;
#[cfg(feature = "cluster")]
mod pipelines;
#[cfg(feature = "cluster")]
mod rbac;
mod render;
#[cfg(feature = "cluster")]
mod resume;
#[cfg(feature = "cluster")]
mod run;
mod schedule;
mod schema;
mod secrets;
mod session;
#[cfg(feature = "cluster")]
mod shown_run;
mod spec;
mod starter;
#[cfg(feature = "cluster")]
mod status;
#[cfg(feature = "cluster")]
mod suspend;
#[cfg(feature = "cluster")]
mod table;
mod validate;
#[cfg(feature = "cluster")]
mod wanted;
#[cfg(feature = "watch")]
mod watch;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use exit::Status;
use session::Session;

/// Render OpenMetadata ingestion pipelines to checked Kubernetes manifests
///
/// ompipe reads small YAML definitions (an IngestionProject, ServiceConnections and
/// IngestionPipelines), checks them, and renders the Kubernetes objects that run them. Only the
/// verbs that take --kubeconfig talk to a cluster; nothing else reads the network or a kubeconfig.
#[derive(Parser)]
#[command(name = "ompipe", version, max_term_width = 100)]
#[command(after_long_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  ompipe init analytics        Start a project in the folder analytics
  ompipe validate              Check the project of the current folder
  ompipe render -o rendered    Render it, one file per object
  ompipe explain OMP0101       What a code means, and how to mend it

Without paths, a verb takes the project of the current folder: that of the
nearest ompipe.yaml here or in a folder above.

Exit status: 0 all is well; 1 something is wrong in what was read; 2 wrong
usage, or ompipe itself failed. It is the same in every --format.";

/// What every verb takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// How findings are written: text, json, sarif, github or junit
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    #[arg(hide_possible_values = true)]
    format: Format,

    /// When to use colour: always, never, or auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    #[arg(hide_possible_values = true)]
    color: Color,

    /// Count warnings as errors
    #[arg(long, global = true)]
    strict: bool,

    /// Write nothing but results and findings
    #[arg(short, long, global = true)]
    quiet: bool,

    /// How many threads to use at most; the result does not depend on it [default: one per
    /// processor]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    threads: Option<NonZeroUsize>,
}

/// A way to write findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// For people: lines with carets, reasons and help
    Text,
    /// For programs: one JSON document
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For GitHub Actions: workflow commands, shown beside the lines
    Github,
    /// For CI systems: JUnit XML, a test case per file
    Junit,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand)]
enum Verb {
    Init(init::InitArgs),
    Validate(validate::ValidateArgs),
    Render(render::RenderArgs),
    #[cfg(feature = "watch")]
    Watch(watch::WatchArgs),
    Explain(explain::ExplainArgs),
    #[command(name = "fn")]
    Function(function::FunctionArgs),
    DiffEnv(diff_env::DiffEnvArgs),
    Schedule(Box<schedule::ScheduleArgs>),
    Graph(graph::GraphArgs),
    Schema(schema::SchemaArgs),
    Spec(spec::SpecArgs),
    Import(import::ImportArgs),
    #[cfg(feature = "cluster")]
    Apply(Box<apply::ApplyArgs>),
    #[cfg(feature = "cluster")]
    Diff(Box<diff::DiffArgs>),
    #[cfg(feature = "cluster")]
    Run(Box<run::RunArgs>),
    #[cfg(feature = "cluster")]
    Status(status::StatusArgs),
    #[cfg(feature = "cluster")]
    History(history::HistoryArgs),
    #[cfg(feature = "cluster")]
    Logs(Box<logs::LogsArgs>),
    #[cfg(feature = "cluster")]
    Diagnose(Box<diagnose::DiagnoseArgs>),
    #[cfg(feature = "cluster")]
    Kill(kill::KillArgs),
    #[cfg(feature = "cluster")]
    Suspend(suspend::SuspendArgs),
    #[cfg(feature = "cluster")]
    Resume(resume::ResumeArgs),
    #[cfg(feature = "cluster")]
    Delete(delete::DeleteArgs),
    #[cfg(feature = "cluster")]
    Doctor(Box<doctor::DoctorArgs>),
    #[cfg(feature = "cluster")]
    Rbac(rbac::RbacArgs),
    #[cfg(feature = "cluster")]
    Controller(Box<controller::ControllerArgs>),
    #[cfg(feature = "cluster")]
    ExitHandler(Box<exit_handler::ExitHandlerArgs>),
    #[cfg(feature = "cluster")]
    Crd(crd::CrdArgs),
    #[cfg(feature = "lsp")]
    Lsp(lsp::LspArgs),
    Secrets(secrets::SecretsArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the process's command line.
pub(crate) fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are written to stdout with status 0, mistakes to stderr with 2. A
            // closed pipe is fine.
            let _closed = message.print();
            return exit::usage(message.exit_code());
        }
    };
    let mut session = Session::new(cli.global);
    let result = session.start().and_then(|()| match cli.verb {
        Verb::Init(args) => init::run(&args, &mut session),
        Verb::Validate(args) => validate::run(&args, &mut session),
        Verb::Render(args) => render::run(&args, &mut session),
        #[cfg(feature = "watch")]
        Verb::Watch(args) => watch::run(&args, &mut session),
        Verb::Explain(args) => explain::run(&args, &mut session),
        Verb::Function(args) => function::run(&args, &mut session),
        Verb::DiffEnv(args) => diff_env::run(&args, &mut session),
        Verb::Schedule(args) => schedule::run(&args, &mut session),
        Verb::Graph(args) => graph::run(&args, &mut session),
        Verb::Schema(args) => schema::run(&args, &mut session),
        Verb::Spec(args) => spec::run(&args, &mut session),
        Verb::Import(args) => import::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Apply(args) => apply::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Diff(args) => diff::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Run(args) => run::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Status(args) => status::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::History(args) => history::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Logs(args) => logs::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Diagnose(args) => diagnose::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Kill(args) => kill::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Suspend(args) => suspend::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Resume(args) => resume::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Delete(args) => delete::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Doctor(args) => doctor::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Rbac(args) => rbac::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Controller(args) => controller::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::ExitHandler(args) => exit_handler::run(&args, &mut session),
        #[cfg(feature = "cluster")]
        Verb::Crd(args) => crd::run(&args, &mut session),
        #[cfg(feature = "lsp")]
        Verb::Lsp(args) => lsp::run(&args),
        Verb::Secrets(args) => secrets::run(&args, &mut session),
        Verb::Completions(args) => completions::run(&args, &mut session),
        Verb::Man(args) => man::run(&args, &mut session),
    });
    let result = result.and_then(|status| session.finish().map(|()| status));
    match result {
        Ok(status) => status.into(),
        Err(error) if error.is_broken_pipe() => Status::Fine.into(),
        Err(error) => {
            session.error(&error);
            exit::failure()
        }
    }
}

/// The command line as clap knows it, for what is generated from it.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn help_fits_a_terminal_of_80_columns() {
        let mut command = command().term_width(80);
        command.build();
        let mut verbs = vec![command.clone()];
        while let Some(mut verb) = verbs.pop() {
            let name = verb.get_name().to_owned();
            for help in [verb.render_help(), verb.render_long_help()] {
                for line in help.to_string().lines() {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                }
            }
            verbs.extend(verb.get_subcommands().cloned());
        }
    }

    #[test]
    fn every_verb_says_what_it_does_and_shows_an_example() {
        let mut command = command();
        command.build();
        for verb in command.get_subcommands_mut() {
            let name = verb.get_name().to_owned();
            assert!(verb.get_about().is_some(), "{name} has no help");
            let help = verb.render_long_help().to_string();
            assert!(help.contains("Examples:") || name == "spec", "{name} has no examples");
        }
    }
}
