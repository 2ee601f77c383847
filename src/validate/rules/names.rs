//! Rules about names: of Kubernetes objects, of pipelines and services, and across all of them.
//!
//! In: names as written, one by one or all of a kind. Out: newtypes; findings for names that
//! Kubernetes or OpenMetadata refuses, for two things of one name, and a warning where objects
//! cannot carry the name as written.

use std::collections::HashMap;

use super::place;
use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{
    LabelKey, LabelValue, Namespace, ObjectNames, PipelineName, SecretKey, SecretName,
    ServiceAccountName, ServiceName, labels,
};
use crate::tree::{Node, Span};

/// The labels that ompipe sets itself on every object and pod.
const OWN_LABELS: [&str; 6] = [
    labels::COMPONENT,
    labels::MANAGED_BY,
    labels::NAME,
    labels::PIPELINE,
    labels::PIPELINE_TYPE,
    labels::RUN_ID,
];

/// `namespace`: a DNS label.
pub fn namespace(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Namespace> {
    place::parse(node, route, (&code::OBJECT_NAME, "namespace"), Namespace::parse, found)
}

/// `serviceAccountName`: a DNS name.
pub fn service_account_name(
    node: &Node,
    route: &str,
    found: &mut Diagnostics,
) -> Option<ServiceAccountName> {
    place::parse(
        node,
        route,
        (&code::OBJECT_NAME, "service account name"),
        ServiceAccountName::parse,
        found,
    )
}

/// The name of a Secret: a DNS name.
pub fn secret_name(node: &Node, route: &str, found: &mut Diagnostics) -> Option<SecretName> {
    place::parse(node, route, (&code::OBJECT_NAME, "name of a Secret"), SecretName::parse, found)
}

/// A key of a Secret's data.
pub fn secret_key(node: &Node, route: &str, found: &mut Diagnostics) -> Option<SecretKey> {
    place::parse(node, route, (&code::OBJECT_NAME, "key of a Secret"), SecretKey::parse, found)
}

/// `metadata.name` of a pipeline: what OpenMetadata takes.
pub fn pipeline_name(node: &Node, route: &str, found: &mut Diagnostics) -> Option<PipelineName> {
    place::parse(node, route, (&code::ENTITY_NAME, "pipeline name"), PipelineName::parse, found)
}

/// `name` of an entity of OpenMetadata's.
pub fn entity_name(node: &Node, route: &str, found: &mut Diagnostics) -> Option<PipelineName> {
    place::parse(node, route, (&code::ENTITY_NAME, "name"), PipelineName::parse, found)
}

/// `metadata.name` of a service: what OpenMetadata takes.
pub fn service_name(node: &Node, route: &str, found: &mut Diagnostics) -> Option<ServiceName> {
    place::parse(node, route, (&code::ENTITY_NAME, "service name"), ServiceName::parse, found)
}

/// `imagePullSecrets`: a list of names, or names with commas between them; each once.
pub fn image_pull_secrets(
    node: &Node,
    route: &str,
    found: &mut Diagnostics,
) -> Option<Vec<SecretName>> {
    let mut names: Vec<(SecretName, Span)> = Vec::new();
    let mut fine = true;
    let mut take = |text: &str, span: Span, found: &mut Diagnostics| match SecretName::parse(text) {
        Ok(name) => match names.iter().find(|(other, _)| *other == name) {
            Some((_, first)) => {
                found.push(twice("the Secret", text, span, *first, route));
                fine = false;
            }
            None => names.push((name, span)),
        },
        Err(refusal) => {
            found.push(place::refused(
                &code::OBJECT_NAME,
                "name of a Secret",
                span,
                route,
                refusal,
            ));
            fine = false;
        }
    };
    if let Some(text) = node.as_str() {
        for piece in super::pairs::pieces(text) {
            take(&text[piece.clone()], place::part(node, &piece), found);
        }
    } else {
        for item in node.as_sequence()? {
            take(item.as_str()?, item.span, found);
        }
    }
    fine.then(|| names.into_iter().map(|(name, _)| name).collect())
}

/// `metadata.labels`: keys and values that Kubernetes takes, and none that ompipe sets itself.
pub fn labels(node: &Node, route: &str, found: &mut Diagnostics) {
    for entry in node.as_mapping().into_iter().flatten() {
        let route = under(route, &entry.key);
        if let Err(refusal) = LabelKey::parse(&entry.key) {
            found.push(place::refused(&code::LABEL, "label", entry.key_span, &route, refusal));
        } else if OWN_LABELS.contains(&&*entry.key) {
            found.push(
                Diagnostic::error(
                    &code::LABEL,
                    entry.key_span,
                    format!("the label `{}` is set by ompipe itself", entry.key),
                )
                .with_route(route.as_str())
                .with_help("take it out, or choose a key of your own"),
            );
        }
        place::parse(&entry.value, &route, (&code::LABEL, "label"), LabelValue::parse, found);
    }
}

/// `metadata.annotations`: keys that Kubernetes takes; any text as value.
pub fn annotations(node: &Node, route: &str, found: &mut Diagnostics) {
    for entry in node.as_mapping().into_iter().flatten() {
        if let Err(refusal) = LabelKey::parse(&entry.key) {
            let route = under(route, &entry.key);
            found.push(place::refused(&code::LABEL, "annotation", entry.key_span, &route, refusal));
        }
    }
}

/// Two definitions of one kind and name: an error at each but the first, with the place of the
/// first. `kind` is how people call it: "pipeline", "service".
pub fn distinct<'a>(
    kind: &str,
    names: impl IntoIterator<Item = (&'a str, Span)>,
    found: &mut Diagnostics,
) {
    let names = names.into_iter();
    let mut first: HashMap<&str, Span> = HashMap::with_capacity(names.size_hint().0);
    for (name, span) in names {
        match first.get(name) {
            Some(earlier) => {
                found.push(twice(&format!("the {kind}"), name, span, *earlier, "metadata.name"));
            }
            None => {
                first.insert(name, span);
            }
        }
    }
}

fn twice(what: &str, name: &str, span: Span, first: Span, route: &str) -> Diagnostic {
    Diagnostic::error(&code::DUPLICATE_NAME, span, format!("{what} `{name}` is named twice"))
        .with_label("again here")
        .with_related(first, "first here")
        .with_route(route)
}

/// Which object a pipeline's schedule becomes, and so which names matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// CronJob and Job.
    CronJob,
    /// CronOMJob and OMJob, for the operator.
    OmJob,
}

/// A warning where a pipeline's objects cannot carry its name as written: too long, or with
/// characters that the names of objects do not have.
pub fn changed_name(
    name: &PipelineName,
    names: &ObjectNames,
    output: Output,
    span: Span,
    found: &mut Diagnostics,
) {
    if !names.changed {
        return;
    }
    let scheduled = match output {
        Output::CronJob => &names.cron_job,
        Output::OmJob => &names.cron_om_job,
    };
    // The ConfigMap's name is cut last: if it carries the name, the shorter one may not.
    let becomes = [&names.config_map, scheduled]
        .into_iter()
        .find(|object| !ends_with_name(object, name.as_str()));
    let Some(becomes) = becomes else { return };
    found.push(
        Diagnostic::warning(
            &code::NAME_CHANGED,
            span,
            format!("the name cannot be that of Kubernetes objects as it stands: one becomes `{becomes}`"),
        )
        .with_route("metadata.name")
        .with_note("OpenMetadata keeps the name as written; the hash keeps the objects of similar names apart")
        .with_help(match output {
            Output::CronJob => "use lower-case letters, digits and `-`, at most 41 of them, to have objects named as the pipeline",
            Output::OmJob => "use lower-case letters, digits and `-`, at most 34 of them, to have objects named as the pipeline",
        }),
    );
}

fn ends_with_name(object: &str, name: &str) -> bool {
    object.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('-'))
}

/// Two pipelines whose objects would share a name all the same: an error. By the hash in the names
/// it takes a chance of one in 2^50 to get here.
pub fn distinct_objects<'a>(
    pipelines: impl IntoIterator<Item = (&'a PipelineName, &'a ObjectNames, Span)>,
    found: &mut Diagnostics,
) {
    let mut first: HashMap<&str, (&PipelineName, Span)> = HashMap::new();
    // Names that are carried as written differ as the pipelines' do; the hashed ones are never
    // equal to those.
    for (name, names, span) in pipelines.into_iter().filter(|(_, names, _)| names.changed) {
        for object in [&names.config_map, &names.cron_om_job] {
            match first.get(&**object) {
                Some((other, place)) if *other != name => found.push(
                    Diagnostic::error(
                        &code::DUPLICATE_NAME,
                        span,
                        format!("the objects of two pipelines would share the name `{object}`"),
                    )
                    .with_related(*place, "of this pipeline")
                    .with_route("metadata.name")
                    .with_help("rename one of them"),
                ),
                Some(_) => {}
                None => {
                    first.insert(object, (name, span));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    #[test]
    fn the_wrong_character_of_a_namespace_is_marked() {
        let text = Text::of(json!("om_prod"));
        assert_eq!(text.findings(|node, found| namespace(node, "", found)), [("OMP0404", "_")]);
    }

    #[test]
    fn pull_secrets_are_names_with_commas_or_a_list_and_the_wrong_one_is_marked() {
        let text = Text::of(json!("registry-secret, Mirror"));
        assert_eq!(
            text.findings(|node, found| image_pull_secrets(node, "", found)),
            [("OMP0404", "Mirror")]
        );
        let text = Text::of(json!(["a", "b", "a"]));
        assert_eq!(
            text.findings(|node, found| image_pull_secrets(node, "", found)),
            [("OMP0407", "a")]
        );
        let mut found = Diagnostics::default();
        let names = image_pull_secrets(&Node::new("a, b"), "", &mut found).unwrap();
        assert_eq!(names.iter().map(SecretName::as_str).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn two_pipelines_of_one_name_are_shown_at_both_places() {
        let text = Text::of(json!(["nightly", "weekly", "nightly"]));
        let names = text.node.as_sequence().unwrap();
        let found = text.diagnostics(|_, found| {
            distinct(
                "pipeline",
                names.iter().map(|name| (name.as_str().unwrap(), name.span)),
                found,
            );
        });
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].span, found[0].related[0].span), (names[2].span, names[0].span));
    }

    #[test]
    fn a_name_that_objects_cannot_carry_is_a_warning_that_says_what_it_becomes() {
        let becomes = |text: &str, output| {
            let name = PipelineName::parse(text).unwrap();
            let mut found = Diagnostics::default();
            changed_name(&name, &ObjectNames::of(&name), output, Span::NONE, &mut found);
            found.into_sorted().pop().map(|finding| finding.message)
        };
        assert_eq!(becomes("snowflake-metadata", Output::CronJob), None);
        assert!(becomes("a_b", Output::CronJob).unwrap().contains("om-config-a-b--cj7tkcrvrz"));
        let between = "n".repeat(38);
        assert_eq!(becomes(&between, Output::CronJob), None, "it fits where it is used");
        assert!(becomes(&between, Output::OmJob).unwrap().contains("om-cronomjob-nnn"));
    }

    #[test]
    fn a_label_of_ompipes_own_and_a_wrong_value_are_errors() {
        let text = Text::of(
            json!({"team": "data", "app.kubernetes.io/name": "x", "cost center": "1", "owner": "a b"}),
        );
        assert_eq!(
            text.findings(|node, found| labels(node, "metadata.labels", found)),
            [("OMP0406", "app.kubernetes.io/name"), ("OMP0406", "cost center"), ("OMP0406", " ")]
        );
    }

    #[test]
    fn distinct_pipelines_never_share_an_object() {
        let names = ["a_b", "a-b", "A-B", "a.b"].map(|name| PipelineName::parse(name).unwrap());
        let objects = names.each_ref().map(ObjectNames::of);
        let mut found = Diagnostics::default();
        distinct_objects(
            names.iter().zip(&objects).map(|(name, names)| (name, names, Span::NONE)),
            &mut found,
        );
        assert!(found.is_empty());
        distinct_objects(
            [(&names[0], &objects[0], Span::NONE), (&names[2], &objects[0], Span::NONE)],
            &mut found,
        );
        assert!(found.has_errors());
    }
}
