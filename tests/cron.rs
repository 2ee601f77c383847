//! Schedules are read as Kubernetes reads them: compared with robfig/cron itself, the parser that
//! the API server and the CronJob controller use, over thousands of made-up expressions. Needs Go;
//! without it the test says that it skips.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::civil::DateTime;
use ompipe::model::Schedule;
use ompipe::model::schedule::Timing;
use serde_json::Value;

#[path = "cron/zones.rs"]
mod zones;

/// How many expressions are made up, besides those that are worth naming.
const MADE_UP: usize = 12_000;

/// Instants in UTC: an ordinary one with a fraction, month's and year's ends, leap days, and years
/// before 2100, which is none.
const AFTER: [&str; 6] = [
    "2026-03-14T12:34:56.789Z",
    "2024-02-29T00:00:00Z",
    "2023-12-31T23:59:59Z",
    "2027-02-28T23:59:00Z",
    "2096-02-29T00:00:00Z",
    "2098-06-15T08:00:00Z",
];

const NAMED: [&str; 60] = [
    "",
    " ",
    "* * * * *",
    "* * * *",
    "* * * * * *",
    " 0 3 * * * ",
    "0\t3 * * *",
    "0\u{a0}3 * * *",
    "? ? ? ? ?",
    "0 0 * * 7",
    "0 0 * * 0",
    "0 0 * * SUN",
    "0 0 * * sunday",
    "0 0 * JAN *",
    "0 0 * january *",
    "0 0 1-7 * MON",
    "0 0 29 2 *",
    "0 0 30 2 *",
    "0 0 31 2 MON",
    "0 0 31 4,6 *",
    ", * * * *",
    ",,1,, * * * *",
    "*/0 * * * *",
    "*/-1 * * * *",
    "*/+5 * * * *",
    "+5 * * * *",
    "05 003 * * *",
    "1-5/2 * * * *",
    "7/9 * * * *",
    "60/2 * * * *",
    "59/2 * * * *",
    "*-5 * * * *",
    "*-x/3 * * * *",
    "?-/1 * * * *",
    "1-2-3 * * * *",
    "1/2/3 * * * *",
    "/5 * * * *",
    "5/ * * * *",
    "1- * * * *",
    "*/100 * * * *",
    "*/9223372036854775807 * * * *",
    "*/9223372036854775808 * * * *",
    "0 0 5-3 * *",
    "0 24 * * *",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@Daily",
    "@daily ",
    " @daily",
    "@reboot",
    "@every",
    "@every ",
    "@every 1h 30m",
    "TZ=UTC 0 0 * * *",
    "CRON_TZ=Europe/Zurich @daily",
];

/// A generator of pseudo-random numbers (xorshift64*): the same expressions in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

fn expression(random: &mut Random) -> String {
    if random.chance(12) {
        return every(random);
    }
    let count = if random.chance(3) { 3 + random.below(4) } else { 5 };
    let fields: Vec<String> = (0..count).map(|at| field(random, at.min(4))).collect();
    let mut text = fields.join(" ");
    if random.chance(6) {
        // One character goes wrong.
        let at = random.below(text.len() + 1);
        text.insert_str(
            at,
            random.one_of(&["x", "-", "/", ",", "*", "0", "9", " ", "L", "#", "+", "é", "_", "."]),
        );
    }
    text
}

fn field(random: &mut Random, at: usize) -> String {
    if random.chance(35) {
        return random.one_of(&["*", "*", "?", "*/2", "*/15", "*/1"]).to_owned();
    }
    let most = if random.chance(25) { 4 } else { 1 };
    let items = 1 + random.below(most);
    (0..items).map(|_| item(random, at)).collect::<Vec<_>>().join(",")
}

fn item(random: &mut Random, at: usize) -> String {
    let mut item = if random.chance(8) { "*".to_owned() } else { value(random, at) };
    if random.chance(35) {
        let mut high = value(random, at);
        if let (Ok(a), Ok(b)) = (item.parse::<u32>(), high.parse::<u32>())
            && a > b
            && random.chance(85)
        {
            (item, high) = (high, item);
        }
        item = format!("{item}-{high}");
    }
    if random.chance(20) {
        item = format!("{item}/{}", random.below(12));
    }
    item
}

fn value(random: &mut Random, at: usize) -> String {
    const MONTHS: [&str; 5] = ["JAN", "feb", "Jun", "DEC", "sept"];
    const DAYS: [&str; 5] = ["SUN", "mon", "Thu", "SAT", "weds"];
    match at {
        3 if random.chance(30) => random.one_of(&MONTHS).to_owned(),
        4 if random.chance(30) => random.one_of(&DAYS).to_owned(),
        // Now and then one beyond the end.
        _ => {
            let (low, high) = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)][at];
            let beyond = usize::from(random.chance(4));
            (low - low.min(beyond) + random.below(high - low + 1 + 2 * beyond)).to_string()
        }
    }
}

fn every(random: &mut Random) -> String {
    let mut text = "@every ".to_owned();
    text.push_str(random.one_of(&["", "", "", "", "+", "-"]));
    for _ in 0..1 + random.below(3) {
        let whole = random.below(100).to_string();
        text.push_str(random.one_of(&["1", "0", &whole, &whole, "5000000000", ""]));
        text.push_str(random.one_of(&[
            "",
            "",
            "",
            ".5",
            ".",
            ".999999999",
            ".12345678901234567890",
        ]));
        text.push_str(random.one_of(&["h", "m", "s", "ms", "us", "µs", "μs", "ns", "d", "", "H"]));
    }
    text
}

fn ours(text: &str) -> Option<(Value, Vec<String>)> {
    let schedule = Schedule::parse(text).ok()?;
    let timing = match schedule.timing() {
        Timing::Fields(fields) => serde_json::json!({"fields": [
            fields.minute, fields.hour, fields.day_of_month, fields.month, fields.day_of_week,
        ]}),
        Timing::Every(seconds) => serde_json::json!({"every": seconds}),
    };
    let next = AFTER
        .iter()
        .map(|after| {
            let after: DateTime = after.trim_end_matches('Z').parse().unwrap();
            schedule.next_after(after).map_or(String::new(), |next| next.to_string())
        })
        .collect();
    Some((timing, next))
}

const SKIPPED: &str = "skipped: Go could not build tests/cron";

/// What robfig/cron answers to each line; `None` when there is no Go to ask it with, which is an
/// error in CI.
fn ask(arguments: &[&str], lines: Vec<String>) -> Option<Vec<Value>> {
    let answers = run(arguments, lines);
    let skips = answers.is_none() && std::env::var_os("CI").is_some();
    assert!(!skips, "Go with robfig/cron is needed where CI is set");
    answers
}

fn run(arguments: &[&str], lines: Vec<String>) -> Option<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cron");
    let spawned = Command::new("go")
        .args(["run", "."])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = spawned.ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input: String = lines.into_iter().map(|line| line + "\n").collect();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output
        .status
        .success()
        .then(|| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn schedules_are_accepted_and_meant_as_kubernetes_does() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut expressions: Vec<String> = NAMED.iter().map(|text| (*text).to_owned()).collect();
    expressions.extend((0..MADE_UP).map(|_| expression(&mut random)));
    let lines = expressions.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
    let Some(answers) = ask(&AFTER, lines) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(answers.len(), expressions.len());
    let mut accepted = 0;
    let mut different = Vec::new();
    for (text, answer) in expressions.iter().zip(answers) {
        let ours = match ours(text) {
            Some((mut timing, next)) => {
                accepted += 1;
                timing["next"] = next.into();
                timing
            }
            None => Value::Null,
        };
        if ours != answer {
            different.push(format!("{text:?}\n  ours   {ours}\n  theirs {answer}"));
        }
    }
    let shown = different.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "{} of {}:\n{shown}", different.len(), expressions.len());
    // Both kinds are many, or the comparison says little.
    let refused = expressions.len() - accepted;
    assert!(accepted > 2000 && refused > 2000, "{accepted} accepted, {refused} refused");
    println!("{accepted} accepted, {refused} refused");
}
