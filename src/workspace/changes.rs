//! Which output files a workspace's changes change.
//!
//! In: what pipelines came to before and now. Out: [`Changes`] since they were last asked for: a
//! file that changed and changed back is none. Texts that were replaced are kept until then, so that
//! an error in between, during which nothing is to be written, loses nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;

use super::Workspace;
use super::file::Compiled;
use crate::compile::{Object, Outcome};
use crate::diagnostic::Diagnostics;
use crate::tree::SourceId;

/// Output files that are other ones than when they were last asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// The objects of new files, of those with other bytes, and of those that come from another
    /// definition file now; of each file all, in apply order.
    pub written: Vec<Object>,
    /// Files that are no longer rendered, by their paths below the output folder.
    pub removed: Vec<String>,
}

/// The files of pipelines that are compiled again, by path.
pub(super) type Before = HashMap<String, Former>;

/// Files that were replaced since changes were last asked for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Whether changes were ever asked for; else nobody wants to know of any.
    wanted: bool,
    files: BTreeMap<String, Former>,
    /// The files of no pipeline, those of accounts and encrypted ones, as they are.
    of_none: BTreeMap<String, Vec<Object>>,
}

/// What an output file was.
#[derive(Clone, Debug, Default)]
pub(super) struct Former {
    /// The pipeline that it is of; `None` for those of none.
    pipeline: Option<CompactString>,
    /// What it held; nothing when it was not there.
    objects: Vec<Object>,
    /// The definition file that it came from.
    source: String,
}

impl Former {
    fn is(&self, objects: &[&Object], source: &str) -> bool {
        let texts = self.objects.iter().map(|object| &object.text);
        texts.eq(objects.iter().map(|object| &object.text)) && self.source == source
    }
}

/// Objects by the file that they share, in apply order.
fn by_file<'o>(
    objects: impl IntoIterator<Item = &'o Object>,
) -> BTreeMap<&'o str, Vec<&'o Object>> {
    let mut files: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        files.entry(&object.file).or_default().push(object);
    }
    files.values_mut().for_each(|objects| objects.sort_by_key(|object| object.order));
    files
}

fn owned(objects: &[&Object]) -> Vec<Object> {
    objects.iter().map(|object| (*object).clone()).collect()
}

impl Touched {
    /// Keeps the objects of a pipeline that is compiled again, to be compared with.
    pub(super) fn keep(&self, pipeline: Compiled, source: &str, before: &mut Before) {
        if !self.wanted {
            return;
        }
        let Compiled { name, outcome, .. } = pipeline;
        for object in outcome.objects {
            let former = before.entry(object.file.clone()).or_insert_with(|| Former {
                pipeline: Some(name.clone()),
                source: source.to_owned(),
                objects: Vec::with_capacity(1),
            });
            former.objects.push(object);
            former.objects.sort_by_key(|object| object.order);
        }
    }

    fn note(&mut self, path: &str, former: Former) {
        if !self.files.contains_key(path) {
            self.files.insert(path.to_owned(), former);
        }
    }
}

impl Workspace {
    /// The files that changed since this was last asked; `None` the first time, when all did
    /// ([`Workspace::objects`]). It is not to be asked while there is an error among the findings.
    pub fn changes(&mut self) -> Option<Changes> {
        if !std::mem::replace(&mut self.touched.wanted, true) {
            self.touched.of_none = self.files_of_none();
            return None;
        }
        let mut changes = Changes::default();
        for (path, former) in std::mem::take(&mut self.touched.files) {
            let now = match &former.pipeline {
                None => self
                    .touched
                    .of_none
                    .get(&path)
                    .map(|objects| Former { objects: objects.clone(), ..Former::default() }),
                Some(pipeline) => self.file_of(pipeline, &path, |_| true),
            };
            let Former { objects, source, .. } = now.unwrap_or_default();
            if objects.is_empty() && !former.objects.is_empty() {
                changes.removed.push(path);
            } else if !former.is(&objects.iter().collect::<Vec<_>>(), &source) {
                changes.written.extend(objects);
            }
        }
        Some(changes)
    }

    /// Keeps what pipelines came to.
    pub(super) fn keep_outcomes(
        &mut self,
        outcomes: Vec<(SourceId, Diagnostics, Vec<Outcome>)>,
        before: Before,
    ) {
        let again = outcomes.iter().map(|(id, _, _)| *id).collect::<HashSet<_>>();
        for (id, checked, outcomes) in outcomes {
            let Some(file) = self.files.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                continue;
            };
            file.checked = checked;
            for (compiled, outcome) in file.pipelines.iter_mut().zip(outcomes) {
                if let Some(service) = &outcome.service {
                    self.users.entry(service.clone()).or_default().insert(id);
                }
                compiled.outcome = outcome;
            }
        }
        if self.touched.wanted {
            self.note_changes(&again, before);
        }
    }

    fn note_changes(&mut self, again: &HashSet<SourceId>, mut before: Before) {
        let mut touched = std::mem::take(&mut self.touched);
        for id in again {
            let source = self.name_of(*id);
            let pipelines = self.file(*id).into_iter().flat_map(|file| &file.pipelines);
            for Compiled { name, outcome, .. } in pipelines {
                for (path, objects) in by_file(&outcome.objects) {
                    let former = before.remove(path);
                    if former.as_ref().is_some_and(|former| former.is(&objects, source)) {
                        continue;
                    }
                    // A file that is new may have been another pipeline's of the same name.
                    let other = || self.file_of(name, path, |id| !again.contains(&id));
                    let none = || Former { pipeline: Some(name.clone()), ..Former::default() };
                    touched.note(path, former.or_else(other).unwrap_or_else(none));
                }
            }
        }
        for (path, former) in before {
            touched.note(&path, former);
        }
        let of_none = self.files_of_none();
        let former = std::mem::take(&mut touched.of_none);
        for path in former.keys().chain(of_none.keys()) {
            if former.get(path) != of_none.get(path) {
                let objects = former.get(path).cloned().unwrap_or_default();
                touched.note(path, Former { objects, ..Former::default() });
            }
        }
        touched.of_none = of_none;
        self.touched = touched;
    }

    /// A file of a pipeline of that name, in one of the sources that are asked for.
    fn file_of(
        &self,
        pipeline: &CompactString,
        path: &str,
        is_asked: impl Fn(SourceId) -> bool,
    ) -> Option<Former> {
        let places = self.pipelines.places(pipeline).iter();
        places.filter(|place| is_asked(place.source)).find_map(|place| {
            let objects = by_file(&self.compiled(*place)?.outcome.objects).remove(path)?;
            Some(Former {
                pipeline: Some(pipeline.clone()),
                objects: owned(&objects),
                source: self.name_of(place.source).to_owned(),
            })
        })
    }

    fn files_of_none(&self) -> BTreeMap<String, Vec<Object>> {
        let accounts = self.accounts.values().flat_map(|of| &of.objects);
        let files = by_file(accounts.chain(&self.encrypted_objects));
        files.into_iter().map(|(path, objects)| (path.to_owned(), owned(&objects))).collect()
    }

    fn name_of(&self, id: SourceId) -> &str {
        self.sources.get(id).map_or("", |source| source.name.as_str())
    }
}
