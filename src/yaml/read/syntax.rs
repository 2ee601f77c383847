//! The kinds of syntax errors: what is wrong in plain words, and the way out.

use crate::diagnostic::{Diagnostic, code};
use crate::tree::Span;

/// A kind of syntax error.
pub(super) struct Syntax {
    message: &'static str,
    help: &'static str,
}

impl Syntax {
    const fn new(message: &'static str, help: &'static str) -> Self {
        Self { message, help }
    }

    /// The error at a place.
    pub(super) fn at(&self, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(&code::YAML_SYNTAX, span, self.message);
        match self.help {
            "" => diagnostic,
            help => diagnostic.with_help(help),
        }
    }
}

pub(super) const TRAILING: Syntax = Syntax::new(
    "something follows the end of the document's value",
    "indent it to be part of the value, or start a new document with `---`",
);
pub(super) const NO_DOCUMENT: Syntax =
    Syntax::new("`...` ends a document, and there is none before it", "take the line out");
pub(super) const NO_DOCUMENT_START: Syntax =
    Syntax::new("a line `---` was expected before this", "start the document with `---`");
pub(super) const DIRECTIVE: Syntax = Syntax::new(
    "directives, lines that start with `%`, are not read alike by all YAML readers",
    "take the line out; quote the text if `%` is part of it",
);
pub(super) const COMMENT_TOUCHES: Syntax =
    Syntax::new("a comment needs a space before its `#`", "quote the text if `#` is part of it");
pub(super) const DASH: Syntax = Syntax::new(
    "a `-` item cannot start here",
    "put the `-` on a line of its own, below the key; quote the text if `- ` is part of it",
);
pub(super) const QUESTION: Syntax = Syntax::new(
    "a key with `?` cannot start here",
    "put it on a line of its own; quote the text if `? ` is part of it",
);
pub(super) const COLON: Syntax = Syntax::new(
    "a `:` stands where no key can be",
    "quote the text if `: ` is part of it; put a nested key on a line of its own",
);
pub(super) const NO_KEY: Syntax = Syntax::new("a key was expected before this `:`", "");
pub(super) const NO_COLON: Syntax = Syntax::new(
    "this line has no `key:`",
    "write `key: value`; indent the line if it goes on from the one above",
);
pub(super) const NO_DASH: Syntax = Syntax::new(
    "an item of the sequence was expected here",
    "write `- item` in the column of the items beside it, or indent this less",
);
pub(super) const NO_VALUE: Syntax =
    Syntax::new("a value was expected here", "put the text in quotes if this is part of it");
pub(super) const INDENTED_MORE: Syntax = Syntax::new(
    "this is indented differently from what stands beside it",
    "put it in the same column as the lines beside it, or below a key of its own",
);
pub(super) const KEY_LINES: Syntax =
    Syntax::new("a key has more than one line", "write the key in one line");
pub(super) const KEY_LENGTH: Syntax = Syntax::new(
    "a key is longer than 1024 characters",
    "PyYAML and Go look no further for its `:`; put `? ` before the key and the `:` on the next line",
);
pub(super) const AFTER_VALUE: Syntax = Syntax::new(
    "something follows the end of this value",
    "put all of the text in quotes; a `:` behind a key needs a space",
);
pub(super) const RESERVED: Syntax =
    Syntax::new("no text without quotes can start with this character", "put the text in quotes");
pub(super) const CLOSING: Syntax = Syntax::new(
    "a closing bracket has no opening one",
    "quote the text if the bracket is part of it",
);
pub(super) const FLOW_PLAIN: Syntax = Syntax::new(
    "readers differ on `?`, `:` and `-` here, inside of brackets",
    "put the text in quotes",
);
pub(super) const FLOW_COLON: Syntax =
    Syntax::new("inside of brackets, a space belongs behind this `:`", "write `key: value`");
pub(super) const BRACKET_NOT_CLOSED: Syntax =
    Syntax::new("this bracket is not closed", "add the closing bracket");
pub(super) const COMMA_OR_BRACKET: Syntax =
    Syntax::new("a `,` or the closing `]` is missing before this", "");
pub(super) const COMMA_OR_BRACE: Syntax =
    Syntax::new("a `,` or the closing `}` is missing before this", "");
pub(super) const QUOTE_NOT_CLOSED: Syntax =
    Syntax::new("this quote is not closed", "add the closing quote");
pub(super) const QUOTE_NOT_INDENTED: Syntax = Syntax::new(
    "this quote is not closed, or its text goes on in lines that are not indented",
    "add the closing quote, or indent the lines more than the key",
);
pub(super) const ESCAPE: Syntax = Syntax::new(
    "a backslash is followed by a character that is no escape",
    "write `\\\\` for a backslash, or use single quotes, where a backslash is just itself",
);
pub(super) const ESCAPE_CODE: Syntax = Syntax::new(
    "this escape has no valid code",
    "write `\\x` and 2 hexadecimal digits, `\\u` and 4, or `\\U` and 8",
);
pub(super) const BLOCK_HEADER: Syntax = Syntax::new(
    "a block of text must start on the line after its `|` or `>`",
    "put the text on the next line; quote it if `|` or `>` is part of it",
);
pub(super) const BLOCK_INDENT: Syntax = Syntax::new(
    "an empty line above has more spaces than this first line of the text",
    "take the spaces out of the empty lines",
);
pub(super) const BLOCK_NOT_INDENTED: Syntax =
    Syntax::new("a block of text must be indented", "put two spaces before each of its lines");
pub(super) const PROPERTY_TWICE: Syntax =
    Syntax::new("a value has two anchors or two tags", "keep one of the two");
pub(super) const NAME: Syntax = Syntax::new(
    "an anchor or alias has no name of letters, digits, `-` and `_`, with a space behind it",
    "quote the text if `&` or `*` is part of it",
);
pub(super) const TAG_END: Syntax =
    Syntax::new("this tag is not well-formed", "quote the text if `!` is part of it");
pub(super) const ALIAS_PROPERTY: Syntax =
    Syntax::new("an alias can have neither an anchor nor a tag", "");
