//! The index of an output folder, `kustomization.yaml`, by which `kubectl apply -k`, Argo CD and
//! Flux read the folder.
//!
//! In: the files' paths in apply order. Out: its text. It lists files and changes nothing about
//! them.

/// The name under which kustomize looks for it.
pub(super) const NAME: &str = "kustomization.yaml";

const HEAD: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:";

/// The text for files in apply order.
pub(super) fn text<'p>(paths: impl IntoIterator<Item = &'p str>) -> String {
    let mut text = HEAD.to_owned();
    let mut empty = true;
    for path in paths {
        empty = false;
        text.push_str("\n- ");
        if is_plain(path) {
            text.push_str(path);
        } else {
            // A JSON string is a YAML string.
            text.push_str(&serde_json::Value::from(path).to_string());
        }
    }
    text.push_str(if empty { " []\n" } else { "\n" });
    text
}

/// Whether a path reads as the same string without quotes: it holds nothing that YAML gives a
/// meaning, and its letters in `.yaml` keep it from being a number.
fn is_plain(path: &str) -> bool {
    path.starts_with(|first: char| first.is_ascii_alphanumeric())
        && path.ends_with(".yaml")
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_in_the_order_given() {
        assert_eq!(text(["rbac.yaml", "a/x.yaml"]), format!("{HEAD}\n- rbac.yaml\n- a/x.yaml\n"));
    }

    #[test]
    fn a_path_with_a_meaning_in_yaml_is_quoted() {
        assert_eq!(text(["é: #/x.yaml"]), format!("{HEAD}\n- \"é: #/x.yaml\"\n"));
    }

    #[test]
    fn an_empty_list_is_a_list_still() {
        assert_eq!(text([]), format!("{HEAD} []\n"));
    }
}
