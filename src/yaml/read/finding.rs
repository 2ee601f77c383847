//! The wording of what the tree reader finds. Texts of values are never shown where they may be
//! secret.

use crate::diagnostic::{Diagnostic, code};
use crate::tree::Span;
use crate::yaml::scalar::{self, Reading, Readings};

/// A plain value that readers take differently.
pub(super) fn ambiguous(text: &str, all: &Readings, secret: bool, span: Span) -> Diagnostic {
    let show = |reading: &Reading| match secret {
        true => reading.kind().to_owned(),
        false => reading.to_string(),
    };
    let message = if secret {
        "this value is read differently by different YAML readers".to_owned()
    } else {
        format!("`{text}` is read differently by different YAML readers")
    };
    let diagnostic = Diagnostic::error(&code::YAML_AMBIGUOUS, span, message)
        .with_label("quote it, or write it another way")
        .with_note(format!("YAML 1.2 reads {}", show(&all.core)))
        .with_note(format!("PyYAML, in the ingestion image, reads {}", show(&all.pyyaml)))
        .with_note(format!("Go's sigs.k8s.io/yaml, in kubectl, reads {}", show(&all.go)));
    diagnostic.with_help(if secret {
        "put it in quotes if text is meant".to_owned()
    } else {
        help(text, all)
    })
}

/// How to write what was probably meant.
fn help(text: &str, all: &Readings) -> String {
    let quoted = format!("write \"{text}\" for the text");
    let meant = [&all.core, &all.go, &all.pyyaml].into_iter().find_map(|reading| match reading {
        Reading::Bool(value) => Some(value.to_string()),
        Reading::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let is_plain = |meant: &String| scalar::readings(meant).is_none();
    match (&all.core, meant.filter(is_plain)) {
        (Reading::Text, Some(meant)) => format!("{quoted}, or {meant}"),
        (Reading::Number(_), Some(meant)) => {
            format!("write {meant} for the number, or \"{text}\" for the text")
        }
        _ => quoted,
    }
}

/// A plain key that readers take differently.
pub(super) fn ambiguous_key(text: &str, all: &Readings, span: Span) -> Diagnostic {
    Diagnostic::error(
        &code::YAML_AMBIGUOUS,
        span,
        format!("the key `{text}` is read differently by different YAML readers"),
    )
    .with_label("quote it")
    .with_note(format!("YAML 1.2 reads {}", all.core))
    .with_note(format!("PyYAML, in the ingestion image, reads {}", all.pyyaml))
    .with_note(format!("Go's sigs.k8s.io/yaml, in kubectl, reads {}", all.go))
    .with_help(format!("write \"{text}\""))
}

/// A key that is no string.
pub(super) fn key(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_KEY, span, format!("this key is {what}, not a string"))
        .with_label("keys are strings in JSON and Kubernetes")
}

/// A key that the mapping already has.
pub(super) fn duplicate(key: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_DUPLICATE_KEY, second, format!("the key `{key}` is set twice"))
        .with_label("set again here")
        .with_related(first, "first set here")
        .with_help("keep one of the two")
}

/// A number that JSON does not have.
pub(super) fn number(reading: &Reading, span: Span) -> Diagnostic {
    Diagnostic::error(
        &code::YAML_NUMBER,
        span,
        format!("this is {reading}, which JSON does not have"),
    )
    .with_help("put it in quotes if text is meant")
}

/// A plain scalar at which PyYAML stops.
pub(super) fn refused(span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_SYNTAX, span, "PyYAML stops with an error at this value")
        .with_help("put it in quotes")
}

/// An alias without a finished anchor.
pub(super) fn alias(is_open: bool, span: Span) -> Diagnostic {
    if is_open {
        let message = "this alias stands inside what it repeats";
        return Diagnostic::error(&code::YAML_ALIAS, span, message);
    }
    let message = "this alias names an anchor that is not set before it in the document";
    Diagnostic::error(&code::YAML_ALIAS, span, message).with_help(
        "set the anchor first, as in `&name value`; or quote the text if `*` is part of it",
    )
}

/// An anchor whose name has been used in the document.
pub(super) fn anchor_twice(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_ALIAS, span, format!("the anchor `{name}` is set twice"))
        .with_note("PyYAML refuses it")
        .with_help("give the two different names")
}

/// A merge key with something else than mappings.
pub(super) fn merge_of(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_MERGE, span, format!("`<<` merges mappings, and this is {what}"))
        .with_help("write `<<: *name`, or `<<: [*one, *other]`, with anchors of mappings")
}

/// A merge key after a key that it would set too.
pub(super) fn merge_after(key: &str, key_span: Span, merge_key: Span) -> Diagnostic {
    Diagnostic::error(
        &code::YAML_MERGE,
        merge_key,
        format!("`<<` comes after the key `{key}`, which it holds too"),
    )
    .with_label("merged here")
    .with_related(key_span, "set here")
    .with_note(
        "PyYAML keeps the key that is written out, Go's sigs.k8s.io/yaml the one that comes last",
    )
    .with_help("put `<<` first in the mapping")
}

/// A tag that is not among YAML's own.
pub(super) fn tag(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_TAG, span, format!("the tag `{name}` is not supported here"))
        .with_note(
            "JSON's types are all there is: !!str, !!int, !!float, !!bool, !!null, !!map and !!seq",
        )
        .with_help("take the tag out, or put the text in quotes if `!` is part of it")
}

/// A text that does not have the type that its tag says.
pub(super) fn tag_value(kind: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &code::YAML_TAG,
        span,
        format!("not every YAML reader takes this for !!{kind}"),
    )
    .with_help("take the tag out and write the value plainly")
}

/// More values than a file may hold.
pub(super) fn too_many_nodes(span: Span) -> Diagnostic {
    Diagnostic::error(
        &code::YAML_LIMIT,
        span,
        "the file holds more than a million values, counting what aliases repeat",
    )
    .with_help("split the file; if it uses anchors and aliases, see whether they multiply")
}

/// Whether a key's value may be secret, by its name: its text is then kept out of messages.
pub(super) fn may_be_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "pass", "secret", "token", "key", "cred", "auth", "private", "cert", "sas", "dsn",
        "account", "uri", "url",
    ]
    .iter()
    .any(|word| key.contains(word))
}

/// A tab outside of texts and comments.
pub(super) fn tab(span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_TAB, span, "a tab stands where only spaces can")
        .with_label("a tab")
        .with_note(
            "PyYAML refuses tabs outside quotes, comments and blocks of text; YAML itself refuses them as indentation",
        )
        .with_help("use spaces; a tab that is part of a text is \"\\t\" in double quotes")
}

/// Something in a line that should be over.
pub(super) fn follows(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_SYNTAX, span, format!("something follows {what} in its line"))
        .with_help("put it on a line of its own")
}
