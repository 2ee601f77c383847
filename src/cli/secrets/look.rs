//! Whether a cluster has the Secrets that are needed.
//!
//! In: rows, and which cluster. Out: the same rows, with what is there. Of a Secret, its keys are
//! kept, and nothing of their values.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use ompipe::cluster::Declared;

use super::super::cluster::{ClusterArgs, block_on};
use super::super::error::Error;
use super::{Presence, Row};

pub(super) fn look(
    cluster: &ClusterArgs,
    declared: &Declared,
    rows: &mut [Row],
) -> Result<(), Error> {
    block_on(ask(cluster, declared, rows))
}

/// One request per Secret: to read single ones takes fewer rights than to list all.
async fn ask(cluster: &ClusterArgs, declared: &Declared, rows: &mut [Row]) -> Result<(), Error> {
    let cluster = cluster.connect_as(declared).await?;
    let mut known: BTreeMap<(String, String), Option<BTreeSet<String>>> = BTreeMap::new();
    for row in rows {
        let (namespace, name) = (row.secret.namespace.to_string(), row.secret.name.to_string());
        let identity = (namespace.clone(), name.clone());
        if !known.contains_key(&identity) {
            let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &namespace);
            let doing = format!("look at the Secret {name} in {namespace}");
            let secret = cluster.ask(doing, async || api.get_opt(&name).await).await?;
            let keys = secret.map(|secret| secret.data.unwrap_or_default().into_keys().collect());
            known.insert(identity.clone(), keys);
        }
        let keys = known.get(&identity).and_then(Option::as_ref);
        row.presence = Some(match (keys, &row.secret.key) {
            (None, _) => Presence::NoSecret,
            (Some(keys), Some(key)) if !keys.contains(key.as_str()) => Presence::NoKey,
            (Some(_), _) => Presence::Present,
        });
    }
    Ok(())
}
