//! Colour for a terminal, or none.
//!
//! In: a text and what it is. Out: the text, between ANSI's codes where colour is wanted.

/// Whether colour is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    pub(super) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    /// A level of 0 to 8: cyan, green, yellow, red.
    pub(super) fn level(self, level: usize, text: &str) -> String {
        match level {
            0 => self.faint(text),
            1 | 2 => self.with("36", text),
            3 | 4 => self.with("32", text),
            5 | 6 => self.with("33", text),
            _ => self.with("31", text),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
