//! OpenMetadata behind TLS: whose certificates are trusted is what `verifySSL` says. The certificates
//! are made by openssl for the occasion.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::openmetadata::{Connection, OpenMetadata};
use crate::{Ended, Handler, stored};

type Tls = StreamOwned<ServerConnection, std::net::TcpStream>;

struct Stream(Tls);

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        self.0.write(from)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Connection for Stream {
    fn cut(&mut self) {
        self.0.sock.cut();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        drop(self.0.flush());
    }
}

/// Makes an authority and a certificate of it for 127.0.0.1. `None`, with a word why, where openssl
/// is missing; in CI that is a failure.
fn make(folder: &Path) -> Option<()> {
    let script = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=openmetadata 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1\n' >extensions
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem 2>/dev/null
"#;
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).status().unwrap();
    if !made.success() {
        assert!(std::env::var_os("CI").is_none(), "CI needs openssl");
        println!("skipped: openssl is missing");
        return None;
    }
    Some(())
}

/// An OpenMetadata behind TLS with these certificates: its address.
fn behind_tls(openmetadata: &OpenMetadata, folder: &Path) -> String {
    let chain = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let openmetadata = openmetadata.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (openmetadata, config) = (openmetadata.clone(), Arc::clone(&config));
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                openmetadata.serve(Stream(StreamOwned::new(connection, stream)));
            });
        }
    });
    format!("https://{address}/api")
}

#[test]
fn a_certificate_is_trusted_as_verify_ssl_says() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = make(folder.path()) else { return };
    let other = tempfile::tempdir().unwrap();
    make(other.path()).unwrap();
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let host_port = behind_tls(&openmetadata, folder.path());
    let run = |trust: Value| -> Ended {
        let mut config = json!({
            "hostPort": host_port,
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": {"secretEnv": "OMPIPE_SECRET_BOT_TOKEN"}},
        });
        config.as_object_mut().unwrap().extend(trust.as_object().unwrap().clone());
        Handler::of(&openmetadata)
            .server(config)
            .variable("SSL_CERT_FILE", other.path().join("ca.pem").to_str().unwrap())
            .run()
    };
    let by = |certificate: Value| json!({"verifySSL": "validate", "sslConfig": {"caCertificate": certificate}});
    let pem = |folder: &Path| std::fs::read_to_string(folder.join("ca.pem")).unwrap();

    run(by(json!(pem(folder.path())))).says(0, &[]);
    run(by(json!(folder.path().join("ca.pem")))).says(0, &[]);
    run(json!({"verifySSL": "ignore"})).says(0, &[]);
    stored(&openmetadata);

    let before = openmetadata.requests().len();
    run(json!({})).says(1, &["certificate", "Hint: The server's certificate is not trusted"]);
    run(by(json!(pem(other.path())))).says(1, &["certificate"]);
    run(by(json!("/no/such/file"))).says(1, &["failed to read the certificate"]);
    run(by(json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))).says(1, &[]);
    assert_eq!(openmetadata.requests().len(), before, "nothing was sent to a stranger");
}
