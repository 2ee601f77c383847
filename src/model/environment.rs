//! Environment variables that a definition adds to the containers.
//!
//! In: a name as written. Out: an [`EnvName`], which the API server takes and which ompipe does not
//! set itself.

use compact_str::CompactString;

use super::dns::bad_character;
use super::newtype::text_newtype;
use super::refusal::Refusal;
use crate::tree::{Node, Span};

/// The variables that the ingestion image reads its run from; ompipe sets them in every container.
pub(crate) const RESERVED: [&str; 7] = [
    "config",
    "ingestionPipelineFQN",
    "jobName",
    "namespace",
    "pipelineRunId",
    "pipelineStatus",
    "pipelineType",
];
/// What the names of all further variables that ompipe sets start with.
pub(crate) const RESERVED_PREFIX: &str = "OMPIPE_";

/// The name of an environment variable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EnvName(CompactString);
text_newtype!(EnvName);

/// An environment variable of the containers.
#[derive(Clone, PartialEq, Debug)]
pub struct EnvVariable {
    /// Its name.
    pub name: EnvName,
    /// Its value.
    pub value: EnvValue,
    /// Where the value stands.
    pub span: Span,
}

/// The value of an environment variable.
#[derive(Clone, PartialEq, Debug)]
pub enum EnvValue {
    /// A text.
    Text(CompactString),
    /// Kubernetes' `valueFrom`: a mapping such as `{secretKeyRef: {name, key}}`.
    From(Node),
}

/// Whether ompipe sets a variable of that name itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with(RESERVED_PREFIX)
}

impl EnvName {
    /// Reads a name: letters, digits, `_`, `-` and `.`, not starting with a digit, which every
    /// Kubernetes takes. (From 1.34 on, any printable character but `=` is taken; shells and
    /// Python's tools cope with far less.)
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new(0..0, "the name is empty"));
        }
        if let Some((range, found)) =
            bad_character(text, |c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        {
            return Err(Refusal::new(
                range,
                format!("a variable's name holds letters, digits, `_`, `-` and `.`, not {found}"),
            ));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Refusal::new(0..1, "a variable's name must not start with a digit"));
        }
        if text == "." || text.starts_with("..") {
            return Err(Refusal::whole(
                text,
                "a variable's name must not be `.` or start with `..`",
            ));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_every_kubernetes_takes() {
        for good in ["LOG_LEVEL", "_x", "java.opts", "a-b"] {
            assert!(EnvName::parse(good).is_ok(), "{good}");
        }
        for (bad, range) in [("1A", 0..1), ("A B", 1..2), ("A=B", 1..2), ("", 0..0), ("..", 0..2)] {
            assert_eq!(EnvName::parse(bad).unwrap_err().range, range, "{bad}");
        }
    }

    #[test]
    fn what_ompipe_sets_itself_is_reserved() {
        assert!(is_reserved("config") && is_reserved("OMPIPE_SECRET_1"));
        assert!(!is_reserved("CONFIG") && !is_reserved("LOG_LEVEL"));
    }
}
