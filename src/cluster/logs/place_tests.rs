//! Tests of the place in a log: streams as kubelets give them, cut anywhere.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// A stream of these lines, as a kubelet gives it.
fn stamped(lines: &[(&str, &str)]) -> String {
    lines.iter().map(|(stamp, line)| format!("{stamp} {line}")).collect()
}

/// What one pass over a stream gives, in pieces of this size; cut short where `cut` says so.
fn pass(stream: &[u8], place: &mut Place, piece: usize) -> (Vec<u8>, Option<Found>) {
    run(Pass::from(place, false), stream, place, piece)
}

fn run(mut pass: Pass, stream: &[u8], place: &mut Place, piece: usize) -> (Vec<u8>, Option<Found>) {
    let mut log = Vec::new();
    let mut out = |bytes: &[u8]| {
        log.extend_from_slice(bytes);
        Ok::<_, Infallible>(())
    };
    for piece in stream.chunks(piece) {
        let Ok(found) = pass.take(piece, place, &mut out);
        if found.is_some() {
            return (log, found);
        }
    }
    let Ok(found) = pass.end(place, &mut out);
    (log, found)
}

const ONE: &str = "2026-11-29T05:00:01.000000001Z";
const TWO: &str = "2026-11-29T05:00:02.5Z";
const LATER: &str = "2026-11-29T05:00:20Z";

#[test]
fn stamps_are_taken_away_whatever_is_in_the_lines() {
    let stream = stamped(&[(ONE, "a b\n"), (TWO, "\n"), (TWO, "\r\u{0}é\n"), (LATER, "end")]);
    for piece in 1..stream.len() {
        let (log, found) = pass(stream.as_bytes(), &mut Place::default(), piece);
        assert_eq!((log.as_slice(), found), ("a b\n\n\r\u{0}é\nend".as_bytes(), None));
    }
}

#[test]
fn stamps_are_kept_on_request() {
    let stream = stamped(&[(ONE, "a\n"), (TWO, "b\n")]);
    let mut place = Place::default();
    let (log, _) = run(Pass::from(&place, true), stream.as_bytes(), &mut place, 7);
    assert_eq!(log, stream.as_bytes());
}

#[test]
fn a_log_that_is_asked_for_again_goes_on_where_it_was_cut() {
    // Several lines with the same stamp, and offsets as some nodes write them.
    let stream = stamped(&[
        ("2026-11-29T07:00:01.1+02:00", "one\n"),
        (TWO, "two\n"),
        (TWO, "two\n"),
        (TWO, "three\n"),
        (LATER, "four and more\n"),
        (LATER, "five\n"),
    ]);
    let whole = "one\ntwo\ntwo\nthree\nfour and more\nfive\n";
    for cut in 0..=stream.len() {
        let mut place = Place::default();
        let (mut log, _) = pass(&stream.as_bytes()[..cut], &mut place, 5);
        let (rest, found) = pass(stream.as_bytes(), &mut place, 3);
        log.extend(rest);
        assert_eq!((log.as_slice(), found), (whole.as_bytes(), None), "cut at {cut}");
        assert_eq!(place.bytes, whole.len() as u64);
    }
}

#[test]
fn what_is_asked_for_again_begins_shortly_before_the_last_line() {
    let mut place = Place::default();
    assert_eq!(place.since(), None);
    pass(stamped(&[(ONE, "a\n")]).as_bytes(), &mut place, 9);
    assert_eq!(place.since().unwrap().to_string(), "2026-11-29T04:59:51.000000001Z");
}

#[test]
fn the_rest_of_a_long_line_is_left_out_where_its_begin_is() {
    let mut place = Place::default();
    pass(stamped(&[(ONE, "long\n"), (TWO, "a")]).as_bytes(), &mut place, 9);
    let again = format!("ng\n{}", stamped(&[(TWO, "ab c\n")]));
    for piece in 1..again.len() {
        let (rest, found) = pass(again.as_bytes(), &mut place.clone(), piece);
        assert_eq!((rest.as_slice(), found), (b"b c\n".as_slice(), None));
    }
}

#[test]
fn a_rotated_log_is_found_out_and_goes_on_after_the_gap() {
    let mut place = Place::default();
    pass(stamped(&[(ONE, "a\n"), (TWO, "b\n")]).as_bytes(), &mut place, 9);
    let rotated = stamped(&[(LATER, "y\n"), (LATER, "z\n")]);
    assert_eq!(pass(rotated.as_bytes(), &mut place.clone(), 9), (vec![], Some(Found::Lost)));
    assert_eq!(pass(b"", &mut place.clone(), 9), (vec![], Some(Found::Lost)));
    let (log, found) = run(Pass::after_a_gap(false), rotated.as_bytes(), &mut place, 9);
    assert_eq!((log.as_slice(), found), (b"y\nz\n".as_slice(), None));
    assert_eq!(pass(rotated.as_bytes(), &mut place, 9), (vec![], None));
}

#[test]
fn what_a_kubelet_says_in_place_of_a_log_is_no_log() {
    let remark = "unable to retrieve container logs for containerd://0123456789abcdef";
    let (log, found) = pass(remark.as_bytes(), &mut Place::default(), 10);
    assert_eq!((log, found), (vec![], Some(Found::Remark(remark.to_owned()))));
    let broken =
        format!("{}failed to read log file \"a\": input/output error", stamped(&[(ONE, "a\n")]));
    let (log, found) = pass(broken.as_bytes(), &mut Place::default(), 10);
    assert_eq!(log, b"a\n");
    assert!(matches!(found, Some(Found::Remark(said)) if said.contains("input/output error")));
}

#[test]
fn a_log_without_stamps_is_passed_on_and_counted() {
    let log = b"[2026-11-29 05:00:01] INFO a\nb\nc";
    for cut in 0..log.len() {
        let mut place = Place::default();
        let (mut got, _) = pass(&log[..cut], &mut place, 4);
        let (rest, found) = pass(log, &mut place, 4);
        got.extend(rest);
        assert_eq!((got.as_slice(), found), (log.as_slice(), None), "cut at {cut}");
    }
}

#[test]
fn the_last_line_tells_whether_anything_is_missing() {
    let mut place = Place::default();
    assert!(place.is_behind(b""));
    assert!(!place.is_behind(stamped(&[(ONE, "a\n")]).as_bytes()));
    let stream = stamped(&[(ONE, "a\n"), (TWO, "be\n")]);
    pass(&stream.as_bytes()[..stream.len() - 1], &mut place, 9);
    assert!(!place.is_behind(stamped(&[(TWO, "be\n")]).as_bytes()));
    pass(stream.as_bytes(), &mut place, 9);
    assert!(place.is_behind(stamped(&[(TWO, "be\n")]).as_bytes()));
    assert!(!place.is_behind(stamped(&[(LATER, "be\n")]).as_bytes()));
}

proptest! {
    #[test]
    fn however_often_it_is_cut_nothing_is_lost_or_doubled(
        lines in prop::collection::vec(
            (0_i64..4, prop::collection::vec(any::<u8>(), 0..40)), 1..30,
        ),
        cuts in prop::collection::vec(0_usize..2000, 0..5),
        piece in 1_usize..60,
    ) {
        let mut at = Timestamp::from_second(1_780_000_000).unwrap();
        let (mut stream, mut whole) = (Vec::new(), Vec::new());
        for (later, mut line) in lines {
            at += SignedDuration::from_millis(later * 700);
            line.retain(|byte| *byte != b'\n');
            line.push(b'\n');
            stream.extend_from_slice(format!("{at} ").as_bytes());
            stream.extend_from_slice(&line);
            whole.extend_from_slice(&line);
        }
        let mut place = Place::default();
        let mut log = Vec::new();
        for cut in cuts {
            let (more, _) = pass(&stream[..cut.min(stream.len())], &mut place, piece);
            log.extend(more);
        }
        let (more, found) = pass(&stream, &mut place, piece);
        log.extend(more);
        prop_assert_eq!(found, None);
        prop_assert_eq!(log, whole);
    }
}
