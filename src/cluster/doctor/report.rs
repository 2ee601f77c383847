//! What an examination finds.
//!
//! In: nothing. Out: the types that checks give and the command line shows.

/// What is looked at, in the order in which it is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topic {
    /// Whether the API server answers, its version and its clock.
    Server,
    /// Who we are to it.
    Credentials,
    /// What we may do.
    Rights,
    /// The namespaces.
    Namespace,
    /// The operator and its kinds.
    Operator,
    /// Whether the namespace lets the pods in.
    PodSecurity,
    /// Secrets and ConfigMaps that somebody else makes.
    Secrets,
    /// Service accounts.
    Accounts,
    /// ResourceQuotas and LimitRanges.
    Quota,
    /// Nodes on which the pods fit.
    Nodes,
    /// Pods that do not start.
    Pods,
    /// Whether what is in the cluster is what the definitions give.
    Applied,
}

impl Topic {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Server,
        Self::Credentials,
        Self::Rights,
        Self::Namespace,
        Self::Operator,
        Self::PodSecurity,
        Self::Secrets,
        Self::Accounts,
        Self::Quota,
        Self::Nodes,
        Self::Pods,
        Self::Applied,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Server => "API server",
            Self::Credentials => "Credentials",
            Self::Rights => "Rights",
            Self::Namespace => "Namespace",
            Self::Operator => "Operator",
            Self::PodSecurity => "Pod Security",
            Self::Secrets => "Secrets and ConfigMaps",
            Self::Accounts => "Service accounts",
            Self::Quota => "Quota and limits",
            Self::Nodes => "Nodes",
            Self::Pods => "Pods",
            Self::Applied => "Definitions",
        }
    }

    /// Its name for programs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Credentials => "credentials",
            Self::Rights => "rights",
            Self::Namespace => "namespace",
            Self::Operator => "operator",
            Self::PodSecurity => "podSecurity",
            Self::Secrets => "secrets",
            Self::Accounts => "serviceAccounts",
            Self::Quota => "quota",
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Applied => "definitions",
        }
    }
}

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// As it should be.
    Fine,
    /// Not looked at, since there is no project.
    LeftOut,
    /// Nobody could look, for want of a right.
    Unknown,
    /// Something to know.
    Warning,
    /// Something that keeps a verb or a run from working.
    Problem,
}

impl Outcome {
    /// Its name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::LeftOut => "leftOut",
            Self::Unknown => "couldNotLook",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at.
    pub topic: Topic,
    /// In which namespace; none: it concerns the cluster.
    pub namespace: Option<String>,
    /// How it is.
    pub outcome: Outcome,
    /// What is so, a clause in lower case without a full stop.
    pub message: String,
    /// What to do about it, a sentence.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something that is so.
    pub fn new(topic: Topic, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { topic, namespace: None, outcome, message: message.into(), remedy: None }
    }

    /// As it should be.
    pub fn fine(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Outcome::Fine, message)
    }

    /// Something to know.
    pub fn warning(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Outcome::Warning, message)
    }

    /// Something that keeps a verb or a run from working.
    pub fn problem(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Outcome::Problem, message)
    }

    /// With what to do about it, a sentence.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// In a namespace.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }
}

/// What became of a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look<T> {
    /// This is there.
    Seen(T),
    /// It may not be looked at: what the API server says is not allowed, as in "list nodes".
    Forbidden(String),
    /// The API server failed to say.
    Failed(String),
}

impl<T> Look<T> {
    /// What was seen, as something else.
    pub fn map<S>(self, as_: impl FnOnce(T) -> S) -> Look<S> {
        match self {
            Self::Seen(seen) => Look::Seen(as_(seen)),
            Self::Forbidden(right) => Look::Forbidden(right),
            Self::Failed(why) => Look::Failed(why),
        }
    }

    /// What is concluded from what was seen, or that nobody could look.
    pub fn concluded(
        &self,
        topic: Topic,
        what: &str,
        conclude: impl FnOnce(&T) -> Vec<Finding>,
    ) -> Vec<Finding> {
        match self {
            Self::Seen(seen) => conclude(seen),
            Self::Forbidden(right) => {
                let message = format!("could not look at {what}: there is no right to {right}");
                vec![Finding::new(topic, Outcome::Unknown, message)]
            }
            Self::Failed(why) => {
                let message = format!("could not look at {what}: {why}");
                vec![Finding::new(topic, Outcome::Unknown, message)]
            }
        }
    }
}

/// Names as part of a sentence, the first few of many.
pub(super) fn named(names: &[String]) -> String {
    const MOST: usize = 5;
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] if names.len() <= MOST => format!("{} and {last}", others.join(", ")),
        many => format!("{} and {} more", many[..MOST - 1].join(", "), many.len() - MOST + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_may_look_at_is_never_said_to_be_missing() {
        let look: Look<()> = Look::Forbidden("list nodes".to_owned());
        let found = look.concluded(Topic::Nodes, "the nodes", |()| Vec::new());
        assert_eq!(found[0].outcome, Outcome::Unknown);
        let says = "could not look at the nodes: there is no right to list nodes";
        assert_eq!(found[0].message, says);
    }

    #[test]
    fn of_many_names_the_first_are_told() {
        let names = |count: usize| (1..=count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(named(&names(1)), "1");
        assert_eq!(named(&names(5)), "1, 2, 3, 4 and 5");
        assert_eq!(named(&names(7)), "1, 2, 3, 4 and 3 more");
    }
}
