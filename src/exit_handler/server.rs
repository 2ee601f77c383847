//! OpenMetadata's server, as a workflow names it.
//!
//! In: `workflowConfig.openMetadataServerConfig` of a workflow, secrets in place. Out: a [`Server`]:
//! where its API is, and how to be let in. Nothing is sent from here.

use std::fmt;

use serde_json::{Map, Value};

use super::error::Error;
use crate::model::secret_reference::SECRET_MANAGER;

/// The version of the API where the workflow names none.
const API_VERSION: &str = "v1";

/// An OpenMetadata server, and how to talk to it. It has no `Debug` of its fields: it holds a token.
#[derive(Clone)]
pub(super) struct Server {
    /// The URL of its API, version included, without a slash at the end.
    pub(super) api: String,
    /// What lets us in.
    pub(super) token: Option<Token>,
    /// Which certificates are trusted.
    pub(super) trust: Trust,
    /// Further headers, by name.
    pub(super) headers: Vec<(String, String)>,
}

/// A JSON Web Token.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Itself.
    Text(String),
    /// The file that holds it, which OpenMetadata's own client takes, too.
    File(String),
}

/// Whose certificates are trusted.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those that the image trusts: `no-ssl`, which says nothing about certificates.
    Image,
    /// Anybody's: `ignore`.
    Anybody,
    /// This one's alone: `validate`.
    Authority(Authority),
}

/// A certificate authority's certificates.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Authority {
    /// As PEM.
    Text(String),
    /// A file with them.
    File(String),
}

impl Server {
    /// The server of a workflow.
    pub(super) fn of(workflow: &Value) -> Result<Self, Error> {
        let config = workflow.pointer("/workflowConfig/openMetadataServerConfig");
        let config = config.and_then(Value::as_object).ok_or_else(|| {
            Error::setting(
                "the workflow names no OpenMetadata: it has no workflowConfig.openMetadataServerConfig",
                "`spec.openMetadata` of the IngestionProject is rendered to it.",
            )
        })?;
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let host = text("hostPort").unwrap_or_default().trim_end_matches('/');
        if !host.starts_with("http://") && !host.starts_with("https://") {
            return Err(Error::setting(
                "openMetadataServerConfig.hostPort is not the URL of an API",
                "Write it with scheme and path, such as http://openmetadata:8585/api.",
            ));
        }
        let version = text("apiVersion").unwrap_or(API_VERSION);
        Ok(Self {
            api: format!("{host}/{version}"),
            token: token(config)?,
            trust: trust(config)?,
            headers: headers(config),
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("api", &self.api).finish_non_exhaustive()
    }
}

/// A bot's token lets in whatever the provider; without one only `no-auth` does.
fn token(config: &Map<String, Value>) -> Result<Option<Token>, Error> {
    let provider = config.get("authProvider").and_then(Value::as_str).unwrap_or("no-auth");
    let written = config.get("securityConfig").and_then(|security| security.get("jwtToken"));
    let token = written.and_then(Value::as_str).map_or("", str::trim);
    if provider == "no-auth" {
        return Ok(None);
    }
    match token {
        "" => Err(Error::setting(
            format!(
                "openMetadataServerConfig has no token, which `authProvider: {provider}` needs"
            ),
            "Give the token of a bot as securityConfig.jwtToken: no other way to log in is known here.",
        )),
        token if token.starts_with(SECRET_MANAGER) => Err(Error::setting(
            "securityConfig.jwtToken refers to a secret manager, which the exit handler cannot ask",
            "Refer to a Secret by `secretKeyRef`; or leave out `exitHandlerImage`, so that the ingestion image's exit handler resolves it.",
        )),
        file if file.starts_with('/') => Ok(Some(Token::File(file.to_owned()))),
        token => Ok(Some(Token::Text(token.to_owned()))),
    }
}

fn trust(config: &Map<String, Value>) -> Result<Trust, Error> {
    let asked = config.get("verifySSL").and_then(Value::as_str).unwrap_or("no-ssl");
    match asked {
        "no-ssl" => Ok(Trust::Image),
        "ignore" => Ok(Trust::Anybody),
        "validate" => {
            let certificate = config.get("sslConfig").and_then(|ssl| ssl.get("caCertificate"));
            let certificate = certificate.and_then(Value::as_str).map_or("", str::trim);
            if certificate.is_empty() || certificate.starts_with(SECRET_MANAGER) {
                return Err(Error::setting(
                    "`verifySSL: validate` needs the certificate of the authority",
                    "Give it as sslConfig.caCertificate: its PEM text, or the path of a file in the exit handler's image.",
                ));
            }
            Ok(Trust::Authority(match certificate.contains("-----BEGIN") {
                true => Authority::Text(certificate.to_owned()),
                false => Authority::File(certificate.to_owned()),
            }))
        }
        _ => Err(Error::setting(
            "openMetadataServerConfig.verifySSL is none of no-ssl, ignore and validate",
            "It is what OpenMetadata's own schema names.",
        )),
    }
}

/// `extraHeaders`. A value may name the header of the token, as OpenMetadata's client fills it in.
fn headers(config: &Map<String, Value>) -> Vec<(String, String)> {
    let headers = config.get("extraHeaders").and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    headers.into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: Value) -> Result<Server, Error> {
        Server::of(&json!({"workflowConfig": {"openMetadataServerConfig": config}}))
    }

    fn refused(config: Value) -> String {
        let error = of(config).unwrap_err();
        assert!(error.remedy().is_some());
        error.to_string()
    }

    #[test]
    fn the_api_is_below_the_host_by_its_version() {
        let api = |config| of(config).unwrap().api;
        assert_eq!(api(json!({"hostPort": "http://om:8585/api"})), "http://om:8585/api/v1");
        assert_eq!(
            api(json!({"hostPort": "https://om/api/", "apiVersion": "v2"})),
            "https://om/api/v2"
        );
        assert!(refused(json!({"hostPort": "om:8585/api"})).contains("hostPort"));
        assert!(Server::of(&json!({})).is_err());
    }

    #[test]
    fn a_token_lets_in_by_any_provider_and_none_is_needed_without_one() {
        let token = |provider: &str, token: &str| {
            let security = json!({"jwtToken": token});
            of(json!({"hostPort": "http://om", "authProvider": provider, "securityConfig": security}))
                .map(|server| server.token)
        };
        let text = Some(Token::Text("eyJ.a.b".to_owned()));
        assert!(token("openmetadata", "eyJ.a.b\n").unwrap() == text);
        assert!(token("okta", "eyJ.a.b").unwrap() == text);
        assert!(token("no-auth", "eyJ.a.b").unwrap().is_none());
        let file = Some(Token::File("/run/secrets/token".to_owned()));
        assert!(token("openmetadata", "/run/secrets/token").unwrap() == file);
        let error = token("openmetadata", "").err().unwrap();
        assert!(error.to_string().contains("authProvider: openmetadata"), "{error}");
    }

    #[test]
    fn a_secret_managers_reference_is_refused_in_words_and_not_shown() {
        let error = refused(json!({
            "hostPort": "http://om", "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": "secret:/prod/om/token"},
        }));
        assert!(error.contains("secret manager") && !error.contains("/prod"), "{error}");
    }

    #[test]
    fn certificates_are_trusted_as_verify_ssl_says() {
        let trust = |config: Value| {
            let mut whole = json!({"hostPort": "https://om"});
            whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
            of(whole).map(|server| server.trust)
        };
        assert!(trust(json!({})).unwrap() == Trust::Image);
        assert!(trust(json!({"verifySSL": "ignore"})).unwrap() == Trust::Anybody);
        let with = |certificate: &str| {
            let ssl = json!({"caCertificate": certificate});
            trust(json!({"verifySSL": "validate", "sslConfig": ssl}))
        };
        let file = Authority::File("/etc/ca.pem".to_owned());
        assert!(with("/etc/ca.pem").unwrap() == Trust::Authority(file));
        assert!(matches!(
            with("-----BEGIN CERTIFICATE-----\n"),
            Ok(Trust::Authority(Authority::Text(_)))
        ));
        assert!(with("").is_err() && trust(json!({"verifySSL": "validate"})).is_err());
        assert!(trust(json!({"verifySSL": "yes"})).is_err());
    }
}
