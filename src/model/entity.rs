//! OpenMetadata's entities that are run once, beside pipelines.
//!
//! In: nothing. Out: the two kinds, with OpenMetadata's words for each.

/// What is run once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntityKind {
    /// A `Workflow` of OpenMetadata's automations, such as the test of a connection.
    Automation,
    /// An `App`.
    Application,
}

impl EntityKind {
    /// What the run is, in the label [`COMPONENT`](super::labels::COMPONENT).
    pub fn component(self) -> &'static str {
        match self {
            Self::Automation => "automation",
            Self::Application => "application",
        }
    }

    /// The name of the entity's class in OpenMetadata's schema.
    pub fn class(self) -> &'static str {
        match self {
            Self::Automation => "Workflow",
            Self::Application => "App",
        }
    }

    /// What the names of its runs begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Automation => "om-automation-",
            Self::Application => "om-app-",
        }
    }
}
