//! One patch: what it changes, and how.
//!
//! In: a patch as written. Out: [`Patch`], compiled once and carried out on each definition and
//! object that its target matches; or findings at what cannot be read.

use super::fault::Fault;
use super::json_patch::Operation;
use super::merge_patch::merge_patch;
use super::target::Target;
use crate::definition::Kind;
use crate::definition::environments::TargetKind;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, code, counted};
use crate::manifest::{Type, strategic_merge};
use crate::tree::{Entry, Mapping, Node, Span};

/// A compiled patch.
#[derive(Debug)]
pub(super) struct Patch {
    /// What it is called: `patch 2 of prod`.
    pub(super) label: String,
    pub(super) target: Target,
    /// Where it begins.
    pub(super) span: Span,
    pub(super) allow_no_match: bool,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Merge(Node),
    Strategic(Node),
    Json(Vec<Operation>),
}

impl Patch {
    /// `None` for what cannot be read, which is then among the findings.
    pub(super) fn of(
        node: &Node,
        label: String,
        route: &str,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let mapping = node.as_mapping()?;
        let span = mapping.iter().next().map_or(node.span, |first| first.key_span);
        let target = Target::of(node.get("target")?, &format!("{route}.target"), found);
        let ways = ["merge", "strategic", "json"].map(|way| mapping.entry(way));
        let ways = ways.into_iter().flatten().collect::<Vec<_>>();
        let [entry] = ways.as_slice() else {
            let finding = Diagnostic::error(
                &code::PATCH_WAY,
                span,
                "a patch has one way to say what it changes",
            )
            .with_label(match ways.len() {
                0 => "it has none".to_owned(),
                several => format!("it has {}", counted(several, "way")),
            })
            .with_route(route)
            .with_help("write one of `merge`, `strategic` and `json`; a second patch may follow");
            found.push(finding);
            return None;
        };
        let target = target?;
        let way = match entry.key.as_str() {
            "merge" => Way::Merge(entry.value.clone()),
            "strategic" => strategic(entry, target.kind, route, found)?,
            _ => {
                let items = entry.value.as_sequence()?.iter().enumerate();
                let operations = items
                    .map(|(at, item)| Operation::of(item, &format!("{route}.json[{at}]"), found));
                // All of them are looked at, whatever is wrong with one.
                let operations = operations.collect::<Vec<_>>();
                Way::Json(operations.into_iter().collect::<Option<_>>()?)
            }
        };
        let allow_no_match = node.get("allowNoMatch").and_then(Node::as_bool).unwrap_or(false);
        Some(Self { label, target, span, allow_no_match, way })
    }

    /// Carries it out. What is wrong is added to the faults, or to the findings when it does not
    /// depend on the definition or object.
    pub(super) fn apply(&self, node: &mut Node, faults: &mut Vec<Fault>, found: &mut Diagnostics) {
        let mut own = Vec::new();
        match &self.way {
            Way::Merge(patch) => merge_patch(node, patch, &mut own),
            Way::Strategic(patch) => self.merge_strategically(node, patch, found),
            Way::Json(operations) => {
                for operation in operations {
                    match operation.apply(node) {
                        Err(fault) if self.allow_no_match && fault.is_removal_of_nothing() => {}
                        Err(fault) => {
                            own.push(fault);
                            break;
                        }
                        Ok(()) => {}
                    }
                }
            }
        }
        own.retain(|fault| !(self.allow_no_match && fault.is_removal_of_nothing()));
        faults.append(&mut own);
    }

    fn merge_strategically(&self, node: &mut Node, patch: &Node, found: &mut Diagnostics) {
        let mut own = Diagnostics::default();
        if self.target.kind.definition().is_some() {
            if let (Some(template), Some(patch)) =
                (pod_template(node, patch.span), patch.at_route(&["spec", "podTemplate"]))
            {
                strategic_merge(template, patch, Type::pod_template(), &mut own);
            }
        } else {
            let text = |key| node.get(key).and_then(Node::as_str).unwrap_or_default();
            match Type::of_kind(text("apiVersion"), text("kind")) {
                Some(of) => strategic_merge(node, patch, of, &mut own),
                None => own.push(not_strategic(
                    patch.span,
                    &format!("the fields of a {} are not known here", self.target.kind.as_str()),
                )),
            }
        }
        for finding in own.into_sorted() {
            if !(self.allow_no_match && *finding.code == code::PATCH_REMOVES_NOTHING) {
                found.push(finding);
            }
        }
    }
}

/// A strategic patch of a kind that has a part which merges so.
fn strategic(entry: &Entry, kind: TargetKind, route: &str, found: &mut Diagnostics) -> Option<Way> {
    let only = |node: Option<&Node>, key: &str| {
        let mapping = node.and_then(Node::as_mapping);
        mapping.is_some_and(|mapping| mapping.iter().all(|entry| entry.key == key))
    };
    let patch = &entry.value;
    let why = match kind.definition() {
        None => return Some(Way::Strategic(patch.clone())),
        Some(Kind::IngestionPipeline) => {
            if only(Some(patch), "spec") && only(patch.get("spec"), "podTemplate") {
                return Some(Way::Strategic(patch.clone()));
            }
            "of a pipeline, `spec.podTemplate` alone merges so".to_owned()
        }
        Some(kind) => format!("nothing in a {} merges so", kind.as_str()),
    };
    found.push(not_strategic(entry.key_span, &why).with_route(format!("{route}.strategic")));
    None
}

fn not_strategic(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error(&code::PATCH_WAY, span, "a strategic merge does not fit the target")
        .with_label(why)
        .with_help("use `merge` or `json`")
}

/// `spec.podTemplate`, which is made when it is not there.
fn pod_template(node: &mut Node, span: Span) -> Option<&mut Node> {
    let spec = node.as_mapping_mut()?.get_mut("spec")?.as_mapping_mut()?;
    if spec.get("podTemplate").is_none() {
        spec.insert("podTemplate", Node::at(Mapping::new(), span));
    }
    spec.get_mut("podTemplate")
}

/// Whether there is an error among findings.
pub(super) fn errors(found: &Diagnostics) -> usize {
    found.iter().filter(|finding| finding.severity == Severity::Error).count()
}
