//! What a pipeline is rendered to, as a text to look at, from which each line leads back to the
//! definition that it comes from.
//!
//! In: rendered objects. Out: a [`Preview`]. It renders nothing, and holds what a rendered file
//! holds: references to secrets, no secrets.

use std::ops::Range;

use crate::diagnostic::Diagnostics;
use crate::manifest::Manifest;
use crate::tree::{Node, SourceId, Span, Value};
use crate::yaml::{self, Dialect};

/// The rendered objects of a pipeline.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Preview {
    /// Canonical YAML, a document per object.
    pub text: String,
    /// Parts of the text, in order, each with the place of a definition that set it.
    places: Vec<(Range<usize>, Span)>,
}

impl Preview {
    /// The text of objects, in the order in which they are applied.
    pub fn of(manifests: &[Manifest]) -> Self {
        let mut manifests = manifests.iter().collect::<Vec<_>>();
        manifests.sort_by_key(|manifest| manifest.apply_order());
        let mut preview = Self::default();
        for manifest in manifests {
            if !preview.text.is_empty() {
                preview.text.push_str("---\n");
            }
            let base = preview.text.len();
            yaml::write(manifest.node(), &mut preview.text);
            let text = &preview.text[base..];
            // Canonical text is read back as the tree that it was written from.
            let mut found = Diagnostics::default();
            let read = yaml::read(SourceId(0), text, Dialect::Definition, &mut found);
            if let Some(read) = read.first() {
                places(read, manifest.node(), base, &mut preview.places);
            }
        }
        preview
    }

    /// The place of a definition that the line at a byte comes from.
    pub fn origin(&self, offset: usize) -> Option<Span> {
        let offset = offset.min(self.text.len());
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at);
        let on_line =
            self.places.iter().filter(|(range, _)| range.start < end && range.end > start);
        on_line.map(|(_, span)| *span).next_back()
    }
}

/// Pairs the leaves of a tree that was read with those of the tree that it was written from.
fn places(read: &Node, written: &Node, base: usize, out: &mut Vec<(Range<usize>, Span)>) {
    match (&read.value, &written.value) {
        (Value::Mapping(read), Value::Mapping(written)) => {
            for (read, written) in read.iter().zip(written) {
                places(&read.value, &written.value, base, out);
            }
        }
        (Value::Sequence(read), Value::Sequence(written)) => {
            for (read, written) in read.iter().zip(written) {
                places(read, written, base, out);
            }
        }
        _ => {
            if written.span.is_some() {
                let range = base + read.span.start as usize..base + read.span.end as usize;
                out.push((range, written.span));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_preview_leads_to_the_place_that_set_it() {
        let mut sources = crate::source::Sources::default();
        let source = sources.add("t.yaml", "");
        let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: two words}}";
        let mut found = Diagnostics::default();
        let node = yaml::read(source, text, Dialect::Definition, &mut found).remove(0);
        let manifest = Manifest::new(node, &mut found).unwrap();
        let preview = Preview::of(&[manifest.clone(), manifest]);
        let line = preview.text.rfind("b: ").unwrap();
        let span = preview.origin(line).unwrap();
        assert_eq!(&text[span.start as usize..span.end as usize], "two words");
        assert_eq!(preview.origin(preview.text.rfind("data:").unwrap()), None);
        assert_eq!(preview.text.matches("---\n").count(), 1);
    }
}
