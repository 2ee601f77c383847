//! What must be hidden, and what must not.

use super::*;

fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut at = 0;
    for hidden in Redactions::of(text, []).ranges {
        shown.push_str(&text[at..hidden.start]);
        shown.push_str(MARK);
        at = hidden.end;
    }
    shown + &text[at..]
}

#[test]
fn the_value_of_a_secret_key_is_hidden_wherever_it_stands() {
    for (text, expected) in [
        ("password: hunter2\nuser: me\n", "password: •••\nuser: me\n"),
        ("jwtToken:   \"a b\"\n", "jwtToken:   •••\n"),
        ("'clientSecret': 'it''s'\n", "'clientSecret': •••\n"),
        ("{user: me, password: hunter2, port: 1}\n", "{user: me, password: •••, port: 1}\n"),
        ("{\"apiKey\": \"x,y\", \"b\": 1}\n", "{\"apiKey\": •••, \"b\": 1}\n"),
        ("{password: a, token: b}\n", "{password: •••, token: •••}\n"),
        ("- \"DB_PASSWORD:hunter2\"\n- \"B:c\"\n", "- \"DB_PASSWORD:•••\n- \"B:c\"\n"),
        ("- DB_PASSWORD:hunter2\n- B:c\n", "- DB_PASSWORD:•••\n- B:c\n"),
        ("[\"A_TOKEN:hunter2\", \"B:c\"]\n", "[\"A_TOKEN:•••, \"B:c\"]\n"),
        (
            "- name: DB_PASSWORD\n  value: hunter2\n- name: B\n",
            "- name: DB_PASSWORD\n  value: •••\n- name: B\n",
        ),
        (
            "- name: A\n  value: a\n- name: DB_PASSWORD\n  valueFrom: x\n- name: B\n  value: b\n",
            "- name: A\n  value: a\n- name: DB_PASSWORD\n  valueFrom: x\n- name: B\n  value: b\n",
        ),
        ("- value: hunter2\n  name: DB_PASSWORD\n", "- value: •••\n  name: DB_PASSWORD\n"),
        ("- {name: DB_PASSWORD, value: hunter2}\n", "- {name: DB_PASSWORD, value: •••}\n"),
        ("password:\n  hunter2\nuser: me\n", "password:\n  •••\nuser: me\n"),
        ("privateKey: |\n  one\n\n  two\nuser: me\n", "privateKey: •••\nuser: me\n"),
        ("password: a\n  b\nuser: me\n", "password: •••\nuser: me\n"),
        ("password: !!str &x \"a\nb\"\nuser: me\n", "password: •••\nuser: me\n"),
        ("connectionString: Server=a;Password=b\n", "connectionString: •••\n"),
        (
            r#"{"a": "{\"password\": \"hunter2\", \"b\": 1}", "c": "d"}"#,
            r#"{"a": "{\"password\": •••, "c": "d"}"#,
        ),
        ("pw: &p hunter2\nx: 1\n", "pw: •••\nx: 1\n"),
        ("base: &p hunter2\npassword: *p\n", "base: &p •••\npassword: •••\n"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_text_with_a_syntax_error_shows_no_secret_either() {
    for text in [
        "password: \"hunter2\nuser: me\n",
        "password: 'it's hunter2'\n",
        "{password: a}hunter2, user: me}\n",
        "{password: a,hunter2}\n",
        "password: a\nhunter2\nuser: me\n",
        "password: |\nhunter2\nuser: me\n",
        "password: #hunter2\n",
        "password: \"a\" hunter2\n",
        "  password:\nhunter2\n",
        "\tpassword: hunter2\n",
        "password = hunter2\n",
        "password: {hunter2\n",
        "password: [hunter2\n",
        "password: >hunter2\n",
    ] {
        assert!(!shown(text).contains("hunter2"), "{text}: {}", shown(text));
    }
}

#[test]
fn what_has_the_shape_of_a_secret_is_hidden_under_any_key() {
    assert_eq!(shown("a: postgres://me:hunter2@host/db\n"), "a: postgres://me:•••@host/db\n");
    assert_eq!(shown("a: https://hunter2@host\n"), "a: https://•••@host\n");
    assert_eq!(shown("a: https://host/x\n"), "a: https://host/x\n");
    assert_eq!(shown("a: eyJhbGciOiJSUzI1NiJ9.e30.x_y-z b\n"), "a: ••• b\n");
    assert_eq!(
        shown("a: |\n  -----BEGIN KEY-----\n  x\n  -----END KEY-----\nb: 1\n"),
        "a: |\n  •••\nb: 1\n"
    );
}

#[test]
fn references_and_harmless_keys_stay() {
    for text in [
        "password: {secretKeyRef: {name: db, key: password}}\n",
        "password:\n  secretKeyRef:\n    name: db\n    key: password\n",
        "password:\n  secretKeyReff:\n    name: db\n",
        "password: secret:/prod/db\n",
        "imagePullSecrets: regcred\n",
        "secretName: db\ntokenUrl: https://a/b\n",
        "credentials:\n  gcpConfig:\n    projectId: acme\n",
        "schedule: 0 3 * * *\nnamespace: data\n",
        "useToken: true\n",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: x}\n",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn the_keys_that_openmetadata_keeps_secret_are_known() {
    // Its fields with `format: password`; certificates are hidden by their shape.
    for key in [
        "accessToken",
        "apiKey",
        "apiSecret",
        "awsSecretAccessKey",
        "azureClientSecret",
        "basicAuthUserInfo",
        "botToken",
        "clientSecret",
        "consumerSecret",
        "dbtCloudAuthToken",
        "jwt",
        "jwtToken",
        "password",
        "personalAccessTokenSecret",
        "privateKey",
        "privateKeyPassphrase",
        "privateKeyValue",
        "proxyAuthentication",
        "saslPassword",
        "securityToken",
        "sslKey",
        "userToken",
    ] {
        assert!(is_secret_key(key), "{key}");
    }
}

#[test]
fn a_message_loses_the_secrets_of_its_line() {
    let text = "password: \"hunter2\"\n";
    let redactions = Redactions::of(text, []);
    assert_eq!(redactions.message("`hunter2` is weak", text, 0..19), "`•••` is weak");
    assert_eq!(shape_of_secrets("cannot reach http://a:b@c"), "cannot reach http://a:•••@c");
}

#[test]
fn known_secrets_are_hidden_too() {
    let text = "authenticationPhrase: hunter2\n";
    let redactions = Redactions::of(text, [22..29, 500..600]);
    assert!(redactions.within(0..30).eq(std::iter::once(22..29)));
}

mod planted {
    //! A secret at a key of any text, well-formed or not, is in no format's output.

    use proptest::prelude::*;

    use crate::diagnostic::{Diagnostic, code, github, json, junit, sarif, text};
    use crate::source::Sources;
    use crate::tree::Span;

    /// The part of every planted secret that must not be seen.
    const CORE: &str = "hunter2";

    fn key() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "password",
            "jwtToken",
            "DB_PASSWORD",
            "privateKey",
            "api-key",
            "secretAccessKey",
            "sasToken",
            "connectionString",
            "\"clientSecret\"",
            "'passphrase'",
        ])
    }

    /// A secret written at a key, with its core between characters that mean something to YAML.
    fn entry() -> impl Strategy<Value = String> {
        let odd = "[a-z\"'{}\\[\\],:#&*!|>%@ \\\\-]{0,4}";
        (key(), odd, odd, 0..9usize).prop_map(|(key, before, after, way)| {
            // What follows `, ` with a colon in a flow mapping is a key, for YAML and for
            // everybody.
            let before = if matches!(way, 3 | 4) { before.replace(',', "") } else { before };
            let bare = key.trim_matches(['"', '\'']);
            let value = format!("{before}{CORE}{after}");
            match way {
                0 => format!("{key}: {value}"),
                1 => format!("{key}: \"{value}\""),
                2 => format!("{key}: '{value}'"),
                3 => format!("{{user: me, {key}: \"{value}\", port: 1}}"),
                4 => format!("{{user: me, {key}: {value}, port: 1}}"),
                5 => format!("- \"{bare}:{value}\""),
                6 => format!("- name: {bare}\n  value: {value}"),
                7 => format!("{key}: |\n  line\n  {value}"),
                _ => format!("{key}:\n  {value}"),
            }
        })
    }

    /// Lines around it, some of them not YAML at all.
    fn surroundings() -> impl Strategy<Value = String> {
        prop::collection::vec(
            "(  ){0,2}[a-z]{1,6}: [a-z0-9\"'{}\\[\\]]{0,6}|- [a-z]{0,4}|\t?[a-z:]{0,5}",
            0..4,
        )
        .prop_map(|lines| lines.join("\n"))
    }

    fn outputs(found: &[Diagnostic], sources: &Sources) -> Vec<String> {
        let mut outputs = vec![Vec::new(); 6];
        text::write(found, sources, false, &mut outputs[0]).unwrap();
        text::write(found, sources, true, &mut outputs[1]).unwrap();
        json::write(found, sources, &mut outputs[2]).unwrap();
        sarif::write(found, sources, &mut outputs[3]).unwrap();
        github::write(found, sources, &mut outputs[4]).unwrap();
        junit::write(found, sources, &mut outputs[5]).unwrap();
        outputs.into_iter().map(|output| String::from_utf8(output).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_planted_secret_is_never_shown(
            before in surroundings(),
            entry in entry(),
            after in surroundings(),
            cut in 0..40usize,
        ) {
            // The end is cut off at any byte, as in a file that is being written.
            let mut body = format!("{before}\n{entry}\n{after}");
            body.truncate(body.len() - cut.min(after.len()));
            let mut sources = Sources::default();
            let source = sources.add("a.yaml", body.clone());
            // A finding at each line, quoting the line as a careless message would.
            let mut start = 0;
            let mut found = Vec::new();
            for line in body.split('\n') {
                let end = start + line.len();
                let span = Span { source, start: start as u32, end: end as u32 };
                found.push(Diagnostic::error(&code::YAML_SYNTAX, span, "odd").with_label("here"));
                start = end + 1;
            }
            for output in outputs(&found, &sources) {
                prop_assert!(!output.contains(CORE), "{body}\n\n{output}");
            }
        }
    }
}

#[test]
fn a_log_is_hidden_line_by_line_and_blocks_as_a_whole() {
    let text = "start\npassword=hunter2hunter2\nthe last line\n";
    assert_eq!(log(text), format!("start\npassword={MARK}\nthe last line\n"));
    let text = "config:\n  password: |\n    hunter2hunter2\nnext\n";
    let shown = log(text);
    assert!(!shown.contains("hunter2") && shown.ends_with("next\n"), "{shown}");
    let text = "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----\nnext\n";
    let shown = log(text);
    assert!(!shown.contains("hunter2") && shown.ends_with("next\n"), "{shown}");
}
