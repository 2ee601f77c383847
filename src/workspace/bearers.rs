//! Who goes by a name, so that a name with several bearers is known without asking all of them.
//!
//! In: names as definitions come and go. Out: the contested names with the places of their bearers.
//! It does not say what is wrong with that.

use std::collections::{BTreeSet, HashMap};

use compact_str::CompactString;

use crate::tree::Span;

/// Names, each with the places where it is borne.
#[derive(Debug, Default)]
pub(super) struct Bearers {
    places: HashMap<CompactString, Vec<Span>>,
    contested: BTreeSet<CompactString>,
}

impl Bearers {
    /// A bearer came.
    pub(super) fn add(&mut self, name: &CompactString, place: Span) {
        let places = self.places.entry(name.clone()).or_default();
        places.push(place);
        if places.len() > 1 {
            self.contested.insert(name.clone());
        }
    }

    /// A bearer went.
    pub(super) fn remove(&mut self, name: &CompactString, place: Span) {
        let Some(places) = self.places.get_mut(name) else { return };
        if let Some(at) = places.iter().position(|other| *other == place) {
            places.swap_remove(at);
        }
        if places.len() < 2 {
            self.contested.remove(name);
        }
        if places.is_empty() {
            self.places.remove(name);
        }
    }

    /// Where a name is borne, in no order.
    pub(super) fn places(&self, name: &str) -> &[Span] {
        self.places.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names with several bearers.
    pub(super) fn contested(&self) -> impl Iterator<Item = &CompactString> {
        self.contested.iter()
    }

    /// All names, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &CompactString> {
        self.places.keys()
    }
}
