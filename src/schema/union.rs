//! Which branch of `anyOf` was meant: by a field that says so, else by the kind of value, else by
//! the keys that are there.
//!
//! In: a union and a node. Out: a [`Choice`], from which the check reports inside one branch alone.
//! What says so is found in the schema itself: a property, also one level down, whose few values
//! differ from branch to branch.

use compact_str::CompactString;

use super::Schema;
use super::check::{is_accepted, is_valid};
use super::types::{Additional, Discriminator, Kinds, TypeId, Union};
use super::words::Words;
use crate::tree::{Node, Value};

/// What a union makes of a node.
pub(super) enum Choice<'s, 'n> {
    /// The node agrees with the branch; `None` for null.
    Valid(Option<TypeId>),
    /// The branch was meant; whether the node agrees with it is not known, or it does not.
    Meant(TypeId),
    /// The kind of value is none that a branch takes.
    OtherKind,
    /// The field that tells branches apart has a value that none has.
    UnknownTag { by: &'s Discriminator, tag: &'n Node },
    /// The field that tells branches apart is not there, and no branch fits.
    NoTag { by: &'s Discriminator },
}

impl Schema {
    pub(super) fn choose<'s, 'n>(
        &'s self,
        union: &'s Union,
        node: &'n Node,
        words: &Words,
    ) -> Choice<'s, 'n> {
        let kind = Kinds::of(node);
        if kind == Kinds::NULL && union.null {
            return Choice::Valid(None);
        }
        if let [only] = &*union.branches {
            return Choice::Meant(*only);
        }
        let of_kind = |(_, kinds): &(_, &Kinds)| kinds.meets(kind);
        let mut candidates: Vec<TypeId> =
            union.branches.iter().zip(&*union.kinds).filter(of_kind).map(|(id, _)| *id).collect();
        match candidates.as_slice() {
            [] => return Choice::OtherKind,
            [only] => return Choice::Meant(*only),
            _ => {}
        }
        let by = if kind == Kinds::MAPPING { self.discriminator(union) } else { None };
        let mut no_tag = None;
        if let Some(by) = by {
            let route: Vec<&str> = by.route.iter().map(CompactString::as_str).collect();
            let tag = node.at_route(&route);
            match tag.and_then(|tag| tag.as_str().map(|text| (tag, text))) {
                Some((tag, text)) => {
                    let of_tag = |entry: &&(CompactString, TypeId)| entry.0 == text;
                    candidates = by.values.iter().filter(of_tag).map(|(_, id)| *id).collect();
                    match (candidates.as_slice(), &*by.untold) {
                        ([only], []) => return Choice::Meant(*only),
                        ([], untold) => {
                            let fits = untold.iter().find(|id| is_valid(self, **id, node, words));
                            return match fits {
                                Some(id) => Choice::Valid(Some(*id)),
                                None => Choice::UnknownTag { by, tag },
                            };
                        }
                        (_, untold) => candidates.extend(untold),
                    }
                }
                None if tag.is_none() => no_tag = Some(by),
                None => {}
            }
        }
        if let Some(id) = candidates.iter().find(|id| is_valid(self, **id, node, words)) {
            return Choice::Valid(Some(*id));
        }
        if words.converts
            && let Some(id) = candidates.iter().find(|id| is_accepted(self, **id, node, words))
        {
            return Choice::Meant(*id);
        }
        if let Some(by) = no_tag
            && by.untold.is_empty()
        {
            return Choice::NoTag { by };
        }
        // The first of the best: `max_by_key` would give the last.
        let best = candidates.iter().rev().max_by_key(|id| self.fit(**id, node, 3));
        best.map_or(Choice::OtherKind, |id| Choice::Meant(*id))
    }

    /// How well the keys of a node go with a type: the sum over its keys, known ones for it,
    /// unknown and missing ones against.
    fn fit(&self, id: TypeId, node: &Node, depth: usize) -> i32 {
        let kind = Kinds::of(node);
        if !self.kinds(id).meets(kind) {
            return -4;
        }
        if let Some(union) = self.parts(id).iter().find_map(|part| {
            part.union.as_deref().filter(|union| union.branches.len() > 1 && depth > 0)
        }) {
            let fits = union.branches.iter().map(|id| self.fit(*id, node, depth - 1));
            return fits.max().unwrap_or_default();
        }
        let (Some(mapping), Some(rules)) = (node.as_mapping(), self.mapping_rules(id).next())
        else {
            return 0;
        };
        let mut fit = 0;
        for entry in mapping {
            fit += match (rules.property(&entry.key), rules.additional) {
                (Some(property), _) => {
                    let told = entry.value.as_str().zip(self.constants(property));
                    match told {
                        Some((text, known)) if known.contains(&text) => 20,
                        Some(_) => -20,
                        None if depth > 0 => {
                            4 + self.fit(property, &entry.value, depth - 1).signum()
                        }
                        None => 4,
                    }
                }
                (None, Additional::Closed) => -4,
                (None, _) => 0,
            };
        }
        let missing = rules.required.iter().filter(|name| mapping.get(name).is_none()).count();
        fit - 4 * i32::try_from(missing).unwrap_or(i32::MAX / 4)
    }

    /// The field that tells the mappings of a union apart.
    pub(super) fn discriminator<'s>(&'s self, union: &'s Union) -> Option<&'s Discriminator> {
        let found =
            union.discriminator.get_or_init(|| self.find_discriminator(union, 2).map(Box::new));
        found.as_deref()
    }

    fn find_discriminator(&self, union: &Union, depth: usize) -> Option<Discriminator> {
        let branches: Vec<TypeId> = union
            .branches
            .iter()
            .zip(&*union.kinds)
            .filter(|(_, kinds)| kinds.meets(Kinds::MAPPING))
            .map(|(id, _)| *id)
            .collect();
        let mut routes: Vec<Vec<CompactString>> = Vec::new();
        // A field that tells two branches apart is in one of any two.
        for branch in branches.iter().take(2) {
            self.routes_of_constants(*branch, &mut Vec::new(), depth, &mut routes);
        }
        routes.sort_by_key(Vec::len);
        routes.dedup();
        let told = routes.into_iter().filter_map(|route| self.told_by(&branches, route));
        // The one that most branches have; among those, the nearest, and `type` before others.
        told.max_by_key(|by| {
            let named_type = by.route.last().is_some_and(|name| name == "type");
            (std::cmp::Reverse(by.untold.len()), std::cmp::Reverse(by.route.len()), named_type)
        })
    }

    fn routes_of_constants(
        &self,
        id: TypeId,
        above: &mut Vec<CompactString>,
        depth: usize,
        routes: &mut Vec<Vec<CompactString>>,
    ) {
        for rules in self.mapping_rules(id) {
            for (name, property) in rules.properties.iter() {
                above.push(name.clone());
                if self.constants(*property).is_some() {
                    routes.push(above.clone());
                } else if depth > 1 {
                    // What branches of a union share is told by the first of them.
                    let several =
                        self.parts(*property).into_iter().find_map(|part| part.union.as_deref());
                    let inner =
                        several.and_then(|union| union.branches.first()).unwrap_or(property);
                    self.routes_of_constants(*inner, above, depth - 1, routes);
                }
                above.pop();
            }
        }
    }

    /// The branches by the values at a route, if those tell them apart.
    fn told_by(&self, branches: &[TypeId], route: Vec<CompactString>) -> Option<Discriminator> {
        let mut values: Vec<(CompactString, TypeId)> = Vec::new();
        let mut untold = Vec::new();
        for branch in branches {
            let mut own: Vec<&str> = Vec::new();
            if self.constants_at(*branch, &route, &mut own) && !own.is_empty() {
                own.sort_unstable();
                own.dedup();
                values.extend(own.into_iter().map(|value| (value.into(), *branch)));
            } else {
                untold.push(*branch);
            }
        }
        let told = branches.len() - untold.len();
        values.sort();
        let mut distinct: Vec<&str> = values.iter().map(|(value, _)| value.as_str()).collect();
        distinct.dedup();
        // Two branches at least, most of them with values that no other has.
        let apart =
            told >= 2 && distinct.len() * 4 >= values.len() * 3 && told * 2 >= branches.len();
        apart.then(|| Discriminator {
            route: route.into_boxed_slice(),
            values: values.into_boxed_slice(),
            untold: untold.into_boxed_slice(),
        })
    }

    /// Collects the texts that may stand at a route; false when other values may stand there too.
    fn constants_at<'s>(
        &'s self,
        id: TypeId,
        route: &[CompactString],
        found: &mut Vec<&'s str>,
    ) -> bool {
        let several = self
            .parts(id)
            .into_iter()
            .find_map(|part| part.union.as_deref().filter(|union| union.branches.len() > 1));
        if let Some(union) = several {
            return union.branches.iter().all(|branch| self.constants_at(*branch, route, found));
        }
        let Some((name, rest)) = route.split_first() else {
            return self.constants(id).is_some_and(|texts| {
                found.extend(texts);
                true
            });
        };
        let property = self.mapping_rules(id).find_map(|rules| rules.property(name));
        property.is_some_and(|property| self.constants_at(property, rest, found))
    }

    /// Calls a function with each node that stands at a secret field, and with its place.
    pub fn secrets<'n>(
        &self,
        id: TypeId,
        node: &'n Node,
        words: &Words,
        found: &mut dyn FnMut(&'n Node),
    ) {
        let part = self.get(id);
        if part.secret {
            found(node);
            return;
        }
        match &node.value {
            Value::Sequence(items) => {
                if let Some(of_items) = part.sequence.as_deref().and_then(|rules| rules.items) {
                    items.iter().for_each(|item| self.secrets(of_items, item, words, found));
                }
            }
            Value::Mapping(mapping) => {
                if let Some(rules) = part.mapping.as_deref() {
                    for entry in mapping {
                        let property = rules.property(&entry.key).or(match rules.additional {
                            Additional::Of(other) => Some(other),
                            Additional::Any | Additional::Closed => None,
                        });
                        if let Some(property) = property {
                            self.secrets(property, &entry.value, words, found);
                        }
                    }
                }
            }
            _ => {}
        }
        for id in &part.all_of {
            self.secrets(*id, node, words, found);
        }
        if let Some(union) = part.union.as_deref()
            && let Choice::Valid(Some(id)) | Choice::Meant(id) = self.choose(union, node, words)
        {
            self.secrets(id, node, words, found);
        }
    }
}
