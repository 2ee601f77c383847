//! Times in words.

use jiff::Timestamp;

/// How long it is from one time to another, in its largest unit, as `kubectl` does it: 12 s, 3 min,
/// 5 h, 2 d.
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        let at = |seconds: i64| Timestamp::from_second(1_780_000_000 + seconds).unwrap();
        let told = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(|to| span(at(0), at(to)));
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
        assert_eq!(span(at(5), at(0)), "0 s");
    }
}
