//! What an answer of OpenMetadata means for the next attempt.
//!
//! In: status, headers and body of an answer. Out: a [`Verdict`]. What the server says is cut short
//! and without secrets when it is told.

use core::time::Duration;

use serde_json::Value;

/// The longest that a server's `Retry-After` is honoured.
const LONGEST_PAUSE_ASKED: Duration = Duration::from_secs(30);
/// As much of a server's message as is told.
const MESSAGE: usize = 300;

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It did what was asked.
    Fine,
    /// It may do so a moment later.
    Passing {
        /// How long the server asks to be left alone.
        wait: Duration,
    },
    /// It is no, which is hardly going to change: a server that starts, or a proxy before it, says
    /// so too, for a moment.
    Doubtful {
        /// What to do about it.
        remedy: &'static str,
    },
    /// It is no.
    Refused {
        /// What to do about it.
        remedy: &'static str,
    },
}

/// The verdict on an HTTP status, with the header `Retry-After`.
pub(super) fn of(status: u16, retry_after: Option<&str>) -> Verdict {
    match status {
        200..=299 => Verdict::Fine,
        // 409: somebody else, the run itself perhaps, changed the status at the same time.
        408 | 409 | 412 | 423 | 425 | 429 | 500.. => {
            let seconds = retry_after.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            Verdict::Passing { wait: Duration::from_secs(seconds).min(LONGEST_PAUSE_ASKED) }
        }
        401 => Verdict::Doubtful {
            remedy: "The token is wrong or has expired: take the bot's current one from OpenMetadata, and put it into the Secret that securityConfig.jwtToken refers to.",
        },
        403 => Verdict::Doubtful {
            remedy: "The token's bot may not do this: it needs a role like the ingestion bot's, with ViewAll and EditIngestionPipelineStatus on ingestion pipelines.",
        },
        404 => Verdict::Doubtful {
            remedy: "Create the ingestion pipeline in OpenMetadata by that name; or mend hostPort, which ends in /api.",
        },
        300..=399 => Verdict::Refused {
            remedy: "Write as hostPort the address that answers itself: redirections are not followed, since they would lead a token elsewhere.",
        },
        _ => Verdict::Refused { remedy: "OpenMetadata's own log says more." },
    }
}

/// The remedy for an answer that no OpenMetadata gives.
pub(super) const NO_OPENMETADATA: &str =
    "Is hostPort the address of OpenMetadata's API? It ends in /api; without, its pages answer.";

/// What an answer of failure says, in a line.
pub(super) fn told(status: u16, body: &[u8]) -> String {
    let message = serde_json::from_slice::<Value>(body).ok();
    let message =
        message.as_ref().and_then(|body| body.get("message")?.as_str()).unwrap_or_default();
    let message: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match message.char_indices().nth(MESSAGE) {
        _ if message.is_empty() => format!("it answers {status}"),
        Some((end, _)) => format!("it answers {status}: {}…", &message[..end]),
        None => format!("it answers {status}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_conflicts_and_failures_pass() {
        for status in [408, 409, 429, 500, 502, 503, 504] {
            assert_eq!(of(status, None), Verdict::Passing { wait: Duration::ZERO }, "{status}");
        }
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_asks_within_reason() {
        let wait = |text| of(503, Some(text));
        assert_eq!(wait("7"), Verdict::Passing { wait: Duration::from_secs(7) });
        assert_eq!(wait("86400"), Verdict::Passing { wait: LONGEST_PAUSE_ASKED });
        let date = wait("Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(date, Verdict::Passing { wait: Duration::ZERO });
    }

    #[test]
    fn refusals_are_doubted_where_a_starting_server_gives_them_too() {
        for status in [401, 403, 404] {
            assert!(matches!(of(status, None), Verdict::Doubtful { .. }), "{status}");
        }
        for status in [301, 302, 400, 405, 413, 422] {
            assert!(matches!(of(status, None), Verdict::Refused { .. }), "{status}");
        }
        assert_eq!(of(200, None), Verdict::Fine);
    }

    #[test]
    fn a_failure_is_told_in_the_servers_words_on_one_line_and_not_at_length() {
        let body = br#"{"code": 404, "message": "ingestionPipeline\ninstance not found"}"#;
        assert_eq!(told(404, body), "it answers 404: ingestionPipeline instance not found");
        assert_eq!(told(502, b"<html>"), "it answers 502");
        let long = format!(r#"{{"message": "{}"}}"#, "é".repeat(1000));
        assert_eq!(told(500, long.as_bytes()).chars().count(), 317);
    }
}
