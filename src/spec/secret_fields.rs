//! Which fields of a workflow hold secrets.
//!
//! In: the way to a field. Out: whether it holds a secret: by OpenMetadata's schema where that has
//! been imported, and by the field's name otherwise.

/// A step from a mapping or sequence of a workflow to what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To the item of an index, from 0.
    Index(usize),
}

/// What is known of a workflow's fields.
pub trait SecretFields {
    /// Whether the field at the end of a way from the workflow's root holds a secret; `None` where
    /// that is not known, as in mappings of free keys.
    fn is_secret(&self, route: &[Step<'_>]) -> Option<bool>;

    /// Whether the leaf at the end of a way holds a secret: what is known, or else what its field's
    /// name tells.
    fn holds_secret(&self, route: &[Step<'_>]) -> bool {
        self.is_secret(route).unwrap_or_else(|| is_secret_name(field_name(route)))
    }
}

/// The key that the leaf at the end of a way belongs to, be it as an item of a list.
pub fn field_name<'a>(route: &[Step<'a>]) -> &'a str {
    let key = |step: &Step<'a>| match step {
        Step::Key(key) => Some(*key),
        Step::Index(_) => None,
    };
    route.iter().rev().find_map(key).unwrap_or_default()
}

/// Nothing is known but names.
#[derive(Clone, Copy, Debug)]
pub struct ByName;

impl SecretFields for ByName {
    fn is_secret(&self, _: &[Step<'_>]) -> Option<bool> {
        None
    }
}

/// The names of all fields with `format: password` in OpenMetadata 1.13's workflow schema, sorted;
/// and `awsSessionToken` and `signingSecret`, which lack it there.
const NAMES: [&str; 33] = [
    "accessToken",
    "accessTokenPassword",
    "apiKey",
    "apiSecret",
    "awsSecretAccessKey",
    "awsSessionToken",
    "azureClientSecret",
    "basicAuthUserInfo",
    "botToken",
    "caCertValue",
    "caCertificate",
    "clientCertValue",
    "clientSecret",
    "consumerSecret",
    "dbtCloudAuthToken",
    "jwt",
    "jwtToken",
    "password",
    "personalAccessToken",
    "personalAccessTokenSecret",
    "privateKey",
    "privateKeyPassphrase",
    "privateKeyValue",
    "proxyAuthentication",
    "saslPassword",
    "secretToken",
    "securityToken",
    "signingSecret",
    "snowflakePrivatekeyPassphrase",
    "sslCertificate",
    "sslKey",
    "token",
    "userToken",
];

/// What the names of secrets end with, in the keys of free mappings (`sasl.password`) and of
/// variables (`DB_PASSWORD`).
const ENDINGS: [&str; 17] = [
    "accesskey",
    "accountkey",
    "apikey",
    "encryptionkey",
    "fernetkey",
    "jaasconfig",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "sastoken",
    "secret",
    "secretkey",
    "signingkey",
    "token",
    "userinfo",
];

/// Whether a field or variable of that name holds a secret, as far as a name tells.
pub fn is_secret_name(name: &str) -> bool {
    // Every name and ending above ends with one of these letters; most fields of a workflow do not.
    let last =
        name.bytes().rev().find(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let Some(last @ (b'd' | b'e' | b'g' | b'n' | b'o' | b't' | b'y')) = last else {
        return false;
    };
    ENDINGS.iter().any(|ending| ending.as_bytes().last() == Some(&last) && ends_with(name, ending))
        || NAMES.binary_search(&name).is_ok()
}

/// Whether a name ends with some letters, whatever their case and whatever stands between them.
fn ends_with(name: &str, ending: &str) -> bool {
    let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
    ending
        .bytes()
        .rev()
        .all(|wanted| letters.next().is_some_and(|byte| byte.to_ascii_lowercase() == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_lists_is_found() {
        assert!(NAMES.is_sorted() && ENDINGS.is_sorted());
        assert!(NAMES.into_iter().chain(ENDINGS).all(is_secret_name));
    }

    #[test]
    fn secrets_are_known_by_name_in_any_spelling() {
        for secret in [
            "password",
            "sasl.password",
            "DB_PASSWORD",
            "PGPASSWORD",
            "sslKey",
            "AWS_SECRET_ACCESS_KEY",
            "basic.auth.user.info",
            "api-key",
            "GITHUB_TOKEN",
            "clientSecret",
        ] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for other in [
            "username",
            "awsAccessKeyId",
            "tokenType",
            "privateKeyId",
            "personalAccessTokenName",
            "SECRET_NAME",
            "keyfile",
            "consumerKey",
            "passwordPolicyUrl",
            "LOG_LEVEL",
            "",
        ] {
            assert!(!is_secret_name(other), "{other}");
        }
    }
}
