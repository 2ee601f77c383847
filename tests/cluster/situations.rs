//! For each right of each verb a situation in which the verb cannot do without it: what there is,
//! the command line, and how the want of it shows.

use ompipe::cluster::rights::Verb;

use crate::before::{AUTOMATION_FILE, Before, VALUES, VALUES_FILE};

/// How the want of a right shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// The verb fails.
    Fails,
    /// It does without, and says so.
    IsTold,
}
use Want::{Fails, IsTold};

/// A verb, what there is before, its command line, and the rights that it cannot do without then.
pub(crate) type Situation = (Verb, Before, &'static [&'static str], Want, &'static [&'static str]);

pub(crate) const SITUATIONS: &[Situation] = &[
    (Verb::Apply, Before::Nothing, &["apply"], Fails, WRITTEN),
    (Verb::Apply, Before::Nothing, &["apply"], Fails, BOUND),
    (Verb::Apply, Before::Nothing, &["apply"], Fails, GIVEN),
    (Verb::Apply, Before::Applied, &["apply"], IsTold, READ),
    (Verb::Apply, Before::Secrets, &["apply", VALUES, VALUES_FILE], Fails, WRITTEN_SECRETS),
    (Verb::Apply, Before::SecretsApplied, &["apply", VALUES, VALUES_FILE], IsTold, READ_SECRETS),
    (Verb::Prune, Before::Renamed, &["apply", "--prune", "--yes"], Fails, PRUNED),
    (
        Verb::Prune,
        Before::SecretsRenamed,
        &["apply", VALUES, VALUES_FILE, "--prune", "--yes"],
        Fails,
        &[
            "delete externalsecrets.external-secrets.io",
            "delete secrets",
            "list externalsecrets.external-secrets.io",
            "list secrets",
        ],
    ),
    (Verb::Diff, Before::Secrets, &["diff", VALUES, VALUES_FILE], Fails, WRITTEN_SECRETS),
    (Verb::Diff, Before::Secrets, &["diff", VALUES, VALUES_FILE], Fails, READ_SECRETS),
    (
        Verb::Run,
        Before::SecretsApplied,
        &["run", "orders"],
        Fails,
        &["get externalsecrets.external-secrets.io"],
    ),
    (
        Verb::Run,
        Before::Store,
        &["run", "--automation", AUTOMATION_FILE],
        Fails,
        &[
            "create externalsecrets.external-secrets.io",
            "delete externalsecrets.external-secrets.io",
            "patch externalsecrets.external-secrets.io",
        ],
    ),
    (
        Verb::Delete,
        Before::SecretsApplied,
        DELETE,
        Fails,
        &[
            "delete externalsecrets.external-secrets.io",
            "delete secrets",
            "get externalsecrets.external-secrets.io",
            "get secrets",
        ],
    ),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, WRITTEN),
    (Verb::Diff, Before::Unbound, &["diff"], Fails, BOUND),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, GIVEN),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, READ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders"],
        Fails,
        &["create jobs.batch", "get configmaps"],
    ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders", "--set", "workflow.test={}"],
        Fails,
        &["create configmaps", "delete configmaps", "patch configmaps"],
    ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders", "--follow"],
        Fails,
        &[
            "get jobs.batch",
            "list jobs.batch",
            "watch jobs.batch",
            "get pods",
            "list pods",
            "watch pods",
            "get pods/log",
        ],
    ),
    (
        Verb::Run,
        Before::Applied,
        // Without an operator it does not end.
        &["run", "sales", "--wait", "--timeout", "3"],
        Fails,
        &[
            "create omjobs.pipelines.openmetadata.org",
            "get omjobs.pipelines.openmetadata.org",
            "list omjobs.pipelines.openmetadata.org",
            "watch omjobs.pipelines.openmetadata.org",
        ],
    ),
    (Verb::Status, Before::Ran, &["status"], Fails, LISTED_RUNS),
    (Verb::Status, Before::Ran, &["status"], Fails, LISTED_SCHEDULES),
    (
        Verb::Status,
        Before::Ran,
        &["status", "--watch"],
        Fails,
        &[
            "watch cronjobs.batch",
            "watch cronomjobs.pipelines.openmetadata.org",
            "watch jobs.batch",
            "watch omjobs.pipelines.openmetadata.org",
            "watch pods",
        ],
    ),
    (Verb::History, Before::Ran, &["history"], Fails, LISTED_RUNS),
    (Verb::Logs, Before::Ran, &["logs", "orders"], Fails, LISTED_RUNS),
    (Verb::Logs, Before::Ran, &["logs", "orders"], Fails, &["get pods", "get pods/log"]),
    (Verb::Logs, Before::NoPods, &["logs", "orders"], Fails, &["get jobs.batch"]),
    (Verb::Logs, Before::NoPods, &["logs", "orders"], IsTold, &["list events"]),
    (
        Verb::Logs,
        Before::NoPods,
        &["logs", "sales"],
        Fails,
        &["get omjobs.pipelines.openmetadata.org"],
    ),
    (Verb::Diagnose, Before::Ran, &["diagnose", "orders"], Fails, LISTED_RUNS),
    (Verb::Diagnose, Before::Ran, &["diagnose", "orders"], Fails, &["get jobs.batch"]),
    (
        Verb::Diagnose,
        Before::Ran,
        &["diagnose", "orders"],
        IsTold,
        &["get pods/log", "list events"],
    ),
    (
        Verb::Diagnose,
        Before::Ran,
        &["diagnose", "sales"],
        Fails,
        &["get omjobs.pipelines.openmetadata.org"],
    ),
    (Verb::Kill, Before::Waiting, &["kill", "orders", "sales"], Fails, LISTED_RUNS),
    (Verb::Kill, Before::Waiting, &["kill", "orders", "sales"], Fails, ENDED_RUNS),
    (Verb::Suspend, Before::Applied, &["suspend", "orders", "sales"], Fails, LISTED_SCHEDULES),
    (Verb::Suspend, Before::Applied, &["suspend", "orders", "sales"], Fails, TOGGLED),
    (Verb::Resume, Before::Suspended, &["resume", "orders", "sales"], Fails, LISTED_SCHEDULES),
    (Verb::Resume, Before::Suspended, &["resume", "orders", "sales"], Fails, TOGGLED),
    (
        Verb::Resume,
        Before::Suspended,
        &["resume", "orders", "sales"],
        IsTold,
        &["patch cronjobs/status.batch", "patch cronomjobs/status.pipelines.openmetadata.org"],
    ),
    (Verb::Delete, Before::Orphan, DELETE, Fails, LISTED_RUNS),
    (Verb::Delete, Before::Orphan, DELETE, Fails, LISTED_SCHEDULES),
    (Verb::Delete, Before::Orphan, DELETE, Fails, ENDED_RUNS),
    (
        Verb::Delete,
        Before::Orphan,
        DELETE,
        Fails,
        &[
            "delete configmaps",
            "delete cronjobs.batch",
            "delete cronomjobs.pipelines.openmetadata.org",
            "delete pods",
            "get configmaps",
            "get pods",
            "list configmaps",
            "list externalsecrets.external-secrets.io",
            "list secrets",
        ],
    ),
    (Verb::Secrets, Before::Nothing, &["secrets", "list", "--cluster"], Fails, &["get secrets"]),
    (
        Verb::Doctor,
        Before::OtherConfig,
        &["doctor"],
        IsTold,
        &[
            "get configmaps",
            "get namespaces",
            "get secrets",
            "get serviceaccounts",
            "list configmaps",
            "list events",
            "list limitranges",
            "list pods",
            "list resourcequotas",
        ],
    ),
];

const WRITTEN_SECRETS: &[&str] = &[
    "create externalsecrets.external-secrets.io",
    "create secrets",
    "patch externalsecrets.external-secrets.io",
    "patch secrets",
];
const READ_SECRETS: &[&str] = &["get externalsecrets.external-secrets.io", "get secrets"];
const DELETE: &[&str] = &["delete", "orders", "sales", "--yes"];
const WRITTEN: &[&str] = &[
    "create configmaps",
    "create cronjobs.batch",
    "create cronomjobs.pipelines.openmetadata.org",
    "create roles.rbac.authorization.k8s.io",
    "create serviceaccounts",
    "patch configmaps",
    "patch cronjobs.batch",
    "patch cronomjobs.pipelines.openmetadata.org",
    "patch roles.rbac.authorization.k8s.io",
    "patch serviceaccounts",
];
const BOUND: &[&str] = &[
    "create rolebindings.rbac.authorization.k8s.io",
    "patch rolebindings.rbac.authorization.k8s.io",
];
/// What the pods' Role gives: nobody gives what he does not have.
const GIVEN: &[&str] = &["get pods", "get pods/log", "list events", "list pods"];
const READ: &[&str] = &[
    "get configmaps",
    "get cronjobs.batch",
    "get cronomjobs.pipelines.openmetadata.org",
    "get rolebindings.rbac.authorization.k8s.io",
    "get roles.rbac.authorization.k8s.io",
    "get serviceaccounts",
];
const PRUNED: &[&str] = &[
    "delete configmaps",
    "delete cronjobs.batch",
    "delete cronomjobs.pipelines.openmetadata.org",
    "delete rolebindings.rbac.authorization.k8s.io",
    "delete roles.rbac.authorization.k8s.io",
    "delete serviceaccounts",
    "list configmaps",
    "list cronjobs.batch",
    "list cronomjobs.pipelines.openmetadata.org",
    "list rolebindings.rbac.authorization.k8s.io",
    "list roles.rbac.authorization.k8s.io",
    "list serviceaccounts",
];
const LISTED_RUNS: &[&str] =
    &["list jobs.batch", "list omjobs.pipelines.openmetadata.org", "list pods"];
const LISTED_SCHEDULES: &[&str] =
    &["list cronjobs.batch", "list cronomjobs.pipelines.openmetadata.org"];
const ENDED_RUNS: &[&str] = &[
    "delete jobs.batch",
    "delete omjobs.pipelines.openmetadata.org",
    "get jobs.batch",
    "get omjobs.pipelines.openmetadata.org",
];
const TOGGLED: &[&str] = &["patch cronjobs.batch", "patch cronomjobs.pipelines.openmetadata.org"];
