//! Values that somebody sets for one pipeline, for once, over everything that is written.
//!
//! In: a project, a pipeline's name, and values by their routes, `workflow.source.type`. Out: the
//! project with one more patch, the last of all, so that the values are checked as any others. Each
//! keeps its place in the text that it was given in.

use crate::definition::IngestionProject;
use crate::tree::{Entry, Mapping, Node, Span, Value};

/// The part of a pipeline that may be set.
const SETTABLE: &str = "workflow";

/// Why values cannot be set.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OverrideError {
    /// The route does not begin with `workflow.`.
    #[error("{route} is no part of the workflow")]
    NotInWorkflow {
        /// The route.
        route: String,
    },
    /// Two values are for the same place.
    #[error("{route} is set twice")]
    SetTwice {
        /// The route.
        route: String,
    },
}

/// Adds a patch of a pipeline to a project: the last of its environment, or of all where there is
/// none.
pub fn add_overrides(
    project: &mut IngestionProject,
    environment: Option<&str>,
    pipeline: &str,
    values: &Mapping,
) -> Result<(), OverrideError> {
    let mut spec = Mapping::new();
    for Entry { key: route, key_span, value } in values {
        let keys: Vec<&str> = route.split('.').collect();
        if keys.len() < 2 || keys[0] != SETTABLE || keys.iter().any(|key| key.is_empty()) {
            return Err(OverrideError::NotInWorkflow { route: route.to_string() });
        }
        let twice = || OverrideError::SetTwice { route: route.to_string() };
        let (last, above) = keys.split_last().unwrap_or((&"", &[]));
        let mut at = &mut spec;
        for key in above {
            if at.get(key).is_none() {
                let empty = Node::at(Mapping::new(), *key_span);
                at.push(Entry { key: (*key).into(), key_span: *key_span, value: empty });
            }
            at = at.get_mut(key).and_then(Node::as_mapping_mut).ok_or_else(twice)?;
        }
        if at.get(last).is_some() {
            return Err(twice());
        }
        at.push(Entry { key: (*last).into(), key_span: *key_span, value: value.clone() });
    }
    let span = values.iter().next().map_or(Span::NONE, |first| first.key_span);
    let of = |entries: &[(&'static str, Node)]| {
        let mut mapping = Mapping::new();
        for (key, value) in entries {
            mapping.push(Entry { key: (*key).into(), key_span: span, value: value.clone() });
        }
        Node::at(mapping, span)
    };
    let patch = of(&[
        (
            "target",
            of(&[
                ("kind", Node::at("IngestionPipeline", span)),
                ("name", Node::at(pipeline, span)),
            ]),
        ),
        ("merge", of(&[("spec", Node::at(spec, span))])),
    ]);
    let route: &[&str] = match &environment {
        Some(name) => &["spec", "environments", name],
        None => &["spec"],
    };
    let holder = route.iter().try_fold(&mut project.node, |node, key| {
        node.as_mapping_mut().and_then(|mapping| mapping.get_mut(key))
    });
    // That there is no such environment is told where it is chosen.
    if let Some(holder) = holder.and_then(Node::as_mapping_mut) {
        match holder.get_mut("patches").map(|patches| &mut patches.value) {
            Some(Value::Sequence(patches)) => patches.push(patch),
            _ => holder.insert("patches", Node::at(vec![patch], span)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Kind, parse_as};
    use crate::diagnostic::Diagnostics;
    use crate::tree::SourceId;
    use crate::yaml::{self, Dialect};

    fn values(text: &str) -> Mapping {
        let mut found = Diagnostics::default();
        let node = yaml::read(SourceId(7), text, Dialect::Definition, &mut found).remove(0);
        assert!(found.is_empty(), "{found:?}");
        node.as_mapping().unwrap().clone()
    }

    fn project(spec: serde_json::Value) -> IngestionProject {
        let node = serde_json::json!({
            "apiVersion": "pipelines.openmetadata.org/v1alpha1", "kind": "IngestionProject",
            "metadata": {"name": "p"}, "spec": spec});
        let mut found = Diagnostics::default();
        parse_as(Kind::IngestionProject, Node::from(node), &mut found).unwrap()
    }

    #[test]
    fn values_become_the_last_patch_of_the_pipeline_and_keep_their_places() {
        let mut project = project(serde_json::json!({}));
        let values = values("workflow.a.b: 5\nworkflow.a.c: [x]\n");
        add_overrides(&mut project, None, "orders", &values).unwrap();
        let patches = project.patches().unwrap().as_sequence().unwrap().to_vec();
        let patch = patches.last().unwrap();
        let set = patch.at_route(&["merge", "spec", "workflow", "a", "b"]).unwrap();
        assert_eq!((set.as_i64(), set.span.source), (Some(5), SourceId(7)));
        assert!(patch.at_route(&["merge", "spec", "workflow", "a", "c"]).is_some());
        assert_eq!(patch.at_route(&["target", "name"]).unwrap().as_str(), Some("orders"));
    }

    #[test]
    fn nothing_but_the_workflow_is_set_and_nothing_twice() {
        let set = |text: &str| {
            add_overrides(&mut project(serde_json::json!({})), None, "orders", &values(text))
        };
        let outside = OverrideError::NotInWorkflow { route: "schedule".to_owned() };
        assert_eq!(set("schedule: '* * * * *'\n"), Err(outside));
        let twice = OverrideError::SetTwice { route: "workflow.a.b".to_owned() };
        assert_eq!(set("workflow.a: 1\nworkflow.a.b: 2\n"), Err(twice));
    }
}
