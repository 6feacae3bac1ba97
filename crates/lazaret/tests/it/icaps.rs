//! ICAP over TLS, and gateways that must show whose they are.

use crate::gate::people::administrator;
use crate::gate::{LETTER, Served, certificate, read_head, until};
use crate::icap::{Answer, SCRIPT, chunked, respmod};
use crate::process::{lazaret, said};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "gate.example";
const CONFIGURATION: &str =
    "[icap]\ncertificate = \"gate.pem\"\nkey = \"gate.key\"\nclient_authorities = [\"clients.pem\"]\n";
/// The years in which certificates end here.
const GOOD: i32 = 2099;
const OVER: i32 = 2021;

type Stream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// Who vouches for others.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: rcgen::Issuer::new(params, key) }
    }

    fn vouch(&self, name: &str, until: i32) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }
}

impl Identity {
    /// Makes it the server's.
    fn install(&self, folder: &Path) {
        fs::write(folder.join("gate.pem"), self.certificate.pem()).unwrap();
        fs::write(folder.join("gate.key"), self.key.serialize_pem()).unwrap();
    }
}

/// A server of `ours`, for gateways of `clients`.
fn served(ours: &Authority, clients: &Authority) -> Served {
    let folder = tempfile::tempdir().unwrap();
    ours.vouch(NAME, GOOD).install(folder.path());
    fs::write(folder.path().join("clients.pem"), clients.certificate.pem()).unwrap();
    Served::in_folder(folder, CONFIGURATION)
}

/// A gateway that trusts `ours` and may have something to show.
fn connect(served: &Served, ours: &Authority, shown: Option<&Identity>) -> Stream {
    let folder = tempfile::tempdir().unwrap();
    // The cryptography that other tests use as well.
    let provider = certificate(folder.path(), NAME).0.crypto_provider().clone();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ours.certificate.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
            config.with_client_auth_cert(vec![identity.certificate.der().clone()], key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from(NAME).unwrap();
    rustls::StreamOwned::new(rustls::ClientConnection::new(Arc::new(config), name).unwrap(), served.icap())
}

/// Asks about a script, for somebody; the status, 0 where nobody answers.
fn ask(stream: &mut (impl std::io::Read + Write)) -> u16 {
    let fields = "Allow: 204\r\nX-Client-IP: 192.0.2.7\r\nX-Authenticated-User: TG9jYWw6Ly9hZGE=\r\n";
    let request = respmod("/run.vbs", fields, "");
    let sent = stream.write_all(&[request.as_bytes(), &chunked(SCRIPT.as_bytes(), 1_000), b"0\r\n\r\n"].concat());
    if sent.is_err() {
        return 0;
    }
    Answer::read(stream).status()
}

#[test]
fn only_gateways_with_a_certificate_that_is_good_and_vouched_for_are_served() {
    let (ours, clients, others) = (Authority::new("ours"), Authority::new("clients"), Authority::new("others"));
    let served = served(&ours, &clients);
    let staff = administrator(&served);
    let good = clients.vouch("gateway.example", GOOD);
    let expired = clients.vouch("gateway.example", OVER);
    let foreign = others.vouch("gateway.example", GOOD);
    // The one who vouches for the server does not do so for gateways.
    let of_ours = ours.vouch("gateway.example", GOOD);
    for (what, shown, status) in [
        ("none", None, 0),
        ("a foreign one", Some(&foreign), 0),
        ("one of the server's authority", Some(&of_ours), 0),
        ("an expired one", Some(&expired), 0),
        ("a good one", Some(&good), 200),
    ] {
        assert_eq!(ask(&mut connect(&served, &ours, shown)), status, "{what}");
    }
    assert_eq!(ask(&mut served.icap()), 0, "without TLS");
    served.says("peer sent no certificates");
    served.says("TLS with the ICAP client failed");
    // One was asked about, and for whom is what its gateway said.
    let table = staff.get("/events.csv");
    assert_eq!(table.matches("\"icap\",\"download\",\"ada\",\"192.0.2.7\",").count(), 1, "{table}");
    assert_eq!(table.matches("\"icap\"").count(), 1, "{table}");
}

#[test]
fn over_tls_whole_bodies_are_inspected_as_they_are_without() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let served = served(&ours, &clients);
    let mut stream = connect(&served, &ours, Some(&clients.vouch("gateway.example", GOOD)));
    let text = LETTER.repeat(10_000);
    for body in [LETTER, &text] {
        write!(stream, "{}", respmod("/letter.txt", "", "ETag: \"1\"\r\n")).unwrap();
        stream.write_all(&[&chunked(body.as_bytes(), 1_000)[..], b"0\r\n\r\n"].concat()).unwrap();
        let answer = Answer::read(&mut stream);
        assert_eq!((answer.status(), answer.body == body.as_bytes()), (200, true), "{}", answer.head);
        assert_eq!(answer.web, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\n\r\n");
    }
    write!(stream, "{}", respmod("/run", "Preview: 10\r\nAllow: 204\r\n", "")).unwrap();
    stream.write_all(&[&chunked(&SCRIPT.as_bytes()[..10], 5)[..], b"0\r\n\r\n"].concat()).unwrap();
    assert_eq!(read_head(&mut stream), "ICAP/1.0 100 Continue\r\n\r\n");
    stream.write_all(&[&chunked(&SCRIPT.as_bytes()[10..], 9)[..], b"0\r\n\r\n"].concat()).unwrap();
    let script = Answer::read(&mut stream);
    assert!(script.status() == 200 && script.web.starts_with("HTTP/1.1 403"), "{script:?}");
}

#[test]
fn certificates_that_change_are_in_force_without_a_restart() {
    let (ours, clients, others) = (Authority::new("ours"), Authority::new("clients"), Authority::new("others"));
    let served = served(&ours, &clients);
    let (one, other) = (clients.vouch("gateway.example", GOOD), others.vouch("gateway.example", GOOD));
    let folder = served.folder.path();
    let asks = |ours: &Authority, shown: &Identity| ask(&mut connect(&served, ours, Some(shown)));
    assert_eq!((asks(&ours, &one), asks(&ours, &other)), (200, 0));
    // The server has a new certificate, of an authority that gateways do not know so far, and others may ask.
    others.vouch(NAME, GOOD).install(folder);
    fs::write(folder.join("clients.pem"), others.certificate.pem()).unwrap();
    served.signal("HUP");
    served.says("reloaded the certificates of the ICAP server");
    assert_eq!((asks(&others, &one), asks(&others, &other), asks(&ours, &other)), (0, 200, 0));
    // What cannot be used changes nothing.
    fs::write(folder.join("gate.key"), "nothing\n").unwrap();
    served.signal("HUP");
    served.says("cannot reload the certificates of the ICAP server");
    assert_eq!(asks(&others, &other), 200);
    // Nobody has to say that files changed.
    ours.vouch(NAME, GOOD).install(folder);
    fs::write(folder.join("clients.pem"), clients.certificate.pem()).unwrap();
    until("changed files are taken up", || asks(&ours, &one) == 200);
}

#[test]
fn certificates_of_gateways_without_tls_are_refused_at_the_start_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clients.pem"), Authority::new("clients").certificate.pem()).unwrap();
    let listen = "listen = \"127.0.0.1:0\"\n";
    let rest = format!("[proxy]\n{listen}[console]\n{listen}[icap]\n{listen}");
    fs::write(folder.path().join("lazaret.toml"), format!("{rest}client_authorities = [\"clients.pem\"]\n")).unwrap();
    for arguments in [&["config", "check"][..], &["serve"]] {
        let refused = lazaret(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {refused:?}");
        let said = said(&refused);
        assert!(said.contains("`icap.client_authorities`") && said.contains("`icap.certificate`"), "{said}");
    }
}
