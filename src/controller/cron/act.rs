//! Does what was decided about a CronOMJob, and only while this replica leads.
//!
//! In: an act. Out: the cache with the answer in it. An answer that says that the cache was wrong
//! mends the cache; everything else that goes wrong is to be tried again later.

use std::collections::BTreeMap;

use compact_str::CompactString;
use kube::api::{DynamicObject, ListParams, PostParams};
use serde::Deserialize;

use super::decide::{Act, Notice, Reason, Start};
use super::observe::{CronEntry, CronLooks, Live, run};
use super::observed::{Observed, Run};
use super::run::{CronForRuns, build};
use crate::controller::act::{Done, Failure, unsendable};
use crate::controller::names;
use crate::controller::objects::{JobEntry, ObjectKey};
use crate::controller::omjob::announce::Announcement;
use crate::controller::operator::{Key, Operator};
use crate::controller::requests::{self, Version};
use crate::crd::{ConcurrencyPolicy, CronOMJobStatus, OMJobSpec};

/// What a CronOMJob's runs are made of, as the cache keeps it.
#[derive(Deserialize)]
struct Template {
    labels: Option<BTreeMap<String, String>>,
    spec: OMJobSpec,
}

impl Operator {
    /// Does one act for the CronOMJob that was observed.
    pub(in crate::controller) async fn act_on_cron(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        act: Act,
        looks: &mut CronLooks,
    ) -> Done {
        if !self.leads() {
            return Err(Failure::NotLeading);
        }
        // What was read live is good for one decision.
        looks.live = None;
        match act {
            Act::LookLive => self.look_live(key, looks).await,
            Act::Record(status, notice) => self.record_cron(key, observed, &status, notice).await,
            Act::StartRun(start) => self.start_run(key, observed, &start, looks).await,
            Act::DeleteRun(run) => self.delete_run(key, observed, &run).await,
        }
    }

    async fn look_live(&self, key: &ObjectKey, looks: &mut CronLooks) -> Done {
        self.reread_cron(key).await?;
        let Some(cron) = self.cache().crons.get(key).map(|entry| entry.cron.clone()) else {
            return Ok(());
        };
        if cron.asked.concurrency_policy == ConcurrencyPolicy::Allow {
            looks.live = Some(Live::Cron);
            return Ok(());
        }
        let selector = format!("{}={}", names::CRONOMJOB_UID_LABEL, cron.uid);
        let listed = self.job_api(key).list(&ListParams::default().labels(&selector)).await;
        self.metrics().request("list", "omjobs", listed.as_ref().err());
        let listed = listed.map_err(|error| Failure::of(&error))?;
        let name = |job: &DynamicObject| job.metadata.name.clone().unwrap_or_default();
        let runs = listed.iter().map(|job| run(&name(job), &JobEntry::read(job))).collect();
        looks.live = Some(Live::WithRuns(runs));
        Ok(())
    }

    async fn record_cron(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        status: &CronOMJobStatus,
        notice: Option<Notice>,
    ) -> Done {
        let version = self.cache().crons.get(key).map(|entry| entry.version.as_str().to_owned());
        let Some(version) = version else { return Ok(()) };
        let uid = &observed.cron.uid;
        let url = self.cron_api(key).resource_url().to_owned();
        let observed = Version { uid, resource_version: &version };
        let request = requests::write_status(url, "CronOMJob", key, &observed, status)?;
        let answer = self.client().request::<DynamicObject>(request).await;
        self.metrics().request("update_status", "cronomjobs", answer.as_ref().err());
        match answer {
            Ok(object) => {
                self.cache().crons.put(key.clone(), CronEntry::read(&object));
                if let Some(notice) = notice {
                    self.tell_of_cron(key, uid, notice);
                }
                // A run that has ended may have waited for being noted.
                self.wants_runs_of(uid);
                Ok(())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                self.reread_cron(key).await?;
                let now =
                    self.cache().crons.get(key).map(|entry| entry.version.as_str().to_owned());
                match now.as_deref() == Some(&*version) {
                    // Nothing has changed that would explain it.
                    true => Err(Failure::later(format!("{}: {}", status.code, status.message))),
                    false => Ok(()),
                }
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    async fn start_run(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        start: &Start,
        looks: &mut CronLooks,
    ) -> Done {
        let cron = &observed.cron;
        let Some(object) = self.cache().crons.get(key).map(|entry| entry.object.clone()) else {
            return Ok(());
        };
        let template: Template = serde_json::from_slice(&object)
            .map_err(|error| self.unbuildable(key, observed, &error))?;
        let job = build(
            &CronForRuns {
                name: &cron.name,
                namespace: &key.namespace,
                uid: &cron.uid,
                labels: &template.labels.unwrap_or_default(),
                trigger: cron.trigger.as_deref(),
                spec: &template.spec,
            },
            start,
        );
        let job = job.and_then(serde_json::from_value::<DynamicObject>);
        let job = job.map_err(|error| self.unbuildable(key, observed, &error))?;
        let run = key.beside(&start.name);
        let answer = self.job_api(key).create(&PostParams::default(), &job).await;
        self.metrics().request("create", "omjobs", answer.as_ref().err());
        match answer {
            Ok(job) => {
                self.put_job(&run, &job);
                self.wants(Key::Job(run));
                if let Some(tick) = start.tick {
                    self.metrics().cron_start_lag(self.now().duration_since(tick).as_secs_f64());
                }
                let message = format!("created {}", start.name);
                self.tell_of_cron(
                    key,
                    &cron.uid,
                    Notice { reason: Reason::SuccessfulCreate, message },
                );
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                self.adopt_run(&run, &cron.uid, looks).await
            }
            Err(error) => {
                let message = format!("failed to create {}: {}", start.name, told(&error));
                let notice = Notice { reason: Reason::FailedCreate, message: message.clone() };
                self.tell_of_cron(key, &cron.uid, notice);
                Err(match Failure::of(&error) {
                    Failure::Later { wait, .. } => Failure::Later { message, wait },
                    failure => failure,
                })
            }
        }
    }

    /// An OMJob of the run's name exists: it was created by us, and the answer was lost or is not
    /// in the cache yet; or it is somebody else's.
    async fn adopt_run(&self, run: &ObjectKey, uid: &CompactString, looks: &mut CronLooks) -> Done {
        let found = self.job_api(run).get_opt(&run.name).await;
        self.metrics().request("get", "omjobs", found.as_ref().err());
        // Gone by now: the next decision sees to it.
        let Some(job) = found.map_err(|error| Failure::of(&error))? else { return Ok(()) };
        if JobEntry::read(&job).cron_uid.as_ref() == Some(uid) {
            self.put_job(run, &job);
            self.wants(Key::Job(run.clone()));
        } else {
            looks.taken = Some(run.name.clone());
        }
        Ok(())
    }

    /// A spec of which no run can be made stays so until it is changed. What is wrong with it is
    /// not told in full: the environment may hold secrets.
    fn unbuildable(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        error: &serde_json::Error,
    ) -> Failure {
        let place = format!("{:?} at column {}", error.classify(), error.column());
        let message = format!("no OMJob can be made of omJobSpec: {place}");
        let notice = Notice { reason: Reason::FailedCreate, message: message.clone() };
        self.tell_of_cron(key, &observed.cron.uid, notice);
        unsendable(&message)
    }

    async fn delete_run(&self, key: &ObjectKey, observed: &Observed, run: &Run) -> Done {
        let job = key.beside(&run.name);
        let version = Version { uid: &run.uid, resource_version: &run.resource_version };
        if self.delete_omjob(&job, &version).await? {
            self.wants(Key::Job(job));
            let message = format!("deleted {}", run.name);
            let notice = Notice { reason: Reason::SuccessfulDelete, message };
            self.tell_of_cron(key, &observed.cron.uid, notice);
        }
        Ok(())
    }

    async fn reread_cron(&self, key: &ObjectKey) -> Done {
        let asked = self.cache().crons.get(key).map(|entry| entry.cron.uid.clone());
        let found = self.cron_api(key).get_opt(&key.name).await;
        self.metrics().request("get", "cronomjobs", found.as_ref().err());
        let found = found.map_err(|error| Failure::of(&error))?;
        match found {
            Some(object) => {
                if self.cache().crons.put(key.clone(), CronEntry::read(&object)) {
                    self.wants_runs_of(object.metadata.uid.as_deref().unwrap_or_default());
                }
            }
            None => {
                if let Some(uid) = asked {
                    self.cache().crons.remove(key, &uid);
                }
            }
        }
        Ok(())
    }

    fn tell_of_cron(&self, key: &ObjectKey, uid: &str, notice: Notice) {
        let Notice { reason, message } = notice;
        let announcement =
            Announcement { warning: reason.is_warning(), reason: reason.as_str(), note: message };
        self.announce(key, "CronOMJob", uid, announcement);
    }
}

/// Why the API server refused, without what it quotes: a refused value may be a secret.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        _ => "the API server did not answer".to_owned(),
    }
}
