//! The KRM function: the definitions among a ResourceList's items become rendered objects.
//!
//! In: the text of a ResourceList, and what its definitions compile to. Out: the text of another
//! one. What is not a definition goes through as it is written, byte for byte, in its order. What
//! the definitions mean is decided by `compile`, as for every other verb; this knows only lists.

mod config;
mod item;
mod resource_list;

pub use config::Config;
pub use item::Item;
pub use resource_list::{Error, ResourceList};

use crate::definition::{Definition, Definitions};
use crate::tree::Node;

/// The annotations by which kustomize and kpt keep track of an item. They come and go with the tool
/// and say nothing about a pipeline.
const BOOKKEEPING: [&str; 6] = [
    "config.k8s.io/",
    "config.kubernetes.io/",
    "internal.config.kubernetes.io/",
    "internal.kpt.dev/",
    "kustomize.config.k8s.io/",
    "alpha.config.kubernetes.io/",
];

/// Takes the tools' own annotations out of definitions, so that rendered objects are what they are
/// without these tools.
pub fn without_bookkeeping(definitions: &mut Definitions) {
    definitions.projects.iter_mut().for_each(strip);
    definitions.services.iter_mut().for_each(strip);
    definitions.pipelines.iter_mut().for_each(strip);
}

fn strip<Spec>(definition: &mut Definition<Spec>) {
    let is_kept = |key: &str| !BOOKKEEPING.iter().any(|prefix| key.starts_with(prefix));
    if let Some(annotations) = &mut definition.metadata.annotations {
        annotations.0.retain(|(key, _)| is_kept(key));
    }
    let Some(metadata) = definition.node.as_mapping_mut().and_then(|one| one.get_mut("metadata"))
    else {
        return;
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_mapping_mut) {
        annotations.retain(|entry| is_kept(&entry.key));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Input, Project};

    #[test]
    fn what_a_tool_notes_on_a_definition_is_not_of_the_definition() {
        let text = "kind: IngestionPipeline\nmetadata:\n  name: a\n  annotations:\n    \
                    internal.config.kubernetes.io/path: a.yaml\n    \
                    config.kubernetes.io/local-config: \"true\"\n    team: data\n\
                    spec: {type: metadata}\n";
        let input = Input::Text { name: "a.yaml".to_owned(), bytes: text.into() };
        let mut project = Project::read(vec![input]).unwrap();
        without_bookkeeping(&mut project.definitions);
        let pipeline = &project.definitions.pipelines[0];
        let kept = pipeline.at(&["metadata", "annotations"]).unwrap().as_mapping().unwrap();
        assert_eq!(kept.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["team"]);
        assert_eq!(pipeline.metadata.annotations.as_ref().unwrap().0.len(), 1);
    }
}
