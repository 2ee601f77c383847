//! The keywords of one schema object, gathered in one pass: looking each of them up would cost ten
//! times as much, and a bundle of OpenMetadata's has ten thousand such objects.

use serde_json::{Map, Value};

/// Declares the keywords with the fields that hold them.
macro_rules! keywords {
    ($($field:ident = $keyword:literal,)*) => {
        /// What an object says, keyword by keyword.
        #[derive(Default)]
        pub(super) struct Keywords<'a> {
            $(pub(super) $field: Option<&'a Value>,)*
        }

        impl<'a> Keywords<'a> {
            pub(super) fn of(object: &'a Map<String, Value>) -> Self {
                let mut keywords = Self::default();
                for (keyword, value) in object {
                    match keyword.as_str() {
                        $($keyword => keywords.$field = Some(value),)*
                        _ => {}
                    }
                }
                keywords
            }
        }
    };
}

keywords! {
    reference = "$ref",
    of_type = "type",
    of_values = "enum",
    constant = "const",
    format = "format",
    all_of = "allOf",
    any_of = "anyOf",
    one_of = "oneOf",
    properties = "properties",
    required = "required",
    additional_properties = "additionalProperties",
    pattern_properties = "patternProperties",
    min_properties = "minProperties",
    max_properties = "maxProperties",
    items = "items",
    min_items = "minItems",
    max_items = "maxItems",
    unique_items = "uniqueItems",
    minimum = "minimum",
    maximum = "maximum",
    exclusive_minimum = "exclusiveMinimum",
    exclusive_maximum = "exclusiveMaximum",
    min_length = "minLength",
    max_length = "maxLength",
    pattern = "pattern",
    nullable = "nullable",
    int_or_string = "x-kubernetes-int-or-string",
    preserve_unknown_fields = "x-kubernetes-preserve-unknown-fields",
}

/// Whether a keyword is there and true.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

/// A keyword's text.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// A keyword's count.
pub(super) fn count(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64)
}
