//! [`Words`]: how a check speaks. Who checks decides which codes the findings have and what passes
//! as a value.

use crate::diagnostic::{Code, code};
use crate::tree::Node;

/// The codes of a check's findings, and what differs between checks.
#[derive(Clone, Debug)]
pub struct Words {
    /// A key that the mapping does not take.
    pub unknown_field: &'static Code,
    /// A value of another type.
    pub wrong_type: &'static Code,
    /// A required key that is not there.
    pub missing_field: &'static Code,
    /// A value that is not one of those listed.
    pub wrong_value: &'static Code,
    /// Too small, too large, too short, too long, or twice the same.
    pub out_of_range: &'static Code,
    /// A text that does not match its pattern or format; `None` where texts are not held against
    /// these, because they are parsed later, which says more.
    pub wrong_form: Option<&'static Code>,
    /// Whose schema it is, for the notes: `OpenMetadata 1.13.6`. Empty for our own.
    pub schema_of: String,
    /// Whether the names of definitions (`SnowflakeConnection`) mean something to the reader.
    pub names: bool,
    /// Whether the reader converts as pydantic does: a text or boolean where a number is expected,
    /// a text or number where a boolean is, if its value says so. It passes with a warning, and so
    /// does a host with a port where an address is expected.
    pub converts: bool,
    /// What passes wherever a scalar is expected, such as a reference to a secret.
    pub stands_for_scalar: fn(&Node) -> bool,
}

impl Words {
    /// For the definition kinds: codes 02; texts with a syntax of their own are parsed, and
    /// reported, by `validate`.
    pub fn definition() -> Self {
        Self {
            unknown_field: &code::SCHEMA_UNKNOWN_FIELD,
            wrong_type: &code::SCHEMA_TYPE,
            missing_field: &code::SCHEMA_MISSING_FIELD,
            wrong_value: &code::SCHEMA_VALUE,
            out_of_range: &code::SCHEMA_RANGE,
            wrong_form: None,
            schema_of: String::new(),
            names: false,
            converts: false,
            stands_for_scalar: |_| false,
        }
    }
}
