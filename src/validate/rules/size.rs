//! Rules about sizes: what the kernel can execute and what the API server stores.
//!
//! In: texts about to be rendered. Out: findings, with the size and the limit.

use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::Span;

/// The longest `NAME=value` with its NUL that Linux passes to a program (MAX_ARG_STRLEN, 32 pages
/// of 4 KiB).
pub const ENV_STRING_MAX: usize = 131_072;
/// The most data that a ConfigMap or Secret may hold: all values together. Kubernetes does not count
/// the keys.
pub const CONFIG_MAP_MAX: usize = 1 << 20;
/// The most that an object's annotations may hold, keys and values together.
pub const ANNOTATIONS_MAX: usize = 256 << 10;

/// A variable of a container, the workflow in `config` among them: one that is too long keeps the
/// container from starting with "argument list too long".
pub fn env_string(name: &str, value: &str, span: Span, route: &str, found: &mut Diagnostics) {
    let bytes = name.len() + "=".len() + value.len() + "\0".len();
    if bytes <= ENV_STRING_MAX {
        return;
    }
    let finding = Diagnostic::error(
        &code::ENV_TOO_LONG,
        span,
        format!("the variable `{name}` has {bytes} bytes, and Linux passes at most {ENV_STRING_MAX} to a program"),
    )
    .with_route(route)
    .with_note("the container could not start: argument list too long");
    found.push(if name == "config" {
        finding.with_help(
            "the workflow is passed in this variable: shorten its filters or split the pipeline",
        )
    } else {
        finding
    });
}

/// The values of a ConfigMap.
pub fn config_map<'a>(
    data: impl IntoIterator<Item = &'a str>,
    span: Span,
    route: &str,
    found: &mut Diagnostics,
) {
    let bytes: usize = data.into_iter().map(|value| value.len()).sum();
    if bytes > CONFIG_MAP_MAX {
        found.push(
            Diagnostic::error(
                &code::CONFIG_MAP_TOO_LARGE,
                span,
                format!("the ConfigMap would hold {bytes} bytes, and Kubernetes takes at most {CONFIG_MAP_MAX}"),
            )
            .with_route(route)
            .with_help("shorten the workflow's filters or split the pipeline"),
        );
    }
}

/// The annotations of an object or pod.
pub fn annotations<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    span: Span,
    route: &str,
    found: &mut Diagnostics,
) {
    let bytes: usize = annotations.into_iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ANNOTATIONS_MAX {
        found.push(
            Diagnostic::error(
                &code::ANNOTATIONS_TOO_LARGE,
                span,
                format!("the annotations have {bytes} bytes, and Kubernetes takes at most {ANNOTATIONS_MAX}"),
            )
            .with_route(under(route, "annotations")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: impl FnOnce(&mut Diagnostics)) -> usize {
        let mut found = Diagnostics::default();
        rule(&mut found);
        found.into_sorted().len()
    }

    #[test]
    fn a_variable_may_have_128_kib_with_its_name_and_nul_and_not_a_byte_more() {
        let fits = "x".repeat(ENV_STRING_MAX - "config=\0".len());
        assert_eq!(count(|found| env_string("config", &fits, Span::NONE, "", found)), 0);
        assert_eq!(
            count(|found| env_string("config", &(fits.clone() + "x"), Span::NONE, "", found)),
            1
        );
    }

    #[test]
    fn a_config_map_may_hold_a_mebibyte() {
        let fits = "x".repeat(CONFIG_MAP_MAX);
        assert_eq!(count(|found| config_map([&*fits], Span::NONE, "", found)), 0);
        assert_eq!(count(|found| config_map([&*fits, "a"], Span::NONE, "", found)), 1);
    }

    #[test]
    fn annotations_may_have_256_kib() {
        let fits = "x".repeat(ANNOTATIONS_MAX - 1);
        assert_eq!(count(|found| annotations([("a", &*fits)], Span::NONE, "", found)), 0);
        assert_eq!(count(|found| annotations([("ab", &*fits)], Span::NONE, "", found)), 1);
    }
}
