//! The web proxy as clients and sites meet it.

use crate::gate::{Gate, LETTER, PATIENT, Served, Site, certificate, read_head, until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Something to run, small and harmless.
const SCRIPT: &str = "Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\nWScript.Quit\r\n";
const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

/// One proxy for all tests that need nothing special of it.
static PROXY: LazyLock<Served> = LazyLock::new(|| Served::with(""));

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_may_pass_passes_untouched_and_what_may_not_is_explained() {
    let site = Site::plain();
    site.page("/letter.txt", "Content-Type: text/plain\r\nETag: \"1\"\r\n", LETTER);
    site.page("/run.vbs", "", SCRIPT);
    let letter = PROXY.curl(&[&site.url("/letter.txt")]);
    assert_eq!((letter.status, letter.text().as_str()), (200, LETTER), "{letter:?}");
    assert!(letter.headers.contains("etag: \"1\""), "{}", letter.headers);
    let script = PROXY.curl(&["-H", HTML, "-H", "Accept-Language: de", &site.url("/run.vbs?token=secret")]);
    assert_eq!(script.status, 404);
    site.page("/run.vbs?token=secret", "", SCRIPT);
    let script = PROXY.curl(&["-H", HTML, "-H", "Accept-Language: de", &site.url("/run.vbs?token=secret")]);
    assert_eq!(script.status, 403, "{script:?}");
    for field in [
        "cache-control: no-store",
        "content-language: de",
        "content-security-policy: default-src 'none'",
        "x-lazaret-reference: ",
    ] {
        assert!(script.headers.contains(field), "{field}: {}", script.headers);
    }
    let page = script.text();
    assert!(page.contains("<html lang=\"de\">") && page.contains("in Zivil"), "{page}");
    assert!(!page.contains("secret") && !PROXY.log().contains("secret"), "a query may hold secrets");
    let json = PROXY.curl(&["-H", "Accept: application/json", &site.url("/run.vbs")]);
    let problem: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!((json.status, &problem["decision"]), (403, &"block".into()));
    let picture = PROXY.curl(&["-H", "Sec-Fetch-Dest: image", "-H", "Accept: image/*", &site.url("/run.vbs")]);
    assert_eq!((picture.status, picture.body.len()), (403, 0), "{picture:?}");
}

/// Every stand-in of the corpus fares through the proxy as it does in a scan of the same file.
#[test]
fn every_vector_fares_as_in_a_scan() {
    let served = Served::with(PATIENT);
    crate::gate::every_vector(&served, served.proxy);
}

#[test]
fn what_is_forbidden_by_its_first_bytes_is_not_fetched() {
    let site = Site::plain();
    let (sender, cut) = std::sync::mpsc::channel();
    site.on("/setup", move |_, stream| {
        let mut program = std::fs::read("/proc/self/exe").unwrap();
        program.truncate(256 << 10);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let mut sent = 0;
        // Ends when the proxy hangs up.
        while sent < 1_000_000_000 && stream.write_all(&program).is_ok() {
            sent += program.len();
        }
        let _ = sender.send(sent);
    });
    let fetched = PROXY.curl(&[&site.url("/setup")]);
    assert_eq!(fetched.status, 403, "{fetched:?}");
    let sent = cut.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(sent < 100_000_000, "{sent} bytes were fetched");
}

#[test]
fn pieces_of_a_file_are_not_taken_from_sites() {
    let site = Site::plain();
    site.page("/letter.txt", "Accept-Ranges: bytes\r\n", LETTER);
    let piece = PROXY.curl(&["--range", "0-3", &site.url("/letter.txt")]);
    assert_eq!((piece.status, piece.text().as_str()), (206, "Dear"));
    assert!(!site.asked()[0].to_lowercase().contains("range:"), "{:?}", site.asked());
    site.on("/piece", |_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/40\r\nContent-Length: 4\r\n\r\nDear");
    });
    let piece = PROXY.curl(&[&site.url("/piece")]);
    assert_eq!(piece.status, 502, "{piece:?}");
}

#[test]
fn what_is_packed_for_the_journey_is_unpacked_for_the_inspection_only() {
    let site = Site::plain();
    let packed = gzip(LETTER.as_bytes());
    site.page("/letter", "Content-Encoding: gzip\r\n", packed.clone());
    site.page("/script", "Content-Encoding: gzip\r\n", gzip(SCRIPT.as_bytes()));
    site.page("/twice", "Content-Encoding: gzip, gzip\r\n", gzip(&gzip(SCRIPT.as_bytes())));
    site.page("/odd", "Content-Encoding: sdch\r\n", LETTER);
    site.page("/liar", "Content-Encoding: br\r\n", std::fs::read("/bin/true").unwrap());
    let letter = PROXY.curl(&["-H", "Accept-Encoding: gzip", &site.url("/letter")]);
    assert_eq!((letter.status, &letter.body), (200, &packed));
    assert!(letter.headers.contains("content-encoding: gzip"));
    for path in ["/script", "/twice", "/odd", "/liar"] {
        let fetched = PROXY.curl(&["-H", "Accept-Encoding: gzip, br", &site.url(path)]);
        assert_eq!(fetched.status, 403, "{path}: {fetched:?}");
    }
    let asked = site.asked();
    assert!(asked[1].to_lowercase().contains("accept-encoding: gzip, br"), "{asked:?}");
}

#[test]
fn a_broken_answer_is_never_taken_for_a_whole_one() {
    let site = Site::plain();
    site.on("/short", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
    });
    site.on("/chunked", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n");
    });
    site.on("/nonsense", |_, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    });
    for path in ["/short", "/chunked", "/nonsense"] {
        let fetched = PROXY.curl(&[&site.url(path)]);
        assert_eq!(fetched.status, 502, "{path}: {fetched:?}");
    }
    let nowhere = PROXY.curl(&["http://127.0.0.1:1025/"]);
    assert_eq!(nowhere.status, 502, "{nowhere:?}");
    let unknown = PROXY.curl(&["http://nowhere.invalid/"]);
    assert_eq!(unknown.status, 502, "{unknown:?}");
}

#[test]
fn answers_without_a_body_pass() {
    let site = Site::plain();
    site.on("/none", |head, stream| {
        let status = if head.starts_with("HEAD") { "200 OK\r\nContent-Length: 99" } else { "304 Not Modified" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nAlt-Svc: h3=\":443\"\r\nETag: \"2\"\r\nConnection: close\r\n\r\n");
    });
    let head = PROXY.curl(&["--head", &site.url("/none")]);
    assert!(head.status == 200 && head.headers.contains("content-length: 99"), "{head:?}");
    let unchanged = PROXY.curl(&["-H", "If-None-Match: \"2\"", &site.url("/none")]);
    assert!(unchanged.status == 304 && !unchanged.headers.contains("alt-svc"), "{unchanged:?}");
}

#[test]
fn tls_is_opened_up_and_the_site_must_prove_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let proxy = Served::with(&format!("trust = [\"{}\"]\n", authority.display()));
    let site = Site::secure(config.clone());
    site.page("/letter.txt", "", LETTER);
    site.page("/run.vbs", "", SCRIPT);
    let port = site.address.port();
    for version in ["--http1.1", "--http2"] {
        let letter = proxy.curl(&[version, &format!("https://localhost:{port}/letter.txt")]);
        assert_eq!((letter.status, letter.text().as_str()), (200, LETTER), "{letter:?}");
        assert!(letter.headers.starts_with(if version == "--http2" { "http/2" } else { "http/1.1" }), "{letter:?}");
        let script = proxy.curl(&[version, &format!("https://localhost:{port}/run.vbs")]);
        assert_eq!(script.status, 403, "{script:?}");
    }
    // The certificate is for another name; nobody vouches for it.
    let elsewhere = proxy.curl(&[&format!("https://127.0.0.1:{port}/letter.txt")]);
    assert!(elsewhere.status == 502 && elsewhere.text().contains("issued for another name"), "{elsewhere:?}");
    let stranger = PROXY.curl(&[&format!("https://localhost:{port}/letter.txt")]);
    assert!(stranger.status == 502 && stranger.text().contains("its issuer is not trusted"), "{stranger:?}");
}

#[test]
fn a_bypassed_host_is_passed_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let proxy = Served::with("bypass = [\"localhost\"]\n");
    let site = Site::secure(config);
    site.page("/run.vbs", "", SCRIPT);
    let url = format!("https://localhost:{}/run.vbs", site.address.port());
    let script = proxy.curl(&["--cacert", authority.to_str().unwrap(), &url]);
    assert_eq!((script.status, script.text().as_str()), (200, SCRIPT), "{script:?}");
    assert!(proxy.log().contains("bypassed"), "{}", proxy.log());
}

/// What comes into a tunnel is inspected or goes nowhere.
#[test]
fn there_is_no_way_around_through_a_tunnel() {
    let site = Site::plain();
    site.page("/run.vbs", "", SCRIPT);
    site.page("/letter.txt", "", LETTER);
    let address = site.address.to_string();
    // HTTP in the clear, its first byte alone.
    let mut tunnel = PROXY.tunnel(&address);
    tunnel.write_all(b"G").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    write!(tunnel, "ET /run.vbs HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 403"));
    // A request without reading the answer to CONNECT.
    let mut eager = PROXY.connect();
    write!(eager, "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nPOST /run.vbs HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert!(read_head(&mut eager).starts_with("HTTP/1.1 200"));
    assert!(read_head(&mut eager).starts_with("HTTP/1.1 403"));
    // A second request on the same tunnel.
    let mut twice = PROXY.tunnel(&address);
    for (path, status) in [("/letter.txt", "HTTP/1.1 200"), ("/run.vbs", "HTTP/1.1 403")] {
        write!(twice, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let head = read_head(&mut twice);
        assert!(head.starts_with(status), "{head}");
        let length =
            head.to_lowercase().split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        twice.read_exact(&mut vec![0; length]).unwrap();
    }
    // For another host than the tunnel's.
    let mut other = PROXY.tunnel(&address);
    write!(other, "GET /letter.txt HTTP/1.1\r\nHost: other.example\r\n\r\n").unwrap();
    assert!(read_head(&mut other).starts_with("HTTP/1.1 421"));
    let mut other = PROXY.tunnel(&address);
    write!(other, "GET http://other.example/letter.txt HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    assert!(read_head(&mut other).starts_with("HTTP/1.1 421"));
    // Other protocols, a broken TLS greeting, HTTP/2 without TLS, a tunnel in a tunnel.
    let before = site.connections();
    for greeting in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"\0\0\0\x10",
        b"\x16\x03\x01\x00\x05hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"EHLO x\r\n",
    ] {
        let mut tunnel = PROXY.tunnel(&address);
        tunnel.write_all(greeting).unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        let _ = tunnel.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(start.elapsed() < Duration::from_secs(10), "{greeting:?} took {:?}", start.elapsed());
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 400") || answer[0] == 21, "{greeting:?}: {text}");
    }
    let mut nested = PROXY.tunnel(&address);
    write!(nested, "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    assert!(read_head(&mut nested).starts_with("HTTP/1.1 400"));
    assert_eq!(site.connections(), before, "something went through");
}

#[test]
fn whoever_may_not_ask_is_turned_away_and_nobody_is_led_to_other_services() {
    let served =
        Served::with("[proxy]\nallowed_clients = [\"127.0.0.1\"]\n[icap]\nallowed_clients = [\"127.0.0.3\"]\n");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    assert_eq!(served.curl(&[&url]).text(), LETTER);
    assert_eq!(served.curl(&["--interface", "127.0.0.2", &url]).status, 0);
    let mut icap = served.icap();
    let _ = icap.write_all(b"OPTIONS icap://x/respmod ICAP/1.0\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = icap.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    for setting in ["proxy.allowed_clients", "icap.allowed_clients"] {
        until("it is said", || served.log().contains(setting));
    }
    for port in [22, 25, 6379] {
        let refused = served.curl(&[&format!("http://127.0.0.1:{port}/")]);
        assert!(refused.status == 400 && refused.text().contains("proxy.ports"), "{port}: {refused:?}");
    }
}

#[test]
fn requests_that_make_no_sense_are_answered() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
        ("CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("GET http://a.example/ HTTP/1.1\r\nbad header\r\n\r\n", 400),
    ] {
        let mut stream = PROXY.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
    }
}

#[test]
fn uploads_reach_the_site_whole() {
    let site = Site::plain();
    site.on("/up", |head, stream| {
        let length: usize =
            head.to_lowercase().split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{} bytes",
            body.iter().filter(|b| **b == b'x').count()
        );
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("up");
    std::fs::write(&file, vec![b'x'; 3_000_000]).unwrap();
    let fetched = PROXY.curl(&["--data-binary", &format!("@{}", file.display()), &site.url("/up")]);
    assert_eq!((fetched.status, fetched.text().as_str()), (200, "3000000 bytes"), "{fetched:?}");
}

#[test]
fn websockets_pass_where_they_may() {
    let site = Site::plain();
    site.on("/socket", |head, stream| {
        assert!(head.to_lowercase().contains("upgrade: websocket"), "{head}");
        let _ =
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
        let mut message = [0; 5];
        let _ = stream.read_exact(&mut message);
        let _ = stream.write_all(&message);
    });
    let ask = |proxy: &Served| {
        let mut stream = proxy.connect();
        let address = site.address;
        write!(stream, "GET http://{address}/socket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        (stream, head)
    };
    let (mut stream, head) = ask(&PROXY);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
    let (_, head) = ask(&Served::with("websockets = false\n"));
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[test]
fn what_only_calls_itself_a_websocket_is_no_tunnel() {
    let site = Site::plain();
    site.on("/other", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 101 Sw\r\nUpgrade: nonsense\r\nConnection: Upgrade\r\n\r\n\x7fELF");
    });
    let ask = |fields: &str| {
        let mut stream = PROXY.connect();
        let address = site.address;
        write!(stream, "GET http://{address}/other HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{fields}\r\n").unwrap();
        read_head(&mut stream)
    };
    let bare = ask("");
    assert!(bare.starts_with("HTTP/1.1 400"), "{bare}");
    let other = ask("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    assert!(other.starts_with("HTTP/1.1 502"), "{other}");
}

/// A slow archive is kept alive by its first bytes; what turns out bad breaks off and never looks whole.
#[test]
fn a_long_inspection_does_not_lose_the_client() {
    let proxy = Served::with("patience_seconds = 1\n");
    let site = Site::plain();
    let kept = Gate::closed();
    let noise: Vec<u8> = (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (path, member, bytes) in
        [("/good.zip", "letter.txt", LETTER.as_bytes()), ("/bad.zip", "run.vbs", SCRIPT.as_bytes())]
    {
        let mut zip = zip(&[("noise.png", &[&b"\x89PNG\r\n\x1a\n"[..], &noise].concat()), (member, bytes)]);
        let rest = zip.split_off(100_000);
        let kept = kept.clone();
        site.on(path, move |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", zip.len() + rest.len());
            let _ = stream.write_all(&zip);
            let _ = stream.flush();
            kept.pass();
            let _ = stream.write_all(&rest);
        });
    }
    // What comes before the site has sent all: a head and some bytes. Only then does the site go on.
    let ask = |path: &str| {
        let mut stream = proxy.connect();
        write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", site.url(path), site.address)
            .unwrap();
        let head = read_head(&mut stream).to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length: usize = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        let mut body = vec![0; 8];
        stream.read_exact(&mut body).unwrap();
        kept.open();
        let _ = stream.read_to_end(&mut body);
        (length, body)
    };
    let (length, good) = ask("/good.zip");
    assert!(good.starts_with(b"PK") && good.len() == length && length > 160_000, "{} of {length}", good.len());
    kept.close();
    let (length, bad) = ask("/bad.zip");
    assert!(bad.len() < 1_000 && length > 160_000, "{} of {length}", bad.len());
}

/// A ZIP of stored members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let (at, size) = (out.len() as u32, bytes.len() as u32);
        let shared = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        out.extend([&b"PK\x03\x04"[..], &shared, name.as_bytes(), bytes].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &shared, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (count, size, at) = (members.len() as u16, directory.len() as u32, out.len() as u32);
    out.extend(directory);
    out.extend(
        [
            &b"PK\x05\x06\0\0\0\0"[..],
            &count.to_le_bytes(),
            &count.to_le_bytes(),
            &size.to_le_bytes(),
            &at.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    out
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[proxy]\nlisten = \"{}\"\n[icap]\nlisten = \"\"\n[console]\nlisten = \"\"\n", PROXY.proxy);
    std::fs::write(folder.path().join("lazaret.toml"), config).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .arg("serve")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint.contains("in use by another program") && complaint.contains("`proxy.listen`"), "{complaint}");
}

#[test]
fn told_to_stop_it_finishes_what_is_under_way() {
    let mut proxy = Served::with("");
    let site = Site::plain();
    let told = Gate::closed();
    let waiting = told.clone();
    site.on("/slow", move |_, stream| {
        waiting.pass();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nslowly");
    });
    let url = site.url("/slow");
    let address = proxy.proxy;
    let download = std::thread::spawn(move || {
        std::process::Command::new("curl")
            .args(["--silent", "--max-time", "20", "--proxy", &format!("http://{address}"), &url])
            .output()
            .unwrap()
    });
    until("the site is asked", || site.asked().len() == 1);
    proxy.signal("TERM");
    // It takes nobody new, and goes on with what is under way.
    until("it stops listening", || TcpStream::connect(address).is_err());
    assert!(proxy.lives(), "{}", proxy.log());
    told.open();
    assert_eq!(proxy.ended(), 0, "{}", proxy.log());
    assert_eq!(download.join().unwrap().stdout, b"slowly");
}
