//! How main ended, as far as one can tell.
//!
//! In: the variable `pipelineStatus`, the file in which main's launcher leaves its exit code, or
//! main's exit code by the API. Out: an [`Outcome`].

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Main ended by itself with exit code 0.
    Succeeded,
    /// It ended in any other way.
    Failed,
}

impl Outcome {
    /// By `pipelineStatus`: Kubernetes' word, or OpenMetadata's. All but success is failure.
    pub fn of_status(text: &str) -> Self {
        Self::of(matches!(text, "Succeeded" | "success"))
    }

    /// By main's exit code.
    pub fn of_exit_code(code: i64) -> Self {
        Self::of(code == 0)
    }

    fn of(succeeded: bool) -> Self {
        if succeeded { Self::Succeeded } else { Self::Failed }
    }
}

/// The exit code in the file in which main's launcher leaves it. `None` where main was killed before
/// it could write.
pub fn exit_code_in_file(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_words_of_success_are_success() {
        for word in ["Succeeded", "success"] {
            assert_eq!(Outcome::of_status(word), Outcome::Succeeded);
        }
        for word in ["Failed", "failed", "succeeded", "Unknown", ""] {
            assert_eq!(Outcome::of_status(word), Outcome::Failed, "{word}");
        }
    }

    #[test]
    fn a_main_that_wrote_no_exit_code_is_not_known_to_have_ended_well() {
        let outcome = |text| exit_code_in_file(text).map(Outcome::of_exit_code);
        assert_eq!(outcome("0\n"), Some(Outcome::Succeeded));
        assert_eq!(outcome("143\n"), Some(Outcome::Failed));
        assert_eq!(outcome("-1\n"), Some(Outcome::Failed));
        assert_eq!((outcome("\n"), outcome("")), (None, None));
    }
}
