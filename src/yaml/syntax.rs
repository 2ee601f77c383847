//! The parser's complaints in plain words.

use saphyr_parser::ScanError;

use crate::diagnostic::{Code, Diagnostic, code};
use crate::tree::Span;

/// The finding for a syntax error at a place. `line` is the text of its line.
pub(super) fn describe(error: &ScanError, span: Span, line: &str) -> Diagnostic {
    let (code, message, help) = words(error.info(), line);
    let diagnostic = Diagnostic::error(code, span, message);
    match help {
        "" => diagnostic,
        help => diagnostic.with_help(help),
    }
}

/// Code, message and help for one of the parser's texts.
fn words(info: &str, line: &str) -> (&'static Code, &'static str, &'static str) {
    let syntax = &code::YAML_SYNTAX;
    if info.contains("tab") && !info.contains("start of") && line.contains('\t') {
        return (
            &code::YAML_TAB,
            "a tab is used as indentation",
            "indent with spaces",
        );
    }
    if info.contains("recursion limit") {
        return (&code::YAML_LIMIT, super::read::TOO_DEEP, "");
    }
    if info.contains("unknown anchor") {
        return (
            &code::YAML_ALIAS,
            "this alias names an anchor that is not set before it in the document",
            "set the anchor first, as in `&name value`; or quote the text if `*` is part of it",
        );
    }
    let (message, help) = if info.contains("mapping values are not allowed") {
        (
            "a `:` stands where no key can be",
            "quote the text if `: ` is part of it; or put the key on a line of its own",
        )
    } else if info.contains("simple key expect") || info.contains("find expected key") {
        (
            "this line has no `key:`, or is not indented like its neighbours",
            "write `key: value`, in the same column as the keys beside it",
        )
    } else if info.contains("indentation indicator equal to 0") {
        ("the indentation of a block of text cannot be 0", "")
    } else if info.contains("indicator") && info.contains("'-'") {
        (
            "an item of a sequence or the end of it was expected here",
            "write `- item` in the same column as the items beside it",
        )
    } else if info.contains("block sequence entries are not allowed") {
        (
            "a `-` item cannot start here",
            "put the `-` on a line of its own, below the key",
        )
    } else if info.contains("expected <document start>") || info.contains("<document-start>") {
        (
            "something follows the end of the document's value",
            "indent it to be part of the value, or start a new document with `---`",
        )
    } else if info.contains("quoted scalar, found unexpected") {
        ("a quoted text is not closed", "add the closing quote")
    } else if info.contains("unknown escape") {
        (
            "a backslash is followed by a character that is no escape",
            "write `\\\\` for a backslash, or use single quotes, where a backslash is just itself",
        )
    } else if info.contains("hexadecimal") || info.contains("escape code") {
        ("an escape in double quotes has no valid code", "")
    } else if info.contains("after double-quoted") {
        (
            "something follows the closing quote",
            "quote the whole text, or take out the quotes",
        )
    } else if info.contains("flow mapping, did not find expected ',' or '}'") {
        ("a `,` or the closing `}` is missing", "")
    } else if info.contains("flow sequence, expected ',' or ']'") {
        ("a `,` or the closing `]` is missing", "")
    } else if info.contains("misplaced bracket") {
        (
            "a closing bracket has no opening one",
            "quote the text if the bracket is part of it",
        )
    } else if info.contains("unexpected character") {
        (
            "no plain text can start with this character",
            "put the text in quotes",
        )
    } else if info.contains("cannot start with '-'") || info.contains("end of plain scalar") {
        ("a value was expected here", "")
    } else if info.contains("comment intercepting") {
        (
            "a comment stands inside a text of several lines",
            "put the text in quotes",
        )
    } else if info.contains("comments must be separated") {
        ("a comment needs a space before its `#`", "")
    } else if info.contains("did not find expected node") {
        ("a value was expected here", "")
    } else if info.contains("wrongly indented line in block scalar") {
        (
            "a line of this block of text is indented less than its first",
            "indent all its lines alike",
        )
    } else if info.contains("block scalar") {
        (
            "a block of text must start on the line after its `|` or `>`",
            "",
        )
    } else if info.contains("indentation") {
        (
            "this line is indented less than what it belongs to",
            "indent it like the lines beside it",
        )
    } else if info.contains("handle wasn't declared") || info.contains("tag") {
        (
            "this tag is not well-formed",
            "quote the text if `!` is part of it",
        )
    } else if info.contains("anchor") {
        (
            "an anchor or alias has no name",
            "quote the text if `&` or `*` is part of it",
        )
    } else if info.contains("directive") {
        (
            "this directive cannot stand here",
            "take the line that starts with `%` out",
        )
    } else {
        ("this is not YAML", "")
    };
    (syntax, message, help)
}
