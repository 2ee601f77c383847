//! How far changes reach beyond the files that changed.
//!
//! In: what files defined for others, before and now. Out: the files whose pipelines depend on it.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::Workspace;
use super::file::is_defining;
use crate::definition::{Definitions, Kind, ServiceConnection};
use crate::tree::SourceId;

/// What changed for others.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Services that are defined otherwise, or elsewhere.
    services: BTreeSet<CompactString>,
    /// Whether a name of a service may mean something where it meant nothing, or the other way.
    names: bool,
    /// Whether other files than before define something for others.
    pub(super) defining: bool,
}

impl Reach {
    /// Adds what a file defined, and defines now.
    pub(super) fn add(&mut self, before: &Definitions, now: &Definitions) {
        let names = |definitions: &Definitions| {
            let names = definitions.services.iter().map(ServiceConnection::name);
            names.map(CompactString::from).collect::<BTreeSet<_>>()
        };
        let (former, current) = (names(before), names(now));
        self.names |=
            former != current || has_unreadable_service(before) || has_unreadable_service(now);
        self.services.extend(former);
        self.services.extend(current);
        self.defining |= is_defining(before) != is_defining(now);
    }

    /// The files with pipelines that depend on it.
    pub(super) fn files(&self, workspace: &Workspace) -> impl Iterator<Item = SourceId> {
        let users = |service| workspace.users.get(service).into_iter().flatten();
        let mut files = self.services.iter().flat_map(users).copied().collect::<BTreeSet<_>>();
        if self.names {
            let known = workspace.ids().filter_map(|id| workspace.file(id));
            let known = known.flat_map(|file| &file.defines.services);
            let known = known.map(ServiceConnection::name).collect::<BTreeSet<_>>();
            let unknown = workspace.users.iter().filter(|(name, _)| !known.contains(name.as_str()));
            files.extend(unknown.flat_map(|(_, files)| files));
        }
        files.into_iter()
    }
}

fn has_unreadable_service(definitions: &Definitions) -> bool {
    let is_service = |kind: Option<Kind>| kind.is_none_or(|one| one == Kind::ServiceConnection);
    definitions.broken.iter().any(|broken| is_service(broken.kind))
}
