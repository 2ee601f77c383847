//! What a cluster has of what is wanted.
//!
//! In: a cluster, and what is wanted. Out: [`Observed`]. Objects are listed once per kind and
//! namespace, page by page, and each page is compared and let go; only what is to be changed is
//! kept. Where few are wanted they are asked for by name. Where we may not look, nothing is known.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PartialObjectMeta};
use kube::core::GroupVersionKind;
use kube::{Resource as _, ResourceExt as _};
use serde_json::Value;

use super::desired::{Desired, Identity, Wanted, set_label};
use super::fields::others;
use super::inventory::{Contents, GroupKind, Leftover, PART_OF, is_shared};
use super::plan::{Live, Observed, Present};
use super::send;
use super::unchanged::is_unchanged;
use crate::cluster::connection::Cluster;
use crate::cluster::error::{Error, allowed};
use crate::cluster::list::List;
use crate::cluster::namespaces;
use crate::model::labels;

/// How many objects are in a page: some megabytes.
const PAGE: u32 = 250;
/// Up to how many objects of a kind and namespace are asked for one by one.
const FEW: usize = 8;
/// How many requests are under way at once.
const PARALLEL: usize = 16;

/// Looks at the cluster. `prune` says to look for members that are not wanted, too. An account that
/// another project's set has already is sent as a member of that, whose it stays.
pub async fn observe(
    cluster: &Cluster,
    wanted: &mut Wanted,
    prune: bool,
) -> Result<Observed, Error> {
    namespaces::require(cluster, &wanted.namespaces()).await?;
    let parent = parent(cluster, wanted).await?;
    if let (Some(set), Some(parent)) = (&wanted.set, &parent)
        && let Some(keeper) = set.foreign_keeper(parent)
    {
        return Err(Error::unmet(
            format!("the ConfigMap {} in {} is kept by {keeper}", set.name, set.namespace),
            "It has the name of this project's inventory: rename one of the two.",
        ));
    }
    let set = wanted.set.as_ref().map(|set| set.id.clone());
    let known = wanted.set.as_ref().zip(parent.as_ref()).map(|(set, parent)| set.contents(parent));

    let mut collections: BTreeMap<(String, String, String, String), Vec<usize>> = BTreeMap::new();
    for (at, object) in wanted.objects.iter().enumerate() {
        let Identity { group, kind, namespace, .. } = &object.identity;
        let of = (group.clone(), object.version.clone(), kind.clone(), namespace.clone());
        collections.entry(of).or_default().push(at);
    }
    let collections: Vec<Collection<'_>> = collections
        .into_iter()
        .map(|((group, version, kind, namespace), members)| {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&group, &version, &kind));
            let names = members.iter().map(|at| (wanted.objects[*at].identity.name.as_str(), *at));
            Collection { names: names.collect(), members, resource, namespace }
        })
        .collect();
    let sight = RefCell::new(Sight {
        live: vec![Live::Unknown; wanted.objects.len()],
        adopted: Vec::new(),
        unwanted: 0,
    });
    let objects = &wanted.objects;
    let looks = collections
        .iter()
        .map(|collection| look(cluster, collection, objects, set.as_deref(), &sight));
    try_join_all(looks).await?;
    let Sight { live, adopted, unwanted } = sight.into_inner();
    let wanted_now: BTreeSet<Identity> =
        objects.iter().map(|object| object.identity.clone()).collect();
    for (at, part_of) in adopted {
        set_label(&mut wanted.objects[at].value, PART_OF, &part_of);
    }

    let mut observed = Observed { live, parent, unwanted, ..Observed::default() };
    if let (Some(set), true, true) = (&set, prune, wanted.is_whole) {
        let contents = known.unwrap_or_default().and(&Contents::of(&wanted_now));
        let mut leftovers = leftovers(cluster, set, &contents, wanted).await?;
        leftovers.retain(|leftover| !wanted_now.contains(&leftover.identity));
        observed.shared = namespaces_with_others(cluster, set, &leftovers).await?;
        observed.unwanted = leftovers.len();
        observed.leftovers = leftovers;
    }
    Ok(observed)
}

/// The rights without which wanted objects could not be looked at, each once.
pub fn unseen(wanted: &Wanted, observed: &Observed) -> BTreeSet<String> {
    let pairs = wanted.objects.iter().zip(&observed.live);
    let unseen = pairs.filter(|(_, live)| matches!(live, Live::Unknown));
    unseen.map(|(object, _)| send::right("get", &object.identity, &object.version)).collect()
}

/// The wanted objects of a kind in a namespace.
struct Collection<'w> {
    members: Vec<usize>,
    names: HashMap<&'w str, usize>,
    resource: ApiResource,
    namespace: String,
}

/// What was seen so far.
struct Sight {
    live: Vec<Live>,
    /// Accounts that are members of another set.
    adopted: Vec<(usize, String)>,
    unwanted: usize,
}

impl Sight {
    fn see(&mut self, at: usize, (present, adopted): (Present, Option<String>)) {
        self.adopted.extend(adopted.map(|part_of| (at, part_of)));
        self.live[at] = Live::Present(present);
    }
}

async fn look(
    cluster: &Cluster,
    collection: &Collection<'_>,
    objects: &[Desired],
    set: Option<&str>,
    sight: &RefCell<Sight>,
) -> Result<(), Error> {
    let Collection { members, names, resource, namespace } = collection;
    let is_listed = |at: &&usize| objects[**at].is_labelled();
    let listed: Vec<usize> = members.iter().filter(is_listed).copied().collect();
    if listed.len() <= FEW {
        return by_name(cluster, members.clone(), objects, set, sight).await;
    }
    let unlabelled = members.iter().filter(|at| !objects[**at].is_labelled()).copied().collect();
    by_name(cluster, unlabelled, objects, set, sight).await?;

    let selector = format!("{}={}", labels::MANAGED_BY, labels::OPENMETADATA);
    let which = ListParams::default().labels(&selector).limit(PAGE);
    let path = DynamicObject::url_path(resource, Some(namespace));
    let list = List::new(format!("look for {} objects in {namespace}", resource.kind), path, which);
    let listing = list.fold(cluster, |seen: &mut Listing, mut item: Value| {
        let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        match names.get(name).copied() {
            Some(at) => {
                // Items of a list do not say what they are.
                if let Some(item) = item.as_object_mut() {
                    item.insert("apiVersion".to_owned(), objects[at].api_version().into());
                    item.insert("kind".to_owned(), resource.kind.clone().into());
                }
                seen.present.insert(at, present(&objects[at], item, set));
            }
            None if set.is_some() && part_of(&item) == set => seen.unwanted += 1,
            None => {}
        }
    });
    let Some(listing) = allowed(listing.await)? else {
        // To read single ones takes fewer rights than to list all.
        return by_name(cluster, listed, objects, set, sight).await;
    };
    let mut sight = sight.borrow_mut();
    sight.unwanted += listing.unwanted;
    for at in listed {
        sight.live[at] = Live::Absent;
    }
    for (at, found) in listing.present {
        sight.see(at, found);
    }
    Ok(())
}

/// Looks at these one by one.
async fn by_name(
    cluster: &Cluster,
    members: Vec<usize>,
    objects: &[Desired],
    set: Option<&str>,
    sight: &RefCell<Sight>,
) -> Result<(), Error> {
    let gets = stream::iter(members).map(|at| async move {
        let Desired { identity, version, .. } = &objects[at];
        Ok::<_, Error>((at, allowed(send::live(cluster, identity, version).await)?))
    });
    let found: Vec<(usize, Option<Option<Value>>)> =
        gets.buffer_unordered(PARALLEL).try_collect().await?;
    let mut sight = sight.borrow_mut();
    for (at, found) in found {
        match found {
            Some(Some(live)) => sight.see(at, present(&objects[at], live, set)),
            Some(None) => sight.live[at] = Live::Absent,
            None => {}
        }
    }
    Ok(())
}

/// What of a list concerns us.
#[derive(Default)]
struct Listing {
    present: HashMap<usize, (Present, Option<String>)>,
    unwanted: usize,
}

fn part_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/labels")?.get(PART_OF)?.as_str()
}

/// What is known of an object that is there; and the other set that an account stays a member of.
fn present(desired: &Desired, mut live: Value, set: Option<&str>) -> (Present, Option<String>) {
    let part_of = part_of(&live).map(str::to_owned);
    let is_shared = is_shared(&desired.identity.kind);
    let adopted = part_of.clone().filter(|of| is_shared && set.is_some() && Some(&**of) != set);
    let is_same = match &adopted {
        None => is_unchanged(&desired.value, &live),
        Some(part_of) => {
            let mut as_theirs = desired.value.clone();
            set_label(&mut as_theirs, PART_OF, part_of);
            is_unchanged(&as_theirs, &live)
        }
    };
    let text = |at: &str| live.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let present = Present {
        resource_version: text("/metadata/resourceVersion"),
        is_unchanged: is_same,
        is_deleting: live.pointer("/metadata/deletionTimestamp").is_some(),
        part_of: part_of.filter(|_| adopted.is_none()),
        object: (!is_same).then(|| Box::new(live.take())),
    };
    (present, adopted)
}

/// The parent of the set. Who may not see it may not apply either.
async fn parent(cluster: &Cluster, wanted: &Wanted) -> Result<Option<Value>, Error> {
    let Some(set) = &wanted.set else { return Ok(None) };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ConfigMap"));
    let api: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), &set.namespace, &resource);
    let doing = format!("look for the inventory {} in {}", set.name, set.namespace);
    let found = allowed(cluster.ask(doing, async || api.get_opt(&set.name).await).await)?.flatten();
    Ok(found.and_then(|found| serde_json::to_value(found).ok()))
}

/// The members of the set, wherever there may be one.
async fn leftovers(
    cluster: &Cluster,
    set: &str,
    contents: &Contents,
    wanted: &Wanted,
) -> Result<Vec<Leftover>, Error> {
    let mut leftovers = Vec::new();
    for kind in &contents.kinds {
        let Some(resource) = resource_of(cluster, kind, wanted).await? else { continue };
        for namespace in &contents.namespaces {
            let selector = format!("{PART_OF}={set}");
            let members = list_metadata(cluster, &resource, namespace, &selector).await?;
            leftovers.extend(members.into_iter().map(|member| leftover(member, &resource)));
        }
    }
    Ok(leftovers)
}

fn leftover(member: PartialObjectMeta<DynamicObject>, resource: &ApiResource) -> Leftover {
    let others = serde_json::to_value(&member.metadata)
        .map(|metadata| others(&serde_json::json!({"metadata": metadata})))
        .unwrap_or_default();
    Leftover {
        identity: Identity {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: member.metadata.namespace.clone().unwrap_or_default(),
            name: member.name_any(),
        },
        version: resource.version.clone(),
        pipeline: member.labels().get(labels::PIPELINE).cloned(),
        uid: member.metadata.uid.unwrap_or_default(),
        others,
    }
}

/// The resource of a kind, in the version that we apply or, for one that we no longer do, that the
/// cluster prefers; `None` when the cluster does not know it, and so has none.
async fn resource_of(
    cluster: &Cluster,
    kind: &GroupKind,
    wanted: &Wanted,
) -> Result<Option<ApiResource>, Error> {
    let GroupKind { group, kind } = kind;
    let same = wanted
        .objects
        .iter()
        .find(|object| object.identity.group == *group && object.identity.kind == *kind);
    if let Some(object) = same {
        return Ok(Some(send::resource(&object.identity, &object.version)));
    }
    if group.is_empty() {
        return Ok(Some(ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))));
    }
    let doing = format!("look for the kind {kind} of {group}");
    let found =
        cluster.ask(doing, async || match kube::discovery::group(&cluster.client, group).await {
            Ok(found) => Ok(found.recommended_kind(kind).map(|(resource, _)| resource)),
            Err(kube::Error::Discovery(_)) => Ok(None),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        });
    found.await
}

async fn list_metadata(
    cluster: &Cluster,
    resource: &ApiResource,
    namespace: &str,
    selector: &str,
) -> Result<Vec<PartialObjectMeta<DynamicObject>>, Error> {
    let path = DynamicObject::url_path(resource, Some(namespace));
    let which = ListParams::default().labels(selector);
    let list = List::new(format!("list {} objects in {namespace}", resource.kind), path, which);
    match list.metadata_only().all(cluster).await {
        Err(error) if error.code() == Some(404) => Ok(Vec::new()),
        listed => listed,
    }
}

/// The namespaces of leftover accounts with schedules that are no members of the set: their pods
/// may run as these accounts.
async fn namespaces_with_others(
    cluster: &Cluster,
    set: &str,
    leftovers: &[Leftover],
) -> Result<BTreeSet<String>, Error> {
    let of_accounts = leftovers.iter().filter(|leftover| is_shared(&leftover.identity.kind));
    let namespaces: BTreeSet<&str> =
        of_accounts.map(|leftover| leftover.identity.namespace.as_str()).collect();
    let schedules = [("batch", "CronJob"), ("pipelines.openmetadata.org", "CronOMJob")];
    let selector = format!("{}={},{PART_OF}!={set}", labels::MANAGED_BY, labels::OPENMETADATA);
    let mut found = BTreeSet::new();
    for namespace in namespaces {
        for (group, kind) in schedules {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
            if !list_metadata(cluster, &resource, namespace, &selector).await?.is_empty() {
                found.insert(namespace.to_owned());
            }
        }
    }
    Ok(found)
}
