//! The key exchange that a quantum computer does not open survives inspection, on both sides; and its large greetings arrive,
//! in however many packets.

use crate::gate::{LETTER, Served, Site, certificate, certificate_with, read_head};
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConfig, StreamOwned};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What knows only some key exchanges.
fn only(groups: &[&'static dyn SupportedKxGroup]) -> CryptoProvider {
    CryptoProvider { kx_groups: groups.to_vec(), ..aws_lc_rs::default_provider() }
}

/// A client's side of TLS with `localhost`, and its greeting, which is not sent yet.
fn client(groups: &[&'static dyn SupportedKxGroup], authority: &Path) -> (ClientConnection, Vec<u8>) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(only(groups)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut greeting = Vec::new();
    connection.write_tls(&mut greeting).unwrap();
    (connection, greeting)
}

/// Sends a greeting, so many bytes a packet, and asks for an address: the head of the answer, and the key exchange that was used.
fn ask(
    mut tunnel: TcpStream,
    (connection, greeting): (ClientConnection, Vec<u8>),
    at_once: usize,
    (port, path): (u16, &str),
) -> (String, Option<NamedGroup>) {
    tunnel.set_nodelay(true).unwrap();
    for piece in greeting.chunks(at_once) {
        tunnel.write_all(piece).unwrap();
    }
    let mut stream = StreamOwned::new(connection, tunnel);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    (head, stream.conn.negotiated_key_exchange_group().map(|group| group.name()))
}

/// The key exchanges that a site was offered, and the one that it used.
type Exchange = (Vec<NamedGroup>, NamedGroup);

/// A site that says which key exchange its clients use.
fn site(config: Arc<ServerConfig>) -> (u16, mpsc::Receiver<Exchange>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, exchanges) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if let Some(exchange) = serve(stream, &config) {
                let _ = sender.send(exchange);
            }
        }
    });
    (port, exchanges)
}

fn serve(mut stream: TcpStream, config: &Arc<ServerConfig>) -> Option<Exchange> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut acceptor = rustls::server::Acceptor::default();
    let accepted = loop {
        if acceptor.read_tls(&mut stream).ok()? == 0 {
            return None;
        }
        if let Some(accepted) = acceptor.accept().ok()? {
            break accepted;
        }
    };
    let offered = accepted.client_hello().named_groups()?.to_vec();
    let connection = accepted.into_connection(Arc::clone(config)).ok()?;
    let mut stream = StreamOwned::new(connection, stream);
    read_head(&mut stream);
    let length = LETTER.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{LETTER}").ok()?;
    stream.flush().ok()?;
    let used = stream.conn.negotiated_key_exchange_group()?.name();
    stream.conn.send_close_notify();
    let _ = stream.flush();
    Some((offered, used))
}

#[test]
fn the_post_quantum_exchange_survives_inspection_on_both_sides_and_old_ones_still_work() {
    let (new, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let named = ["localhost".to_owned()];
    let (new_config, new_authority) = certificate_with(new.path(), &named, only(&[X25519MLKEM768]));
    let (old_config, old_authority) = certificate_with(old.path(), &named, only(&[X25519]));
    let served = Served::with(&format!("trust = [\"{}\", \"{}\"]\n", new_authority.display(), old_authority.display()));
    let (new_site, old_site) = (site(new_config), site(old_config));
    for (groups, with_client) in [
        (&[X25519MLKEM768][..], NamedGroup::X25519MLKEM768),
        (&[X25519MLKEM768, X25519], NamedGroup::X25519MLKEM768),
        (&[X25519], NamedGroup::X25519),
    ] {
        for ((port, exchanges), with_site) in [(&new_site, NamedGroup::X25519MLKEM768), (&old_site, NamedGroup::X25519)]
        {
            let tunnel = served.tunnel(&format!("localhost:{port}"));
            // No copy of an earlier answer will do.
            let path = format!("/{}-{with_client:?}.txt", groups.len());
            let (head, used) = ask(tunnel, client(groups, &served.authority()), usize::MAX, (*port, &path));
            assert!(head.starts_with("HTTP/1.1 200"), "{groups:?} {with_site:?}: {head}");
            assert_eq!(used, Some(with_client), "{groups:?}");
            let (offered, used) = exchanges.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!((offered.first(), used), (Some(&NamedGroup::X25519MLKEM768), with_site), "{offered:?}");
            assert!(offered.contains(&NamedGroup::X25519), "{offered:?}");
        }
    }
}

/// With a key share of 1,216 bytes a greeting is larger than a packet. It is read by the one acceptor, whichever way the
/// connection came; of a connection to an address, as the kernel redirects them, the name in it is read before.
#[test]
fn a_greeting_in_pieces_is_understood_with_and_without_inspection() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let site = Site::secure(config);
    site.page("/letter.txt", "", LETTER);
    let port = site.address.port();
    let trust = format!("trust = [\"{}\"]\n", authority.display());
    let inspecting = Served::with(&trust);
    let passing = Served::with(&format!("{trust}bypass = [\"localhost\"]\n"));
    for at_once in [1_400, 700, 1] {
        for (served, address, vouches) in [
            (&inspecting, "localhost", inspecting.authority()),
            (&inspecting, "127.0.0.1", inspecting.authority()),
            (&passing, "127.0.0.1", authority.clone()),
        ] {
            let client = client(&[X25519MLKEM768], &vouches);
            assert!(client.1.len() > 1_216, "{}", client.1.len());
            let (head, used) = ask(served.tunnel(&format!("{address}:{port}")), client, at_once, (port, "/letter.txt"));
            assert!(head.starts_with("HTTP/1.1 200"), "{address}, {at_once} bytes a packet: {head}\n{}", served.log());
            assert_eq!(used, Some(NamedGroup::X25519MLKEM768), "{address}");
        }
    }
    assert!(passing.log().contains("bypassed"), "{}", passing.log());
}
