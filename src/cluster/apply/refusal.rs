//! Why the API server does not take an object, as findings at the lines that a person wrote.
//!
//! In: what the server answered, plain. Out: a [`Refusal`], or nothing when it is no matter of the
//! object; and findings on it. The value of a Secret is never quoted, and of other objects none
//! that may be one. It does no I/O.

use crate::diagnostic::{Diagnostic, code, redact};
use crate::tree::{Node, Span};

use super::desired::Desired;
use super::route;

/// An answer of the API server that is a failure.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// The HTTP status.
    pub code: u16,
    /// Kubernetes' word for it.
    pub reason: String,
    /// Its sentence.
    pub message: String,
    /// The fields at fault.
    pub causes: Vec<Fault>,
}

/// A field, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fault {
    /// Kubernetes' word for it.
    pub reason: String,
    /// The field, as the server writes it; empty: the whole object.
    pub field: String,
    /// A sentence.
    pub message: String,
}

/// Why an object is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Something in it is wrong.
    Invalid(Vec<Fault>),
    /// Others have set fields of it otherwise.
    Conflict(Vec<Fault>),
    /// It belongs to another set of objects: another project's, as a rule.
    OfAnotherSet(String),
    /// It is being deleted.
    Deleting,
}

/// What the API server's merge says when an object does not fit the schema. With status 500, though
/// it is the object that is wrong.
const NOT_TYPED: [&str; 2] =
    ["failed to create typed patch object", "failed to convert new object"];
/// As whom `ompipe suspend` sets a field.
const SUSPENDED: &str = "ompipe-suspend";
/// What a policy or a webhook says that does not let an object in.
const DENIED: [&str; 2] = ["denied the request", "denied request"];

impl Refusal {
    /// Reads an answer; `None` when another object might be answered the same: no matter of this one.
    pub fn of(said: &Said) -> Option<Self> {
        let Said { code, message, causes, .. } = said;
        let whole = || vec![Fault { message: message.clone(), ..Fault::default() }];
        let conflicts: Vec<Fault> =
            causes.iter().filter(|cause| cause.reason == "FieldManagerConflict").cloned().collect();
        if *code == 409 && !conflicts.is_empty() {
            return Some(Self::Conflict(conflicts));
        }
        if NOT_TYPED.iter().any(|words| message.starts_with(words)) {
            return Some(Self::Invalid(not_typed(message)));
        }
        let is_denied = DENIED.iter().any(|words| message.contains(words));
        match code {
            422 if !causes.is_empty() && !is_denied => Some(Self::Invalid(causes.clone())),
            422 => Some(Self::Invalid(whole())),
            400 | 413 => Some(Self::Invalid(whole())),
            403 if is_denied => Some(Self::Invalid(whole())),
            _ => None,
        }
    }

    /// As findings; `object` is the rendered tree, whose values know their places, and `is_theirs`
    /// says which places are in texts of the user's.
    pub fn findings(
        &self,
        desired: &Desired,
        object: Option<&Node>,
        is_theirs: impl Fn(Span) -> bool,
    ) -> Vec<Diagnostic> {
        let shown = desired.identity.shown();
        let place = |field: &str| {
            let steps = route::parse(field);
            let place = object.and_then(|object| route::place(object, &steps, &is_theirs));
            (place.unwrap_or(desired.span), route::shown(&steps), steps)
        };
        match self {
            Self::Invalid(faults) => {
                let finding = |fault: &Fault| {
                    let (span, route, steps) = place(&fault.field);
                    let why = why(fault, desired, &route::keys(&steps));
                    let of = if route.is_empty() { shown.clone() } else { format!("`{route}`") };
                    let message = format!("the API server refuses {of}: {why}");
                    let finding = Diagnostic::error(&code::CLUSTER_REFUSES, span, message);
                    let finding = if route.is_empty() {
                        finding
                    } else {
                        finding.with_note(format!("in {shown}"))
                    };
                    finding.with_route(route)
                };
                faults.iter().map(finding).collect()
            }
            Self::Conflict(faults) => {
                let finding = |fault: &Fault| {
                    let (span, route, _) = place(&fault.field);
                    let owner = owner(&fault.message);
                    let message = format!("`{route}` is set otherwise by {owner}");
                    Diagnostic::error(&code::CLUSTER_CONFLICT, span, message)
                        .with_route(route)
                        .with_note(format!("in {shown}"))
                        .with_help(match owner {
                            SUSPENDED => {
                                "`ompipe resume` gives it back; to suspend the pipeline for good, \
                                 write `enabled: false`"
                            }
                            _ => {
                                "`--force-conflicts` takes the field over; `ompipe diff` shows what \
                                 that changes"
                            }
                        })
                };
                faults.iter().map(finding).collect()
            }
            Self::OfAnotherSet(set) => {
                let message = format!("{shown} belongs to another project or environment");
                vec![
                    Diagnostic::error(&code::CLUSTER_CONFLICT, desired.span, message)
                        .with_note(format!("its label {} is {set}", super::inventory::PART_OF))
                        .with_help(
                            "give the pipeline another name or namespace; or take the object over \
                             with `--force-conflicts`",
                        ),
                ]
            }
            Self::Deleting => {
                let message = format!("{shown} is being deleted");
                vec![
                    Diagnostic::error(&code::CLUSTER_CONFLICT, desired.span, message)
                        .with_help("wait until it is gone, and run the same again"),
                ]
            }
        }
    }
}

/// Why, without what may be a secret.
fn why(fault: &Fault, desired: &Desired, keys: &[&str]) -> String {
    if desired.is_secret() {
        return match fault.reason.as_str() {
            "" => "it does not fit; what the server says may hold a value".to_owned(),
            reason => reason.to_owned(),
        };
    }
    let message = fault.message.trim().replace('\n', " ");
    redact::value(keys, &redact::value(&[], &message)).into_owned()
}

/// The manager that a conflict names: `conflict with "kubectl-edit" using batch/v1`.
fn owner(message: &str) -> &str {
    message.split('"').nth(1).unwrap_or("another manager")
}

/// The faults of an object that does not fit its schema:
/// `… (n/x; batch/v1, Kind=CronJob): .spec.foo: field not declared in schema`.
fn not_typed(message: &str) -> Vec<Fault> {
    let detail = message.split_once("): ").map_or(message, |(_, detail)| detail);
    let faults =
        detail.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "errors:");
    faults
        .map(|line| match line.split_once(": ") {
            Some((field, why)) if field.starts_with('.') => Fault {
                field: field.to_owned(),
                message: why.replace("&{", "").trim_end_matches('}').to_owned(),
                ..Fault::default()
            },
            _ => Fault { message: line.to_owned(), ..Fault::default() },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::apply::desired::Identity;

    fn said(code: u16, message: &str, causes: &[(&str, &str, &str)]) -> Said {
        let causes = causes.iter().map(|(reason, field, message)| Fault {
            reason: (*reason).to_owned(),
            field: (*field).to_owned(),
            message: (*message).to_owned(),
        });
        Said { code, message: message.to_owned(), causes: causes.collect(), ..Said::default() }
    }

    fn desired(kind: &str) -> Desired {
        let identity = Identity {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: "n".to_owned(),
            name: "a".to_owned(),
        };
        Desired {
            identity,
            version: "v1".to_owned(),
            order: 0,
            pipeline: None,
            span: Span::NONE,
            value: json!({}),
        }
    }

    fn messages(said: &Said, kind: &str) -> Vec<String> {
        let findings = Refusal::of(said).unwrap().findings(&desired(kind), None, |_| true);
        findings
            .into_iter()
            .map(|finding| format!("{}|{}", finding.message, finding.route))
            .collect()
    }

    #[test]
    fn each_field_that_is_refused_is_a_finding() {
        let said = said(
            422,
            "CronJob.batch \"x\" is invalid: …",
            &[
                ("FieldValueInvalid", "spec.schedule", "Invalid value: \"0 25 * * *\": too large"),
                ("FieldValueRequired", "spec.containers[0].name", "Required value"),
            ],
        );
        assert_eq!(
            messages(&said, "CronJob"),
            [
                "the API server refuses `spec.schedule`: Invalid value: \"0 25 * * *\": too large|spec.schedule",
                "the API server refuses `spec.containers[0].name`: Required value|spec.containers[0].name",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_the_schema_is_refused_though_the_status_is_500() {
        for (message, expected) in [
            (
                "failed to create typed patch object (n/x; batch/v1, Kind=CronJob): .spec.foo: field not declared in schema",
                "the API server refuses `spec.foo`: field not declared in schema|spec.foo",
            ),
            (
                "failed to create typed patch object (n/x; batch/v1, Kind=CronJob): .spec.suspend: expected boolean, got &{x}",
                "the API server refuses `spec.suspend`: expected boolean, got x|spec.suspend",
            ),
            (
                "failed to convert new object (n/x; batch/v1, Kind=CronJob) to proper version: quantities must match",
                "the API server refuses cronjob/a: failed to convert new object (n/x; batch/v1, Kind=CronJob) to proper version: quantities must match|",
            ),
        ] {
            assert_eq!(messages(&said(500, message, &[]), "CronJob"), [expected]);
        }
        let several =
            "failed to create typed patch object (n/x; v1, Kind=X): errors:\n  .a: one\n  .b: two";
        assert_eq!(messages(&said(500, several, &[]), "X").len(), 2);
    }

    #[test]
    fn a_fault_of_the_server_or_of_our_rights_is_no_refusal() {
        for (code, message) in [
            (500, "etcdserver: request timed out"),
            (
                403,
                "cronjobs.batch \"x\" is forbidden: User \"a\" cannot patch resource \"cronjobs\"",
            ),
            (403, "cronjobs.batch \"x\" is forbidden: exceeded quota: q"),
            (404, "namespaces \"n\" not found"),
            (409, "Operation cannot be fulfilled: the object has been modified"),
            (429, "too many requests"),
        ] {
            assert_eq!(Refusal::of(&said(code, message, &[])), None, "{message}");
        }
    }

    #[test]
    fn a_policy_that_denies_an_object_refuses_it() {
        let policy = "cronjobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        let causes = [("", "", policy)];
        assert_eq!(
            messages(&said(422, policy, &causes), "CronJob"),
            [format!("the API server refuses cronjob/a: {policy}|")]
        );
        assert!(
            Refusal::of(&said(403, "admission webhook \"w\" denied the request: no", &[]))
                .is_some()
        );
    }

    #[test]
    fn a_conflict_names_the_field_and_its_owner() {
        let cause = (
            "FieldManagerConflict",
            ".spec.suspend",
            "conflict with \"kubectl-edit\" using batch/v1",
        );
        let said = said(409, "Apply failed with 1 conflict", &[cause]);
        assert_eq!(
            messages(&said, "CronJob"),
            ["`spec.suspend` is set otherwise by kubectl-edit|spec.suspend"]
        );
    }

    #[test]
    fn no_value_of_a_secret_is_quoted() {
        let causes = [("FieldValueInvalid", "data[config]", "Invalid value: \"hunter2\": no")];
        for said in [
            said(422, "Secret \"a\" is invalid: data[config]: Invalid value: \"hunter2\"", &causes),
            said(
                500,
                "failed to create typed patch object (n/a; v1, Kind=Secret): .data.x: expected string, got &{hunter2}",
                &[],
            ),
            said(400, "illegal base64 data: hunter2", &[]),
        ] {
            let shown = messages(&said, "Secret").join("\n");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let password = [("FieldValueInvalid", "spec.env[password]", "Invalid value: \"hunter2\"")];
        assert!(!messages(&said(422, "", &password), "CronJob").join("").contains("hunter2"));
    }
}
