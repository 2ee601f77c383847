//! The pictures of the page: starts by hour, what is requested, and a pipeline's runs.
//!
//! In: a calendar. Out: inline SVG without a colour or font of its own: classes, which the page's
//! style sheet paints in light, dark and print. Each mark that stands for a figure has it as its
//! title.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::html::escaped;
use super::text::level;
use super::{Calendar, Timetable, words};
use crate::diagnostic::counted;
use crate::survey::Requests;

/// The width of the pictures, in their own units; the page scales them.
const WIDTH: usize = 940;
const LABELS: usize = 96;
const CELL: usize = 32;
const ROW: usize = 26;

/// A cell for each hour, with the number of its starts.
pub(super) fn heat(calendar: &Calendar, out: &mut String) {
    let days = &calendar.days;
    let most = days.iter().flat_map(|day| day.starts).max().unwrap_or(0);
    let height = ROW * (days.len() + 1);
    let title = format!("Starts by day and hour, {}", calendar.zone);
    open("heat", WIDTH, height, &title, out);
    for hour in (0..24).step_by(3) {
        text(LABELS + hour * CELL, 16, "label", &format!("{hour:02}"), out);
    }
    text_at_end(WIDTH, 16, "label", "sum", out);
    for (row, day) in days.iter().enumerate() {
        let top = ROW * (row + 1);
        let date = day.date.strftime("%a %d %b").to_string();
        text(4, top + 17, "label", &date, out);
        for (hour, starts) in day.starts.iter().enumerate() {
            let (left, level) = (LABELS + hour * CELL, level(*starts, most));
            let (cell, high) = (CELL - 2, ROW - 2);
            let tip = format!("{date} {hour:02}:00: {}", counted(*starts, "start"));
            put(
                out,
                format_args!(
                    "<g><title>{tip}</title><rect class=\"h{level}\" x=\"{left}\" y=\"{top}\" \
                     width=\"{cell}\" height=\"{high}\" rx=\"3\"/>"
                ),
            );
            if *starts > 0 {
                let (middle, ink) = (left + cell / 2, if level > 4 { "on" } else { "off" });
                put(
                    out,
                    format_args!(
                        "<text class=\"{ink}\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{starts}</text>",
                        top + 16
                    ),
                );
            }
            out.push_str("</g>");
        }
        let sum: usize = day.starts.iter().sum();
        text_at_end(WIDTH, top + 17, "label", &sum.to_string(), out);
    }
    out.push_str("</svg>\n");
}

/// A bar for each hour with what is requested at most, of one resource.
pub(super) fn load(
    calendar: &Calendar,
    name: &str,
    amount: fn(Requests) -> i128,
    shown: fn(i128) -> String,
    out: &mut String,
) {
    const HEIGHT: usize = 96;
    const BASE: usize = 74;
    const TOP: usize = 6;
    let hours = &calendar.load.hours;
    let most = hours.iter().map(|hour| amount(*hour)).max().unwrap_or(0).max(1);
    open("load", WIDTH, HEIGHT, &format!("{name} requested at most in each hour"), out);
    text(4, TOP + 12, "label", &shown(most), out);
    text(4, BASE, "label", "0", out);
    // In hundredths of a unit: the hours of a month are narrower than one.
    let width = (WIDTH - LABELS) * 100 / hours.len().max(1);
    let at = |hour: usize| hundredths(LABELS * 100 + hour * width);
    for (day, hour) in (0..hours.len()).step_by(24).enumerate() {
        let left = at(hour);
        put(
            out,
            format_args!(
                "<line class=\"day\" x1=\"{left}\" x2=\"{left}\" y1=\"{TOP}\" y2=\"{BASE}\"/>"
            ),
        );
        let days = hours.len().div_ceil(24);
        let name = if days > 14 { "%d" } else { "%a %d" };
        let date = calendar.days.get(day).map(|day| day.date.strftime(name).to_string());
        put(
            out,
            format_args!(
                "<text class=\"label\" x=\"{left}\" y=\"{}\">{}</text>",
                BASE + 16,
                date.unwrap_or_default()
            ),
        );
    }
    for (hour, requests) in hours.iter().enumerate() {
        let own = amount(*requests);
        let room = (BASE - TOP) as i128 * 100;
        let Ok(high) = usize::try_from((own * room + most - 1) / most) else { continue };
        if high == 0 {
            continue;
        }
        let start = i64::try_from(hour).unwrap_or(0);
        let start = calendar.start.saturating_add(SignedDuration::from_hours(start));
        let start = words::moment(start.unwrap_or(calendar.start), &calendar.zone);
        put(
            out,
            format_args!(
                "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">\
                 <title>{}: {}</title></rect>",
                at(hour),
                hundredths(BASE * 100 - high),
                hundredths(width * 9 / 10),
                hundredths(high),
                escaped(&start),
                escaped(&shown(own)),
            ),
        );
    }
    put(
        out,
        format_args!(
            "<line class=\"axis\" x1=\"{LABELS}\" x2=\"{WIDTH}\" y1=\"{BASE}\" y2=\"{BASE}\"/></svg>\n"
        ),
    );
}

/// How many parts of the days a strip tells apart: the hours of a week.
const PARTS: i64 = 168;

/// The runs of a schedule as marks along the days.
pub(super) fn strip(calendar: &Calendar, timetable: &Timetable, label: &str, out: &mut String) {
    let (start, end) = (calendar.start.as_second(), calendar.end.as_second());
    let length = (end - start).max(1);
    let mut path = String::new();
    let mut stretch: Option<(i64, i64)> = None;
    let mut draw = |from: i64, to: i64| put(&mut path, format_args!("M{from} 2H{to}V14H{from}z"));
    for second in timetable.runs() {
        let part = (second - start) * PARTS / length;
        match &mut stretch {
            Some((_, to)) if part < *to => {}
            Some((_, to)) if part == *to => *to = part + 1,
            _ => {
                if let Some((from, to)) = stretch.replace((part, part + 1)) {
                    draw(from, to);
                }
            }
        }
    }
    if let Some((from, to)) = stretch {
        draw(from, to);
    }
    let mut days = String::new();
    for day in &calendar.days {
        let midnight = day.date.to_zoned(calendar.zone.rules()).map(|day| day.timestamp());
        let second = midnight.as_ref().map_or(start, |midnight: &Timestamp| midnight.as_second());
        put(&mut days, format_args!("M{} 0V16", (second - start) * PARTS / length));
    }
    let label = escaped(label);
    put(
        out,
        format_args!(
            "<svg class=\"strip\" viewBox=\"0 0 {PARTS} 16\" preserveAspectRatio=\"none\" \
             role=\"img\"><title>{label}</title><path class=\"day\" d=\"{days}\"/>\
             <path class=\"bar\" d=\"{path}\"/></svg>"
        ),
    );
}

fn open(class: &str, width: usize, height: usize, title: &str, out: &mut String) {
    let title = escaped(title);
    put(
        out,
        format_args!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\
             <title>{title}</title>\n"
        ),
    );
}

fn text(x: usize, y: usize, class: &str, words: &str, out: &mut String) {
    let words = escaped(words);
    put(out, format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>"));
}

fn text_at_end(x: usize, y: usize, class: &str, words: &str, out: &mut String) {
    let words = escaped(words);
    put(
        out,
        format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{words}</text>"
        ),
    );
}

/// `3.07` of 307.
fn hundredths(amount: usize) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Writing to a string cannot fail.
fn put(out: &mut String, words: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(words);
}
