//! Names of time zones, from the IANA database that ompipe carries: the same on every machine.
//!
//! In: a name as written. Out: a [`TimeZone`], or the name that was meant. Case matters: Kubernetes
//! loads zones through Go, which on Linux takes a name only as the database spells it. One zone is
//! parsed at its first use, none at start.

use compact_str::CompactString;
use jiff::tz::TimeZoneDatabase;

use super::newtype::text_newtype;
use super::refusal::Refusal;
use crate::diagnostic::{nearest, suggestion};

/// The name of a time zone; deprecated names, such as `US/Pacific`, are names too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimeZone(CompactString);
text_newtype!(TimeZone);

impl TimeZone {
    /// `UTC`.
    pub fn utc() -> Self {
        Self(CompactString::const_new("UTC"))
    }

    /// Its offsets and when they change.
    pub fn rules(&self) -> jiff::tz::TimeZone {
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new(0..0, "it is empty")
                .with_help("leave `timeZone` out for the cluster's own zone"));
        }
        if text.eq_ignore_ascii_case("Local") {
            return Err(Refusal::whole(
                text,
                "Kubernetes takes no `Local`: it would differ from machine to machine",
            )
            .with_help("write the zone's name, such as `Europe/Zurich`, or leave `timeZone` out"));
        }
        let database = TimeZoneDatabase::bundled();
        if let Ok(zone) = database.get(text)
            && let Some(name) = zone.iana_name().filter(|name| *name != "Etc/Unknown")
        {
            if name == text {
                return Ok(Self(name.into()));
            }
            return Err(Refusal::whole(
                text,
                "the IANA database spells it differently, and case matters on Linux",
            )
            .with_help(format!("write `{name}`")));
        }
        let refusal = Refusal::whole(text, "the IANA database has no such time zone");
        Err(match meant(text, &database) {
            Some(name) => refusal.with_help(suggestion(&name)),
            None => refusal
                .with_help("zones are named like `Europe/Zurich`, `America/New_York` and `UTC`"),
        })
    }
}

/// The known name that is nearest: as a whole, by its city alone, or of an abbreviation that people
/// use.
fn meant(text: &str, database: &TimeZoneDatabase) -> Option<String> {
    const ABBREVIATIONS: [(&str, &str); 8] = [
        ("CEST", "Europe/Berlin"),
        ("PST", "America/Los_Angeles"),
        ("PDT", "America/Los_Angeles"),
        ("EDT", "America/New_York"),
        ("CST", "America/Chicago"),
        ("BST", "Europe/London"),
        ("IST", "Asia/Kolkata"),
        ("JST", "Asia/Tokyo"),
    ];
    if let Some((_, name)) =
        ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(text))
    {
        return Some((*name).to_owned());
    }
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let written = text.trim().replace(' ', "_");
    let city = names.iter().find(|name| {
        name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&written))
            && name.contains('/')
    });
    city.map(String::as_str)
        .or_else(|| nearest(&written, names.iter().map(String::as_str)))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_database_is_taken_and_deprecated_ones_too() {
        for name in [
            "Europe/Zurich",
            "America/Argentina/Buenos_Aires",
            "UTC",
            "US/Pacific",
            "Asia/Calcutta",
            "EST5EDT",
            "Etc/GMT+3",
        ] {
            assert_eq!(TimeZone::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn the_case_must_be_the_databases_as_linux_tells_file_names_apart() {
        let refusal = TimeZone::parse("europe/zurich").unwrap_err();
        assert_eq!(refusal.help.as_deref(), Some("write `Europe/Zurich`"));
        assert_eq!(TimeZone::parse("utc").unwrap_err().help.as_deref(), Some("write `UTC`"));
    }

    #[test]
    fn a_slip_a_city_alone_and_an_abbreviation_find_the_zone() {
        for (written, meant) in [
            ("Europe/Zuerich", "Europe/Zurich"),
            ("Zurich", "Europe/Zurich"),
            ("New York", "America/New_York"),
            ("CEST", "Europe/Berlin"),
        ] {
            let help = TimeZone::parse(written).unwrap_err().help.unwrap();
            assert_eq!(help, format!("did you mean `{meant}`?"));
        }
    }

    #[test]
    fn local_and_the_empty_name_are_refused() {
        for bad in ["", "Local", "local", "Etc/Unknown", "Mars/Olympus", "../etc/passwd"] {
            assert!(TimeZone::parse(bad).is_err(), "{bad}");
        }
    }
}
