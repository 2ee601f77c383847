//! The simulation itself: many seeds, and those that once failed.
//!
//! `OMPIPE_SEEDS=N` runs N seeds from `OMPIPE_FIRST_SEED` on; `OMPIPE_SEED=S` runs one and prints its trace.
#![expect(clippy::print_stdout, reason = "what is asked for by hand is for people to read")]

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant};

use super::run;
use super::store::Lack;

/// In CI; different faults, a few seconds.
const FEW: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Runs seeds and returns those that failed.
fn run_seeds(seeds: impl Iterator<Item = u64>) -> Vec<(u64, Vec<String>)> {
    let (mut failed, mut counts, mut lasted) = (Vec::new(), BTreeMap::new(), Duration::ZERO);
    let (start, mut run) = (Instant::now(), 0_u64);
    for seed in seeds {
        let outcome = run::seed(seed, false);
        run += 1;
        lasted += outcome.lasted;
        for (what, count) in outcome.counts {
            *counts.entry(what).or_insert(0_u64) += count;
        }
        if !outcome.violations.is_empty() {
            println!("seed {seed}: {}", outcome.violations.join("\n    "));
            println!("    replay: just replay {seed}");
            failed.push((seed, outcome.violations));
        }
    }
    let took = start.elapsed();
    println!("seeds {run}, failed {}", failed.len());
    println!("virtual time {:.1} h", lasted.as_secs_f64() / 3600.0);
    println!(
        "took {:.1} s, {:.1} ms a seed",
        took.as_secs_f64(),
        took.as_secs_f64() * 1e3 / run as f64
    );
    for (what, count) in counts {
        println!("  {count:>12} {what}");
    }
    failed
}

#[test]
fn the_promise_is_kept_in_a_few_seeds() {
    assert_eq!(run_seeds(0..FEW), []);
}

#[test]
#[ignore = "as many seeds as one asks for: just simulate N"]
fn simulate() {
    let first = number("OMPIPE_FIRST_SEED").unwrap_or(0);
    let seeds = number("OMPIPE_SEEDS").unwrap_or(1000);
    assert!(run_seeds(first..first + seeds).is_empty(), "see above for the seeds that failed");
}

#[test]
#[ignore = "one seed and its trace: just replay SEED"]
fn replay() {
    let seed = number("OMPIPE_SEED").unwrap_or(0);
    let outcome = run::seed(seed, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("lasted {:?}", outcome.lasted);
    assert_eq!(outcome.violations, Vec::<String>::new());
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..20 {
        let (one, two) = (run::seed(seed, true), run::seed(seed, true));
        assert!(!one.trace.is_empty());
        let differs = one.trace.iter().zip(&two.trace).find(|(one, two)| one != two);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.trace.len(), two.trace.len(), "seed {seed}");
    }
}

/// The first violation that a server without something leads to.
fn first_violation_without(lack: Lack) -> String {
    let outcomes = (0..FEW).map(|seed| run::seed_without(seed, lack));
    let violation = outcomes.flat_map(|outcome| outcome.violations).next();
    println!("without {lack:?}: {violation:?}");
    violation.unwrap_or_default()
}

#[test]
fn the_oracle_sees_what_the_operator_rests_on() {
    for lack in [Lack::CompareAndSwap, Lack::Gates, Lack::Finalizers, Lack::UniqueNames] {
        assert_ne!(first_violation_without(lack), "", "{lack:?}");
    }
}
