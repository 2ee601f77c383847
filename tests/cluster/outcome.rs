//! What came of a verb, so that one can be held against another: with a fault and without.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a verb did: its exit status, what it says on stdout, and what there is afterwards.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) there: BTreeMap<String, Value>,
}

/// Both are the same, or it is said in what they differ.
pub(crate) fn same(outcome: &Outcome, expected: &Outcome, name: &str) {
    assert_eq!((outcome.code, &outcome.said), (expected.code, &expected.said), "{name}");
    let names = |of: &Outcome| of.there.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(outcome), names(expected), "{name}");
    for (object, expected) in &expected.there {
        assert_eq!(&outcome.there[object], expected, "{name}: {object}");
    }
}

/// An object without what differs each time.
pub(crate) fn lasting(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
        metadata.remove(field);
    }
    let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
        owner.remove("uid");
    }
    // Of the project, whose name is its pipeline's.
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| !label.starts_with("applyset.kubernetes.io/"));
    }
    // It is of the workflow, which has the pipeline's name in it.
    for place in ["/spec/template", "/spec/jobTemplate/spec/template"] {
        if let Some(template) = object.pointer_mut(place) {
            template["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    for place in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        if let Some(Value::Object(labels)) = object.pointer_mut(place) {
            labels.retain(|label, _| !label.ends_with("controller-uid"));
        }
    }
    object
}
