//! Trying again what a cluster cannot answer for the moment.
//!
//! In: a request, as often as it is wanted. Out: its answer, or the last error, which is one that
//! does not pass, or one that did not pass for as long as there was [`Patience`].

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use super::credentials;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: short enough that a server that is up again is seen soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one answer is waited for at least, however little patience there is: what a busy server
/// takes for a page of large objects.
const ANSWER: Duration = Duration::from_secs(5);
/// Into how many the patience is parted, so that there is some left for another connection when one
/// is dead and nobody says so.
const ANSWERS: u32 = 2;

/// How long faults that pass are waited for, in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// An API server that restarts is back within this time.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Sends a request until it is answered. A request must be one that may be carried out twice, or
/// whose caller understands an answer of `AlreadyExists` or `NotFound` as its own doing.
pub(super) async fn retried<T>(
    patience: Patience,
    mut ask: impl AsyncFnMut() -> Result<T, kube::Error>,
) -> Result<T, kube::Error> {
    let end = Instant::now() + patience.0;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(asked) = pause_asked(&error) else { return Err(error) };
        let wait = jittered(pause).max(asked);
        if Instant::now() + wait > end {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits for one answer, for a part of what patience there is.
pub(super) async fn answered<T>(
    patience: Patience,
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, kube::Error> {
    let longest = (patience.0 / ANSWERS).max(ANSWER);
    match tokio::time::timeout(longest, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let why = format!("it took the request and said nothing for {} s", longest.as_secs());
            Err(kube::Error::Service(why.into()))
        }
    }
}

/// Whether the same request may be answered a moment later.
pub fn is_passing(error: &kube::Error) -> bool {
    pause_asked(error).is_some()
}

/// How long the server asks to be left alone at least; `None`: the fault does not pass.
fn pause_asked(error: &kube::Error) -> Option<Duration> {
    match error {
        kube::Error::Api(status) => {
            let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            // A webhook that fails answers 500 and is asked again by everybody else, too.
            let passes = matches!(status.code, 429 | 500 | 502 | 503 | 504);
            passes.then(|| Duration::from_secs(u64::from(seconds)))
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
            (!is_about_trust(error) && credentials::failure(error).is_none())
                .then_some(Duration::ZERO)
        }
        _ => None,
    }
}

/// A certificate that is not trusted stays so.
fn is_about_trust(error: &kube::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Between half and all of a pause, so that many clients do not come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // The hasher's keys are drawn by the system; no other randomness is needed here.
    let drawn = RandomState::new().build_hasher().finish() as u32;
    pause.mul_f64(0.5 + f64::from(drawn) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answer(code: u16) -> kube::Error {
        kube::Error::Api(Status { code, ..Status::failure("", "") }.boxed())
    }

    #[test]
    fn overload_and_failures_of_the_server_pass_and_refusals_do_not() {
        for code in [429, 500, 502, 503, 504] {
            assert!(is_passing(&answer(code)), "{code}");
        }
        for code in [400, 401, 403, 404, 409, 410, 413, 422] {
            assert!(!is_passing(&answer(code)), "{code}");
        }
    }

    #[test]
    fn the_server_is_left_alone_for_as_long_as_it_asks() {
        let details = serde_json::json!({"code": 429, "details": {"retryAfterSeconds": 7}});
        let status: Status = serde_json::from_value(details).unwrap();
        let asked = pause_asked(&kube::Error::Api(status.boxed()));
        assert_eq!(asked, Some(Duration::from_secs(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_an_error_at_once_and_what_passes_when_patience_ends() {
        let asked = |code| async move {
            let mut times = 0;
            let answer = retried(Patience::default(), async || {
                times += 1;
                Err::<(), _>(answer(code))
            });
            assert!(answer.await.is_err());
            times
        };
        assert_eq!(asked(422).await, 1);
        let patient = Patience(Duration::ZERO);
        assert!(retried(patient, async || Err::<(), _>(answer(503))).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for_longer_than_one_that_is_down() {
        let began = tokio::time::Instant::now();
        let silence = answered(
            Patience(Duration::from_secs(1)),
            std::future::pending::<Result<(), kube::Error>>(),
        );
        let error = silence.await.unwrap_err();
        assert_eq!(began.elapsed(), ANSWER);
        assert!(
            is_passing(&error) && error.to_string().contains("said nothing for 5 s"),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_late_is_an_answer() {
        let mut times = 0;
        let answer = retried(Patience::default(), async || {
            times += 1;
            if times < 4 { Err(answer(503)) } else { Ok(times) }
        });
        assert_eq!(answer.await.unwrap(), 4);
    }
}
