//! The bytes of one file → definitions.
//!
//! In: what a file holds, or why it could not be read. Out: its text and the definitions in it, with
//! what is wrong with either. It reads nothing itself and knows no other file.

use crate::definition::{self, Definitions};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::SourceId;
use crate::yaml::{self, Dialect};

/// What a file holds, or the finding that it cannot be read; its place is the file as a whole.
pub type Content = Result<Vec<u8>, Box<Diagnostic>>;

/// A file, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Its text; empty when it has none.
    pub text: String,
    /// What it defines.
    pub definitions: Definitions,
    /// What is wrong with it.
    pub found: Diagnostics,
}

/// Takes a file apart. One that was named on the command line is to hold nothing but definitions; in
/// a folder, documents of other systems are passed over.
pub fn parse(source: SourceId, named: bool, content: Content) -> Parsed {
    match content.and_then(|bytes| yaml::decode(source, bytes)) {
        Ok(text) => {
            let (definitions, found) = definitions(source, named, &text);
            Parsed { text, definitions, found }
        }
        Err(mut finding) => {
            finding.span.source = source;
            let mut parsed = Parsed::default();
            parsed.found.push(*finding);
            parsed
        }
    }
}

/// The definitions in a text.
pub fn definitions(source: SourceId, named: bool, text: &str) -> (Definitions, Diagnostics) {
    let mut found = Diagnostics::default();
    let documents = yaml::read(source, text, Dialect::Definition, &mut found);
    let mut definitions = definition::parse(documents, &mut found);
    let foreign = std::mem::take(&mut definitions.foreign);
    let alone = is_foreign_alone(&definitions);
    let mut of_secrets = Diagnostics::default();
    let encrypted = definition::encrypted_file(source, &foreign, alone, &mut of_secrets);
    if !of_secrets.is_empty() || encrypted.is_some() {
        // Another system's file, of which all that concerns ompipe is said.
        if alone {
            found = Diagnostics::default();
        }
        found.append(of_secrets);
        definitions.encrypted.extend(encrypted);
    } else if named {
        for document in foreign {
            found.push(
                Diagnostic::error(
                    &code::DEFINITION_KIND,
                    document.span,
                    "not a definition of ompipe",
                )
                .with_label("another system's object")
                .with_help(
                    "in a folder such documents are passed over; name only files with definitions",
                ),
            );
        }
    } else if !foreign.is_empty() && alone {
        // Another system's file: how it writes its scalars is no concern of ours.
        found = Diagnostics::default();
    }
    (definitions, found)
}

fn is_foreign_alone(definitions: &Definitions) -> bool {
    let Definitions { projects, services, pipelines, broken, foreign: _, encrypted: _ } =
        definitions;
    projects.is_empty() && services.is_empty() && pipelines.is_empty() && broken.is_empty()
}
