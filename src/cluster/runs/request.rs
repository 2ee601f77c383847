//! Single requests about objects of a pipeline.
//!
//! In: kinds, names, UIDs. Out: what the API server says. Nothing is decided here; a request whose
//! answer was lost is sent again, and what it finds done already counts as done.

use kube::api::{DeleteParams, GetParams, ListParams, Patch, PatchParams, Preconditions};
use kube::api::{PostParams, PropagationPolicy};
use kube::core::Request;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::kind::Kind;
use crate::cluster::list::List;
use crate::cluster::observed::Meta;
use crate::cluster::{Cluster, Error};

/// An object of which only the metadata is looked at, so that no value of a Secret comes here.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) metadata: Meta,
}

/// An object, if there is one of that name.
pub(super) async fn get<K: DeserializeOwned>(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<K>, Error> {
    let answer = cluster.ask(format!("read {} {name}", kind.as_str()), async || {
        let request = Request::new(kind.path(namespace)).get(name, &GetParams::default());
        cluster.client.request::<K>(request.map_err(kube::Error::BuildRequest)?).await
    });
    none_if_missing(answer.await)
}

/// The metadata of an object, if there is one of that name.
pub(super) async fn get_metadata(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<Meta>, Error> {
    let answer = cluster.ask(format!("look for {} {name}", kind.as_str()), async || {
        let request = Request::new(kind.path(namespace)).get_metadata(name, &GetParams::default());
        cluster.client.request::<Named>(request.map_err(kube::Error::BuildRequest)?).await
    });
    Ok(none_if_missing(answer.await)?.map(|found| found.metadata))
}

/// The metadata of an object, if there is one of that name, for those who may list the kind and
/// not get one: a list of one name.
pub(super) async fn find_metadata(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<Meta>, Error> {
    let which = ListParams::default().fields(&format!("metadata.name={name}"));
    Ok(listed_metadata(cluster, kind, namespace, which).await?.pop())
}

/// The metadata of all objects with these labels.
pub(super) async fn list_metadata(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Meta>, Error> {
    listed_metadata(cluster, kind, namespace, ListParams::default().labels(selector)).await
}

/// None where the cluster does not know the kind.
async fn listed_metadata(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    which: ListParams,
) -> Result<Vec<Meta>, Error> {
    let list = List::new(format!("list {}s", kind.as_str()), kind.path(namespace), which);
    let listed = list.metadata_only().fold(cluster, |all: &mut Vec<Meta>, item: Named| {
        all.push(item.metadata);
    });
    match listed.await {
        Err(error) if error.code() == Some(404) && kind.may_be_unknown() => Ok(Vec::new()),
        listed => listed,
    }
}

/// Deletes the object of this UID, and no other that bears its name by now; whether it was there.
pub(super) async fn delete(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
    uid: &str,
    propagation: PropagationPolicy,
) -> Result<bool, Error> {
    let how = DeleteParams {
        propagation_policy: Some(propagation),
        preconditions: Some(Preconditions { resource_version: None, uid: Some(uid.to_owned()) }),
        ..DeleteParams::default()
    };
    let answer = cluster.ask(format!("delete {} {name}", kind.as_str()), async || {
        let request = Request::new(kind.path(namespace)).delete(name, &how);
        let request = request.map_err(kube::Error::BuildRequest)?;
        cluster.client.request::<IgnoredAny>(request).await
    });
    match answer.await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(404) => Ok(false),
        // Another one may have its name by now.
        Err(error) if error.code() == Some(409) => {
            match get_metadata(cluster, kind, namespace, name).await? {
                Some(found) if found.uid == uid => Err(error),
                _ => Ok(false),
            }
        }
        Err(error) => Err(error),
    }
}

/// What came of a creation.
pub(super) enum Created<K> {
    /// It is new.
    New(K),
    /// One of its name is there, which may be it: an answer was lost before.
    Perhaps,
    /// One of its name was there already.
    There,
}

/// Creates an object.
pub(super) async fn create<K: DeserializeOwned>(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
    object: &impl Serialize,
) -> Result<Created<K>, Error> {
    let body = serde_json::to_vec(object).unwrap_or_default();
    let mut asked = 0;
    let answer = cluster.ask(format!("create {} {name}", kind.as_str()), async || {
        asked += 1;
        let request = Request::new(kind.path(namespace)).create(&how_to_create(), body.clone());
        cluster.client.request::<K>(request.map_err(kube::Error::BuildRequest)?).await
    });
    match answer.await {
        Ok(created) => Ok(Created::New(created)),
        Err(error) if error.reason() == Some("AlreadyExists") => {
            Ok(if asked > 1 { Created::Perhaps } else { Created::There })
        }
        Err(error) => Err(error),
    }
}

fn how_to_create() -> PostParams {
    PostParams {
        field_manager: Some(crate::cluster::FIELD_MANAGER.to_owned()),
        ..Default::default()
    }
}

/// Patches an object, or its status.
pub(super) async fn patch<K: DeserializeOwned>(
    cluster: &Cluster,
    doing: &str,
    (kind, namespace, name): (Kind, &str, &str),
    of: Part,
    how: &PatchParams,
    patch: &Patch<serde_json::Value>,
) -> Result<K, Error> {
    let answer = cluster.ask(doing, async || {
        let request = Request::new(kind.path(namespace));
        let request = match of {
            Part::Object => request.patch(name, how, patch),
            Part::Status => request.patch_subresource("status", name, how, patch),
        };
        cluster.client.request::<K>(request.map_err(kube::Error::BuildRequest)?).await
    });
    answer.await
}

/// What of an object is patched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// All but its status.
    Object,
    /// Its status.
    Status,
}

fn none_if_missing<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
