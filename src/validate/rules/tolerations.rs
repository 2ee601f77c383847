//! Rules about tolerations.
//!
//! In: `tolerations`, as Kubernetes' mappings or as texts `key=value:Effect`. Out: [`Toleration`]s
//! that the API server takes.

use super::{pairs, place};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Effect, LabelKey, LabelValue, Operator, Refusal, Toleration};
use crate::tree::{Node, Span};

const WHAT: &str = "toleration";

/// `tolerations`: a list of Kubernetes' mappings; or a text of `key=value:Effect`, `key:Effect`
/// (any value) and `:Effect` (any key), with commas between.
pub fn tolerations(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Vec<Toleration>> {
    let mut read = Vec::new();
    let mut fine = true;
    if let Some(text) = node.as_str() {
        for piece in pairs::pieces(text) {
            let span = pairs::piece_span(node, &piece);
            match from_text(&text[piece]) {
                Ok(toleration) => read.push(toleration),
                Err(refusal) => {
                    found.push(place::refused(&code::TOLERATION, WHAT, span, route, refusal));
                    fine = false;
                }
            }
        }
    } else {
        for item in node.as_sequence()? {
            match from_mapping(item, route, found) {
                Some(toleration) => read.push(toleration),
                None => fine = false,
            }
        }
    }
    fine.then_some(read)
}

fn from_text(text: &str) -> Result<Toleration, Refusal> {
    let Some((taint, effect)) = text.rsplit_once(':') else {
        return Err(Refusal::whole(text, "the taint's effect is missing")
            .with_help("write `key=value:NoSchedule`, or `key:NoSchedule` for any value"));
    };
    let effect = Some(Effect::parse(effect.trim())?);
    let taint = taint.trim();
    let (key, value) = match taint.split_once('=') {
        Some((key, value)) => (key, Some(LabelValue::parse(value)?)),
        None => (taint, None),
    };
    let key = if key.is_empty() && value.is_none() { None } else { Some(LabelKey::parse(key)?) };
    let operator = if value.is_some() { Operator::Equal } else { Operator::Exists };
    Ok(Toleration { key, operator, value, effect, seconds: None })
}

fn from_mapping(item: &Node, route: &str, found: &mut Diagnostics) -> Option<Toleration> {
    let at = (&code::TOLERATION, WHAT);
    let text = |field: &str| {
        item.get(field).filter(|node| node.as_str().is_some_and(|text| !text.is_empty()))
    };
    let before = found.iter().len();
    let key = text("key").and_then(|node| place::parse(node, route, at, LabelKey::parse, found));
    let operator = text("operator").map_or(Some(Operator::default()), |node| {
        place::parse(node, route, at, Operator::parse, found)
    });
    let value =
        text("value").and_then(|node| place::parse(node, route, at, LabelValue::parse, found));
    let effect =
        text("effect").and_then(|node| place::parse(node, route, at, Effect::parse, found));
    let seconds = item.get("tolerationSeconds").and_then(|node| Some((node.as_i64()?, node.span)));
    if found.iter().len() > before {
        return None;
    }
    let operator = operator?;
    let mut refuse = |span: Span, reason: &str, help: &str| {
        found.push(
            Diagnostic::error(at.0, span, format!("invalid {WHAT}: {reason}"))
                .with_route(route)
                .with_help(help),
        );
    };
    match (operator, text("value"), &key) {
        (Operator::Exists, Some(value), _) => {
            refuse(
                value.span,
                "`Exists` takes every value, so that none may be given",
                "take the value out, or write the operator `Equal`",
            );
        }
        (Operator::Equal, _, None) => {
            refuse(
                item.span,
                "without a key the operator must be `Exists`",
                "give the taint's key, or `operator: Exists` to tolerate every taint",
            );
        }
        _ => {}
    }
    if let Some((_, span)) = seconds.filter(|_| effect != Some(Effect::NoExecute)) {
        refuse(
            span,
            "`tolerationSeconds` counts only for the effect `NoExecute`",
            "write `effect: NoExecute`, or take it out",
        );
    }
    (found.iter().len() == before).then_some(Toleration {
        key,
        operator,
        value,
        effect,
        seconds: seconds.map(|(seconds, _)| seconds),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    fn read(json: serde_json::Value) -> Vec<Toleration> {
        let mut found = Diagnostics::default();
        let read = tolerations(&Node::from(json), "", &mut found);
        assert!(found.is_empty(), "{found:?}");
        read.unwrap()
    }

    fn marks(json: serde_json::Value) -> Vec<String> {
        let text = Text::of(json);
        text.findings(|node, found| tolerations(node, "", found))
            .into_iter()
            .map(|(_, part)| part.to_owned())
            .collect()
    }

    #[test]
    fn the_string_form_and_the_mappings_say_the_same() {
        assert_eq!(
            read(json!("dedicated=ingestion:NoSchedule, spot:NoExecute, :PreferNoSchedule")),
            read(json!([
                {"key": "dedicated", "operator": "Equal", "value": "ingestion", "effect": "NoSchedule"},
                {"key": "spot", "operator": "Exists", "effect": "NoExecute"},
                {"operator": "Exists", "effect": "PreferNoSchedule"},
            ]))
        );
    }

    #[test]
    fn exactly_the_bad_item_is_marked() {
        assert_eq!(marks(json!("a=b:NoSchedule,c=d,e:NoSchedul")), ["c=d", "e:NoSchedul"]);
        assert_eq!(marks(json!([{"key": "a b", "operator": "Exists"}])), [" "]);
    }

    #[test]
    fn what_the_api_server_refuses_is_refused() {
        assert_eq!(marks(json!([{"key": "a", "operator": "Exists", "value": "b"}])), ["b"]);
        assert_eq!(
            marks(
                json!([{"key": "a", "value": "b", "effect": "NoSchedule", "tolerationSeconds": 60}])
            ),
            ["60"]
        );
        assert_eq!(marks(json!([{"effect": "NoSchedule"}])).len(), 1);
        assert_eq!(read(json!([{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}])).len(), 1);
        assert_eq!(read(json!([{"key": "a", "value": "", "effect": "NoSchedule"}])).len(), 1);
    }
}
