//! The register of codes: each names one kind of mistake, for good, and has a page that says why it
//! is one.
//!
//! 01 YAML · 02 ompipe's schema · 03 OpenMetadata's schema · 04 rules · 05 secrets · 06 templates
//! and rendering · 07 projects, files and environments · 08 the cluster. A code is never given a second
//! meaning; a retired one stays unused.

/// One kind of finding.
#[derive(PartialEq, Eq, Debug)]
pub struct Code {
    /// `OMP` and four digits.
    pub id: &'static str,
    /// The kind of mistake, in a few words.
    pub title: &'static str,
    /// The page that `ompipe explain` prints, in Markdown.
    pub page: &'static str,
}

/// Declares the codes, each with its page `pages/<id>.md`, and the list of all.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code {
            id: $id, title: $title, page: include_str!(concat!("pages/", $id, ".md")),
        };)*

        /// Every code, in the order of their numbers.
        pub const ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    /// The text is not YAML.
    YAML_SYNTAX = "OMP0101", "not well-formed YAML";
    /// A tab where only spaces can stand.
    YAML_TAB = "OMP0102", "tab instead of spaces";
    /// A mapping sets a key twice.
    YAML_DUPLICATE_KEY = "OMP0103", "duplicate key";
    /// YAML readers take a plain scalar for different values.
    YAML_AMBIGUOUS = "OMP0104", "value that YAML readers take differently";
    /// A key of a mapping is no string.
    YAML_KEY = "OMP0105", "key that is not a string";
    /// A tag that is unknown or does not fit.
    YAML_TAG = "OMP0106", "unsupported tag";
    /// An alias without an anchor, or two anchors of one name.
    YAML_ALIAS = "OMP0107", "alias without its one anchor";
    /// A merge key that cannot be followed, or not by all readers alike.
    YAML_MERGE = "OMP0108", "merge key misused";
    /// The text is too deep or too large.
    YAML_LIMIT = "OMP0109", "too deep or too large";
    /// A number that JSON does not have.
    YAML_NUMBER = "OMP0110", "number beyond JSON";
    /// A character or byte that cannot stand in YAML.
    YAML_CHARACTER = "OMP0111", "character that YAML does not allow";

    /// The document is not of a kind that ompipe knows.
    DEFINITION_KIND = "OMP0201", "not a known kind of definition";
    /// A key that the mapping does not take.
    SCHEMA_UNKNOWN_FIELD = "OMP0202", "unknown field";
    /// A value of another type than the field takes.
    SCHEMA_TYPE = "OMP0203", "wrong type";
    /// A field without which the mapping means nothing.
    SCHEMA_MISSING_FIELD = "OMP0204", "missing field";
    /// A value that is not one of those listed.
    SCHEMA_VALUE = "OMP0205", "not one of the allowed values";
    /// A number, text or list that is too small or too large.
    SCHEMA_RANGE = "OMP0206", "out of range";

    /// A field that the connector or another part of the workflow does not have.
    SPEC_UNKNOWN_FIELD = "OMP0301", "field that OpenMetadata does not know";
    /// A value of another type than OpenMetadata takes.
    SPEC_TYPE = "OMP0302", "wrong type for OpenMetadata";
    /// A field without which OpenMetadata refuses the workflow.
    SPEC_MISSING_FIELD = "OMP0303", "missing field for OpenMetadata";
    /// A value that is not one of those that OpenMetadata lists.
    SPEC_VALUE = "OMP0304", "value that OpenMetadata does not know";
    /// A number, text or list that is too small or too large.
    SPEC_RANGE = "OMP0305", "out of the range that OpenMetadata takes";
    /// A text of another form than OpenMetadata takes.
    SPEC_FORMAT = "OMP0306", "not in the form that OpenMetadata takes";
    /// A configuration that does not say of which class it is.
    SPEC_NO_TYPE = "OMP0307", "configuration without a type";

    /// A schedule that Kubernetes' CronJob refuses.
    SCHEDULE = "OMP0401", "not a schedule that Kubernetes takes";
    /// No time fits the schedule.
    SCHEDULE_NEVER_FIRES = "OMP0402", "schedule that never fires";
    /// A name that is not in the IANA database.
    TIME_ZONE = "OMP0403", "unknown time zone";
    /// A namespace, ServiceAccount or Secret with an impossible name.
    OBJECT_NAME = "OMP0404", "not a name that Kubernetes takes";
    /// A pair of a node selector or annotation that cannot be read.
    PAIR = "OMP0405", "malformed pair of key and value";
    /// A label or annotation of a definition that its objects cannot have.
    LABEL = "OMP0406", "not a label or annotation that Kubernetes takes";
    /// Two things of one kind with the same name.
    DUPLICATE_NAME = "OMP0407", "name given twice";
    /// A reference that container runtimes cannot read.
    IMAGE = "OMP0408", "not an image reference";
    /// A pipeline or service with an impossible name.
    ENTITY_NAME = "OMP0409", "not a name that OpenMetadata takes";
    /// Objects cannot carry the pipeline's name as it stands.
    NAME_CHANGED = "OMP0410", "name changed for Kubernetes";
    /// An amount of a resource that Kubernetes cannot read.
    QUANTITY = "OMP0411", "not a quantity";
    /// A container reserves more than it may use.
    REQUEST_OVER_LIMIT = "OMP0412", "request above its limit";
    /// An amount that has most likely lost its suffix.
    SUSPICIOUS_QUANTITY = "OMP0413", "quantity that is hardly meant";
    /// A variable that cannot be read or that Kubernetes refuses.
    ENV = "OMP0414", "malformed variable";
    /// A variable with a name that the ingestion image reads its run from.
    ENV_RESERVED = "OMP0415", "variable that ompipe sets itself";
    /// A toleration that the API server refuses.
    TOLERATION = "OMP0416", "malformed toleration";
    /// A starting deadline shorter than the period of the CronJob controller.
    STARTING_DEADLINE = "OMP0417", "deadline with which nothing runs";
    /// How an explicit starting deadline of 0 is understood.
    STARTING_DEADLINE_ZERO = "OMP0418", "deadline of zero";
    /// User 0 together with runAsNonRoot.
    RUN_AS_ROOT = "OMP0419", "root where root is forbidden";
    /// A parameter that says something about another output than the chosen one.
    NOT_CARRIED = "OMP0420", "parameter that the output cannot carry";
    /// A variable beyond what Linux passes to a program.
    ENV_TOO_LONG = "OMP0421", "variable too long to start a program";
    /// A ConfigMap beyond what the API server stores.
    CONFIG_MAP_TOO_LARGE = "OMP0422", "ConfigMap too large";
    /// Annotations beyond what the API server stores.
    ANNOTATIONS_TOO_LARGE = "OMP0423", "annotations too large";
    /// A parameter of one pipeline that says something about all of them.
    OF_THE_PROJECT = "OMP0430", "parameter of the whole project";

    /// A password, token or key that is written out.
    LITERAL_SECRET = "OMP0501", "literal secret";
    /// A secretKeyRef that does not name a Secret and a key.
    SECRET_REFERENCE = "OMP0502", "malformed secret reference";
    /// A URL with user and password.
    PASSWORD_IN_URL = "OMP0503", "password within a URL";
    /// The key secretEnv, which has no meaning yet.
    SECRET_ENV = "OMP0504", "reserved form of a secret";
    /// The way of the secrets lacks something, or says what cannot be read.
    SECRET_WAY = "OMP0505", "incomplete way of the secrets";
    /// A Secret that anybody can read lies among the definitions.
    PLAIN_SECRET = "OMP0506", "unencrypted Secret among the definitions";
    /// A file with an encrypted Secret that cannot be passed on as it is.
    ENCRYPTED_FILE = "OMP0507", "encrypted file that cannot pass through";
    /// A reference has no value among the local ones, or none that a workflow can hold.
    NO_LOCAL_VALUE = "OMP0508", "reference without a local value";

    /// A field that the Kubernetes type does not have.
    MANIFEST_UNKNOWN_FIELD = "OMP0620", "unknown field in a Kubernetes object";
    /// A value of another type than the Kubernetes field takes.
    MANIFEST_TYPE = "OMP0621", "wrong type in a Kubernetes object";
    /// A field without which the API server refuses the object.
    MANIFEST_MISSING_FIELD = "OMP0622", "missing field in a Kubernetes object";
    /// A value that is none of those that Kubernetes knows.
    MANIFEST_VALUE = "OMP0623", "not a value that Kubernetes knows";
    /// A number that does not fit into the Kubernetes field.
    MANIFEST_RANGE = "OMP0624", "out of the range that Kubernetes takes";
    /// A text that is not in the form that the Kubernetes field takes.
    MANIFEST_FORMAT = "OMP0625", "not in the form that Kubernetes takes";
    /// An object without apiVersion, kind or name.
    MANIFEST_IDENTITY = "OMP0626", "object without an identity";
    /// A kind that is not in the tables.
    MANIFEST_KIND = "OMP0627", "kind that is not in the tables";
    /// An entry of a keyed list in a patch that lacks its key.
    PATCH_WITHOUT_KEY = "OMP0628", "patch entry without its key";
    /// A patch that removes what is not there.
    PATCH_REMOVES_NOTHING = "OMP0629", "patch that removes nothing";
    /// A directive of a strategic merge that is not understood.
    PATCH_DIRECTIVE = "OMP0630", "patch directive that is not understood";
    /// Two entries of one key in a patch.
    PATCH_ENTRY_TWICE = "OMP0631", "patch entry given twice";
    /// A pod that the profile "restricted" refuses.
    POD_SECURITY = "OMP0632", "pod that Pod Security \"restricted\" refuses";
    /// A pod whose parts do not fit together.
    POD_PARTS = "OMP0633", "pod whose parts do not fit together";
    /// A file name that cannot be used.
    OUTPUT_PATH = "OMP0634", "file name that cannot be used";
    /// A rendered file that is no longer rendered.
    OUTPUT_STALE = "OMP0635", "rendered file that is no longer rendered";
    /// A file that ompipe has written and a person has changed.
    OUTPUT_EDITED = "OMP0636", "rendered file edited by hand";
    /// A file that ompipe has not written, where it would write one.
    OUTPUT_FOREIGN = "OMP0637", "file in the way of a rendered one";
    /// A lock in a format that a later version has written.
    LOCK_NEWER = "OMP0638", "lock of a later version of ompipe";
    /// A lock in which Git has left both sides of a merge.
    LOCK_CONFLICT = "OMP0639", "lock with conflict markers";
    /// A lock with a line that ompipe does not write.
    LOCK_MALFORMED = "OMP0640", "lock that cannot be read";
    /// A symbolic link where rendered files are to lie.
    OUTPUT_LINK = "OMP0641", "symbolic link in the output folder";
    /// The output folder holds something else than the definitions give.
    OUTPUT_DIFFERS = "OMP0642", "output folder that is not up to date";
    /// A function's configuration that is of another kind, or says what no option is.
    FUNCTION_CONFIG = "OMP0645", "function configuration that cannot be followed";

    /// A workflow file whose pipeline type nothing tells.
    IMPORT_UNKNOWN_TYPE = "OMP0720", "workflow of an unknown type";
    /// One pipeline stands in two places that say different things of it.
    IMPORT_TWICE = "OMP0721", "pipeline imported twice";
    /// An exported pipeline that is none.
    IMPORT_ENTITY = "OMP0722", "malformed export of a pipeline";
    /// A CronJob or CronOMJob reads a ConfigMap that was not given.
    IMPORT_NO_CONFIG_MAP = "OMP0723", "CronJob without its ConfigMap";
    /// A ConfigMap of OpenMetadata's name that holds no workflow.
    IMPORT_NO_WORKFLOW = "OMP0724", "ConfigMap without a workflow";
    /// Two objects run the same pipeline on different terms.
    IMPORT_TWO_SCHEDULES = "OMP0725", "two schedules of one pipeline";
    /// An expression of a template fails, or a scalar's braces do not close.
    TEMPLATE_EXPRESSION = "OMP0601", "a template's expression fails";
    /// An include names no template, or leads back to itself.
    TEMPLATE_INCLUDE = "OMP0602", "a template includes what it cannot";
    /// A set of definitions holds more than one IngestionProject.
    SECOND_PROJECT = "OMP0701", "more than one IngestionProject";
    /// A pipeline names a ServiceConnection that is not there.
    UNKNOWN_SERVICE = "OMP0702", "unknown ServiceConnection";
    /// A pipeline has no service to be filed under.
    NO_SERVICE = "OMP0703", "pipeline without a service";
    /// A pipeline that was asked for is not there.
    UNKNOWN_PIPELINE = "OMP0704", "unknown pipeline";
    /// A file of the project cannot be read.
    PROJECT_FILE = "OMP0705", "file that cannot be read";
    /// The bundle of OpenMetadata's schema that the project names is not there.
    NO_BUNDLE = "OMP0706", "OpenMetadata's schema is not imported";
    /// Nothing says where a pipeline's OpenMetadata server is.
    NO_SERVER = "OMP0707", "pipeline without an OpenMetadata server";

    /// An environment that was asked for is not there.
    UNKNOWN_ENVIRONMENT = "OMP0710", "unknown environment";
    /// A patch whose target is nowhere.
    PATCH_MATCHES_NOTHING = "OMP0711", "patch that matches nothing";
    /// A patch with no way or several to say what it changes, or with one that does not fit.
    PATCH_WAY = "OMP0712", "patch without its one way";
    /// A selector of labels that cannot be read.
    PATCH_SELECTOR = "OMP0713", "not a selector of labels";
    /// A path of a JSON Patch that is none, or that leads nowhere.
    PATCH_PATH = "OMP0714", "path that leads nowhere";
    /// A test of a JSON Patch that fails.
    PATCH_TEST = "OMP0715", "test of a patch that fails";
    /// A patch that would make something else of a definition or object.
    PATCH_IDENTITY = "OMP0716", "patch that changes what something is";

    /// The API server does not take an object as it is.
    CLUSTER_REFUSES = "OMP0801", "object that the API server refuses";
    /// A field or an object that is somebody else's.
    CLUSTER_CONFLICT = "OMP0802", "object or field of somebody else";
}

/// The code of an id, in any case: `OMP0101`, `omp0101`.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}
