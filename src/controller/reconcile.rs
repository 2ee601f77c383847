//! One pass: observe, decide, act, and again, until there is nothing to do but wait.
//!
//! In: a key. Out: when to look again at the latest.

use jiff::Timestamp;
use tracing::error;

use super::act::Failure;
use super::cache::Looks;
use super::crd::Phase;
use super::objects::ObjectKey;
use super::omjob::decide;
use super::operator::Operator;

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
        operator.act(key, &observed, act, &mut looks).await?;
    }
    Err(Failure::later(format!("{MOST_ACTS} acts in one pass over this OMJob")))
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
            if cache.job_key_of(key).is_some() || (entry.finalizer.is_none() && !entry.is_gated()) {
                return Ok(None);
            }
            let observed = entry.observed(key, entry.job_uid.as_deref().unwrap_or_default());
            (entry, observed)
        };
        // The cache may be behind: the API server is asked before anything is let go.
        let uid = entry.job_uid.as_deref().unwrap_or_default();
        if operator.job_exists(key, uid).await? {
            return Ok(operator.resync(None));
        }
        if !operator.leads() {
            return Err(Failure::NotLeading);
        }
        // A handler that was let run is let run to its end.
        let unwanted = entry.is_gated() || !entry.is_exit_handler();
        if unwanted && !entry.has_ended() && !entry.is_deleted() {
            operator.delete_pod(key, &observed, &mut looks).await?;
        } else if entry.finalizer.is_some() && (unwanted || entry.has_ended()) {
            let release = operator.pod_release(key, &observed);
            operator.patch_pod(key, &observed, release, &mut looks).await?;
        } else {
            return Ok(operator.resync(None));
        }
    }
    Err(Failure::later(format!("{MOST_ACTS} acts in one pass over this pod")))
}
