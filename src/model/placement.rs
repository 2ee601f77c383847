//! Where pods may run: node selectors and tolerations; and the annotations that they carry.
//!
//! In: keys, values and words as written. Out: types that hold only what the API server takes.

use compact_str::CompactString;

use super::label::{LabelKey, LabelValue};
use super::refusal::Refusal;

/// The labels that a node must have, in written order and each key once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeSelector(pub Vec<(LabelKey, LabelValue)>);

/// Annotations in written order, each key once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Annotations(pub Vec<(LabelKey, CompactString)>);

/// A taint that a pod puts up with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toleration {
    /// The taint's key; none stands for every key.
    pub key: Option<LabelKey>,
    /// How the taint's value is compared.
    pub operator: Operator,
    /// The taint's value; only with [`Operator::Equal`].
    pub value: Option<LabelValue>,
    /// The taint's effect; none stands for every effect.
    pub effect: Option<Effect>,
    /// How long the pod stays after the taint came up; only with [`Effect::NoExecute`].
    pub seconds: Option<i64>,
}

/// How a toleration compares values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Operator {
    /// The value must be the same.
    #[default]
    Equal,
    /// Any value will do.
    Exists,
}

/// What a taint does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away where they can.
    PreferNoSchedule,
    /// New pods stay away and running ones are ended.
    NoExecute,
}

/// Declares an enum's names as Kubernetes writes them.
macro_rules! words {
    ($type:ident, $what:literal, [$($variant:ident),*]) => {
        impl $type {
            /// The word that Kubernetes has for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),* }
            }

            /// Reads the word.
            pub fn parse(text: &str) -> Result<Self, Refusal> {
                const WORDS: &[&str] = &[$(stringify!($variant)),*];
                match text {
                    $(stringify!($variant) => Ok(Self::$variant),)*
                    _ => {
                        let refusal = Refusal::whole(
                            text, format!("{} is one of {}", $what, WORDS.join(", ")));
                        let meant = crate::diagnostic::did_you_mean(text, WORDS.iter().copied());
                        Err(refusal.with_optional_help(meant))
                    }
                }
            }
        }
    };
}

words!(Operator, "a toleration's operator", [Equal, Exists]);
words!(Effect, "a taint's effect", [NoSchedule, PreferNoSchedule, NoExecute]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_written_exactly_and_a_slip_finds_it() {
        assert_eq!(Effect::parse("NoExecute").unwrap().as_str(), "NoExecute");
        let refusal = Effect::parse("NoSchedul").unwrap_err();
        assert_eq!(refusal.help.as_deref(), Some("did you mean `NoSchedule`?"));
        assert!(Operator::parse("In").is_err());
    }
}
