//! The parser counts characters, spans count bytes: the way from one to the other.

/// Characters between two remembered places.
const STEP: usize = 64;

/// Byte offsets of characters in one text.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// The byte offset of each [`STEP`]th character; empty for ASCII, where both counts are the same.
    steps: Vec<u32>,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .step_by(STEP)
                .map(|(at, _)| at as u32)
                .collect()
        };
        Self { text, steps }
    }

    /// The byte offset of a character; the text's end for all beyond it.
    pub(super) fn byte(&self, character: usize) -> usize {
        if self.steps.is_empty() {
            return character.min(self.text.len());
        }
        let Some(&step) = self.steps.get(character / STEP) else {
            return self.text.len();
        };
        let rest = &self.text[step as usize..];
        let within = rest
            .char_indices()
            .nth(character % STEP)
            .map_or(rest.len(), |(at, _)| at);
        step as usize + within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found_at_its_byte() {
        for text in ["plain".repeat(50), "é日a🎉".repeat(70), String::new()] {
            let offsets = Offsets::new(&text);
            for (number, (at, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.byte(number), at);
            }
            assert_eq!(offsets.byte(text.chars().count()), text.len());
            assert_eq!(offsets.byte(10_000), text.len());
        }
    }
}
