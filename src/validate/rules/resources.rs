//! Rules about CPU, memory and other resources of a container.
//!
//! In: the quantities with their defaults, and the mapping that the user wrote, for the places.
//! Out: [`Resources`].

use std::cmp::Ordering;

use compact_str::CompactString;

use super::place;
use crate::definition::written;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::model::{LabelKey, Quantity, Resources};
use crate::tree::{Node, Span, Value};

/// Resources that Kubernetes itself knows; others have a domain, as `nvidia.com/gpu`.
const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// No node has that many; `1000` is what is left of `1000m` without its suffix.
const MANY_CPUS: i64 = 1000;
/// Less memory than any process starts with; `512` is what is left of `512Mi` without its suffix.
const LITTLE_MEMORY: i64 = 1 << 20;

/// An amount and where it was written: nowhere, if it is a default.
struct Amount {
    resource: CompactString,
    quantity: Quantity,
    span: Option<Span>,
}

/// `resources`: each a quantity, and no request above its limit, be either of them a default.
/// `written` is the user's mapping and `resolved` what it amounts to with the defaults.
pub fn resources(
    written: Option<&Node>,
    resolved: &written::Resources,
    route: &str,
    found: &mut Diagnostics,
) -> Option<Resources> {
    let requests = amounts(written, resolved.requests.as_ref(), route, "requests", found);
    let limits = amounts(written, resolved.limits.as_ref(), route, "limits", found);
    let (requests, limits) = (requests?, limits?);
    let mut fine = true;
    for request in &requests {
        let limit = limits.iter().find(|limit| limit.resource == request.resource);
        if let Some(limit) = limit.filter(|limit| request.quantity > limit.quantity) {
            // Two defaults never contradict each other.
            found.push(over_limit(request, limit, route));
            fine = false;
        }
    }
    let without_places = |amounts: Vec<Amount>| {
        amounts.into_iter().map(|amount| (amount.resource, amount.quantity)).collect()
    };
    fine.then(|| Resources { requests: without_places(requests), limits: without_places(limits) })
}

fn amounts(
    written: Option<&Node>,
    resolved: Option<&written::ResourceList>,
    route: &str,
    side: &str,
    found: &mut Diagnostics,
) -> Option<Vec<Amount>> {
    let written = written.and_then(|node| node.get(side)).and_then(Node::as_mapping);
    let mut fine = true;
    let mut amounts = Vec::new();
    for (resource, text) in resolved.map_or(&[][..], |list| &list.0) {
        let entry = written
            .and_then(|mapping| mapping.entry(resource))
            .filter(|entry| !entry.value.is_null());
        let Some(entry) = entry else {
            // A default: its text is ompipe's own.
            if let Ok(quantity) = Quantity::parse(&text.0) {
                amounts.push(Amount { resource: resource.into(), quantity, span: None });
            }
            continue;
        };
        let route = [route, side, resource];
        fine &= check_resource(resource, entry.key_span, route, found);
        match quantity(&entry.value, &text.0, route, found) {
            Some(quantity) => {
                suspicious(resource, &quantity, entry.value.span, route, found);
                amounts.push(Amount {
                    resource: resource.into(),
                    quantity,
                    span: Some(entry.value.span),
                });
            }
            None => fine = false,
        }
    }
    fine.then_some(amounts)
}

fn check_resource(resource: &str, span: Span, route: [&str; 3], found: &mut Diagnostics) -> bool {
    if STANDARD.contains(&resource) || resource.starts_with("hugepages-") {
        return true;
    }
    let refusal = match LabelKey::parse(resource) {
        Ok(_) if resource.contains('/') => return true,
        Ok(_) => crate::model::Refusal::whole(
            resource,
            "Kubernetes knows no such resource, and one of a device plugin has a domain, as `nvidia.com/gpu`",
        ),
        Err(refusal) => refusal,
    };
    let refusal = match did_you_mean(resource, STANDARD) {
        Some(help) => refusal.with_help(help),
        None => refusal,
    };
    found.push(place::refused(&code::QUANTITY, "resource", span, &route.join("."), refusal));
    false
}

fn quantity(
    node: &Node,
    text: &str,
    route: [&str; 3],
    found: &mut Diagnostics,
) -> Option<Quantity> {
    match Quantity::parse(text) {
        Ok(quantity) if quantity.is_negative() => {
            found.push(
                Diagnostic::error(
                    &code::QUANTITY,
                    node.span,
                    "invalid quantity: it must not be negative",
                )
                .with_route(route.join(".")),
            );
            None
        }
        Ok(quantity) => Some(quantity),
        Err(refusal) => {
            let span = if matches!(node.value, Value::String(_)) {
                place::part(node, &refusal.range)
            } else {
                node.span
            };
            found.push(place::refused(
                &code::QUANTITY,
                "quantity",
                span,
                &route.join("."),
                refusal,
            ));
            None
        }
    }
}

fn suspicious(
    resource: &str,
    quantity: &Quantity,
    span: Span,
    route: [&str; 3],
    found: &mut Diagnostics,
) {
    let text = quantity.as_str();
    let bytes = matches!(resource, "memory" | "ephemeral-storage");
    let (message, help) = if bytes && !quantity.is_whole() {
        (
            format!("`{text}` is a fraction of a byte: the suffix `m` means thousandths"),
            "write `Mi` for mebibytes or `M` for megabytes",
        )
    } else if resource == "memory"
        && quantity.cmp_whole(0).is_gt()
        && quantity.cmp_whole(LITTLE_MEMORY).is_lt()
    {
        (
            format!(
                "`{text}` is less than a mebibyte: without a suffix memory is counted in bytes"
            ),
            "write `Mi` for mebibytes or `Gi` for gibibytes",
        )
    } else if resource == "cpu" && quantity.cmp_whole(MANY_CPUS) != Ordering::Less {
        (
            format!("`{text}` is more CPUs than a machine has"),
            "write `m` behind it for thousandths of a CPU",
        )
    } else {
        return;
    };
    found.push(
        Diagnostic::warning(&code::SUSPICIOUS_QUANTITY, span, message)
            .with_route(route.join("."))
            .with_help(help),
    );
}

fn over_limit(request: &Amount, limit: &Amount, route: &str) -> Diagnostic {
    let resource = &request.resource;
    let message = format!(
        "the request of {resource}, `{}`, is above its limit, `{}`",
        request.quantity, limit.quantity
    );
    let (span, side) = match (request.span, limit.span) {
        (Some(span), _) => (span, "requests"),
        (None, Some(span)) => (span, "limits"),
        (None, None) => (Span::NONE, "requests"),
    };
    let finding = Diagnostic::error(&code::REQUEST_OVER_LIMIT, span, message)
        .with_route(format!("{route}.{side}.{resource}"));
    match (request.span, limit.span) {
        (Some(_), Some(limit)) => {
            finding.with_label("the request").with_related(limit, "the limit")
        }
        (Some(_), None) => finding
            .with_label("the request")
            .with_note(format!("the limit is the default, `{}`", limit.quantity))
            .with_help(format!("set `limits.{resource}` as well")),
        _ => finding
            .with_label("the limit")
            .with_note(format!("the request is the default, `{}`", request.quantity))
            .with_help(format!("set `requests.{resource}` as well")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;
    use crate::definition::deserialize::from_node;
    use crate::definition::parameters::Parameters;

    fn check(text: &Text) -> Vec<Diagnostic> {
        text.diagnostics(|node, found| {
            let resolved = from_node::<Parameters>(node).unwrap().resolve();
            resources(
                node.get("resources"),
                &resolved.resources,
                "spec.kubernetes.resources",
                found,
            )
        })
    }

    fn marks(json: serde_json::Value) -> Vec<(&'static str, String)> {
        let text = Text::of(json!({"resources": json}));
        check(&text).iter().map(|found| (found.code.id, text.part(found.span).to_owned())).collect()
    }

    #[test]
    fn a_wrong_suffix_is_marked_and_a_number_is_a_quantity() {
        assert_eq!(
            marks(json!({"limits": {"memory": "4GB", "cpu": 2}})),
            [("OMP0411", "GB".to_owned())]
        );
        assert_eq!(marks(json!({"limits": {"memory": "8Gi", "cpu": 1.5}})), []);
        assert_eq!(marks(json!({"limits": {"cpu": "-1"}})), [("OMP0411", "-1".to_owned())]);
    }

    #[test]
    fn a_request_above_its_limit_is_an_error_that_shows_both() {
        let text = Text::of(
            json!({"resources": {"requests": {"memory": "2000Mi"}, "limits": {"memory": "1Gi"}}}),
        );
        let found = check(&text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].code.id, text.part(found[0].span)), ("OMP0412", "2000Mi"));
        assert_eq!(text.part(found[0].related[0].span), "1Gi");
    }

    #[test]
    fn a_request_above_the_default_limit_and_a_limit_below_the_default_request_are_errors() {
        let text = Text::of(json!({"resources": {"requests": {"memory": "8Gi"}}}));
        let found = check(&text);
        assert_eq!(text.part(found[0].span), "8Gi");
        assert!(found[0].notes[0].contains("4Gi"));
        let text = Text::of(json!({"resources": {"limits": {"cpu": "100m"}}}));
        let found = check(&text);
        assert_eq!(text.part(found[0].span), "100m");
        assert!(found[0].notes[0].contains("500m"));
    }

    #[test]
    fn equal_amounts_in_other_words_are_fine() {
        assert_eq!(
            marks(
                json!({"requests": {"memory": "1024Mi", "cpu": "2000m"}, "limits": {"memory": "1Gi", "cpu": 2}})
            ),
            []
        );
    }

    #[test]
    fn amounts_that_have_lost_their_suffix_are_warnings() {
        assert_eq!(
            marks(
                json!({"requests": {"memory": "512m", "cpu": "500m"}, "limits": {"memory": 1024, "cpu": 2000}})
            ),
            [
                ("OMP0413", "512m".to_owned()),
                ("OMP0413", "1024".to_owned()),
                ("OMP0413", "2000".to_owned())
            ]
        );
    }

    #[test]
    fn a_mistyped_resource_is_an_error_and_a_device_plugins_is_not() {
        assert_eq!(marks(json!({"limits": {"memroy": "1Gi"}})), [("OMP0411", "memroy".to_owned())]);
        assert_eq!(marks(json!({"limits": {"nvidia.com/gpu": 1, "hugepages-2Mi": "4Mi"}})), []);
    }
}
