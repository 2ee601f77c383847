//! A log in pages, as OpenMetadata has them.
//!
//! In: the bytes of a log, in pieces as they come. Out: the one [`Page`] that is asked for, and how
//! many there are. All chunks together are the log, byte for byte, and a chunk that another one
//! follows never changes again, however long the log grows. At most one chunk is held in memory.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The most bytes of a chunk: OpenMetadata's figure, a message of 1 MiB less 64 KiB for the JSON
/// around it.
pub const CHUNK_BYTES: usize = (1 << 20) - (1 << 16);

/// Cuts a log into chunks while it passes.
#[derive(Debug)]
pub struct Chunks {
    /// The chunk that is kept.
    wanted: usize,
    /// How many are complete.
    complete: usize,
    /// What has passed since the last cut.
    passing: Vec<u8>,
    kept: Option<Vec<u8>>,
}

impl Chunks {
    /// Keeps this chunk, counted from 0.
    pub fn keeping(wanted: usize) -> Self {
        Self { wanted, complete: 0, passing: Vec::with_capacity(CHUNK_BYTES), kept: None }
    }

    /// The same of another log, from its begin.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::keeping(self.wanted)
    }

    /// Takes the next bytes of the log.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.passing.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.passing.extend_from_slice(now);
            bytes = later;
            if self.passing.len() == CHUNK_BYTES {
                let end = cut(&self.passing);
                if self.complete == self.wanted {
                    self.kept = Some(self.passing[..end].to_vec());
                }
                self.complete += 1;
                self.passing.drain(..end);
            }
        }
    }

    /// The page, once the log has ended or has no more for now.
    pub fn finish(mut self) -> Result<Page, TooFar> {
        let mut total = self.complete;
        // An empty log is one empty chunk, as in OpenMetadata.
        if !self.passing.is_empty() || total == 0 {
            total += 1;
            if self.complete == self.wanted {
                self.kept = Some(self.passing);
            }
        }
        match self.kept {
            Some(bytes) => Ok(Page { bytes, index: self.wanted, total }),
            None => Err(TooFar { total }),
        }
    }
}

/// Where a full chunk is cut: after its last line, unless that would leave less than half of it, and
/// then between two characters.
fn cut(full: &[u8]) -> usize {
    let lines_end = full.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if lines_end * 2 >= full.len() {
        return lines_end;
    }
    // A character has at most four bytes: what is incomplete are the last three at most.
    (full.len() - 3..full.len()).find(|at| is_begun_character(&full[*at..])).unwrap_or(full.len())
}

/// Whether these bytes are the begin of one character of UTF-8, and not all of it.
fn is_begun_character(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none())
}

/// There is no such chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFar {
    /// How many there are.
    pub total: usize,
}

/// One chunk of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The chunk, as it was written.
    pub bytes: Vec<u8>,
    /// Which one, counted from 0.
    pub index: usize,
    /// How many there are.
    pub total: usize,
}

impl Page {
    /// OpenMetadata's answer: the text under its task's key, the number of chunks, and the next one
    /// where there is one; numbers are strings there. JSON has no bytes, only characters: where a
    /// chunk is no UTF-8, its text has U+FFFD in place of what is none, and `base64` holds the chunk
    /// as it is.
    pub fn to_json(&self, task: &str) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        let exact = match &text {
            Cow::Borrowed(_) => None,
            Cow::Owned(_) => Some(STANDARD.encode(&self.bytes)),
        };
        let mut answer = Map::new();
        answer.insert(task.to_owned(), text.into());
        answer.insert("total".to_owned(), self.total.to_string().into());
        if self.index + 1 < self.total {
            answer.insert("after".to_owned(), (self.index + 1).to_string().into());
        }
        if let Some(exact) = exact {
            answer.insert("base64".to_owned(), exact.into());
        }
        Value::Object(answer)
    }
}

/// OpenMetadata's answer where there is no log: an empty text of no chunks, and under `logs`, which
/// its UI shows instead, why.
pub fn no_log(task: &str, why: &str) -> Value {
    let mut answer = Map::new();
    answer.insert(task.to_owned(), "".into());
    answer.insert("total".to_owned(), "0".into());
    answer.insert("logs".to_owned(), why.into());
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Every chunk of a log that comes in pieces of this size.
    fn chunks(log: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let page = |wanted| {
            let mut chunks = Chunks::keeping(wanted);
            for piece in log.chunks(piece) {
                chunks.take(piece);
            }
            chunks.finish()
        };
        let total = page(0).unwrap().total;
        assert_eq!(page(total), Err(TooFar { total }));
        (0..total).map(|wanted| page(wanted).unwrap().bytes).collect()
    }

    /// Lines of many lengths, with characters of one to four bytes.
    fn log(bytes: usize) -> Vec<u8> {
        let mut log = Vec::new();
        for number in 0.. {
            let line = format!("{number} é€😀 {}\n", "x".repeat(number * 7 % 400));
            log.extend_from_slice(line.as_bytes());
            if log.len() >= bytes {
                break;
            }
        }
        log
    }

    #[test]
    fn all_chunks_are_the_log_and_end_at_lines() {
        let log = log(3 * CHUNK_BYTES);
        let chunks = chunks(&log, 4096);
        assert_eq!(chunks.concat(), log);
        assert!(chunks.len() >= 4);
        for chunk in &chunks {
            assert!(chunk.len() <= CHUNK_BYTES && chunk.ends_with(b"\n"));
        }
    }

    #[test]
    fn one_endless_line_is_cut_between_characters() {
        let log = "€".repeat(CHUNK_BYTES).into_bytes();
        let chunks = chunks(&log, 1 << 20);
        assert_eq!(chunks.concat(), log);
        assert!(chunks.iter().all(|chunk| std::str::from_utf8(chunk).is_ok()));
        let log = format!("a{}", "😀".repeat(CHUNK_BYTES)).into_bytes();
        let chunks = self::chunks(&log, 1 << 20);
        assert!(chunks.iter().all(|chunk| std::str::from_utf8(chunk).is_ok()));
    }

    #[test]
    fn bytes_that_are_no_characters_are_cut_where_the_chunk_is_full() {
        let log = vec![0xff; CHUNK_BYTES * 2];
        let lengths: Vec<usize> = chunks(&log, 1000).iter().map(Vec::len).collect();
        assert_eq!(lengths, [CHUNK_BYTES, CHUNK_BYTES]);
    }

    #[test]
    fn a_chunk_that_another_follows_never_changes() {
        let log = log(4 * CHUNK_BYTES);
        let all = chunks(&log, 4096);
        for end in [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 12345] {
            let grown = chunks(&log[..end], 4096);
            assert_eq!(grown[..grown.len() - 1], all[..grown.len() - 1], "{end}");
        }
    }

    #[test]
    fn an_empty_log_is_one_empty_chunk() {
        assert_eq!(chunks(b"", 1), [Vec::<u8>::new()]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn pieces_make_no_difference(
            seed in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..20),
            piece in 1_usize..100_000,
        ) {
            let log: Vec<u8> = seed.iter().cycle().take(2000).flatten().copied().collect();
            let chunks = chunks(&log, piece);
            prop_assert_eq!(&chunks.concat(), &log);
            prop_assert_eq!(&chunks, &self::chunks(&log, log.len().max(1)));
            // None is less than half of what fits, but the last.
            let (_, full) = chunks.split_last().unwrap();
            prop_assert!(full.iter().all(|chunk| chunk.len() * 2 >= CHUNK_BYTES - 8));
        }
    }

    #[test]
    fn a_page_names_the_next_one_only_if_there_is_one() {
        let page = |index| Page { bytes: b"text\n".to_vec(), index, total: 2 };
        assert_eq!(
            page(0).to_json("ingestion_task"),
            json!({"ingestion_task": "text\n", "total": "2", "after": "1"})
        );
        assert_eq!(page(1).to_json("usage_task"), json!({"usage_task": "text\n", "total": "2"}));
    }

    #[test]
    fn what_is_no_utf_8_is_also_there_as_it_is() {
        let page = Page { bytes: b"a\xffb".to_vec(), index: 0, total: 1 };
        assert_eq!(
            page.to_json("dbt_task"),
            json!({"dbt_task": "a\u{fffd}b", "total": "1", "base64": STANDARD.encode(b"a\xffb")})
        );
    }

    #[test]
    fn without_a_log_the_ui_has_a_sentence_to_show() {
        let answer = no_log("ingestion_task", "the pod is gone");
        assert_eq!(answer, json!({"ingestion_task": "", "total": "0", "logs": "the pod is gone"}));
    }
}
