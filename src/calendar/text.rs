//! A calendar for a terminal of 80 columns.
//!
//! In: a calendar. Out: text with blocks for bars, or in ASCII alone, with colour or without. No
//! name is cut: one that does not fit has a line of its own.

use std::io;

use super::paint::Paint;
use super::{Calendar, Line, words};
use crate::diagnostic::counted;

/// How a calendar is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// With ANSI's colours.
    pub color: bool,
    /// Without a character beyond ASCII.
    pub ascii: bool,
}

/// The columns of a line.
const WIDTH: usize = 80;
/// A pipeline's next run, in columns.
struct Row {
    name: String,
    schedule: String,
    moment: String,
    utc: String,
    never: bool,
}

/// How many pipelines of a peak or overlap are named before the rest is counted.
const LISTED: usize = 12;
/// The bars of the levels 0 to 8.
const BLOCKS: [&str; 9] = ["· ", "▁▁", "▂▂", "▃▃", "▄▄", "▅▅", "▆▆", "▇▇", "██"];
const ASCII_BLOCKS: [&str; 9] = [". ", "--", "::", "==", "++", "**", "%%", "@@", "##"];

/// Writes a calendar.
pub fn write(calendar: &Calendar, look: Look, out: &mut impl io::Write) -> io::Result<()> {
    let page = Page { calendar, paint: Paint(look.color), ascii: look.ascii };
    page.head(out)?;
    if !calendar.lines.is_empty() {
        page.next_runs(out)?;
        page.heat(out)?;
        page.overlaps(out)?;
        page.peaks(out)?;
        page.surprises(out)?;
    }
    page.notes(out)
}

struct Page<'c> {
    calendar: &'c Calendar,
    paint: Paint,
    ascii: bool,
}

impl Page<'_> {
    fn head(&self, out: &mut impl io::Write) -> io::Result<()> {
        let calendar = self.calendar;
        let pipelines = counted(calendar.lines.len(), "pipeline");
        let services = counted(calendar.services(), "service");
        let days = &calendar.days;
        let day = |day: &super::Day| day.date.strftime("%a %d %b %Y").to_string();
        let period = match (days.first(), days.last()) {
            (Some(first), Some(last)) if first != last => {
                format!("{} to {}", day(first), day(last))
            }
            (Some(first), _) => day(first),
            _ => String::new(),
        };
        let what = format!("{pipelines} of {services} on a schedule");
        writeln!(out, "{}, {period}", self.paint.heading(&what))
    }

    fn section(&self, title: &str, more: &str, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "\n{}{}", self.paint.heading(title), self.paint.faint(more))
    }

    fn next_runs(&self, out: &mut impl io::Write) -> io::Result<()> {
        self.section("Next runs", "", out)?;
        let rows = self.calendar.lines.iter().map(|line| self.row(line)).collect::<Vec<_>>();
        let widest = |column: fn(&Row) -> &str, most: usize| {
            let widths = rows.iter().map(|row| column(row).chars().count());
            widths.filter(|width| *width <= most).max().unwrap_or(0)
        };
        let moment_width = widest(|row| &row.moment, WIDTH);
        let utc_width = widest(|row| &row.utc, WIDTH);
        let schedule_width = widest(|row| &row.schedule, 21);
        let taken = schedule_width + moment_width + utc_width + 7;
        let left = WIDTH.saturating_sub(taken);
        let name_width = widest(|row| &row.name, left);
        for Row { name, schedule, moment, utc, never } in &rows {
            let moment = format!("{moment:moment_width$}");
            let moment = if *never { self.paint.warning(&moment) } else { moment };
            let when = format!("{moment} {}", self.paint.faint(utc));
            let when = when.trim_end();
            let too_long =
                name.chars().count() > name_width || schedule.chars().count() > schedule_width;
            if too_long {
                writeln!(out, "  {name}")?;
                writeln!(out, "  {:name_width$}  {schedule:schedule_width$}  {when}", "")?;
            } else {
                writeln!(out, "  {name:name_width$}  {schedule:schedule_width$}  {when}")?;
            }
        }
        Ok(())
    }

    fn row(&self, line: &Line) -> Row {
        let next = self.calendar.timetable(line).next.first();
        let mark = if line.is_counted() { "~" } else { "" };
        let moment = next.map(|time| format!("{mark}{}", words::moment(*time, &line.zone)));
        let utc = next.filter(|_| line.zone.as_str() != "UTC");
        Row {
            name: printable(&line.pipeline.name),
            schedule: line.schedule.as_str().to_owned(),
            never: moment.is_none(),
            moment: moment.unwrap_or_else(|| "never".to_owned()),
            utc: utc.map(|time| words::utc(*time, &line.zone)).unwrap_or_default(),
        }
    }

    fn heat(&self, out: &mut impl io::Write) -> io::Result<()> {
        let days = &self.calendar.days;
        let most = days.iter().flat_map(|day| day.starts).max().unwrap_or(0);
        self.section("Starts by hour", &format!(", {}", self.calendar.zone), out)?;
        let hours = (0..24).step_by(3).map(|hour| format!("{hour:<6}")).collect::<String>();
        writeln!(out, "              {}", self.paint.faint(hours.trim_end()))?;
        let blocks = if self.ascii { ASCII_BLOCKS } else { BLOCKS };
        for day in days {
            let cells = day.starts.iter().map(|starts| {
                let level = level(*starts, most);
                self.paint.level(level, blocks[level])
            });
            let date = day.date.strftime("%a %d %b");
            let sum: usize = day.starts.iter().sum();
            writeln!(out, "  {date}  {}  {sum:>6}", cells.collect::<String>())?;
        }
        let fullest = format!("{} the fullest hour, {}", blocks[8], counted(most, "start"));
        writeln!(out, "  {}", self.paint.faint(&fullest))
    }

    fn overlaps(&self, out: &mut impl io::Write) -> io::Result<()> {
        let duration = words::duration(self.calendar.question.duration);
        let more = format!(" of runs on the same service, a run taken to last {duration}");
        self.section("Overlaps", &more, out)?;
        if self.calendar.overlaps.is_empty() {
            return writeln!(out, "  none");
        }
        for overlap in &self.calendar.overlaps {
            let at = words::moment(overlap.at, &self.calendar.zone);
            let service = printable(&overlap.service);
            let together = words::duration(overlap.seconds);
            writeln!(out, "  {service}: {} at once, {at}; {together} in all", overlap.most)?;
            self.list(&overlap.lines, out)?;
        }
        Ok(())
    }

    fn peaks(&self, out: &mut impl io::Write) -> io::Result<()> {
        self.section("Peak", " of what pods request", out)?;
        let load = &self.calendar.load;
        let (Some(cpu), Some(memory)) = (&load.cpu, &load.memory) else {
            return writeln!(out, "  nothing is requested");
        };
        let zone = &self.calendar.zone;
        let row = |name: &str, amount: String, peak: &super::Peak| {
            format!("  {name:<7} {amount:>10}  {}", words::stretch(peak.at, peak.until, zone))
        };
        writeln!(out, "{}", row("CPU", words::cpus(cpu.requests.cpu), cpu))?;
        if cpu.lines != memory.lines {
            self.list(&cpu.lines, out)?;
        }
        writeln!(out, "{}", row("memory", words::memory(memory.requests.memory), memory))?;
        self.list(&memory.lines, out)
    }

    fn surprises(&self, out: &mut impl io::Write) -> io::Result<()> {
        self.section("Changes of the clock", " in the year that follows", out)?;
        if self.calendar.surprises.is_empty() {
            return writeln!(out, "  none touches a run");
        }
        let mut above = None;
        for surprise in &self.calendar.surprises {
            let place = (surprise.at, surprise.zone.as_str());
            if above != Some(place) {
                let (before, after) = (surprise.before, surprise.after);
                let day = before.strftime("%a %d %b %Y");
                let (before, after) = (before.strftime("%H:%M"), after.strftime("%H:%M"));
                writeln!(out, "  {day}, {}: {before} becomes {after}", surprise.zone)?;
                above = Some(place);
            }
            let effect = words::effect(surprise.effect);
            let runs = surprise.runs.iter().map(|(line, times)| {
                let name = printable(&self.calendar.lines[*line].pipeline.name);
                format!("{name} {}", words::times(times, surprise.before))
            });
            self.wrapped(&self.paint.warning(effect), effect.len(), runs, out)?;
        }
        Ok(())
    }

    fn notes(&self, out: &mut impl io::Write) -> io::Result<()> {
        let calendar = self.calendar;
        let without_zone = calendar.without_zone();
        if !without_zone.is_empty() {
            let zone = &calendar.question.cluster_zone;
            let more = format!(", so the cluster's counts: taken to be {zone} (--time-zone)");
            self.section("No time zone", &more, out)?;
            self.wrapped("", 0, without_zone.into_iter().map(printable), out)?;
        }
        let counted = calendar.counted();
        if !counted.is_empty() {
            let more = ", counted from the creation of the object: taken to be now";
            self.section("@every", more, out)?;
            self.wrapped("", 0, counted.into_iter().map(printable), out)?;
        }
        for (title, names) in [("By hand", &calendar.by_hand), ("Disabled", &calendar.disabled)] {
            if !names.is_empty() {
                self.section(title, "", out)?;
                self.wrapped("", 0, names.iter().map(|name| printable(name)), out)?;
            }
        }
        Ok(())
    }

    fn list(&self, lines: &[usize], out: &mut impl io::Write) -> io::Result<()> {
        let names = self.calendar.names(lines).take(LISTED).map(printable);
        let more = lines.len().saturating_sub(LISTED);
        let rest = (more > 0).then(|| format!("and {more} more"));
        self.wrapped("", 0, names.chain(rest), out)
    }

    /// Words with commas between them, behind a first one, over as many lines as they take.
    fn wrapped(
        &self,
        first: &str,
        first_width: usize,
        items: impl Iterator<Item = String>,
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        const INDENT: usize = 4;
        let items = items.collect::<Vec<_>>();
        if items.is_empty() {
            return Ok(());
        }
        let indent = INDENT + if first_width > 0 { first_width + 2 } else { 0 };
        let mut column = indent;
        write!(out, "{:INDENT$}{first}", "")?;
        if first_width > 0 {
            write!(out, "  ")?;
        }
        let last = items.len() - 1;
        for (number, item) in items.into_iter().enumerate() {
            let width = item.chars().count() + usize::from(number < last);
            if column > indent && column + 1 + width > WIDTH {
                write!(out, "\n{:indent$}", "")?;
                column = indent;
            } else if column > indent {
                write!(out, " ")?;
                column += 1;
            }
            write!(out, "{item}{}", if number < last { "," } else { "" })?;
            column += width;
        }
        writeln!(out)
    }
}

/// The bar of a figure: 0 for none, 8 for the most.
pub(super) fn level(figure: usize, most: usize) -> usize {
    (figure * 8).div_ceil(most.max(1))
}

/// A name without what a terminal would obey.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};
    use super::*;
    use crate::survey::Planned;

    fn text(lines: Vec<Planned>, look: Look) -> String {
        let mut out = Vec::new();
        write(&calendar(lines, "2026-11-23T00:00:00Z", 7), look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn many() -> Vec<Planned> {
        let zones = ["Europe/Zurich", "America/New_York", "", "Australia/Lord_Howe"];
        let line = |number: usize| {
            let name = format!("pipeline-{number}{}", "-long".repeat(number % 9));
            let schedule = format!("{} {} * * *", number % 60, number % 5);
            planned(&name, &format!("service-{}", number % 4), &schedule, zones[number % 4])
        };
        (0..60).map(line).chain([planned("every", "s", "@every 7m", "")]).collect()
    }

    #[test]
    fn every_line_fits_80_columns_unless_one_name_alone_is_longer() {
        let text = text(many(), Look { color: false, ascii: false });
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert_eq!(line, line.trim_end(), "blanks at the end");
        }
        let name = "n".repeat(256);
        let long = super::tests::text(
            vec![planned(&name, "s", "0 3 * * *", "UTC")],
            Look { color: false, ascii: true },
        );
        assert!(long.contains(&name), "no name is cut");
    }

    #[test]
    fn ascii_alone_has_no_other_character_and_no_colour_no_escape() {
        let text = text(many(), Look { color: false, ascii: true });
        assert!(text.is_ascii());
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn colour_adds_escapes_and_changes_no_word() {
        let plain = text(many(), Look { color: false, ascii: false });
        let colored = text(many(), Look { color: true, ascii: false });
        let mut stripped = String::new();
        let mut parts = colored.split('\u{1b}');
        stripped.extend(parts.next());
        for part in parts {
            stripped.extend(part.split_once('m').map(|(_, rest)| rest));
        }
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&stripped), words(&plain));
        assert_ne!(colored, plain);
    }

    #[test]
    fn the_bar_of_any_start_is_seen_and_the_fullest_is_full() {
        assert_eq!([level(0, 900), level(1, 900), level(900, 900), level(1, 1)], [0, 1, 8, 8]);
        assert_eq!(level(0, 0), 0);
    }
}
