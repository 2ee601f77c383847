//! Python source → tokens, as far as it takes to find texts and the arguments of calls.
//!
//! In: a file. Out: names, numbers, texts with their escapes resolved, and symbols. Nothing is
//! executed or evaluated; a text that Python puts together when it runs has no value.

use std::iter::Peekable;
use std::str::CharIndices;

/// A token and the line on which it begins, from 1.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token<'a> {
    pub(super) line: usize,
    pub(super) kind: Kind<'a>,
}

/// What a token is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'a> {
    /// A name or keyword.
    Name(&'a str),
    /// A number, or what begins like one.
    Number(&'a str),
    /// A text.
    Text(Text<'a>),
    /// Any other character.
    Symbol(char),
    /// The end of a line, outside of brackets.
    Newline,
}

/// A text between quotes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Text<'a> {
    /// As it is written.
    pub(super) written: &'a str,
    /// What it is; `None` when that is not known before the program runs.
    pub(super) value: Option<String>,
}

/// The tokens of a file.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader {
        text,
        characters: text.char_indices().peekable(),
        line: 1,
        depth: 0,
        tokens: Vec::new(),
    };
    while let Some((start, character)) = reader.next() {
        reader.token(start, character);
    }
    reader.tokens
}

struct Reader<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
    line: usize,
    /// How many brackets are open.
    depth: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.characters.next()?;
        self.line += usize::from(next.1 == '\n');
        Some(next)
    }

    fn push(&mut self, line: usize, kind: Kind<'a>) {
        self.tokens.push(Token { line, kind });
    }

    fn token(&mut self, start: usize, character: char) {
        let line = self.line;
        match character {
            '\n' if self.depth == 0 => self.push(line - 1, Kind::Newline),
            '\\' => {
                // A line goes on behind it.
                self.characters.next_if(|(_, next)| *next == '\r');
                if self.characters.next_if(|(_, next)| *next == '\n').is_some() {
                    self.line += 1;
                }
            }
            '#' => while self.characters.next_if(|(_, next)| *next != '\n').is_some() {},
            '\'' | '"' => {
                let text = self.text_from(start, "");
                self.push(line, Kind::Text(text));
            }
            _ if character.is_whitespace() => {}
            _ if character.is_alphanumeric() || character == '_' => {
                let end = self.word_end();
                let word = &self.text[start..end];
                match self
                    .characters
                    .next_if(|(_, next)| is_prefix(word) && matches!(next, '\'' | '"'))
                {
                    Some((quote, _)) => {
                        let text = self.text_from(quote, word);
                        self.push(line, Kind::Text(text));
                    }
                    None if character.is_numeric() => self.push(line, Kind::Number(word)),
                    None => self.push(line, Kind::Name(word)),
                }
            }
            symbol => {
                match symbol {
                    '(' | '[' | '{' => self.depth += 1,
                    ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                self.push(line, Kind::Symbol(symbol));
            }
        }
    }

    fn word_end(&mut self) -> usize {
        while self.characters.next_if(|(_, next)| next.is_alphanumeric() || *next == '_').is_some()
        {
        }
        self.characters.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// The text whose opening quote was just taken, up to its closing one.
    fn text_from(&mut self, quote: usize, prefix: &str) -> Text<'a> {
        let one = &self.text[quote..=quote];
        let three = one.repeat(3);
        let end = if self.text[quote..].starts_with(&three) { three.as_str() } else { one };
        let start = quote + end.len();
        // A backslash keeps what follows it from ending the text, also where it means nothing else.
        let mut at = start;
        let is_closed = loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let mut next = rest.chars();
            match next.next() {
                None => break false,
                Some(_) if rest.starts_with(end) => break true,
                Some('\\') => at += 1 + next.next().map_or(0, char::len_utf8),
                Some(other) => at += other.len_utf8(),
            }
        };
        let written = &self.text[start.min(self.text.len())..at.min(self.text.len())];
        while self.characters.peek().is_some_and(|(next, _)| *next < at + end.len()) {
            self.next();
        }
        let prefix = prefix.to_ascii_lowercase();
        let has_placeholders = prefix.contains('f') && written.contains(['{', '}']);
        let value = match prefix.contains('r') {
            _ if !is_closed || has_placeholders || prefix.contains(['b', 't']) => None,
            true => Some(written.to_owned()),
            false => unescaped(written),
        };
        Text { written, value }
    }
}

/// Whether a word is what may stand before a quote.
fn is_prefix(word: &str) -> bool {
    let known = ["r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"];
    known.iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
}

/// A text with its escapes resolved; `None` for one by a character's name.
fn unescaped(body: &str) -> Option<String> {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let mut characters = rest[at + 1..].chars();
        let escape = characters.next()?;
        rest = characters.as_str();
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => {
                let octal = |c: &char| c.is_digit(8);
                let more = rest.chars().take(2).take_while(octal).count();
                let value = format!("{escape}{}", &rest[..more]);
                rest = &rest[more..];
                text.push(char::from_u32(u32::from_str_radix(&value, 8).ok()?)?);
                continue;
            }
            _ => 0,
        };
        if digits > 0 {
            let value = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
            text.push(char::from_u32(value)?);
            rest = &rest[digits..];
            continue;
        }
        match escape {
            '\n' => {}
            '\\' | '\'' | '"' => text.push(escape),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\u{b}'),
            'N' => return None,
            // Python leaves the backslash of an escape that it does not know.
            other => text.extend(['\\', other]),
        }
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        tokens(text).into_iter().map(|token| token.kind).collect()
    }

    fn texts(text: &str) -> Vec<Option<String>> {
        let value = |token: Token<'_>| match token.kind {
            Kind::Text(text) => Some(text.value),
            _ => None,
        };
        tokens(text).into_iter().filter_map(value).collect()
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        assert_eq!(texts(r#"'a' "b""#), [text("a"), text("b")]);
        assert_eq!(texts(r#""""a "b"\n c""""#), [text("a \"b\"\n c")]);
        assert_eq!(texts(r#"r"\n" u'\x41\u00e9\101\q'"#), [text("\\n"), text("A\u{e9}A\\q")]);
        assert_eq!(texts("'a\\\nb' ''"), [text("ab"), text("")]);
        assert_eq!(texts(r#"'it\'s'"#), [text("it's")]);
    }

    #[test]
    fn a_text_that_is_put_together_has_no_value() {
        assert_eq!(texts("f'{a}' b'x' '\\N{DASH}'"), vec![None; 3]);
        assert_eq!(texts("f'a'"), [text("a")], "there is nothing to put in");
    }

    #[test]
    fn comments_are_no_tokens_and_lines_end_outside_of_brackets_only() {
        let expected = [
            Kind::Name("f"),
            Kind::Symbol('('),
            Kind::Name("x"),
            Kind::Symbol(')'),
            Kind::Newline,
            Kind::Number("1"),
        ];
        assert_eq!(kinds("f(  # \"no text\n x)\n1"), expected);
        let lines: Vec<usize> = tokens("a\n'''b\n'''\nc").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 1, 2, 3, 4]);
    }

    #[test]
    fn what_never_ends_is_no_obstacle() {
        for text in ["'a", "\"\"\"a", "'\\", "r'\\", "\\", "((("] {
            tokens(text);
        }
    }
}
