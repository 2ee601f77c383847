//! One pass: observe, decide, act, and again, until there is nothing to do but wait.
//!
//! In: a key. Out: when to look again at the latest.

use jiff::Timestamp;
use tracing::error;

use super::act::{Failure, in_time};
use super::cache::Looks;
use super::cron;
use super::cron::observe::CronLooks;
use super::objects::ObjectKey;
use super::omjob::{Act, decide, decide_orphan};
use super::operator::{Key, Operator};
use crate::crd::Phase;

/// An OMJob takes about a dozen acts from its beginning to its end. So many in one pass mean that
/// two parts of it disagree; it is looked at again after a while.
const MOST_ACTS: usize = 50;

/// Sees to an OMJob.
pub(super) async fn job(
    operator: &Operator,
    key: &ObjectKey,
) -> Result<Option<Timestamp>, Failure> {
    let mut looks = Looks::default();
    for _ in 0..MOST_ACTS {
        let observed = {
            let cache = operator.cache();
            let Some(entry) = cache.job(key) else { return Ok(None) };
            if let Some(why) = &entry.unreadable {
                error!(namespace = %key.namespace, name = %key.name, why, "the status of this OMJob cannot be read; nothing is done about it");
                return Ok(None);
            }
            looks.only_about(&entry.version);
            looks.refusal = operator.refusal(&entry.uid);
            cache.observe(key, &looks)
        };
        let Some(observed) = observed else { return Ok(None) };
        let plan = decide(&observed, operator.now());
        let Some(act) = plan.act else {
            let ended = observed.job.status.phase.is_some_and(Phase::is_terminal);
            if ended {
                operator.forget_refusal(&observed.job.uid);
            }
            return Ok(if ended { plan.until } else { operator.resync(plan.until) });
        };
        // What was absent a while ago may be there again, a node of the same name for example: only the
        // looks that lead to this act in one row count.
        if !act.is_look() {
            looks = Looks::default();
        }
        in_time(operator.act(key, &observed, act, &mut looks)).await?;
    }
    Err(Failure::later(format!("{MOST_ACTS} acts in one pass over this OMJob")))
}

/// Sees to a CronOMJob.
pub(super) async fn cron(
    operator: &Operator,
    key: &ObjectKey,
) -> Result<Option<Timestamp>, Failure> {
    let mut looks = CronLooks::default();
    for _ in 0..MOST_ACTS {
        let observed = {
            let cache = operator.cache();
            let Some(entry) = cache.crons.get(key).filter(|_| cache.crons.is_complete()) else {
                return Ok(None);
            };
            if let Some(why) = &entry.unreadable {
                error!(namespace = %key.namespace, name = %key.name, why, "the status of this CronOMJob cannot be read; nothing is done about it");
                return Ok(None);
            }
            cache.observe_cron(key, &looks)
        };
        let Some(observed) = observed else { return Ok(None) };
        let plan = cron::decide(&observed, operator.now());
        let Some(act) = plan.act else { return Ok(operator.resync(plan.until)) };
        let starts = matches!(act, cron::Act::StartRun(_));
        in_time(operator.act_on_cron(key, &observed, act, &mut looks)).await?;
        if starts {
            // Many schedules share a minute: the others start their runs before this one is noted.
            operator.wants(Key::Cron(key.clone()));
            return Ok(operator.resync(None));
        }
    }
    Err(Failure::later(format!("{MOST_ACTS} acts in one pass over this CronOMJob")))
}

/// Sees to a pod whose OMJob is gone without having let it go, because somebody took our finalizer
/// from it, or that a late leader has made after the end.
pub(super) async fn pod(
    operator: &Operator,
    key: &ObjectKey,
) -> Result<Option<Timestamp>, Failure> {
    let mut looks = Looks::default();
    for _ in 0..MOST_ACTS {
        let (entry, observed) = {
            let cache = operator.cache();
            let Some(entry) = cache.pod(key).cloned() else { return Ok(None) };
            if cache.job_key_of(key).is_some() {
                return Ok(None);
            }
            let observed = entry.observed(key, entry.job_uid.as_deref().unwrap_or_default());
            (entry, observed)
        };
        if decide_orphan(&observed).act.is_none() {
            return Ok(None);
        }
        // The cache may be behind: the API server is asked before anything is let go.
        let uid = entry.job_uid.as_deref().unwrap_or_default();
        if in_time(operator.job_exists(key, uid)).await? {
            return Ok(operator.resync(None));
        }
        if !operator.leads() {
            return Err(Failure::NotLeading);
        }
        match decide_orphan(&observed).act {
            Some(Act::DeletePod(pod)) => {
                in_time(operator.delete_pod(key, &pod, &mut looks)).await?;
            }
            Some(Act::ReleasePod(pod)) => {
                let release = operator.pod_release(key, &pod);
                in_time(operator.patch_pod(key, &pod, release, &mut looks)).await?;
            }
            _ => return Ok(None),
        }
    }
    Err(Failure::later(format!("{MOST_ACTS} acts in one pass over this pod")))
}
