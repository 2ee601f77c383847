//! What an editor asks about definitions, answered without a file, a clock or a client.
//!
//! In: the texts of a project as they are typed, sound or not, and a place in one of them. Out: the
//! language server protocol's own types: what may be written there, what it means, where it comes
//! from. What is wrong with a project is not decided here; findings come from where every verb has
//! them, and are only put into the protocol's words.
//!
//! By question: `completion`, `hover`, `navigation`, `findings`, `preview`; over the `project`, the
//! `schemas`, and what stands at the `cursor`.

pub mod completion;
pub mod cursor;
pub mod facts;
pub mod findings;
pub mod hover;
pub mod layers;
pub mod navigation;
pub mod outline;
pub mod position;
pub mod preview;
pub mod project;
pub mod schemas;
pub mod shape;

use position::Encoding;

/// What a client said that it can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Client {
    /// What its columns count.
    pub encoding: Encoding,
    /// Whether it knows snippets, texts with places to fill in.
    pub snippets: bool,
}
