//! Kubernetes events: for people, written when there is time for them, and never in the way.
//!
//! In: what there is to tell. Out: events.k8s.io/v1 events; the same one again within minutes is
//! counted, not repeated.

use compact_str::CompactString;
use futures::future::pending;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::act::PATIENCE;
use super::lease::brief;
use super::objects::ObjectKey;
use super::omjob::announce::Announcement;
use super::operator::Operator;
use crate::crd::{GROUP, VERSION};

/// Who tells: upstream's name.
const CONTROLLER: &str = "omjob-operator";
/// The longest note that the API server takes.
const LONGEST_NOTE: usize = 1024;

/// Something to tell about an object.
pub(super) struct Told {
    pub(super) key: ObjectKey,
    pub(super) kind: &'static str,
    pub(super) uid: CompactString,
    pub(super) announcement: Announcement,
}

/// Writes events for ever.
pub(super) async fn write(operator: &Operator, told: Option<mpsc::Receiver<Told>>) {
    let reporter = Reporter {
        controller: CONTROLLER.to_owned(),
        instance: Some(operator.identity().to_owned()),
    };
    let recorder = Recorder::new(operator.client(), reporter);
    let Some(mut told) = told else { return pending().await };
    while let Some(Told { key, kind, uid, announcement }) = told.recv().await {
        let reference = ObjectReference {
            api_version: Some(format!("{GROUP}/{VERSION}")),
            kind: Some(kind.to_owned()),
            name: Some(key.name.to_string()),
            namespace: Some(key.namespace.to_string()),
            uid: Some(uid.to_string()),
            ..ObjectReference::default()
        };
        let Announcement { warning, reason, mut note } = announcement;
        if let Some((at, _)) = note.char_indices().find(|(at, c)| at + c.len_utf8() > LONGEST_NOTE)
        {
            note.truncate(at);
        }
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(note),
            action: reason.to_owned(),
            secondary: None,
        };
        let Ok(written) = timeout(PATIENCE, recorder.publish(&event, &reference)).await else {
            debug!("an event was not written: the API server did not answer in time");
            continue;
        };
        operator.metrics().request("create", "events", written.as_ref().err());
        if let Err(error) = written {
            debug!(error = brief(&error), "an event was not written");
        }
    }
    pending::<()>().await;
}
