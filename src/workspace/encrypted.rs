//! The encrypted files of a workspace, which are output files as they are.
//!
//! In: files that were found to hold encrypted objects alone. Out: each as one [`Object`], its bytes
//! untouched, in a folder of their own; a finding where two would be one file.

use std::collections::BTreeMap;

use super::Workspace;
use crate::compile::Object;
use crate::definition::EncryptedFile;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::manifest;
use crate::tree::Span;

/// The folder of the output that they lie in.
const FOLDER: &str = "encrypted";

impl Workspace {
    /// The encrypted files as objects, if a whole output is asked for.
    pub(super) fn pass_encrypted_on(&self) -> Vec<Object> {
        if !self.options.objects || !self.options.only.is_empty() {
            return Vec::new();
        }
        let objects = self.encrypted_files().filter_map(|file| {
            Some(Object {
                file: format!("{FOLDER}/{}", self.file_name(file)?),
                order: manifest::apply_order("Secret"),
                span: file.span,
                text: self.sources.get(file.source)?.text.clone(),
            })
        });
        objects.collect()
    }

    /// Two files of one name would be one in the output.
    pub(super) fn check_encrypted(&self, found: &mut Diagnostics) {
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for file in self.encrypted_files() {
            let Some(name) = self.file_name(file) else { continue };
            let Some(first) = names.insert(name.to_lowercase(), file.span) else { continue };
            let message = format!("a second encrypted file of the name `{name}`");
            found.push(
                Diagnostic::error(&code::ENCRYPTED_FILE, file.span, message)
                    .with_related(first, "the first")
                    .with_help("rename one of them: all lie in one folder of the output"),
            );
        }
    }

    /// In the order of their paths.
    fn encrypted_files(&self) -> impl Iterator<Item = &EncryptedFile> {
        let mut ids = self.encrypted.iter().copied().collect::<Vec<_>>();
        ids.sort_by(|one, other| self.order(*one, *other));
        ids.into_iter().filter_map(|id| self.file(id)).flat_map(|file| &file.defines.encrypted)
    }

    fn file_name(&self, file: &EncryptedFile) -> Option<&str> {
        match self.sources.get(file.source)?.name.rsplit('/').next()? {
            // Standard input has no name of its own.
            "-" => Some("stdin.yaml"),
            name => Some(name),
        }
    }
}
