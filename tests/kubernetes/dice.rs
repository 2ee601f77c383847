//! Random choices that are the same on every run.

/// A source of choices.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % sides as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    /// Some of them, each at most once, in a random order.
    pub(crate) fn some<'t>(&mut self, of: &[&'t str]) -> Vec<&'t str> {
        let mut chosen: Vec<&str> = of.iter().copied().filter(|_| self.one_in(2)).collect();
        for at in (1..chosen.len()).rev() {
            chosen.swap(at, self.roll(at + 1));
        }
        chosen
    }
}
