//! Tables for people.
//!
//! In: a head and rows of cells. Out: aligned lines; what is empty in every row is left out.

use std::io::{self, Write};

/// Between two columns.
const GAP: usize = 2;

/// Writes a table. A cell may have a style, which takes no room: an escape sequence before it.
pub(crate) fn write<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
    style: impl Fn(usize, &str) -> &'static str,
    out: &mut impl Write,
) -> io::Result<()> {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        match cells.max().unwrap_or_default() {
            0 if !rows.is_empty() => 0,
            widest => widest.max(head[column].len()),
        }
    });
    let head = head.map(str::to_owned);
    for (at, row) in std::iter::once(&head).chain(rows).enumerate() {
        let mut line = String::new();
        let mut room = 0;
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            if width == 0 {
                continue;
            }
            line.extend(std::iter::repeat_n(' ', room));
            let style = if at == 0 { "" } else { style(column, cell) };
            line.push_str(style);
            line.push_str(cell);
            if !style.is_empty() {
                line.push_str("\u{1b}[0m");
            }
            room = width + GAP - cell.chars().count();
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &[[&str; 3]], style: impl Fn(usize, &str) -> &'static str) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        let mut out = Vec::new();
        write(["A", "LONG", "C"], &rows, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let plain = |_: usize, _: &str| "";
        assert_eq!(
            text(&[["a", "b", "c"], ["äöü", "", ""]], plain),
            "A    LONG  C\na    b     c\näöü\n"
        );
        assert_eq!(text(&[["a", "", "c"]], plain), "A  C\na  c\n");
    }

    #[test]
    fn a_style_takes_no_room() {
        let red = |column: usize, _: &str| if column == 0 { "\u{1b}[31m" } else { "" };
        assert_eq!(text(&[["a", "b", "c"]], red), "A  LONG  C\n\u{1b}[31ma\u{1b}[0m  b     c\n");
    }
}
