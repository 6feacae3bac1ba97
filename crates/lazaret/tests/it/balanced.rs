//! Gates behind a balancer that says for whom it connects (HAProxy, "The PROXY protocol").

use crate::beside::from;
use crate::gate::people::administrator;
use crate::gate::{LETTER, Served, Site};
use crate::icap::{Answer, SCRIPT, chunked, respmod};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// Where the balancer is, and somebody who is none.
const BALANCER: &str = "127.0.0.5";
const NONE: &str = "127.0.0.6";
const CONFIGURATION: &str = "[proxy]\nbalancers = [\"127.0.0.5\"]\nallowed_clients = [\"127.0.0.0/8\", \"10.9.0.0/16\"]\n\
                             [icap]\nbalancers = [\"127.0.0.5\"]\ntrusted_gateways = [\"127.0.0.9\"]\n";

/// The header of version 1 that names a client.
fn line(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 192.0.2.1 51000 3128\r\n").into_bytes()
}

/// The same in version 2.
fn binary(client: &str) -> Vec<u8> {
    let client = client.parse::<Ipv4Addr>().unwrap().octets();
    let rest = [192, 0, 2, 1, 0xc7, 0x38, 0x0c, 0x38];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"[..], &client, &rest].concat()
}

/// What a balancer says when it only looks whether somebody is there.
fn local() -> Vec<u8> {
    b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".to_vec()
}

/// All that comes back on a connection from an address that begins so; empty where it is closed at once.
fn said(address: &str, server: SocketAddr, beginning: &[u8], request: &[u8]) -> String {
    let mut stream = from(address, server).unwrap();
    let _ = stream.write_all(&[beginning, request].concat());
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn who_stands_behind_a_balancer_is_the_client_for_the_proxy() {
    let served = Served::with(CONFIGURATION);
    let staff = administrator(&served);
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    site.page("/run.vbs", "", SCRIPT);
    let request = |path: &str| {
        let url = site.url(path);
        format!("GET {url} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", site.address).into_bytes()
    };
    let get = |address: &str, beginning: &[u8], path: &str| said(address, served.proxy, beginning, &request(path));
    for (header, client) in [(line("127.0.0.7"), "127.0.0.7"), (binary("127.0.0.8"), "127.0.0.8")] {
        assert!(get(BALANCER, &header, "/letter.txt").ends_with(LETTER));
        assert!(get(BALANCER, &header, "/run.vbs").starts_with("HTTP/1.1 403"));
        let table = staff.get("/events.csv");
        assert!(table.contains(&format!("\"proxy\",\"download\",\"\",\"{client}\",")), "{table}");
    }
    let asked = site.asked().len();
    // Whoever is elsewhere is not led to this machine, though the balancer is here.
    let page = get(BALANCER, &line("10.9.0.1"), "/letter.txt");
    assert!(page.starts_with("HTTP/1.1 403") && !page.contains(LETTER), "{page}");
    // Whoever may not ask is not served, though the balancer may.
    assert_eq!(get(BALANCER, &line("203.0.113.9"), "/letter.txt"), "");
    served.says("outside `proxy.allowed_clients`");
    // Without a header, with half of one, or with one that is none, nobody is served.
    assert_eq!(get(BALANCER, b"", "/letter.txt"), "");
    served.says("it does not begin with a PROXY header");
    assert_eq!(get(BALANCER, b"PROXY TCP4 127.0.0.7 192.0.2.1 99999 3128\r\n", "/letter.txt"), "");
    // Nobody else names anybody.
    for header in [line("127.0.0.10"), binary("127.0.0.10")] {
        let page = get(NONE, &header, "/letter.txt");
        assert!(!page.starts_with("HTTP/1.1 200") && !page.contains(LETTER), "{page}");
    }
    assert_eq!(site.asked().len(), asked, "{:?}", site.asked());
    assert!(!staff.get("/events.csv").contains("127.0.0.10"));
    // The balancer asks for itself, and others go on without a header.
    assert!(get(BALANCER, &local(), "/letter.txt").ends_with(LETTER));
    assert!(get(BALANCER, b"PROXY UNKNOWN\r\n", "/letter.txt").ends_with(LETTER));
    assert!(get(NONE, b"", "/letter.txt").ends_with(LETTER));
}

#[test]
fn a_gateway_behind_a_balancer_is_believed_by_its_own_address() {
    let served = Served::with(CONFIGURATION);
    let staff = administrator(&served);
    let fields = "Allow: 204\r\nX-Client-IP: 192.0.2.7\r\nConnection: close\r\n";
    let body = [&chunked(SCRIPT.as_bytes(), 1_000)[..], b"0\r\n\r\n"].concat();
    let request = [respmod("/run.vbs", fields, "").as_bytes(), &body].concat();
    for (header, client) in [(line("127.0.0.9"), "192.0.2.7"), (binary("127.0.0.8"), "127.0.0.8")] {
        let mut stream = from(BALANCER, served.icap).unwrap();
        stream.write_all(&[&header[..], &request].concat()).unwrap();
        let answer = Answer::read(&mut stream);
        assert!(answer.status() == 200 && answer.web.starts_with("HTTP/1.1 403"), "{answer:?}");
        let table = staff.get("/events.csv");
        assert!(table.contains(&format!("\"icap\",\"download\",\"\",\"{client}\",")), "{table}");
    }
    let options = b"OPTIONS icap://gate.example/respmod ICAP/1.0\r\nHost: gate.example\r\nConnection: close\r\n\r\n";
    assert!(said(BALANCER, served.icap, &local(), options).starts_with("ICAP/1.0 200"));
    assert_eq!(said(BALANCER, served.icap, b"", options), "");
    assert!(said(NONE, served.icap, &line("127.0.0.9"), options).starts_with("ICAP/1.0 400"));
}

#[test]
fn nobody_elsewhere_is_led_to_this_machine_or_to_what_clouds_keep_for_machines() {
    let served = Served::with(CONFIGURATION);
    let here = Site::at("0.0.0.0:0", None);
    here.page("*", "", LETTER);
    let port = here.address.port();
    let mut hosts: Vec<String> = [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[64:ff9b::a9fe:a9fe]",
    ]
    .map(str::to_owned)
    .to_vec();
    // The address from which this machine would speak to others, where it has any.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("198.51.100.1:9").is_ok() {
        hosts.push(socket.local_addr().unwrap().ip().to_string());
    } else {
        eprintln!("SKIPPED: an own address beside loopback; this machine has none");
    }
    let get = |client: &str, host: &str| {
        let request = format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        said(BALANCER, served.proxy, &line(client), request.as_bytes())
    };
    for host in &hosts {
        let page = get("10.9.0.1", host);
        assert!(page.starts_with("HTTP/1.1 403"), "{host}: {page}");
    }
    assert!(here.asked().is_empty(), "{:?}", here.asked());
    // Whoever is on this machine is.
    assert!(get("127.0.0.7", "127.0.0.1").ends_with(LETTER));
}
