//! A list of a cluster's objects, read page by page.
//!
//! In: which objects. Out: all of them, or what is made of one after the other, so that of a long
//! list never more than a page is held. One whose pages grew too old to go on with is begun anew, and
//! asked for whole: a cluster that forgets so quickly would not come to the end of its pages either.

use kube::api::ListParams;
use kube::core::Request;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::connection::Cluster;
use super::error::Error;

/// Objects of a page: as many as kubectl takes.
const PAGE: u32 = 500;

/// A list to be asked for.
#[derive(Clone, Debug)]
pub(super) struct List {
    doing: String,
    path: String,
    which: ListParams,
    metadata_only: bool,
}

impl List {
    /// The list at a path; `doing` says what for, as in "failed to {doing}".
    pub(super) fn new(
        doing: impl Into<String>,
        path: impl Into<String>,
        which: ListParams,
    ) -> Self {
        let which = if which.limit.is_none() { which.limit(PAGE) } else { which };
        Self { doing: doing.into(), path: path.into(), which, metadata_only: false }
    }

    /// With nothing of each object but its metadata.
    pub(super) fn metadata_only(self) -> Self {
        Self { metadata_only: true, ..self }
    }

    /// All objects.
    pub(super) async fn all<K: DeserializeOwned>(self, cluster: &Cluster) -> Result<Vec<K>, Error> {
        self.fold(cluster, Vec::push).await
    }

    /// What `see` makes of one object after the other, beginning with the default, also when the
    /// list is begun anew.
    pub(super) async fn fold<K: DeserializeOwned, T: Default>(
        mut self,
        cluster: &Cluster,
        mut see: impl FnMut(&mut T, K),
    ) -> Result<T, Error> {
        let mut seen = T::default();
        loop {
            let page = cluster.ask(self.doing.as_str(), async || {
                let request = Request::new(self.path.as_str());
                let request = match self.metadata_only {
                    true => request.list_metadata(&self.which),
                    false => request.list(&self.which),
                };
                let request = request.map_err(kube::Error::BuildRequest)?;
                cluster.client.request::<Page<K>>(request).await
            });
            match page.await {
                Ok(page) => {
                    page.items.into_iter().for_each(|item| see(&mut seen, item));
                    match page.metadata.next.filter(|next| !next.is_empty()) {
                        Some(next) => self.which.continue_token = Some(next),
                        None => return Ok(seen),
                    }
                }
                Err(error) if error.code() == Some(410) && self.which.continue_token.is_some() => {
                    seen = T::default();
                    self.which = ListParams { continue_token: None, limit: None, ..self.which };
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A page of a list, as the API server writes it.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de>"))]
struct Page<K> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new", deserialize_with = "items")]
    items: Vec<K>,
}

/// The items: the API server writes a list of metadata without any as `null`.
fn items<'de, D: Deserializer<'de>, K: Deserialize<'de>>(from: D) -> Result<Vec<K>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::observed::Meta;

    #[test]
    fn a_list_without_items_is_empty_however_it_is_written() {
        for text in [r#"{"items": null}"#, r#"{"items": []}"#, "{}"] {
            let page: Page<Meta> = serde_json::from_str(text).unwrap();
            assert!(page.items.is_empty(), "{text}");
        }
    }
}
