//! Which cluster a project's verbs talk to, as the project and its environment say.
//!
//! In: the project, an environment of it, its folder. Out: [`Declared`]. No file is read here, and
//! rendering does not ask.

use std::path::{Path, PathBuf};

use super::connection::Credentials;
use crate::definition::IngestionProject;
use crate::diagnostic::Diagnostics;
use crate::environment::Environment;
use crate::tree::Node;

/// What `spec.kubernetes` says of the cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Declared {
    in_cluster: bool,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

impl Declared {
    /// What a project in the folder `root` says, in an environment; `home` is the home folder, for
    /// paths that begin with `~/`. An empty text takes back what the project says.
    pub fn of(
        project: Option<&IngestionProject>,
        environment: Option<&str>,
        root: &Path,
        home: Option<&Path>,
    ) -> Self {
        // That there is no such environment is told where it is compiled for.
        let environment = Environment::choose(project, environment, &mut Diagnostics::default());
        let parameters = project
            .zip(environment)
            .and_then(|(project, environment)| environment.at(project, &["spec", "kubernetes"]));
        let Some(parameters) = parameters else { return Self::default() };
        let text = |key: &str| {
            let text = parameters.get(key).and_then(Node::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let path = |text: &str| match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => root.join(text),
        };
        Self {
            in_cluster: parameters.get("inCluster").and_then(Node::as_bool).unwrap_or(false),
            kubeconfig: text("kubeconfigPath").map(path),
            context: text("kubeContext").map(str::to_owned),
        }
    }

    /// The credentials and the context to use, where no flag names other credentials. A context that
    /// a flag names is one of a kubeconfig, also where the project says `inCluster`.
    pub fn chosen(&self, context: Option<&str>) -> (Credentials, Option<String>) {
        if self.in_cluster && context.is_none() {
            return (Credentials::InCluster, None);
        }
        let credentials = match &self.kubeconfig {
            Some(file) => Credentials::File(file.clone()),
            None => Credentials::Inferred,
        };
        (credentials, context.map(str::to_owned).or_else(|| self.context.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse;
    use crate::tree::SourceId;
    use crate::yaml::{self, Dialect};

    const PROJECT: &str = "
apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionProject
metadata: {name: team}
spec:
  kubernetes: {kubeconfigPath: access/dev.yaml, kubeContext: dev}
  environments:
    prod: {kubernetes: {kubeconfigPath: ~/.kube/prod, kubeContext: ''}}
    pod: {kubernetes: {inCluster: true}}
  patches:
  - {target: {kind: IngestionProject}, merge: {spec: {kubernetes: {backoffLimit: 1}}}}
";

    fn declared(environment: Option<&str>) -> Declared {
        let mut found = Diagnostics::default();
        let nodes = yaml::read(SourceId(0), PROJECT, Dialect::Definition, &mut found);
        let definitions = parse(nodes, &mut found);
        let home = Some(Path::new("/home/ada"));
        Declared::of(definitions.project(), environment, Path::new("/team"), home)
    }

    fn file(path: &str) -> String {
        format!("{:?}", Credentials::File(path.into()))
    }

    fn chosen(declared: &Declared, context: Option<&str>) -> (String, Option<String>) {
        let (credentials, context) = declared.chosen(context);
        (format!("{credentials:?}"), context)
    }

    #[test]
    fn a_relative_path_begins_at_the_projects_folder_and_a_tilde_is_the_home() {
        let (dev, context) = chosen(&declared(None), None);
        assert_eq!((dev, context.as_deref()), (file("/team/access/dev.yaml"), Some("dev")));
        assert_eq!(chosen(&declared(Some("prod")), None), (file("/home/ada/.kube/prod"), None));
    }

    #[test]
    fn in_cluster_wins_over_a_path_but_not_over_a_context_that_is_asked_for() {
        let pod = declared(Some("pod"));
        assert_eq!(chosen(&pod, None), ("InCluster".to_owned(), None));
        let other = (file("/team/access/dev.yaml"), Some("other".to_owned()));
        assert_eq!(chosen(&pod, Some("other")), other);
    }

    #[test]
    fn a_project_that_says_nothing_leaves_it_to_kubectls_rules() {
        let nothing = Declared::of(None, None, Path::new("."), None);
        assert_eq!(chosen(&nothing, None), ("Inferred".to_owned(), None));
    }
}
