//! Replicas of the operator: the real one, unchanged, each with a connection, a clock and a fate of its own.
//!
//! In: when it dies or stands still. Out: nothing; what it does goes through its connection. A death is the
//! whole operator dropped where it stands, with all that it had in memory; standing still is the same operator
//! not polled for a while, as a process is that the machine does not run.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use ompipe::controller::clock::Clock;
use ompipe::controller::{Operator, Settings};
use tokio::time::{Instant, sleep, sleep_until};

use super::random::Random;
use super::server::{Connection, Mishap};
use super::world::{OPERATORS, SharedWorld};

/// What happens to one life of a replica.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blow {
    /// At its n-th write.
    AtWrite(u64, Mishap),
    /// After so long, wherever it is then.
    DiesAfter(Duration),
    /// After so long, for so long.
    StandsStillAfter(Duration, Duration),
}

/// A replica through all its lives.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) name: &'static str,
    /// One for each of its lives; after them it lives on.
    pub(crate) blows: Vec<Blow>,
    /// By how many seconds its clock is ahead, and by how many after a jump at a time.
    pub(crate) skew: i64,
    pub(crate) jump: Option<(Duration, i64)>,
}

impl Replica {
    /// Whether a write of it may be done long after it was decided.
    pub(crate) fn stands_still(&self) -> bool {
        let stands = |blow: &Blow| match blow {
            Blow::AtWrite(_, mishap) => {
                matches!(mishap, Mishap::StandsStillBefore(_) | Mishap::StandsStillAfter(_))
            }
            Blow::StandsStillAfter(..) => true,
            Blow::DiesAfter(_) => false,
        };
        self.blows.iter().any(stands)
    }

    /// Lives until the simulation ends.
    pub(crate) async fn live(self, world: SharedWorld, mut random: Random) {
        let ahead = Arc::new(AtomicI64::new(self.skew));
        if let Some((after, seconds)) = self.jump {
            let (ahead, world) = (Arc::clone(&ahead), world.clone());
            tokio::spawn(async move {
                sleep(after).await;
                ahead.store(seconds, Ordering::Relaxed);
                world.lock().record.count("clock jumped");
            });
        }
        let cluster = world.lock().store.clock;
        let clock: Clock = Arc::new(move || {
            let ahead = SignedDuration::from_secs(ahead.load(Ordering::Relaxed));
            cluster.now().saturating_add(ahead).unwrap_or_default()
        });
        for life in 0.. {
            let blow = self.blows.get(life).copied();
            let settings = Settings {
                namespace: None,
                lease_namespace: OPERATORS.to_owned(),
                lease_name: "operator".to_owned(),
                identity: format!("{}-{life}", self.name),
                concurrency: 4,
                clock: Arc::clone(&clock),
                seed: random.below(u64::MAX),
            };
            world
                .lock()
                .record
                .trace(|| format!("{} begins life {life}, then {blow:?}", self.name));
            live_once(&world, self.name, settings, blow).await;
            world.lock().record.trace(|| format!("{} is dead", self.name));
            sleep(Duration::from_millis(random.mostly_short(100, 60_000))).await;
        }
    }
}

async fn live_once(
    world: &SharedWorld,
    name: &'static str,
    settings: Settings,
    blow: Option<Blow>,
) {
    let connection = Connection::new(world, name);
    let connection = match blow {
        Some(Blow::AtWrite(write, mishap)) => connection.with_mishap(write, mishap),
        _ => connection,
    };
    let mut struck = connection.struck();
    let operator = Operator::new(connection.client(), settings);
    let mut run = pin!(operator.run(std::future::pending()));
    let never = Instant::now() + Duration::from_secs(1_000_000);
    let mut at = match blow {
        Some(Blow::DiesAfter(after) | Blow::StandsStillAfter(after, _)) => Instant::now() + after,
        _ => never,
    };
    loop {
        tokio::select! {
            biased;
            changed = struck.changed() => {
                let mishap = *struck.borrow_and_update();
                match mishap.filter(|_| changed.is_ok()) {
                    Some(Mishap::StandsStillBefore(time) | Mishap::StandsStillAfter(time)) => {
                        sleep(time).await;
                    }
                    Some(Mishap::DiesBefore | Mishap::DiesAfter) | None => return,
                }
            }
            () = sleep_until(at) => match blow {
                Some(Blow::StandsStillAfter(_, time)) => {
                    world.lock().record.count("controller stood still");
                    at = never;
                    sleep(time).await;
                }
                _ => {
                    world.lock().record.count("controller died");
                    return;
                }
            },
            () = &mut run => return,
        }
    }
}
