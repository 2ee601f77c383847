//! A calendar as one page: everything in one file, no script, nothing fetched.
//!
//! In: a calendar. Out: HTML with its style and pictures inside, for light and dark screens, phones
//! and A4 paper.

use std::io;

use super::{Calendar, Line, Overlap, Peak, Surprise, svg, words};
use crate::diagnostic::counted;

const STYLE: &str = include_str!("page.css");
/// How many pipelines of a peak or overlap are named before the rest is counted: all of them are
/// named below.
const LISTED: usize = 24;

/// Writes a calendar as a page under a title.
pub fn write(calendar: &Calendar, title: &str, out: &mut impl io::Write) -> io::Result<()> {
    let title = escaped(title);
    // Whoever opens the page can see that nothing in it may be fetched or run.
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n"
    )?;
    head(calendar, out)?;
    if !calendar.lines.is_empty() {
        pictures(calendar, out)?;
        peaks(calendar, out)?;
        overlaps(calendar, out)?;
        surprises(calendar, out)?;
        pipelines(calendar, out)?;
    }
    notes(calendar, out)?;
    writeln!(out, "</body>\n</html>")
}

fn head(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    let day = |day: &super::Day| day.date.strftime("%A %d %B %Y").to_string();
    let first = calendar.days.first().map(day).unwrap_or_default();
    let last = calendar.days.last().map(day).unwrap_or_default();
    let period = if first == last { first } else { format!("{first} to {last}") };
    writeln!(
        out,
        "<p>{period}, days and hours of {}. A run is taken to last {}, or as long as its deadline \
         lets it.</p>",
        escaped(calendar.zone.as_str()),
        words::duration(calendar.question.duration),
    )?;
    let starts: usize = calendar.days.iter().flat_map(|day| day.starts).sum();
    let fullest = calendar.days.iter().flat_map(|day| day.starts).max().unwrap_or(0);
    let peak = |peak: &Option<Peak>, shown: fn(&Peak) -> String| {
        peak.as_ref().map_or_else(|| "none".to_owned(), shown)
    };
    let figures = [
        ("pipelines on a schedule", calendar.lines.len().to_string()),
        ("services", calendar.services().to_string()),
        ("starts", starts.to_string()),
        ("starts in the fullest hour", fullest.to_string()),
        (
            "CPUs requested at the peak",
            peak(&calendar.load.cpu, |peak| words::cpus(peak.requests.cpu)),
        ),
        (
            "memory requested at the peak",
            peak(&calendar.load.memory, |peak| words::memory(peak.requests.memory)),
        ),
    ];
    writeln!(out, "<dl>")?;
    for (name, figure) in figures {
        writeln!(out, "<div><dt>{name}</dt><dd>{figure}</dd></div>")?;
    }
    writeln!(out, "</dl>")
}

fn pictures(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    let mut picture = String::new();
    svg::heat(calendar, &mut picture);
    writeln!(out, "<h2>Starts by hour</h2>\n<figure>\n{picture}</figure>")?;
    picture.clear();
    svg::load(calendar, "CPU", |requests| requests.cpu, words::cpus, &mut picture);
    writeln!(out, "<h2>CPUs requested, the most of each hour</h2>\n<figure>\n{picture}</figure>")?;
    picture.clear();
    svg::load(calendar, "Memory", |requests| requests.memory, words::memory, &mut picture);
    writeln!(out, "<h2>Memory requested, the most of each hour</h2>\n<figure>\n{picture}</figure>")
}

fn peaks(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    let (Some(cpu), Some(memory)) = (&calendar.load.cpu, &calendar.load.memory) else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2>The peak</h2>\n<table class=\"some\">\n<thead><tr><th scope=\"col\">requested</th>\
         <th scope=\"col\">when</th><th scope=\"col\">pipelines that run then</th></tr></thead>\n<tbody>"
    )?;
    let mut row = |amount: String, peak: &Peak| {
        let when = words::stretch(peak.at, peak.until, &calendar.zone);
        let names = first_ones(calendar.names(&peak.lines));
        writeln!(out, "<tr><th scope=\"row\">{amount}</th><td>{when}</td><td>{names}</td></tr>")
    };
    let cpus = words::cpus(cpu.requests.cpu);
    row(if cpus == "1" { "1 CPU".to_owned() } else { format!("{cpus} CPUs") }, cpu)?;
    row(words::memory(memory.requests.memory), memory)?;
    writeln!(out, "</tbody>\n</table>")
}

fn overlaps(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "<h2>Overlaps within a service</h2>")?;
    if calendar.overlaps.is_empty() {
        return writeln!(out, "<p>No two pipelines of one service run at the same time.</p>");
    }
    writeln!(
        out,
        "<table class=\"some\">\n<thead><tr><th scope=\"col\">service</th><th scope=\"col\">most at \
         once</th><th scope=\"col\">pipelines that run then</th></tr></thead>\n<tbody>"
    )?;
    for Overlap { service, most, at, lines, seconds } in &calendar.overlaps {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{most}, {}<small>two or more for {} in all</small></td>\
             <td>{}</td></tr>",
            escaped(service),
            words::moment(*at, &calendar.zone),
            words::duration(*seconds),
            first_ones(calendar.names(lines)),
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

fn surprises(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "<h2>Changes of the clock in the year that follows</h2>")?;
    if calendar.surprises.is_empty() {
        return writeln!(out, "<p>None touches a run.</p>");
    }
    writeln!(
        out,
        "<table class=\"some\">\n<thead><tr><th scope=\"col\">change</th><th scope=\"col\">what \
         happens</th><th scope=\"col\">pipelines</th></tr></thead>\n<tbody>"
    )?;
    for Surprise { zone, at: _, before, after, effect, runs } in &calendar.surprises {
        let runs = runs.iter().map(|(line, times)| {
            let name = &calendar.lines[*line].pipeline.name;
            format!("{} {}", escaped(name), words::times(times, *before))
        });
        writeln!(
            out,
            "<tr><th scope=\"row\">{}<small>{}</small></th><td><span class=\"alert\">{}</span>\
             <small>{} becomes {}</small></td><td>{}</td></tr>",
            before.strftime("%a %d %b %Y"),
            escaped(zone),
            words::effect(*effect),
            before.strftime("%H:%M"),
            after.strftime("%H:%M"),
            runs.collect::<Vec<_>>().join(", "),
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

fn pipelines(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        "<h2>Every pipeline</h2>\n<table class=\"all\">\n<thead><tr><th scope=\"col\">pipeline</th>\
         <th scope=\"col\">schedule</th><th scope=\"col\">next run</th><th scope=\"col\">starts</th>\
         </tr></thead>\n<tbody>"
    )?;
    for line in &calendar.lines {
        let mut strip = String::new();
        let timetable = calendar.timetable(line);
        let label = counted(timetable.runs().len(), "start");
        svg::strip(calendar, timetable, &label, &mut strip);
        writeln!(
            out,
            "<tr><th scope=\"row\">{}<small>{}, {}</small></th><td><code>{}</code><small>{}</small>\
             </td><td>{}</td><td>{strip}</td></tr>",
            escaped(&line.pipeline.name),
            escaped(&line.pipeline.service),
            escaped(line.pipeline.pipeline_type),
            escaped(line.schedule.as_str()),
            zone(line),
            next(calendar, line),
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

fn zone(line: &Line) -> String {
    let zone = escaped(line.zone.as_str());
    if line.is_counted() {
        "from its creation, taken to be now".to_owned()
    } else if line.is_without_zone() {
        format!("no zone, taken to be {zone}")
    } else {
        zone
    }
}

fn next(calendar: &Calendar, line: &Line) -> String {
    let Some(next) = calendar.timetable(line).next.first() else {
        return "<span class=\"alert\">never</span>".to_owned();
    };
    let mark = if line.is_counted() { "~" } else { "" };
    let moment = words::moment(*next, &line.zone);
    match line.zone.as_str() {
        "UTC" => format!("{mark}{moment}"),
        _ => format!("{mark}{moment}<small>{}</small>", words::utc(*next, &line.zone)),
    }
}

fn notes(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    let zone = escaped(calendar.question.cluster_zone.as_str());
    let without_zone = calendar.without_zone();
    if !without_zone.is_empty() {
        writeln!(
            out,
            "<h2>No time zone</h2>\n<p>The zone of the cluster counts, taken to be {zone}: {}.</p>",
            list(without_zone.into_iter()),
        )?;
    }
    for (title, names) in [("By hand", &calendar.by_hand), ("Disabled", &calendar.disabled)] {
        if !names.is_empty() {
            let names = list(names.iter().map(|name| name.as_str()));
            writeln!(out, "<h2>{title}</h2>\n<p>{names}.</p>")?;
        }
    }
    Ok(())
}

/// The first names, and how many there are beside them.
fn first_ones<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let listed = list(names.take(LISTED));
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(escaped).collect::<Vec<_>>().join(", ")
}

/// A text as HTML: no character of it is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What no page may hold, a tab and line ends aside.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};
    use super::*;

    #[test]
    fn a_name_is_text_wherever_it_stands() {
        let name = "<script>alert('1')</script>&";
        let lines = vec![
            planned(name, name, "30 2 * * *", "Europe/Zurich"),
            planned("b", name, "30 2 * * *", ""),
        ];
        let mut page = Vec::new();
        write(&calendar(lines, "2026-11-23T00:00:00Z", 7), name, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains("<script"));
        assert!(page.matches("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;").count() > 5);
    }

    #[test]
    fn the_page_fetches_nothing() {
        let mut page = Vec::new();
        let lines = vec![planned("a", "s", "30 2 * * *", "Europe/Zurich")];
        write(&calendar(lines, "2026-11-23T00:00:00Z", 7), "Schedule", &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for fetched in ["http:", "https:", "src=", "url(", "@import", "<script"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
    }
}
