//! Rules about when a pipeline runs.
//!
//! In: `schedule` and `timeZone`. Out: a [`Schedule`] and a [`TimeZone`] that Kubernetes takes.

use super::place;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Schedule, TimeZone};
use crate::tree::Node;

/// `schedule`: what Kubernetes' CronJob takes; with a warning when there is no time at which it
/// fires.
pub fn schedule(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Schedule> {
    let schedule =
        place::parse(node, route, (&code::SCHEDULE, "schedule"), Schedule::parse, found)?;
    if !schedule.ever_fires() {
        found.push(
            Diagnostic::warning(&code::SCHEDULE_NEVER_FIRES, node.span, "the schedule never fires")
                .with_route(route)
                .with_label("no month has such a day")
                .with_note(
                    "Kubernetes accepts it; its controller then logs an error at every look and starts no run",
                )
                .with_help("leave `schedule` out for a pipeline that is started by hand"),
        );
    }
    Some(schedule)
}

/// `timeZone`: a name of the IANA database.
pub fn time_zone(node: &Node, route: &str, found: &mut Diagnostics) -> Option<TimeZone> {
    place::parse(node, route, (&code::TIME_ZONE, "time zone"), TimeZone::parse, found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;
    use crate::diagnostic::Severity;

    #[test]
    fn a_wrong_hour_is_marked_within_the_schedule() {
        let text = Text::of(json!("0 25 * * *"));
        assert_eq!(
            text.findings(|node, found| schedule(node, "spec.schedule", found)),
            [("OMP0401", "25")]
        );
    }

    #[test]
    fn a_schedule_that_never_fires_is_a_warning_and_still_a_schedule() {
        let text = Text::of(json!("0 0 31 2 *"));
        let mut found = Diagnostics::default();
        assert!(schedule(&text.node, "spec.schedule", &mut found).is_some());
        let found = found.into_sorted();
        assert_eq!((found[0].code.id, found[0].severity), ("OMP0402", Severity::Warning));
    }

    #[test]
    fn a_good_schedule_and_zone_give_no_finding() {
        for good in ["0 3 * * *", "@daily", "@every 6h", "*/5 1-3 * JAN-MAR MON"] {
            let text = Text::of(json!(good));
            assert_eq!(text.findings(|node, found| schedule(node, "", found)), []);
        }
        let text = Text::of(json!("Europe/Zurich"));
        assert_eq!(text.findings(|node, found| time_zone(node, "", found)), []);
    }

    #[test]
    fn an_unknown_zone_is_an_error_with_the_zone_that_was_meant() {
        let text = Text::of(json!("Europe/Zuerich"));
        let found = text.diagnostics(|node, found| time_zone(node, "spec.timeZone", found));
        assert_eq!(found[0].code.id, "OMP0403");
        assert_eq!(found[0].help.as_deref(), Some("did you mean `Europe/Zurich`?"));
    }
}
