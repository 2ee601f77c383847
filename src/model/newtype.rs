//! What every newtype over a string has in common: it is shown, compared and lent as the text it
//! holds.
//!
//! In: the name of a type. Out: its read-only access. How a text becomes the type is each file's
//! own `parse`.

/// Gives a struct `Name(CompactString)` its read-only access.
macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<$name> for compact_str::CompactString {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

pub(super) use text_newtype;
