//! Texts that give themselves away as secrets, wherever they stand.
//!
//! In: a text. Out: what secret it is or holds, by its form alone. Which fields hold secrets is not
//! asked here.

/// A secret that is known by its form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Secret {
    /// A private key in PEM.
    PrivateKey,
    /// A signed token.
    JsonWebToken,
    /// A URL with a user and a password.
    PasswordInUrl,
}

/// Whether a text is a secret, or holds one, wherever it stands: a private key, a token, a URL with
/// a password.
pub fn gives_itself_away(text: &str) -> bool {
    Secret::within(text).is_some()
}

impl Secret {
    /// The secret that a text is or holds.
    pub(super) fn within(text: &str) -> Option<Self> {
        if is_private_key(text) {
            Some(Self::PrivateKey)
        } else if is_json_web_token(text) {
            Some(Self::JsonWebToken)
        } else if has_password_in_url(text) {
            Some(Self::PasswordInUrl)
        } else {
            None
        }
    }
}

/// A private key in PEM: `-----BEGIN RSA PRIVATE KEY-----`.
fn is_private_key(text: &str) -> bool {
    if !text.contains("-----") {
        return false;
    }
    text.split("-----BEGIN ").skip(1).any(|rest| {
        rest.split("-----").next().is_some_and(|label| {
            label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK")
        })
    })
}

/// Three parts in base64 joined by dots, the first of which is a JSON object: `eyJ…`.
fn is_json_web_token(text: &str) -> bool {
    const SHORTEST_PART: usize = 10;
    let text = text.trim();
    let mut parts = 0;
    text.starts_with("eyJ")
        && text.split('.').all(|part| {
            parts += 1;
            part.len() >= SHORTEST_PART
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
        })
        && parts == 3
}

/// `scheme://user:password@host`, anywhere in a text.
fn has_password_in_url(text: &str) -> bool {
    if !text.contains('@') {
        return false;
    }
    text.split("://").skip(1).any(|rest| {
        let end = rest
            .find(|c: char| c == '/' || c == '?' || c == '#' || c.is_whitespace())
            .unwrap_or(rest.len());
        rest[..end]
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_within_a_url_gives_itself_away() {
        for secret in
            ["postgresql://ingest:hunter2@db:5432/x", "a mongodb+srv://u:p@h/?x", "x://u:p@ss@host"]
        {
            assert_eq!(Secret::within(secret), Some(Secret::PasswordInUrl), "{secret}");
        }
        for fine in [
            "http://openmetadata:8585/api",
            "postgresql://ingest@db:5432",
            "postgresql://ingest:@db",
            "a:b@c",
            "http://h/a:b@c",
            "http://h?x=a:b@c",
        ] {
            assert_eq!(Secret::within(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_private_key_gives_itself_away_and_a_certificate_is_public() {
        for label in ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "] {
            let text = format!("-----BEGIN {label}PRIVATE KEY-----\nMIIB");
            assert_eq!(Secret::within(&text), Some(Secret::PrivateKey), "{label}");
        }
        assert_eq!(Secret::within("-----BEGIN CERTIFICATE-----\nMIIB"), None);
        assert_eq!(Secret::within("-----BEGIN PUBLIC KEY-----\nMIIB"), None);
    }

    #[test]
    fn a_json_web_token_gives_itself_away() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl-_x";
        assert_eq!(Secret::within(token), Some(Secret::JsonWebToken));
        assert_eq!(Secret::within("eyJ.a.b"), None);
        assert_eq!(Secret::within("eyJhbGciOiJSUzI1NiJ9.example.com"), None);
    }
}
