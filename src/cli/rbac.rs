//! `ompipe rbac`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use clap::Args;
use ompipe::cluster::rights::{self, Kinds, Right, Rule, Verb};
use ompipe::model::SecretWay;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::tree::Node;
use ompipe::{workspace, yaml};
use serde_json::{Value, json};

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Print the Role that an account needs for ompipe's verbs
///
/// For each namespace of the project, a Role with exactly the rights that the verbs ask for, and a
/// RoleBinding that gives it to --subject. Nothing is asked of a cluster. With -n no project is
/// read, and the Role is for whatever one may render. The Role that `render` gives is another one:
/// the pods', for the exit handler.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe rbac --subject group:data-engineers | kubectl apply -f -
  ompipe rbac -e prod --verbs apply,diff --subject serviceaccount:ci/deployer
  ompipe rbac -n openmetadata-pipelines --verbs status,logs,diagnose
  ompipe rbac --list                    Which verb needs which rights")]
pub(crate) struct RbacArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Print it for this namespace, and read no project
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with_all = ["paths", "environment"])]
    namespace: Option<String>,

    /// Whom to give it to: user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME; may be given
    /// several times
    #[arg(long = "subject", value_name = "SUBJECT", value_parser = Subject::parse)]
    subjects: Vec<Subject>,

    /// The verbs that are to work, separated by commas; `prune` is `apply --prune`, `secrets` is
    /// `secrets list --cluster` [default: all]
    #[arg(long, value_name = "VERBS", value_delimiter = ',', value_parser = verb)]
    verbs: Vec<Verb>,

    /// The name of Role and RoleBinding
    #[arg(long, value_name = "NAME", default_value = "ompipe")]
    name: String,

    /// List the rights of each verb in place of a Role
    #[arg(long, conflicts_with_all = ["subjects", "name"])]
    list: bool,
}

/// Whom a Role is given to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Subject {
    User(String),
    Group(String),
    ServiceAccount { namespace: String, name: String },
}

impl Subject {
    fn parse(text: &str) -> Result<Self, String> {
        const FORMS: &str = "write user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME";
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let subject = text.split_once(':').and_then(|(kind, name)| match kind {
            "user" => named(name).map(Self::User),
            "group" => named(name).map(Self::Group),
            "serviceaccount" => {
                let (namespace, name) = name.split_once('/')?;
                let (namespace, name) = named(namespace).zip(named(name))?;
                Some(Self::ServiceAccount { namespace, name })
            }
            _ => None,
        });
        subject.ok_or_else(|| FORMS.to_owned())
    }

    fn object(&self) -> Value {
        let of_rbac = |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
        match self {
            Self::User(name) => of_rbac("User", name),
            Self::Group(name) => of_rbac("Group", name),
            Self::ServiceAccount { namespace, name } => {
                json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
            }
        }
    }
}

/// A verb of the command line, for clap.
pub(crate) fn verb(name: &str) -> Result<Verb, String> {
    Verb::find(name).ok_or_else(|| {
        let names = Verb::all().map(Verb::as_str).collect::<Vec<_>>().join(", ");
        format!("the verbs are {names}")
    })
}

pub(crate) fn run(args: &RbacArgs, session: &mut Session) -> Result<Status, Error> {
    let (kinds, status) = match &args.namespace {
        Some(namespace) => (BTreeMap::from([(namespace.clone(), Kinds::all())]), Status::Fine),
        None => of_project(args, session)?,
    };
    let verbs = match args.verbs.as_slice() {
        [] => Verb::all().collect(),
        chosen => chosen.to_vec(),
    };
    if args.list {
        list(&verbs, &kinds, session)?;
        return Ok(status);
    }
    let mut documents = Vec::new();
    for (namespace, kinds) in &kinds {
        let rights = verbs.iter().flat_map(|verb| rights::of(*verb, kinds));
        let rights: BTreeSet<Right> = rights.collect();
        documents.push(role(&args.name, namespace, &rights::rules(&rights)));
        if !args.subjects.is_empty() {
            documents.push(binding(&args.name, namespace, &args.subjects));
        }
    }
    if session.writes_json() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": documents});
        serde_json::to_writer_pretty(session.out(), &list).map_err(io::Error::from)?;
        writeln!(session.out())?;
    } else {
        let documents = documents.into_iter().map(Node::from).collect::<Vec<_>>();
        let mut text = String::new();
        yaml::write_documents(&documents, &mut text);
        session.out().write_all(text.as_bytes())?;
    }
    if args.subjects.is_empty() && !kinds.is_empty() {
        session.say("No RoleBinding: name by --subject who is to have it.");
    }
    Ok(status)
}

/// The kinds that a project renders, by namespace.
fn of_project(
    args: &RbacArgs,
    session: &mut Session,
) -> Result<(BTreeMap<String, Kinds>, Status), Error> {
    let mut project = input::read(&args.input)?;
    let options = input::options(&mut project, &args.input, Mode::Scheduled, &[], false)?;
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    let mut found = std::mem::take(&mut project.found).into_sorted();
    let mut rendered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if !session.fails_on(&found) {
        // Warnings are what `validate` and `render` say of the same definitions.
        found.clear();
        for one in &seen {
            let kinds = rendered.entry(one.namespace.to_string()).or_default();
            kinds.extend(one.objects.iter().map(|object| object.kind.to_string()));
            // Rendered with values alone.
            kinds.extend((one.secret_way == SecretWay::Secret).then(|| "Secret".to_owned()));
            // The accounts of a namespace are rendered once for all of its pipelines.
            kinds.extend(ACCOUNT.map(str::to_owned));
        }
    }
    let status = session.report(found, &project.sources, Findings::AsMessages)?;
    let kinds = rendered.into_iter().map(|(namespace, kinds)| {
        let kinds = Kinds::of(kinds.iter().map(String::as_str));
        (namespace, kinds)
    });
    Ok((kinds.collect(), status))
}

/// What each project has beside its pipelines.
const ACCOUNT: [&str; 3] = ["ServiceAccount", "Role", "RoleBinding"];

fn metadata(name: &str, namespace: &str) -> Value {
    json!({"name": name, "namespace": namespace})
}

fn role(name: &str, namespace: &str, rules: &[Rule]) -> Value {
    let rules = rules.iter().map(|Rule { group, resources, actions }| {
        json!({"apiGroups": [group], "resources": resources, "verbs": actions})
    });
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(name, namespace),
        "rules": rules.collect::<Vec<_>>(),
    })
}

fn binding(name: &str, namespace: &str, subjects: &[Subject]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(name, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": subjects.iter().map(Subject::object).collect::<Vec<_>>(),
    })
}

/// Which verb needs which rights.
fn list(
    verbs: &[Verb],
    kinds: &BTreeMap<String, Kinds>,
    session: &mut Session,
) -> Result<(), Error> {
    let rights_of = |verb: Verb| {
        let rights = kinds.values().flat_map(|kinds| rights::of(verb, kinds));
        rights.map(|right| right.to_string()).collect::<BTreeSet<_>>()
    };
    if session.writes_json() {
        let verbs =
            verbs.iter().map(|verb| json!({"verb": verb.as_str(), "rights": rights_of(*verb)}));
        let document = json!({"version": 1, "verbs": verbs.collect::<Vec<_>>()});
        serde_json::to_writer_pretty(session.out(), &document).map_err(io::Error::from)?;
        writeln!(session.out())?;
        return Ok(());
    }
    for verb in verbs {
        writeln!(session.out(), "{}", verb.as_str())?;
        for right in rights_of(*verb) {
            writeln!(session.out(), "  {right}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_user_a_group_or_a_service_account() {
        assert_eq!(Subject::parse("user:ada@acme"), Ok(Subject::User("ada@acme".to_owned())));
        assert_eq!(Subject::parse("group:a:b"), Ok(Subject::Group("a:b".to_owned())));
        let account = Subject::parse("serviceaccount:ci/deployer").unwrap();
        assert_eq!(account.object()["namespace"], "ci");
        for wrong in ["ada", "user:", "serviceaccount:ci", "serviceaccount:/x", "robot:x"] {
            assert!(Subject::parse(wrong).is_err(), "{wrong}");
        }
    }
}
