//! A real Kubernetes: what only kubelets, containers and the servers themselves can tell.
//! `just cluster-test` starts one and runs these tests; see `run`, and `kubernetes/README.md`.
//!
//! `cluster` is what they share and can break, `namespace` what each has for itself, `record` what
//! the scripts in pods say that they did, beside the cluster's API. The others hold tests, by what
//! they try.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod account;
mod adoption;
mod apply;
mod apply_whole;
mod automations;
mod before;
mod binary;
mod chaos;
mod cluster;
mod compare;
mod crd;
mod cron;
mod deployed;
mod diagnose;
mod diff;
mod doctor;
mod ending;
mod ending_deletes;
mod ending_schedules;
mod ends;
mod exit_handler;
mod faults;
mod faulty_server;
mod in_pod;
mod in_the_way;
mod install;
mod inventory;
mod leftovers;
mod logs;
mod namespace;
mod nodes;
mod omjob;
mod omjob_deletions;
#[expect(dead_code, reason = "the tests of the binary alone use the rest")]
#[path = "../exit_handler/openmetadata.rs"]
mod openmetadata;
mod operator;
mod outcome;
mod outcomes;
mod pod_deletions;
mod project;
mod proxy;
mod prune;
mod record;
mod refused;
mod rendered;
mod restarts;
mod rights;
mod runs;
#[path = "../exit_handler/schema.rs"]
mod schema;
mod site;
mod situations;
mod upstream;
mod watching;
mod workload;

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    // Each with its file, so that `run '[ends]'` takes all of one.
    let tests = [
        ("apply", apply::tests()),
        ("apply_whole", apply_whole::tests()),
        ("prune", prune::tests()),
        ("diff", diff::tests()),
        ("crd", crd::tests()),
        ("faults", faults::tests()),
        ("deployed", deployed::tests()),
        ("install", install::tests()),
        ("in_pod", in_pod::tests()),
        ("rendered", rendered::tests()),
        ("exit_handler", exit_handler::tests()),
        ("runs", runs::tests()),
        ("automations", automations::tests()),
        ("watching", watching::tests()),
        ("ending", ending::tests()),
        ("ending_deletes", ending_deletes::tests()),
        ("ending_schedules", ending_schedules::tests()),
        ("ends", ends::tests()),
        ("cron", cron::tests()),
        ("upstream", upstream::tests()),
        ("leftovers", leftovers::tests()),
        ("in_the_way", in_the_way::tests()),
        ("faulty_server", faulty_server::tests()),
        ("logs", logs::tests()),
        ("diagnose", diagnose::tests()),
        ("doctor", doctor::tests()),
        ("rights", rights::tests()),
        ("outcomes", outcomes::tests()),
        ("pod_deletions", pod_deletions::tests()),
        ("omjob_deletions", omjob_deletions::tests()),
        ("refused", refused::tests()),
        ("nodes", nodes::tests()),
        ("restarts", restarts::tests()),
        ("adoption", adoption::tests()),
        ("chaos", chaos::tests()),
        ("compare", compare::tests()),
    ]
    .into_iter()
    .flat_map(|(file, tests)| tests.into_iter().map(move |test| test.with_kind(file)))
    .collect();
    libtest_mimic::run(&arguments, tests).exit_code()
}
