//! Which output files a workspace's changes change.
//!
//! In: what pipelines came to before and now. Out: [`Changes`] since they were last asked for: a
//! file that changed and changed back is none. Texts that were replaced are kept until then, so that
//! an error in between, during which nothing is to be written, loses nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;

use super::Workspace;
use super::file::{Compiled, texts};
use crate::compile::Outcome;
use crate::diagnostic::Diagnostics;
use crate::tree::SourceId;

/// Output files that are other ones than when they were last asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// New files and those with other bytes: the path below the output folder, and the text.
    pub written: BTreeMap<String, String>,
    /// Files that are no longer rendered.
    pub removed: Vec<String>,
}

/// What stands between the objects of a file.
const SEPARATOR: &str = "---\n";

/// The texts, by path, of what is compiled again, each with its pipeline.
pub(super) type Before = HashMap<String, (String, CompactString)>;

/// Files whose text was replaced since changes were last asked for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Whether changes were ever asked for; else nobody wants to know of any.
    wanted: bool,
    files: BTreeMap<String, Former>,
    /// The files of accounts, as they are.
    of_accounts: BTreeMap<String, String>,
}

/// What a file was.
#[derive(Debug)]
struct Former {
    /// Its text; `None` when it was not there.
    text: Option<String>,
    /// The pipeline that it is of; `None` for those of accounts.
    pipeline: Option<CompactString>,
}

impl Touched {
    /// Keeps the objects of a pipeline that is compiled again, to be compared with.
    pub(super) fn keep(&self, pipeline: Compiled, before: &mut Before) {
        if self.wanted {
            for (path, pieces) in texts(&pipeline.outcome.objects) {
                before.insert(path.to_owned(), (pieces.join(SEPARATOR), pipeline.name.clone()));
            }
        }
    }

    fn note(&mut self, path: &str, text: Option<String>, pipeline: Option<&CompactString>) {
        if !self.files.contains_key(path) {
            let former = Former { text, pipeline: pipeline.cloned() };
            self.files.insert(path.to_owned(), former);
        }
    }
}

impl Workspace {
    /// The files that changed since this was last asked; `None` the first time, when all did. It is
    /// not to be asked while there is an error among the findings.
    pub fn changes(&mut self) -> Option<Changes> {
        if !std::mem::replace(&mut self.touched.wanted, true) {
            self.touched.of_accounts = self.account_files();
            return None;
        }
        let mut changes = Changes::default();
        for (path, former) in std::mem::take(&mut self.touched.files) {
            let now = match &former.pipeline {
                None => self.touched.of_accounts.get(&path).cloned(),
                Some(pipeline) => self.text_of(pipeline, &path, |_| true),
            };
            match now {
                now if now == former.text => {}
                Some(text) => {
                    changes.written.insert(path, text);
                }
                None => changes.removed.push(path),
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
        let again = outcomes.iter().map(|(id, _, _)| *id);
        let again = again.collect::<HashSet<_>>();
        for (id, checked, outcomes) in outcomes {
            let Some(file) = self.files.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                continue;
            };
            file.checked = checked;
            for (compiled, outcome) in file.pipelines.iter_mut().zip(outcomes) {
                compiled.outcome = outcome;
            }
        }
        if self.touched.wanted {
            self.note_changes(&again, before);
        }
    }

    fn note_changes(&mut self, again: &HashSet<SourceId>, mut before: Before) {
        let mut touched = std::mem::take(&mut self.touched);
        let files = again.iter().filter_map(|id| self.file(*id));
        for Compiled { name, outcome, .. } in files.flat_map(|file| &file.pipelines) {
            for (path, pieces) in texts(&outcome.objects) {
                let former = before.remove(path).map(|(text, _)| text);
                if former.as_ref().is_some_and(|former| *former == pieces.join(SEPARATOR)) {
                    continue;
                }
                // A file that is new may have been another pipeline's of the same name.
                let other = || self.text_of(name, path, |id| !again.contains(&id));
                touched.note(path, former.or_else(other), Some(name));
            }
        }
        for (path, (text, pipeline)) in before {
            touched.note(&path, Some(text), Some(&pipeline));
        }
        let of_accounts = self.account_files();
        let former = std::mem::take(&mut touched.of_accounts);
        for path in former.keys().chain(of_accounts.keys()) {
            if former.get(path) != of_accounts.get(path) {
                touched.note(path, former.get(path).cloned(), None);
            }
        }
        touched.of_accounts = of_accounts;
        self.touched = touched;
    }

    /// The text of a file of a pipeline of that name, in one of the files that are asked for.
    fn text_of(
        &self,
        pipeline: &str,
        path: &str,
        is_asked: impl Fn(SourceId) -> bool,
    ) -> Option<String> {
        let places = self.pipelines.places(pipeline).iter();
        let mut compiled = places.filter(|place| is_asked(place.source));
        compiled.find_map(|place| {
            let mut texts = texts(&self.compiled(*place)?.outcome.objects);
            texts.remove(path).map(|pieces| pieces.join(SEPARATOR))
        })
    }

    fn account_files(&self) -> BTreeMap<String, String> {
        let objects = self.accounts.values().flat_map(|of| &of.objects);
        let join = |(path, pieces): (&str, Vec<&str>)| (path.to_owned(), pieces.join(SEPARATOR));
        texts(objects).into_iter().map(join).collect()
    }
}
