//! Whether the API server would take an object: its fields against the type tables, with no unknown one let through, its
//! values, and the parts of its pods against each other.
//!
//! In: a [`Manifest`]. Out: findings, each at the line that brought in what is wrong, which may be a template's, a
//! definition's or a `podTemplate`'s. What only a cluster knows (quotas, admission, other objects) is not asked.

use super::types::definition;
use super::{Manifest, pod_parts, pod_templates, values};
use crate::diagnostic::{Diagnostic, Diagnostics, code};

/// Checks an object. Of a kind that is not in the tables a warning says so, and it passes.
pub fn check(manifest: &Manifest, found: &mut Diagnostics) {
    if definition(manifest.api_version(), manifest.kind()).is_none() {
        found.push(unknown_kind(manifest));
        return;
    }
    values::check(manifest, found);
    for template in pod_templates(manifest, found) {
        pod_parts::check(&template, found);
    }
}

fn unknown_kind(manifest: &Manifest) -> Diagnostic {
    let (api_version, kind) = (manifest.api_version(), manifest.kind());
    let span = manifest
        .node()
        .get("kind")
        .map_or(manifest.node().span, |node| node.span);
    Diagnostic::warning(
        &code::MANIFEST_KIND,
        span,
        format!("an object of the kind {kind} in {api_version} is rendered unchecked"),
    )
    .with_label("there are no types for it here")
    .with_route("kind")
}
