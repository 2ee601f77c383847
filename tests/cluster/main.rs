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

mod adoption;
mod apply;
mod chaos;
mod cluster;
mod compare;
mod crd;
mod deployed;
mod diff;
mod faults;
mod install;
mod namespace;
mod nodes;
mod omjob;
mod omjob_deletions;
mod operator;
mod outcomes;
mod pod_deletions;
mod project;
mod prune;
mod record;
mod refused;
mod rendered;
mod restarts;
mod workload;

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let tests = [
        crd::tests(),
        faults::tests(),
        deployed::tests(),
        install::tests(),
        rendered::tests(),
        outcomes::tests(),
        pod_deletions::tests(),
        omjob_deletions::tests(),
        refused::tests(),
        nodes::tests(),
        restarts::tests(),
        adoption::tests(),
        apply::tests(),
        prune::tests(),
        diff::tests(),
        chaos::tests(),
        compare::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, tests).exit_code()
}
