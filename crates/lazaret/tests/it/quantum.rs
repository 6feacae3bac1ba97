//! The key exchange that a quantum computer does not open survives inspection, on both sides; and its large greetings arrive,
//! in however many packets.

use crate::gate::{LETTER, Served, Site, certificate, certificate_with, read_head};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConfig, StreamOwned};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

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
    tunnel.set_read_timeout(Some(PATIENCE)).unwrap();
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
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
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
            let (offered, used) = exchanges.recv_timeout(PATIENCE).unwrap();
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

/// A process that ends with the thread that started it.
fn begun(program: &[&str], folder: &Path, stdout: Stdio, stderr: Stdio) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(program)
        .current_dir(folder)
        .env("LAZARET_CONFIG", folder.join("lazaret.toml"))
        .env("LAZARET_DATA", folder.join("data"))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .expect("setpriv runs; util-linux has it")
}

fn end(mut process: Child) {
    let _ = process.kill();
    let _ = process.wait();
}

/// Moves this thread, and what it starts, into a network of its own, in which the kernel leads connections to 127.0.0.2 to the
/// proxy. It is there for as long as the process that is returned.
fn network_of_its_own(folder: &Path) -> Child {
    let script = "set -eu
        ip link set lo up
        nft add table ip nat
        nft 'add chain ip nat output { type nat hook output priority -100; }'
        nft add rule ip nat output ip daddr 127.0.0.2 tcp dport 1-65535 redirect to :3129
        echo ready
        exec sleep 600";
    let mut process = begun(&["unshare", "--net", "sh", "-c", script], folder, Stdio::piped(), Stdio::inherit());
    let mut ready = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    let network = File::open(format!("/proc/{}/ns/net", process.id())).unwrap();
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    process
}

#[test]
fn a_greeting_in_pieces_is_understood_where_the_kernel_redirects_connections() {
    // The network is that of a thread, which no other test may have.
    std::thread::spawn(greet_where_the_kernel_redirects).join().unwrap();
}

fn greet_where_the_kernel_redirects() {
    let folder = tempfile::tempdir().unwrap();
    let network = network_of_its_own(folder.path());
    let (config, authority) = certificate(folder.path(), "localhost");
    let (port, exchanges) = site(config);
    let own = folder.path().join("data/authority/ca.pem");
    for (bypass, vouches) in [("", &own), ("\"localhost\"", &authority)] {
        let trust = authority.display();
        let text = format!(
            "[proxy]\ntransparent = \"127.0.0.1:3129\"\ntrust = [\"{trust}\"]\nbypass = [{bypass}]\n[console]\nlisten = \"\"\n[icap]\nlisten = \"\"\n"
        );
        std::fs::write(folder.path().join("lazaret.toml"), text).unwrap();
        let mut serving =
            begun(&[env!("CARGO_BIN_EXE_lazaret"), "serve"], folder.path(), Stdio::inherit(), Stdio::piped());
        let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("point browsers")), "it does not start");
        let rest = std::thread::spawn(move || lines.collect::<Vec<_>>().join("\n"));
        let mut heads = Vec::new();
        for at_once in [1_400, 700, 1] {
            let client = client(&[X25519MLKEM768], vouches);
            let redirected = TcpStream::connect(("127.0.0.2", port)).unwrap();
            let (head, used) = ask(redirected, client, at_once, (port, &format!("/{at_once}.txt")));
            assert_eq!(exchanges.recv_timeout(PATIENCE).unwrap().1, NamedGroup::X25519MLKEM768);
            heads.push((head, used));
        }
        end(serving);
        let log = rest.join().unwrap();
        for (head, used) in heads {
            assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{log}");
            assert_eq!(used, Some(NamedGroup::X25519MLKEM768));
        }
        assert_eq!(log.contains("bypassed"), !bypass.is_empty(), "{log}");
    }
    end(network);
}
