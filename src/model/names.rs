//! The names of everything that a pipeline becomes in a cluster.
//!
//! In: a pipeline's name as written. Out: [`ObjectNames`]: OpenMetadata's own names wherever they
//! are valid and fit, and otherwise the sanitized name cut short with a hash of the whole, so that
//! two pipelines never share an object. It is a function of the name alone: the same on every
//! machine and in every project.

use compact_str::CompactString;
use sha2::{Digest, Sha256};

use super::EntityKind;
use super::dns::{LABEL_MAX, SUBDOMAIN_MAX, bad_character};
use super::label::LabelValue;
use super::newtype::text_newtype;
use super::refusal::Refusal;

/// The longest name of an entity that OpenMetadata stores (its schema's `EntityName`).
const ENTITY_NAME_MAX: usize = 256;
/// A CronJob's name; its controller appends `-` and ten digits to name a Job, whose name is a
/// label's value too.
const CRON_JOB_MAX: usize = LABEL_MAX - 11;
/// A CronOMJob's name; a scheduled run appends `-` and the tick's epoch seconds, and its pods
/// `-main` or `-exit`.
const CRON_OM_JOB_MAX: usize = LABEL_MAX - 11 - POD_SUFFIX;
/// `-main` and `-exit`, which the operator appends to an OMJob's name to name its pods.
const POD_SUFFIX: usize = "-main".len();
/// `-` and the first eight characters of a run's id, which a Job's and an OMJob's name ends with.
const RUN_SUFFIX: usize = 1 + RUN_ID_CHARACTERS;
const RUN_ID_CHARACTERS: usize = 8;
/// Characters of the hash, five bits each: among 100,000 pipelines whose names are cut to the same
/// beginning, the chance that any two agree in 50 bits is one in 200,000.
const HASH_CHARACTERS: usize = 10;
/// Sets the hash apart. A name that ends in two hyphens and ten such characters is hashed as well,
/// whatever its length, so that nobody's own name is ever another's hashed one.
const HASH_SEPARATOR: &str = "--";
/// Crockford's digits: no letter that is taken for a digit.
const HASH_DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of a pipeline, as OpenMetadata knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PipelineName(CompactString);
text_newtype!(PipelineName);

/// The name of a service, as OpenMetadata knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServiceName(CompactString);
text_newtype!(ServiceName);

impl PipelineName {
    /// Reads a name: what OpenMetadata takes as an entity's name, whether or not it is a Kubernetes
    /// name too.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_entity_name(text).map(|()| Self(text.into()))
    }
}

impl ServiceName {
    /// Reads a name: what OpenMetadata takes as an entity's name.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_entity_name(text).map(|()| Self(text.into()))
    }
}

/// `service.pipeline`, as OpenMetadata names a pipeline; a part with a dot in it stands in quotes.
pub fn fully_qualified_name(service: &str, pipeline: &str) -> CompactString {
    let quoted = |part: &str| match part.contains('.') {
        true => format!("\"{part}\""),
        false => part.to_owned(),
    };
    format!("{}.{}", quoted(service), quoted(pipeline)).into()
}

fn check_entity_name(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::whole(text, "it is empty"));
    }
    let length = text.chars().count();
    if length > ENTITY_NAME_MAX {
        return Err(Refusal::whole(
            text,
            format!(
                "OpenMetadata takes at most {ENTITY_NAME_MAX} characters, and this has {length}"
            ),
        ));
    }
    if let Some(at) = text.find("::") {
        return Err(Refusal::new(at..at + 2, "OpenMetadata keeps `::` for itself"));
    }
    if let Some((range, found)) = bad_character(text, |c| !c.is_control()) {
        return Err(Refusal::new(range, format!("a name must not hold {found}")));
    }
    Ok(())
}

/// The names of a pipeline's objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectNames {
    /// The ConfigMap with the workflow.
    pub config_map: CompactString,
    /// The Secret with the workflow, of the ways that have one.
    pub secret: CompactString,
    /// The CronJob.
    pub cron_job: CompactString,
    /// The CronOMJob. OpenMetadata's own spelling.
    pub cron_om_job: CompactString,
    /// The folder of the pipeline's files.
    pub folder: CompactString,
    /// The value of the label `app.kubernetes.io/pipeline`.
    pub label: LabelValue,
    /// Whether any of them says something else than the name as written.
    pub changed: bool,
    job_stem: CompactString,
    om_job_stem: CompactString,
    application_stem: CompactString,
}

impl ObjectNames {
    /// The names of a pipeline's objects.
    pub fn of(pipeline: &PipelineName) -> Self {
        let mut stems = Stems::of(pipeline.as_str());
        let names = Self {
            config_map: stems.object("om-config-", SUBDOMAIN_MAX),
            secret: stems.object("om-secret-", SUBDOMAIN_MAX),
            cron_job: stems.object("om-cronjob-", CRON_JOB_MAX),
            cron_om_job: stems.object("om-cronomjob-", CRON_OM_JOB_MAX),
            folder: stems.object("", SUBDOMAIN_MAX),
            job_stem: stems.object("om-job-", LABEL_MAX - RUN_SUFFIX),
            om_job_stem: stems.object("om-job-", LABEL_MAX - RUN_SUFFIX - POD_SUFFIX),
            application_stem: stems.object("om-app-", LABEL_MAX - RUN_SUFFIX - POD_SUFFIX),
            label: label(pipeline.as_str()),
            changed: false,
        };
        Self { changed: stems.changed, ..names }
    }

    /// The Job of a run.
    pub fn job(&self, run_id: &str) -> CompactString {
        with_run(&self.job_stem, run_id)
    }

    /// The Job or OMJob of an application's run.
    pub fn application_run(&self, run_id: &str) -> CompactString {
        with_run(&self.application_stem, run_id)
    }

    /// With a ConfigMap and a Secret that a run has for itself, under its own name.
    #[must_use]
    pub fn of_run(self, run: &CompactString) -> Self {
        Self { config_map: run.clone(), secret: run.clone(), ..self }
    }

    /// The OMJob of a run; short enough for its pods' names.
    pub fn om_job(&self, run_id: &str) -> CompactString {
        with_run(&self.om_job_stem, run_id)
    }
}

/// The name of all that an entity's run has, its Job or OMJob among them; short enough for its pods'
/// names.
pub fn entity_run(kind: EntityKind, name: &PipelineName, run_id: &str) -> CompactString {
    let most = LABEL_MAX - RUN_SUFFIX - POD_SUFFIX;
    with_run(&Stems::of(name.as_str()).object(kind.prefix(), most), run_id)
}

fn with_run(stem: &str, run_id: &str) -> CompactString {
    let run: CompactString = run_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .take(RUN_ID_CHARACTERS)
        .collect();
    compact_str::format_compact!("{stem}-{run}")
}

/// One name on its way into several objects; the hash is made once and only when it is needed.
struct Stems<'a> {
    original: &'a str,
    sanitized: String,
    as_written: bool,
    hash: Option<String>,
    changed: bool,
}

impl<'a> Stems<'a> {
    fn of(original: &'a str) -> Self {
        let sanitized = sanitize(original, |c| {
            let c = c.to_ascii_lowercase();
            (c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-').then_some(c)
        });
        let as_written = sanitized == original && !ends_like_a_hash(original);
        Self { original, sanitized, as_written, hash: None, changed: false }
    }

    fn object(&mut self, prefix: &str, most: usize) -> CompactString {
        let room = most - prefix.len();
        if self.as_written && self.sanitized.len() <= room {
            return compact_str::format_compact!("{prefix}{}", self.sanitized);
        }
        self.changed = true;
        let hash = self.hash.get_or_insert_with(|| hash(self.original));
        compact_str::format_compact!("{prefix}{}", cut(&self.sanitized, hash, room))
    }
}

/// The value of the label `app.kubernetes.io/pipeline`: the name itself wherever a label can hold
/// it.
fn label(original: &str) -> LabelValue {
    if !ends_like_a_hash(original)
        && let Ok(value) = LabelValue::parse(original)
    {
        return value;
    }
    let sanitized =
        sanitize(original, |c| (c.is_ascii_alphanumeric() || "-_.".contains(c)).then_some(c));
    let text = cut(&sanitized, &hash(original), LABEL_MAX);
    // Sanitized, cut and with a hash at its end it holds only what a label may hold.
    LabelValue::parse(&text).unwrap_or_else(|_| LabelValue::empty())
}

/// Keeps the characters that may stay, puts `-` for each other, and trims what a name must not
/// start or end with.
fn sanitize(text: &str, keep: impl Fn(char) -> Option<char>) -> String {
    let kept: String = text.chars().map(|c| keep(c).unwrap_or('-')).collect();
    kept.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// The beginning of a sanitized name and the hash, in at most `room` characters.
fn cut(sanitized: &str, hash: &str, room: usize) -> String {
    // A name with no character that may stay still needs something to start with.
    let sanitized = if sanitized.is_empty() { "pipeline" } else { sanitized };
    let keep = room - HASH_SEPARATOR.len() - HASH_CHARACTERS;
    let beginning = &sanitized[..sanitized.len().min(keep)];
    let beginning = beginning.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{beginning}{HASH_SEPARATOR}{hash}")
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    (0..HASH_CHARACTERS)
        .map(|digit| char::from(HASH_DIGITS[(bits >> (59 - 5 * digit)) as usize & 31]))
        .collect()
}

fn ends_like_a_hash(text: &str) -> bool {
    text.len() >= HASH_CHARACTERS + HASH_SEPARATOR.len()
        && text.is_char_boundary(text.len() - HASH_CHARACTERS)
        && text[..text.len() - HASH_CHARACTERS].ends_with(HASH_SEPARATOR)
        && text.bytes().rev().take(HASH_CHARACTERS).all(|byte| HASH_DIGITS.contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::dns::{check_label, check_subdomain};

    fn names(pipeline: &str) -> ObjectNames {
        ObjectNames::of(&PipelineName::parse(pipeline).unwrap())
    }

    #[test]
    fn a_plain_name_gives_the_names_that_openmetadata_gives() {
        let names = names("snowflake-metadata");
        assert_eq!(names.config_map, "om-config-snowflake-metadata");
        assert_eq!(names.secret, "om-secret-snowflake-metadata");
        assert_eq!(names.cron_job, "om-cronjob-snowflake-metadata");
        assert_eq!(names.cron_om_job, "om-cronomjob-snowflake-metadata");
        assert_eq!(names.job("1B2c3d4e-5f60-4a7b"), "om-job-snowflake-metadata-1b2c3d4e");
        assert_eq!(names.om_job("1b2c3d4e-5f60-4a7b"), "om-job-snowflake-metadata-1b2c3d4e");
        assert_eq!(names.label.as_str(), "snowflake-metadata");
        assert_eq!(names.folder, "snowflake-metadata");
        assert!(!names.changed);
    }

    #[test]
    fn an_underscore_becomes_a_hyphen_and_the_hash_keeps_it_apart() {
        let (under, hyphen) = (names("a_b"), names("a-b"));
        assert_eq!(hyphen.config_map, "om-config-a-b");
        assert!(under.config_map.starts_with("om-config-a-b--"), "{}", under.config_map);
        assert_eq!(under.label.as_str(), "a_b", "a label may hold what a name may not");
        assert!(under.changed && !hyphen.changed);
    }

    #[test]
    fn names_are_the_same_for_ever() {
        assert_eq!(names("a_b").config_map, "om-config-a-b--cj7tkcrvrz");
    }

    #[test]
    fn a_name_that_fits_a_cronjob_is_cut_only_where_it_does_not_fit() {
        let fits = "n".repeat(41);
        assert_eq!(names(&fits).cron_job.len(), 52);
        assert_eq!(names(&fits).cron_job, format!("om-cronjob-{fits}"));
        assert_eq!(names(&fits).cron_om_job.len(), 47);
        assert!(names(&fits).cron_om_job.contains("--"));
        let longer = "n".repeat(42);
        assert!(names(&longer).cron_job.contains("--"));
        assert_eq!(names(&longer).config_map, format!("om-config-{longer}"));
    }

    #[test]
    fn a_name_of_no_ascii_letter_still_gives_a_valid_name() {
        let names = names("日本語");
        assert!(names.config_map.starts_with("om-config-pipeline--"));
        assert!(names.label.as_str().starts_with("pipeline--"));
    }

    #[test]
    fn a_name_that_poses_as_anothers_hashed_name_is_hashed_itself() {
        let hashed = names("a_b").config_map;
        let posing = hashed.strip_prefix("om-config-").unwrap();
        assert_ne!(names(posing).config_map, hashed);
    }

    #[test]
    fn an_entitys_run_has_openmetadatas_name_and_fits_its_pods() {
        let run = |kind, name: &str| {
            entity_run(kind, &PipelineName::parse(name).unwrap(), "1b2c3d4e-5f60-4a7b")
        };
        let test = run(EntityKind::Automation, "test-mysql");
        assert_eq!(test, "om-automation-test-mysql-1b2c3d4e");
        assert_eq!(run(EntityKind::Application, "retention"), "om-app-retention-1b2c3d4e");
        for kind in [EntityKind::Automation, EntityKind::Application] {
            let [one, other] = ["Test_mysql", "test-Mysql"].map(|name| run(kind, name));
            assert_ne!(one, other);
            let long = run(kind, &"n".repeat(256));
            assert!(long.ends_with("-1b2c3d4e"), "{long}");
            for name in [&one, &long] {
                assert!(check_label(&format!("{name}-main")).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn a_name_that_openmetadata_refuses_is_refused() {
        assert!(PipelineName::parse("  ").is_err());
        assert_eq!(PipelineName::parse("a::b").unwrap_err().range, 1..3);
        assert_eq!(PipelineName::parse("a\nb").unwrap_err().range, 1..2);
        assert!(PipelineName::parse(&"é".repeat(256)).is_ok());
        assert!(PipelineName::parse(&"é".repeat(257)).is_err());
    }

    /// Names that are likely to meet: few characters, upper and lower case, cut at the same length,
    /// hash look-alikes.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[aA_. -]{1,4}b",
            "n{36}[aA_-]{0,8}",
            "[ -9;-~]{1,70}",
            "\\PC{1,40}",
            "[ab]--[0-9ab]{10}",
        ]
        .prop_filter("a valid name", |name| PipelineName::parse(name).is_ok())
    }

    proptest! {
        #[test]
        fn distinct_names_never_share_an_object(all in proptest::collection::hash_set(name(), 2..40)) {
            let mut seen: HashMap<String, String> = HashMap::new();
            for original in &all {
                let names = names(original);
                for (kind, name) in [
                    ("label", CompactString::from(names.label.as_str())),
                    ("config", names.config_map.clone()),
                    ("secret", names.secret.clone()),
                    ("cronjob", names.cron_job.clone()),
                    ("cronomjob", names.cron_om_job.clone()),
                    ("folder", names.folder.clone()),
                    ("job", names.job("12345678")),
                    ("omjob", names.om_job("12345678")),
                ] {
                    let other = seen.insert(format!("{kind} {name}"), original.clone());
                    prop_assert_eq!(other, None, "{} {}", kind, name);
                }
            }
        }

        #[test]
        fn every_name_is_one_that_kubernetes_takes(original in name()) {
            let names = names(&original);
            prop_assert!(LabelValue::parse(names.label.as_str()).is_ok() && !names.label.as_str().is_empty());
            for name in [&names.config_map, &names.secret, &names.folder] {
                prop_assert!(check_subdomain(name).is_ok(), "{}", name);
            }
            prop_assert!(check_label(&names.cron_job).is_ok() && names.cron_job.len() <= 52);
            let scheduled_pod = format!("{}-1700000000-main", names.cron_om_job);
            prop_assert!(check_label(&scheduled_pod).is_ok(), "{}", scheduled_pod);
            prop_assert!(check_label(&names.job("12345678")).is_ok());
            let pod = format!("{}-main", names.om_job("12345678"));
            prop_assert!(check_label(&pod).is_ok(), "{}", pod);
        }

        #[test]
        fn a_name_is_told_apart_from_itself_by_nothing(original in name()) {
            prop_assert_eq!(names(&original), names(&original));
        }
    }
}
