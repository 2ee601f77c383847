//! OpenMetadata's REST API, as far as an exit handler needs it.
//!
//! In: a [`Server`], a run, a status. Out: the status that is stored, or that it is stored now, or a
//! [`Trouble`], which says whether it may pass. Each call is one request; nothing is tried again
//! here, and no redirection is followed, which would lead a token elsewhere.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, RequestBuilder, Response};
use serde_json::{Map, Value};

use super::error::{Cause, Error};
use super::secret_values::SecretValues;
use super::server::{Authority, Server, Token, Trust};
use super::settings::Run;
use super::verdict::{self, Verdict};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// The largest status that is read: far more than a server stores of a run.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The header that `extraHeaders` may take up, as OpenMetadata's client lets them.
const OWN_HEADER: &str = "%(Authorization)s";

/// A client of one server.
pub(super) struct OpenMetadata {
    client: Client,
    api: String,
    secrets: SecretValues,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Trouble {
    /// In words.
    pub(super) cause: Cause,
    /// What it means for the next attempt.
    pub(super) verdict: Verdict,
}

impl OpenMetadata {
    /// A client; nothing has been sent yet.
    pub(super) fn new(server: Server, secrets: &SecretValues) -> Result<Self, Error> {
        // `kube` takes the same. Where another came first, that one is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let Server { api, token, trust, headers } = server;
        let mut secrets = secrets.clone();
        let headers = all_headers(token, headers, &mut secrets)?;
        let mut client = Client::builder()
            .user_agent(concat!("ompipe/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            // An attempt after a cut connection must not meet another that is dead.
            .pool_max_idle_per_host(0)
            .default_headers(headers);
        client = match trust {
            _ if api.starts_with("http://") => client.tls_certs_only([]),
            Trust::Image => client,
            Trust::Anybody => client.tls_danger_accept_invalid_certs(true),
            Trust::Authority(authority) => client.tls_certs_only(certificates(&authority)?),
        };
        let client = client.build().map_err(|error| {
            Error::setting(
                format!("failed to prepare for TLS: {}", root(&error)),
                "An image without certificates of authorities needs `verifySSL: validate` with sslConfig.caCertificate, or SSL_CERT_FILE.",
            )
        })?;
        Ok(Self { client, api, secrets })
    }

    /// The status that is stored of a run; `None` if there is none yet.
    pub(super) async fn stored(
        &self,
        run: &Run,
        time: Duration,
    ) -> Result<Option<Map<String, Value>>, Trouble> {
        let url = format!("{}/{}", self.url(run), encoded(&run.id));
        let body = self.sent(self.client.get(url).timeout(time)).await?;
        if body.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(status)) => Ok(Some(status)),
            Ok(Value::Null) => Ok(None),
            _ => Err(Trouble {
                cause: Cause("its answer is no pipeline status".to_owned()),
                verdict: Verdict::Doubtful { remedy: verdict::NO_OPENMETADATA },
            }),
        }
    }

    /// Stores the status of a run.
    pub(super) async fn store(
        &self,
        run: &Run,
        status: &Map<String, Value>,
        time: Duration,
    ) -> Result<(), Trouble> {
        self.sent(self.client.put(self.url(run)).timeout(time).json(status)).await.map(drop)
    }

    fn url(&self, run: &Run) -> String {
        let pipeline = encoded(&run.pipeline);
        format!("{}/services/ingestionPipelines/{pipeline}/pipelineStatus", self.api)
    }

    /// Sends a request, and reads the whole answer.
    async fn sent(&self, request: RequestBuilder) -> Result<Vec<u8>, Trouble> {
        let passing = |error: &reqwest::Error| Trouble {
            cause: Cause(self.secrets.hidden_in(&became_of(error)).into_owned()),
            verdict: match is_about_trust(error) {
                true => Verdict::Refused {
                    remedy: "The server's certificate is not trusted: give its authority's by `verifySSL: validate` with sslConfig.caCertificate.",
                },
                false => Verdict::Passing { wait: Duration::ZERO },
            },
        };
        let mut answer = request.send().await.map_err(|error| passing(&error))?;
        let body = body(&mut answer).await.map_err(|error| match error {
            Some(error) => passing(&error),
            None => Trouble {
                cause: Cause(format!("its answer has more than {MOST_BYTES} bytes")),
                verdict: Verdict::Doubtful { remedy: verdict::NO_OPENMETADATA },
            },
        })?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        match verdict::of(status, wait) {
            Verdict::Fine => Ok(body),
            verdict => {
                let told = verdict::told(status, &body);
                Err(Trouble { cause: Cause(self.secrets.hidden_in(&told).into_owned()), verdict })
            }
        }
    }
}

/// The body of an answer; `Err(None)` where it is too large.
async fn body(answer: &mut Response) -> Result<Vec<u8>, Option<reqwest::Error>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Some)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The token's header and the workflow's own.
fn all_headers(
    token: Option<Token>,
    own: Vec<(String, String)>,
    secrets: &mut SecretValues,
) -> Result<HeaderMap, Error> {
    let bearer = match token {
        None => None,
        Some(Token::Text(token)) => Some(format!("Bearer {token}")),
        Some(Token::File(path)) => {
            let token = std::fs::read_to_string(&path).map_err(|error| {
                Error::setting(
                    format!("failed to read the file that securityConfig.jwtToken names: {error}"),
                    "Mount it into the exit handler's container, too; or refer to a Secret by `secretKeyRef`.",
                )
            })?;
            secrets.add(&token);
            Some(format!("Bearer {}", token.trim_end()))
        }
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::setting(
                format!(
                    "the value for the header {name} holds a character that no header may hold"
                ),
                "Look for a line break or a letter outside ASCII in it.",
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    if let Some(bearer) = &bearer {
        set(AUTHORIZATION, bearer)?;
    }
    for (name, value) in own {
        secrets.add(&value);
        let name: HeaderName = name.parse().map_err(|_| {
            Error::setting(
                "openMetadataServerConfig.extraHeaders has a name that is no header's",
                "Mend it.",
            )
        })?;
        set(name, &value.replace(OWN_HEADER, bearer.as_deref().unwrap_or_default()))?;
    }
    Ok(headers)
}

fn certificates(authority: &Authority) -> Result<Vec<Certificate>, Error> {
    let unusable = |why: String| {
        Error::setting(
            format!("failed to read the certificate of sslConfig.caCertificate: {why}"),
            "It is PEM, or the path of a PEM file that is mounted into the exit handler's container.",
        )
    };
    let pem = match authority {
        Authority::Text(text) => text.clone().into_bytes(),
        Authority::File(path) => {
            std::fs::read(path).map_err(|error| unusable(error.to_string()))?
        }
    };
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(root(&error)))?;
    match found.is_empty() {
        true => Err(unusable("there is none in it".to_owned())),
        false => Ok(found),
    }
}

/// A name as one part of a URL's path: all but letters, digits and `-._~` as `%XX`.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// What became of a request without an answer.
fn became_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    match error.is_connect() {
        true => format!("it cannot be reached: {}", root(error)),
        false => format!("the connection broke off: {}", root(error)),
    }
}

fn is_about_trust(error: &reqwest::Error) -> bool {
    root(error).contains("certificate")
}

/// What is at the bottom of an error: those above it repeat it, or say which layer it passed.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_the_path_whatever_is_in_it() {
        assert_eq!(encoded("shop.orders-1_a~"), "shop.orders-1_a~");
        assert_eq!(encoded(r#""a.b"/ü ?%"#), "%22a.b%22%2F%C3%BC%20%3F%25");
    }

    #[test]
    fn extra_headers_may_take_up_the_tokens_header() {
        let own = vec![("Proxy-Authorization".to_owned(), OWN_HEADER.to_owned())];
        let mut secrets = SecretValues::default();
        let headers = all_headers(Some(Token::Text("eyJ".to_owned())), own, &mut secrets).unwrap();
        assert_eq!(headers["authorization"], "Bearer eyJ");
        assert_eq!(headers["proxy-authorization"], "Bearer eyJ");
        assert!(headers["authorization"].is_sensitive());
        let broken = Some(Token::Text("a\nb".to_owned()));
        assert!(all_headers(broken, Vec::new(), &mut secrets).is_err());
    }
}
