//! `ompipe graph`.

use clap::{Args, ValueEnum};
use ompipe::graph::{Direction, Graph, Kind, Outline, diagram, json, text};
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::workspace;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Show which files, services, Secrets, pipelines and objects hang together
///
/// Arrows lead from what needs to what is needed: an object needs its pipeline, that its service and
/// the project, and they need keys of Secrets. No value of a Secret is known here.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe graph                             The current folder's project, as trees
  ompipe graph --of Secret/snowflake       Who needs a Secret
  ompipe graph --of Secret/snowflake:key   Who needs a key of it
  ompipe graph -l orders --as dot | dot -Tsvg > orders.svg
  ompipe graph --as mermaid                For a block in Markdown")]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Show only the pipeline of this name, what it needs and what is rendered of it; may be given
    /// several times
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    pipelines: Vec<String>,

    /// Show what needs this, and what it needs: KIND/NAME, and of a key Secret/NAME:KEY
    #[arg(long, value_name = "NODE", conflicts_with = "pipelines")]
    of: Option<String>,

    /// How it is written: tree, json, dot or mermaid [default: tree, or json with --format json]
    #[arg(long = "as", value_enum, value_name = "FORM", hide_possible_values = true)]
    form: Option<Form>,

    /// Use no character beyond ASCII in trees
    #[arg(long)]
    ascii: bool,
}

/// A way to write a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// For people
    Tree,
    /// For programs
    Json,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

pub(crate) fn run(args: &GraphArgs, session: &mut Session) -> Result<Status, Error> {
    let mut project = input::read(&args.input)?;
    let options =
        input::options(&mut project, &args.input, Mode::Scheduled, &args.pipelines, true)?;
    let outline = Outline::of(&project.definitions);
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    let mut found = std::mem::take(&mut project.found).into_sorted();
    if !session.fails_on(&found) {
        // Warnings are what `validate` and `render` say of the same definitions.
        found.clear();
        let graph = Graph::new(&outline, &seen, &project.sources);
        write(&graph, args, session)?;
    }
    session.report(found, &project.sources, Findings::AsMessages)
}

fn write(graph: &Graph, args: &GraphArgs, session: &mut Session) -> Result<(), Error> {
    let of = args.of.as_deref().map(|id| find(graph, id)).transpose()?;
    let part = match (of, args.pipelines.as_slice()) {
        (Some(node), _) => Some(around(graph, node)),
        (None, []) => None,
        (None, names) => {
            let nodes = names.iter().map(|name| format!("{}/{name}", Kind::Pipeline.as_str()));
            let nodes = nodes.filter_map(|id| graph.find(&id).ok());
            let rendered = graph.reached(nodes, Direction::NeededBy);
            Some(graph.only(&graph.reached(rendered, Direction::Needs)))
        }
    };
    let shown = part.as_ref().unwrap_or(graph);
    let default = if session.writes_json() { Form::Json } else { Form::Tree };
    let out = session.out();
    match (args.form.unwrap_or(default), of) {
        (Form::Tree, Some(node)) => text::write_of(graph, node, args.ascii, out)?,
        (Form::Tree, None) => text::write(shown, args.ascii, out)?,
        (Form::Json, _) => json::write(shown, out)?,
        (Form::Dot, _) => diagram::write_dot(shown, out)?,
        (Form::Mermaid, _) => diagram::write_mermaid(shown, out)?,
    }
    Ok(())
}

/// What needs a node, and what it needs; not what its neighbours need beside it.
fn around(graph: &Graph, node: usize) -> Graph {
    let mut kept = graph.reached([node], Direction::NeededBy);
    kept.extend(graph.reached([node], Direction::Needs));
    graph.only(&kept)
}

fn find(graph: &Graph, id: &str) -> Result<usize, Error> {
    graph.find(id).map_err(|meant| {
        let error = Error::new(format!("there is no {id} in the graph"));
        match meant {
            Some(meant) => error.with_hint(format!("Did you mean {meant}?")),
            None => error.with_hint("`ompipe graph --as json` lists all nodes."),
        }
    })
}
