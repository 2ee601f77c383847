//! The rule about container images.
//!
//! In: `ingestionImage`. Out: an [`ImageReference`]. A missing tag, or `latest`, is the user's
//! choice and no finding.

use super::place;
use crate::diagnostic::{Diagnostics, code};
use crate::model::ImageReference;
use crate::tree::Node;

/// `ingestionImage`: what container runtimes take as a reference.
pub fn image(node: &Node, route: &str, found: &mut Diagnostics) -> Option<ImageReference> {
    place::parse(node, route, (&code::IMAGE, "image reference"), ImageReference::parse, found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    #[test]
    fn an_upper_case_letter_of_the_path_is_marked() {
        let text = Text::of(json!("docker.io/openmetadata/Ingestion:1.13.6"));
        assert_eq!(text.findings(|node, found| image(node, "", found)), [("OMP0408", "I")]);
    }

    #[test]
    fn latest_and_no_tag_are_no_finding() {
        for good in ["openmetadata/ingestion:latest", "openmetadata/ingestion"] {
            assert_eq!(Text::of(json!(good)).findings(|node, found| image(node, "", found)), []);
        }
    }
}
