//! Why a container does not start.
//!
//! In: a container that waits, and what the kubelet says of it. Out: what that means, with the image
//! and the registry's answer, or the Secret, ConfigMap or key that is missing, and what to do.

use super::finding::Finding;
use crate::cluster::observed::{Container, Pod, Waiting};

/// What a waiting container says; `None`: it is about to start.
pub(super) fn explain(pod: &Pod, container: &Container, waiting: &Waiting) -> Option<Finding> {
    let reason = waiting.reason.as_deref()?;
    let said = waiting.message.as_deref().unwrap_or_default().trim();
    let object = format!("pod/{}", pod.metadata.name);
    let name = &container.name;
    Some(match reason {
        "ContainerCreating" | "PodInitializing" => return None,
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "SignatureValidationFailed" => image(object, pod, container, reason, said),
        "CreateContainerConfigError" => config(object, pod, name, said),
        "CrashLoopBackOff" => {
            let message =
                format!("container {name} ends again and again, and is started ever more rarely");
            Finding::new(reason, object, message).remedy("Read the end of its log.")
        }
        _ => {
            let message = format!("container {name} cannot start: {said}");
            Finding::new(reason, object, message)
                .remedy("Look at the command, the mounts, the user and the resources of the pod.")
        }
    })
}

fn image(object: String, pod: &Pod, container: &Container, reason: &str, said: &str) -> Finding {
    let (name, image) = (&container.name, &container.image);
    let answer = registrys_answer(said);
    let message = match reason {
        "ErrImageNeverPull" => format!(
            "container {name} cannot start: its image {image} is not on the node, and imagePullPolicy is Never"
        ),
        "InvalidImageName" => format!("container {name} cannot start: {image} is no image's name"),
        _ if answer.is_empty() => format!("the image {image} of container {name} cannot be pulled"),
        _ => format!("the image {image} of container {name} cannot be pulled: {answer}"),
    };
    let secrets: Vec<&str> =
        pod.spec.image_pull_secrets.iter().map(|secret| secret.name.as_str()).collect();
    let has = |words: &[&str]| {
        let said = said.to_ascii_lowercase();
        words.iter().any(|word| said.contains(word))
    };
    let remedy = if matches!(reason, "ErrImageNeverPull") {
        "Put the image on the node, or set `kubernetes.imagePullPolicy` to IfNotPresent.".to_owned()
    } else if matches!(reason, "InvalidImageName") {
        "Correct `kubernetes.ingestionImage`: REGISTRY/NAME:TAG.".to_owned()
    } else if has(&["unauthorized", "denied", "forbidden", "authentication", "401", "403"]) {
        match secrets.as_slice() {
            [] => "The registry wants to know who asks: create a Secret of type kubernetes.io/dockerconfigjson and name it \
                   in `kubernetes.imagePullSecrets`."
                .to_owned(),
            some => format!(
                "The registry does not accept the credentials, if there are any for it: look at the Secret {} of \
                 `kubernetes.imagePullSecrets`. Some registries answer so for an image that does not exist.",
                some.join(", ")
            ),
        }
    } else if has(&[
        "no such host",
        "i/o timeout",
        "connection refused",
        "no route to host",
        "deadline exceeded",
        "dial tcp",
    ]) {
        "The node cannot reach the registry: look at its name in `kubernetes.ingestionImage`, at DNS, proxies and \
         firewalls of the nodes."
            .to_owned()
    } else if has(&["x509", "certificate"]) {
        "The nodes do not trust the registry's certificate: add its authority to the container runtime of the nodes."
            .to_owned()
    } else if has(&["toomanyrequests", "too many requests", "rate limit", "429"]) {
        "The registry limits how often it is asked: pull with an account, by `kubernetes.imagePullSecrets`, or from a \
         mirror."
            .to_owned()
    } else if has(&["no match for platform", "no matching manifest"]) {
        "The image is not made for the node's processor: take another image, or other nodes by `kubernetes.nodeSelector`."
            .to_owned()
    } else {
        "Is the name and the tag in `kubernetes.ingestionImage` right, and does the image exist in the registry?".to_owned()
    };
    Finding::new(reason, object, message).remedy(remedy)
}

/// The end of what container runtime and kubelet say, which is what the registry said.
fn registrys_answer(said: &str) -> &str {
    let said = said.rsplit_once("ErrImagePull: ").map_or(said, |(_, answer)| answer);
    let after = |said, mark: &str| match str::rfind(said, mark) {
        Some(at) => &said[at + mark.len()..],
        None => said,
    };
    // "failed to resolve reference "…": <answer>", "failed to copy: <answer>".
    for mark in ["failed to resolve reference \"", "failed to resolve image: "] {
        if said.contains(mark) {
            let rest = after(said, mark);
            return rest.split_once("\": ").map_or(rest, |(_, answer)| answer);
        }
    }
    said.rsplit_once("rpc error: ").map_or(said, |(_, answer)| {
        answer.split_once("desc = ").map_or(answer, |(_, answer)| answer)
    })
}

fn config(object: String, pod: &Pod, name: &str, said: &str) -> Finding {
    let namespace = &pod.metadata.namespace;
    let message = format!("container {name} cannot be configured: {said}");
    let finding = Finding::new("CreateContainerConfigError", object, message);
    match missing(said) {
        Some(Missing { kind, name, key: Some(key) }) => finding.remedy(format!(
            "Add the key `{key}` to the {kind} {name} in {namespace}, or correct the reference. {}",
            who_makes(kind)
        )),
        Some(Missing { kind, name, key: None }) => {
            finding.remedy(format!("Create the {kind} {name} in {namespace}. {}", who_makes(kind)))
        }
        None if said.contains("runAsNonRoot") => finding.remedy(
            "The image runs as root: set `kubernetes.runAsUser` to the number of a user that it has.",
        ),
        None => finding.remedy("Look at the environment and the security context of the pod."),
    }
}

fn who_makes(kind: &str) -> &'static str {
    match kind {
        "Secret" => "`ompipe secrets list --cluster` says which are missing, and who makes them.",
        _ => "`ompipe apply` makes those of the pipeline.",
    }
}

/// What a container's environment refers to and is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing<'said> {
    pub(super) kind: &'static str,
    pub(super) name: &'said str,
    pub(super) key: Option<&'said str>,
}

/// Reads `secret "a" not found` and `couldn't find key k in Secret namespace/a`, and the same of
/// ConfigMaps.
pub(super) fn missing(said: &str) -> Option<Missing<'_>> {
    for (word, kind) in [("secret \"", "Secret"), ("configmap \"", "ConfigMap")] {
        if let Some((_, rest)) = said.split_once(word)
            && let Some((name, rest)) = rest.split_once('"')
            && rest.contains("not found")
        {
            return Some(Missing { kind, name, key: None });
        }
    }
    let (_, rest) = said.split_once("find key ")?;
    let (key, rest) = rest.split_once(" in ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let kind = match kind {
        "Secret" => "Secret",
        "ConfigMap" => "ConfigMap",
        _ => return None,
    };
    let place = rest.split_whitespace().next()?;
    let name = place.split_once('/').map_or(place, |(_, name)| name);
    Some(Missing { kind, name, key: Some(key) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explained(reason: &str, message: &str) -> Finding {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {"containers": [{"name": "main", "image": "reg/ingestion:9"}]},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let waiting =
            Waiting { reason: Some(reason.to_owned()), message: Some(message.to_owned()) };
        explain(&pod, &pod.spec.containers[0], &waiting).unwrap()
    }

    #[test]
    fn an_image_that_is_not_there_is_told_with_the_registrys_answer() {
        let said = "Back-off pulling image \"reg/ingestion:9\": ErrImagePull: failed to pull and unpack image \
                    \"reg/ingestion:9\": failed to resolve reference \"reg/ingestion:9\": reg/ingestion:9: not found";
        let finding = explained("ImagePullBackOff", said);
        assert_eq!(
            finding.message,
            "the image reg/ingestion:9 of container main cannot be pulled: reg/ingestion:9: not found"
        );
        assert!(finding.remedy.unwrap().contains("`kubernetes.ingestionImage`"));
    }

    #[test]
    fn each_answer_of_a_registry_has_its_remedy() {
        for (said, remedy) in [
            ("pull access denied", "imagePullSecrets"),
            ("dial tcp: lookup reg: no such host", "reach the registry"),
            ("tls: x509: certificate signed by unknown authority", "trust"),
            ("429 Too Many Requests", "limits how often"),
            ("no match for platform in manifest", "processor"),
        ] {
            let finding = explained("ErrImagePull", said);
            assert!(finding.remedy.as_ref().unwrap().contains(remedy), "{said}: {finding:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let finding = explained("CreateContainerConfigError", "secret \"snowflake\" not found");
        assert!(finding.remedy.unwrap().starts_with("Create the Secret snowflake in ns."));
        let said = "couldn't find key password in Secret ns/snowflake";
        let remedy = explained("CreateContainerConfigError", said).remedy.unwrap();
        assert!(
            remedy.starts_with("Add the key `password` to the Secret snowflake in ns"),
            "{remedy}"
        );
        let said = "couldn't find key config in ConfigMap ns/om-config-a";
        let config = Missing { kind: "ConfigMap", name: "om-config-a", key: Some("config") };
        assert_eq!(missing(said), Some(config));
        assert_eq!(missing("container has runAsNonRoot and image will run as root"), None);
    }

    #[test]
    fn a_container_that_is_being_created_is_no_finding() {
        let waiting = Waiting { reason: Some("ContainerCreating".to_owned()), message: None };
        assert_eq!(explain(&Pod::default(), &Container::default(), &waiting), None);
    }
}
