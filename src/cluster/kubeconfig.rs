//! Where a cluster's address and credentials come from, read.
//!
//! In: [`Credentials`], a context, and what the environment says. Out: what a client is made of, or an
//! error that names the file and the place in it. What stands in a kubeconfig is never quoted but for
//! the names of its contexts: any other part may hold a token.

use std::env;
use std::path::{Path, PathBuf};

use kube::config::{
    Config, ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError,
};

use super::connection::{Connection, Credentials};
use super::error::Error;
use super::proxy;

/// The variable by which Kubernetes tells a pod where the API server is.
const IN_POD: &str = "KUBERNETES_SERVICE_HOST";

/// What a client is made of.
pub(super) struct Found {
    pub(super) config: Config,
    /// Where it comes from, for people: `context kind of /home/ada/.kube/config`.
    pub(super) origin: String,
    /// The program that gives the credentials, if one does.
    pub(super) plugin: Option<ExecConfig>,
}

/// Finds the cluster that is meant.
pub(super) async fn find(connection: &Connection) -> Result<Found, Error> {
    let (kubeconfig, file) = match &connection.credentials {
        Credentials::InCluster => return in_cluster(),
        Credentials::File(path) => (read(path)?, path.display().to_string()),
        Credentials::Content(text) => {
            let origin = "the content of a kubeconfig".to_owned();
            (Kubeconfig::from_yaml(text).map_err(|error| unusable(&origin, &error))?, origin)
        }
        Credentials::Inferred => match inferred()? {
            Some(found) => found,
            None if env::var_os(IN_POD).is_some() && connection.context.is_none() => {
                return in_cluster();
            }
            None => return Err(Error::NoCluster),
        },
    };
    let names = names(&kubeconfig);
    let options = KubeConfigOptions { context: connection.context.clone(), ..Default::default() };
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone());
    let context = context.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::kubeconfig(
            &file,
            "it has no current context",
            format!("Name one by --context; {names}."),
        )
    })?;
    let has_proxy = has_proxy(&kubeconfig, &context);
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| match error {
        KubeconfigError::LoadContext(name) => Error::kubeconfig(
            &file,
            format!("it has no context {name}"),
            format!("Name another by --context; {names}."),
        ),
        error => unusable(&file, &error),
    })?;
    let host = config.cluster_url.host().unwrap_or_default();
    let no_proxy = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| env::var(name).ok());
    if !has_proxy && proxy::is_passed_by(host, &no_proxy.unwrap_or_default()) {
        config.proxy_url = None;
    }
    let origin = format!("context {context} of {file}");
    if !is_header(&config, "token") {
        // The client would panic.
        return Err(Error::kubeconfig(
            &origin,
            "its token has characters that no header may have",
            "A line break in it? Log in again, or write the kubeconfig anew.".to_owned(),
        ));
    }
    let plugin = config.auth_info.exec.as_mut();
    if let Some(plugin) = plugin {
        let mode = plugin.interactive_mode.as_ref();
        if mode == Some(&ExecInteractiveMode::Always) && !connection.has_terminal {
            return Err(Error::kubeconfig(
                &file,
                "its plugin asks for something on a terminal, and there is none",
                "Run ompipe in a terminal, or use credentials that need none.".to_owned(),
            ));
        }
        if !connection.has_terminal {
            // So that what it says is kept, and told redacted, instead of going by us to stderr.
            plugin.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    let plugin = config.auth_info.exec.clone();
    Ok(Found { config, origin, plugin })
}

/// Whether the kubeconfig itself names a proxy for its context's cluster.
fn has_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let mut contexts = kubeconfig.contexts.iter().filter(|one| one.name == context);
    let cluster = contexts.find_map(|one| Some(one.context.as_ref()?.cluster.as_str()));
    let mut clusters = kubeconfig.clusters.iter().filter(|one| Some(one.name.as_str()) == cluster);
    let proxy = clusters.find_map(|one| one.cluster.as_ref()?.proxy_url.as_deref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

/// Whether a part of the credentials may be sent.
fn is_header(config: &Config, field: &str) -> bool {
    let credentials = serde_json::to_value(&config.auth_info).unwrap_or_default();
    let text = credentials.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    text.bytes().all(|byte| byte >= b' ' && byte != 0x7f)
}

/// The pod's own service account.
fn in_cluster() -> Result<Found, Error> {
    let origin = "the pod's own service account".to_owned();
    let config = Config::incluster().map_err(|error| {
        Error::kubeconfig(
            &origin,
            error.to_string(),
            "Run ompipe in a pod whose token is mounted, or name a kubeconfig by --kubeconfig."
                .to_owned(),
        )
    })?;
    Ok(Found { config, origin, plugin: None })
}

/// What `$KUBECONFIG` names, or else the file in the home folder; `None` when there is neither.
///
/// kubectl too passes over files of the variable's list that are not there. A file that is there and
/// wrong is an error: to go on with another cluster would be worse.
fn inferred() -> Result<Option<(Kubeconfig, String)>, Error> {
    let named = env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<PathBuf> =
        env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
    let is_named = !named.is_empty();
    let home = || env::home_dir().map(|home| home.join(".kube/config"));
    let candidates = if is_named { named } else { home().into_iter().collect() };
    let files: Vec<&PathBuf> = candidates.iter().filter(|path| path.exists()).collect();
    let Some((first, others)) = files.split_first() else {
        return match candidates.first().filter(|_| is_named) {
            Some(path) => Err(Error::kubeconfig(
                &path.display().to_string(),
                "KUBECONFIG names it, and there is no such file",
                "Set KUBECONFIG to a file that is there, or name one by --kubeconfig.".to_owned(),
            )),
            None => Ok(None),
        };
    };
    let mut merged = read(first)?;
    let mut origin = first.display().to_string();
    for path in others {
        merged = merged.merge(read(path)?).map_err(|error| unusable(&origin, &error))?;
        origin.push_str(&format!(" and {}", path.display()));
    }
    Ok(Some((merged, origin)))
}

fn read(path: &Path) -> Result<Kubeconfig, Error> {
    Kubeconfig::read_from(path).map_err(|error| unusable(&path.display().to_string(), &error))
}

/// Which contexts there are, as part of a sentence.
fn names(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|one| one.name.as_str()).collect();
    match names.len() {
        0 => "there is none in it".to_owned(),
        _ => format!("there are {}", names.join(", ")),
    }
}

/// What is wrong with a kubeconfig, without a word of what is in it.
fn unusable(file: &str, error: &KubeconfigError) -> Error {
    const WHOLE: &str = "It must be the whole text of a kubeconfig, as kubectl reads it.";
    let (why, remedy) = match error {
        KubeconfigError::ReadConfig(why, _) => {
            (why.to_string(), "Name one by --kubeconfig FILE, or set KUBECONFIG.")
        }
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => {
                let (line, column) = (at.line(), at.column());
                (format!("it is wrong at line {line}, column {column}"), WHOLE)
            }
            None => ("it is not a kubeconfig".to_owned(), WHOLE),
        },
        KubeconfigError::LoadClusterOfContext(name) => {
            (format!("its context names the cluster {name}, and there is none of that name"), WHOLE)
        }
        KubeconfigError::MissingClusterUrl => {
            ("the cluster of its context has no `server`".to_owned(), WHOLE)
        }
        KubeconfigError::ParseClusterUrl(_) => {
            ("the `server` of its context's cluster is no URL".to_owned(), WHOLE)
        }
        KubeconfigError::ParseProxyUrl(_) => (
            "the proxy that it or HTTPS_PROXY names is no URL".to_owned(),
            "Mend `proxy-url` of the kubeconfig, or the variable.",
        ),
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            (without_content(error, "certificate authority"), WHOLE)
        }
        KubeconfigError::LoadClientCertificate(_) => {
            (without_content(error, "client certificate"), WHOLE)
        }
        KubeconfigError::LoadClientKey(_) => (without_content(error, "client key"), WHOLE),
        other => (other.to_string(), WHOLE),
    };
    Error::kubeconfig(file, why, remedy.to_owned())
}

/// A file that a kubeconfig names and that is not there, or data in it that are none.
fn without_content(error: &KubeconfigError, what: &str) -> String {
    use kube::config::LoadDataError;
    let why = match error {
        KubeconfigError::LoadCertificateAuthority(why)
        | KubeconfigError::LoadClientCertificate(why)
        | KubeconfigError::LoadClientKey(why) => Some(why),
        _ => None,
    };
    match why {
        Some(LoadDataError::ReadFile(why, path)) => {
            format!("failed to read its {what} {}: {why}", path.display())
        }
        _ => format!("its {what} is none"),
    }
}

/// A client that cannot be made of a kubeconfig: its certificates do not fit.
pub(super) fn no_client(origin: &str, error: &kube::Error) -> Error {
    match error {
        kube::Error::InferKubeconfig(error) => unusable(origin, error),
        kube::Error::ProxyProtocolDisabled { .. }
        | kube::Error::ProxyProtocolUnsupported { .. } => Error::kubeconfig(
            origin,
            "the proxy that it or HTTPS_PROXY names cannot be used",
            "Reach the cluster without a proxy: take it out, or name the host in NO_PROXY."
                .to_owned(),
        ),
        _ => Error::kubeconfig(
            origin,
            "its certificates or keys cannot be used",
            "Log in again, or name another kubeconfig by --kubeconfig.".to_owned(),
        ),
    }
}
