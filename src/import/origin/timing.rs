//! When a pipeline runs, as its origin says it → what a definition takes.
//!
//! In: a schedule and a time zone as written elsewhere. Out: a [`Timing`] that validates; what it
//! cannot say is noted.

use crate::import::draft::{Draft, Timing};
use crate::model::{Schedule, TimeZone};

/// Sets when a draft runs.
pub(super) fn set(
    draft: &mut Draft,
    schedule: Option<&str>,
    time_zone: Option<&str>,
    enabled: bool,
) {
    let schedule = schedule.map(str::trim).filter(|text| !matches!(*text, "" | "None"));
    let schedule = schedule.and_then(|text| match Schedule::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(refusal) => {
            draft.note(format!("its schedule `{text}` is left out: {}", refusal.reason));
            None
        }
    });
    // Without a schedule there is nothing that a time zone could be of.
    let time_zone = time_zone.filter(|_| schedule.is_some());
    let time_zone = time_zone.and_then(|text| match TimeZone::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(refusal) => {
            draft.note(format!("its time zone `{text}` is left out: {}", refusal.reason));
            None
        }
    });
    draft.timing = Timing { schedule, time_zone, enabled };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::PipelineType;
    use crate::tree::{Mapping, Node};

    #[test]
    fn a_schedule_that_kubernetes_does_not_take_is_noted_and_left_out() {
        let mut draft =
            Draft::of_workflow(String::new(), PipelineType::Usage, Node::new(Mapping::new()));
        set(&mut draft, Some("0 3 * * *"), Some("Europe/Zurich"), true);
        assert_eq!(draft.timing.schedule.as_deref(), Some("0 3 * * *"));
        assert_eq!(draft.timing.time_zone.as_deref(), Some("Europe/Zurich"));
        assert!(draft.left_behind.is_empty());
        set(&mut draft, Some("@once"), Some("UTC"), false);
        assert_eq!(draft.timing, Timing { schedule: None, time_zone: None, enabled: false });
        set(&mut draft, Some("@daily"), Some("Mars/Olympus"), true);
        assert_eq!(draft.timing.time_zone, None);
        assert_eq!(draft.left_behind.len(), 2, "{:?}", draft.left_behind);
    }
}
