//! How far a log was read, and finding that place again.
//!
//! In: a log with the time stamps that a kubelet puts before each line, in pieces as they come. Out:
//! the same bytes without the stamps. After a cut connection the log is asked for anew, from
//! shortly before the last line's time, and what was passed on already is left out. Lines are never
//! held in memory, however long they are.
//!
//! Bytes alone cannot say where a log goes on: a kubelet rotates logs, by default every 10 MiB, and
//! gives only the newest file. A stamp has nanoseconds, and stays a line's own.

use jiff::{SignedDuration, Timestamp};

/// How long before the last line's time a log is asked for again: clocks of nodes are set back, and
/// two streams of a container may write out of order.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// So much later than the last line a line shows that the last one is not there any more.
const BEYOND: SignedDuration = SignedDuration::from_secs(5);
/// The longest stamp: nanoseconds and an offset.
const LONGEST_STAMP: usize = "2026-01-01T00:00:00.000000000+00:00".len();
/// The shortest one.
const SHORTEST_STAMP: usize = "2026-01-01T00:00:00Z".len();
/// What is kept of a kubelet's remark.
const LONGEST_REMARK: usize = 400;

/// How far a log was passed on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// How many bytes of the log were passed on.
    pub bytes: u64,
    /// The last line that was begun.
    line: Option<Line>,
    /// Whether the stream has no stamps: what gives it is no kubelet. Then bytes are all that can be
    /// counted.
    unstamped: bool,
}

/// A line that was passed on, in part or as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    stamp: String,
    /// Which one of those that follow each other with the same stamp, from 1.
    nth: u32,
    /// How many of its bytes were passed on.
    bytes: u64,
}

impl Place {
    /// From when on to ask for the log again; `None`: from its begin.
    pub fn since(&self) -> Option<Timestamp> {
        self.time()?.checked_sub(MARGIN).ok()
    }

    /// When the last line was written.
    fn time(&self) -> Option<Timestamp> {
        self.line.as_ref()?.stamp.parse().ok()
    }

    /// Whether what gives the log puts no stamps before its lines.
    pub fn is_without_stamps(&self) -> bool {
        self.unstamped
    }

    /// Whether the last line of the log, as the kubelet gives it with its stamp, is the one that was
    /// passed on last, and passed on whole.
    pub fn is_behind(&self, last: &[u8]) -> bool {
        let Some(line) = &self.line else { return last.is_empty() };
        let stamp = line.stamp.as_bytes();
        last.starts_with(stamp)
            && last.get(stamp.len()) == Some(&b' ')
            && (last.len() - stamp.len() - 1) as u64 == line.bytes
    }
}

/// What a pass found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The kubelet says something in place of the log.
    Remark(String),
    /// The place is not there any more: the log was rotated. A pass that [looks for
    /// nothing](Pass::after_a_gap) gives what there is.
    Lost,
}

/// One connection's way through a log.
#[derive(Debug)]
pub struct Pass {
    seek: Seek,
    at: At,
    /// What came of a stamp, or of a remark.
    begun: Vec<u8>,
    /// Whether the stamps are passed on, too.
    keeps_stamps: bool,
}

/// Where in the stream a pass is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Where a line's stamp should be.
    Stamp,
    /// In a line.
    Line,
    /// In what a kubelet says in place of a line.
    Remark,
}

/// What a pass looks for, before all that comes is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seek {
    /// Nothing.
    New,
    /// The last line that was passed on; so many with its stamp have been seen.
    Line { seen: u32 },
    /// So many bytes were passed on already: of the line, or of a log without stamps.
    Bytes(u64),
    /// The first line after the last one's time.
    Later,
}

impl Pass {
    /// A pass through a log that is asked for from [`Place::since`] on.
    pub fn from(place: &Place, keeps_stamps: bool) -> Self {
        let seek = match place {
            Place { unstamped: true, bytes, .. } => Seek::Bytes(*bytes),
            Place { line: Some(_), .. } => Seek::Line { seen: 0 },
            Place { line: None, .. } => Seek::New,
        };
        Self { seek, at: At::Stamp, begun: Vec::new(), keeps_stamps }
    }

    /// A pass that goes on after the last line's time, where that line is gone.
    pub fn after_a_gap(keeps_stamps: bool) -> Self {
        Self { seek: Seek::Later, at: At::Stamp, begun: Vec::new(), keeps_stamps }
    }

    /// Takes the next bytes of the connection, and gives those of the log that are new to `out`.
    /// What it has found out ends the pass.
    pub fn take<E>(
        &mut self,
        mut bytes: &[u8],
        place: &mut Place,
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<Found>, E> {
        while !bytes.is_empty() {
            match self.at {
                At::Line if place.unstamped => {
                    self.pass_on(bytes, place, out)?;
                    return Ok(None);
                }
                At::Line => {
                    let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
                    let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.pass_on(line, place, out)?;
                    if end.is_some() {
                        self.at = At::Stamp;
                    }
                    bytes = rest;
                }
                At::Stamp => {
                    let room = LONGEST_STAMP + 1 - self.begun.len();
                    let end = bytes.iter().take(room).position(|byte| matches!(byte, b' ' | b'\n'));
                    let (begin, rest) =
                        bytes.split_at(end.map_or(room.min(bytes.len()), |at| at + 1));
                    bytes = rest;
                    let found = if self.begun.is_empty() && end.is_some() {
                        self.begin_line(begin, place, out)?
                    } else {
                        self.begun.extend_from_slice(begin);
                        if end.is_none() && self.begun.len() <= LONGEST_STAMP {
                            continue;
                        }
                        let begun = std::mem::take(&mut self.begun);
                        self.begin_line(&begun, place, out)?
                    };
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                At::Remark => {
                    let room = LONGEST_REMARK.saturating_sub(self.begun.len());
                    self.begun.extend_from_slice(&bytes[..room.min(bytes.len())]);
                    bytes = &[];
                }
            }
        }
        Ok(None)
    }

    /// The connection has ended, as it should or not: what has been found out.
    pub fn end<E>(
        mut self,
        place: &mut Place,
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<Found>, E> {
        // A log without stamps, or a remark, may be shorter than a stamp.
        if self.at == At::Stamp && !could_be_stamp(&self.begun) {
            let begun = std::mem::take(&mut self.begun);
            let found = self.begin_line(&begun, place, out)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(match (self.at, self.seek) {
            (At::Remark, _) => {
                Some(Found::Remark(String::from_utf8_lossy(&self.begun).trim_end().to_owned()))
            }
            (_, Seek::Line { .. }) => Some(Found::Lost),
            (_, Seek::Bytes(1..)) => Some(Found::Lost),
            _ => None,
        })
    }

    /// What stands where a stamp should has come.
    fn begin_line<E>(
        &mut self,
        begin: &[u8],
        place: &mut Place,
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<Found>, E> {
        let stamp = begin.strip_suffix(b" ").filter(|stamp| is_stamp(stamp));
        let Some(stamp) = stamp.and_then(|stamp| std::str::from_utf8(stamp).ok()) else {
            self.begin_without_stamp(begin, place, out)?;
            return Ok(None);
        };
        if place.unstamped {
            // The first line of a log without stamps looks like one with a stamp the second time
            // only if somebody else gives it now.
            return Ok(Some(Found::Lost));
        }
        self.at = At::Line;
        let since_last = || {
            let (last, this) = (place.time()?, stamp.parse::<Timestamp>().ok()?);
            Some(this.duration_since(last))
        };
        match &mut self.seek {
            Seek::New => {}
            Seek::Bytes(0) => self.seek = Seek::New,
            // The line is shorter than it was.
            Seek::Bytes(_) => return Ok(Some(Found::Lost)),
            Seek::Line { seen } => {
                let Some(line) = place.line.as_ref().filter(|line| line.stamp == stamp) else {
                    let is_beyond = since_last().is_some_and(|since| since > BEYOND);
                    return Ok(is_beyond.then_some(Found::Lost));
                };
                *seen += 1;
                if *seen == line.nth {
                    self.seek = Seek::Bytes(line.bytes);
                }
                return Ok(None);
            }
            Seek::Later if since_last().is_some_and(|since| since <= SignedDuration::ZERO) => {
                return Ok(None);
            }
            Seek::Later => self.seek = Seek::New,
        }
        match &mut place.line {
            Some(line) if line.stamp == stamp => {
                line.nth += 1;
                line.bytes = 0;
            }
            Some(line) => {
                line.stamp.clear();
                line.stamp.push_str(stamp);
                (line.nth, line.bytes) = (1, 0);
            }
            none => *none = Some(Line { stamp: stamp.to_owned(), nth: 1, bytes: 0 }),
        }
        if self.keeps_stamps {
            out(begin)?;
        }
        Ok(None)
    }

    fn begin_without_stamp<E>(
        &mut self,
        begin: &[u8],
        place: &mut Place,
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.at = match self.seek {
            _ if is_remark(begin) => {
                self.begun = begin.to_vec();
                At::Remark
            }
            // The rest of a long line, whose begin is older than what was asked for.
            Seek::Line { seen: 0 } | Seek::Later if begin.ends_with(b"\n") => At::Stamp,
            Seek::Line { seen: 0 } | Seek::Later => At::Line,
            // Nothing has a stamp: this is no kubelet.
            Seek::New | Seek::Bytes(_) if place.line.is_none() => {
                place.unstamped = true;
                self.pass_on(begin, place, out)?;
                At::Line
            }
            _ => {
                self.begun = begin.to_vec();
                At::Remark
            }
        };
        Ok(())
    }

    /// Bytes of a line.
    fn pass_on<E>(
        &mut self,
        mut bytes: &[u8],
        place: &mut Place,
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Seek::Bytes(known) = &mut self.seek {
            let skipped = (*known).min(bytes.len() as u64);
            *known -= skipped;
            // It is at most the length of a slice.
            bytes = &bytes[skipped as usize..];
            if *known == 0 {
                self.seek = Seek::New;
            }
        }
        if bytes.is_empty() || self.seek != Seek::New {
            return Ok(());
        }
        out(bytes)?;
        place.bytes += bytes.len() as u64;
        if let Some(line) = &mut place.line {
            line.bytes += bytes.len() as u64;
        }
        Ok(())
    }
}

/// Whether a kubelet begins so when it has no log to give. It answers 200 before it looks, and then
/// says what is wrong where the log should be.
fn is_remark(begin: &[u8]) -> bool {
    // As far as a space or the length of a stamp.
    const BEGINS: [&[u8]; 5] = [b"unable ", b"failed ", b"rpc ", b"container ", b"pod "];
    BEGINS.contains(&begin)
}

/// Whether this is a time as kubelets write it: RFC 3339, with up to nine digits of a second.
fn is_stamp(text: &[u8]) -> bool {
    (SHORTEST_STAMP..=LONGEST_STAMP).contains(&text.len())
        && could_be_stamp(text)
        && (text.ends_with(b"Z") || matches!(text[text.len() - 6], b'+' | b'-'))
}

/// Whether a stamp may begin so.
fn could_be_stamp(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    text.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    })
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
