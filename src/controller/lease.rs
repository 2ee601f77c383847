//! Leader election by a Lease: of several replicas one acts, the others stand by.
//!
//! In: a client, and who this replica is. Out: until when it may act. A leader that could not renew
//! stops acting before another may start ([`RENEW_DEADLINE`] is shorter than [`DURATION`]); what a
//! late request of it could still do is refused by the resource versions of what it read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::clock::Clock;

/// How long a lease lasts that is not renewed.
const DURATION: Duration = Duration::from_secs(15);
/// How long after its last renewal a leader still acts.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often a leader renews.
const RENEW_PERIOD: Duration = Duration::from_secs(4);
/// How often another replica looks, and a leader tries again that could not renew.
const RETRY_PERIOD: Duration = Duration::from_secs(1);

/// Whether this replica may act.
pub(super) struct Leadership {
    until: Mutex<Option<Instant>>,
    leading: watch::Sender<bool>,
}

impl Leadership {
    pub(super) fn new() -> Self {
        Self { until: Mutex::new(None), leading: watch::Sender::new(false) }
    }

    /// Whether this replica may act at this moment.
    pub(super) fn holds(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether this replica was the last to be elected, though its time may have run out unrenewed
    /// for the moment.
    pub(super) fn is_elected(&self) -> bool {
        *self.leading.borrow()
    }

    /// Tells of every change.
    pub(super) fn changes(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    fn set(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.leading.send_if_modified(|leading| {
            let changed = *leading != until.is_some();
            *leading = until.is_some();
            changed
        });
    }
}

/// Takes part in the election.
pub(super) struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    clock: Clock,
}

/// What was last seen of the lease, and when.
struct Seen {
    lease: Lease,
    at: Instant,
}

impl Election {
    pub(super) fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        clock: Clock,
    ) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity: identity.to_owned(), clock }
    }

    /// Takes part for ever.
    pub(super) async fn run(&self, leadership: &Leadership) {
        let mut seen: Option<Seen> = None;
        loop {
            let started = Instant::now();
            let tried = timeout(RENEW_DEADLINE / 2, self.try_hold(&mut seen, started)).await;
            let held = match tried {
                Ok(Ok(held)) => Some(held),
                Ok(Err(error)) => {
                    warn!(error = %brief(&error), "the lease could not be read or written");
                    None
                }
                Err(_) => {
                    warn!("the API server did not answer about the lease in time");
                    None
                }
            };
            match held {
                Some(true) => {
                    if !leadership.holds() {
                        info!(identity = self.identity, "leading");
                    }
                    leadership.set(Some(started + RENEW_DEADLINE));
                    sleep(RENEW_PERIOD).await;
                }
                Some(false) => {
                    leadership.set(None);
                    sleep(RETRY_PERIOD).await;
                }
                None => {
                    if !leadership.holds() {
                        leadership.set(None);
                    }
                    sleep(RETRY_PERIOD).await;
                }
            }
        }
    }

    /// Gives the lease up, so that another replica need not wait until it ends.
    pub(super) async fn release(&self) -> kube::Result<()> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime((self.clock)()));
        self.api.replace(&self.name, &PostParams::default(), &lease).await?;
        Ok(())
    }

    /// Whether this replica holds the lease now.
    async fn try_hold(&self, seen: &mut Option<Seen>, now: Instant) -> kube::Result<bool> {
        // A leader writes over what it wrote last; only a conflict makes it read again.
        if let Some(last) = seen.as_ref().filter(|last| self.is_ours(&last.lease)) {
            match self.write(&last.lease).await {
                Ok(lease) => {
                    *seen = Some(Seen { lease, at: now });
                    return Ok(true);
                }
                Err(error) if is_conflict(&error) => *seen = None,
                Err(error) => return Err(error),
            }
        }
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            return self.created(seen, now).await;
        };
        let unchanged_since = match seen.as_ref() {
            Some(last)
                if last.lease.metadata.resource_version == lease.metadata.resource_version =>
            {
                last.at
            }
            _ => now,
        };
        let free = holder(&lease).is_none()
            || self.is_ours(&lease)
            || now.duration_since(unchanged_since) >= lasts(&lease);
        if !free {
            *seen = Some(Seen { lease, at: unchanged_since });
            return Ok(false);
        }
        match self.write(&lease).await {
            Ok(lease) => {
                *seen = Some(Seen { lease, at: now });
                Ok(true)
            }
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn created(&self, seen: &mut Option<Seen>, now: Instant) -> kube::Result<bool> {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: Some(self.held(None)),
        };
        match self.api.create(&PostParams::default(), &lease).await {
            Ok(lease) => {
                *seen = Some(Seen { lease, at: now });
                Ok(true)
            }
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, last: &Lease) -> kube::Result<Lease> {
        let lease = Lease { spec: Some(self.held(last.spec.as_ref())), ..last.clone() };
        self.api.replace(&self.name, &PostParams::default(), &lease).await
    }

    fn held(&self, last: Option<&LeaseSpec>) -> LeaseSpec {
        let now: Timestamp = (self.clock)();
        let ours = last.is_some_and(|spec| spec.holder_identity.as_ref() == Some(&self.identity));
        let acquired = last.filter(|_| ours).and_then(|spec| spec.acquire_time.clone());
        let transitions = last.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(if ours { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        holder(lease) == Some(self.identity.as_str())
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

fn lasts(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(DURATION, Duration::from_secs)
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// An API error in a line.
pub(super) fn brief(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => {
            format!("{} {}: {}", status.code, status.reason, status.message)
        }
        error => error.to_string(),
    }
}
