use super::folder::write;
use super::*;
use rcgen::BasicConstraints;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn complaint(folder: &Path) -> String {
    Authority::open(folder, &ProxySettings::default()).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_certificate_is_made_anew_when_the_clock_has_left_it_behind() {
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (now, fresh) in [
        (made, true),
        (made + LEAF_USE / 2, true),
        (made + LEAF_USE, false),
        (made + LEAF_USE * 10, false),
        (made - Duration::from_secs(1), false),
    ] {
        assert_eq!(is_fresh(made, now), fresh);
    }
}

#[test]
fn an_authority_stays_the_same_and_its_key_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let first = Authority::open(folder.path(), &ProxySettings::default()).unwrap();
    let second = Authority::open(folder.path(), &ProxySettings::default()).unwrap();
    assert_eq!(first.certificate(), second.certificate());
    let mode = fs::metadata(folder.path().join("ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let once = first.server("a.example").unwrap();
    assert!(Arc::ptr_eq(&once, &first.server("a.example").unwrap()));
    first.server("192.0.2.1").unwrap();
}

#[test]
fn an_authority_that_cannot_be_used_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    Authority::open(folder.path(), &ProxySettings::default()).unwrap();
    let key = folder.path().join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        complaint(folder.path()).contains("ca.key` contains the authority's key and is readable by others (mode 644)")
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(complaint(folder.path()).contains("does not match the key"), "{}", complaint(folder.path()));
    fs::write(&key, "nonsense").unwrap();
    assert!(complaint(folder.path()).contains("ca.key` cannot be used"));
    fs::remove_file(&key).unwrap();
    assert!(complaint(folder.path()).contains("ca.key` could not be read"));
}

/// Puts an authority into a folder that ended yesterday.
fn ended(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = OffsetDateTime::now_utc() - time::Duration::days(3);
    params.not_after = OffsetDateTime::now_utc() - time::Duration::days(1);
    write(&folder.join("ca.pem"), params.self_signed(&key).unwrap().pem().as_bytes(), 0o644).unwrap();
    write(&folder.join("ca.key"), key.serialize_pem().as_bytes(), 0o600).unwrap();
}

#[test]
fn an_expired_authority_is_refused_with_its_day() {
    let folder = tempfile::tempdir().unwrap();
    ended(folder.path());
    assert!(complaint(folder.path()).contains("it expired on"), "{}", complaint(folder.path()));
}

#[test]
fn the_next_authority_takes_over_from_one_that_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    ended(folder.path());
    let next = AuthorityFolder::at(folder.path(), &ProxySettings::default()).unwrap().rotate().unwrap();
    let authority = Authority::open(folder.path(), &ProxySettings::default()).unwrap();
    assert_eq!(authority.known().first().unwrap().sha256, next.sha256);
}

/// Whether a client that trusts a certificate takes what an authority makes for a host.
fn takes(authority: &Authority, trusted: &CertificateDer<'static>, host: &str) -> Result<(), rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = rustls::ServerConnection::new(authority.server(host).unwrap()).unwrap();
    for _ in 0..5 {
        let mut said = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut said).unwrap();
        }
        let mut unread = &said[..];
        while !unread.is_empty() {
            server.read_tls(&mut unread).unwrap();
            server.process_new_packets()?;
        }
        let mut answered = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answered).unwrap();
        }
        let mut unread = &answered[..];
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn clients_have_time_to_trust_the_next_authority_before_it_vouches_for_a_site() {
    let path = tempfile::tempdir().unwrap();
    let folder = AuthorityFolder::at(path.path(), &ProxySettings::default()).unwrap();
    let authority = Authority::open(path.path(), &ProxySettings::default()).unwrap();
    let old = authority.certificate();
    folder.rotate().unwrap();
    assert!(authority.refresh().unwrap().is_none());
    let known = authority.known();
    let roles: Vec<_> = known.iter().map(|known| known.role).collect();
    assert_eq!(roles, [AuthorityRole::Present, AuthorityRole::Next]);
    takes(&authority, &old, "a.example").unwrap();
    let published = folder.use_next().unwrap();
    let in_use = authority.refresh().unwrap().unwrap();
    assert_eq!(in_use, published);
    assert!(authority.refresh().unwrap().is_none(), "it is told once");
    // A certificate that was made before is not used any more.
    takes(&authority, &authority.certificate(), "a.example").unwrap();
    assert!(takes(&authority, &old, "a.example").is_err());
    // As it was when it was published, and as its file says now.
    assert_eq!(known.last().unwrap().sha256, in_use.sha256);
    let roles: Vec<_> = authority.known().iter().map(|known| known.role).collect();
    assert_eq!(roles, [AuthorityRole::Present, AuthorityRole::Previous]);
}

#[test]
fn the_next_authority_is_used_from_the_day_that_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let from = |days: i64| ProxySettings {
        authority_next_from: (OffsetDateTime::now_utc() + time::Duration::days(days)).date().to_string(),
        ..ProxySettings::default()
    };
    let authority = Authority::open(folder.path(), &from(30)).unwrap();
    let next = AuthorityFolder::at(folder.path(), &ProxySettings::default()).unwrap().rotate().unwrap();
    assert!(authority.refresh().unwrap().is_none());
    let authority = Authority::open(folder.path(), &from(0)).unwrap();
    assert_eq!(authority.known().first().unwrap().sha256, next.sha256);
    // The day stays in the configuration, and means no other one.
    let old = from(-30);
    let later = AuthorityFolder::at(folder.path(), &old).unwrap().rotate().unwrap();
    let authority = Authority::open(folder.path(), &old).unwrap();
    assert_ne!(authority.known().first().unwrap().sha256, later.sha256);
}

#[test]
fn a_key_that_is_stolen_is_worth_nothing_outside_the_constraints() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ProxySettings {
        authority_constraints: vec!["Example.com".to_owned(), ".lab.example".to_owned()],
        ..ProxySettings::default()
    };
    let authority = Authority::open(folder.path(), &settings).unwrap();
    assert_eq!(authority.known().first().unwrap().permitted, ["example.com", "lab.example"]);
    for (host, within) in [
        ("example.com", true),
        ("www.example.com", true),
        ("a.b.lab.example", true),
        ("example.org", false),
        ("notexample.com", false),
        ("192.0.2.1", false),
        ("2001:db8::1", false),
    ] {
        let taken = takes(&authority, &authority.certificate(), host);
        assert_eq!(authority.vouches(host), within, "{host}");
        assert_eq!(taken.is_ok(), within, "{host}: {taken:?}");
    }
    // Without the setting, the authority that is there keeps its own.
    let authority = Authority::open(folder.path(), &ProxySettings::default()).unwrap();
    assert!(!authority.vouches("example.org"));
}
