//! What is passed on while it still comes: text that is written slowly, stations, cameras, messages of programs.

use crate::gate::{Gate, Served, Site, certificate, read_head, until};
use crate::passed::events;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::LazyLock;

/// A rule of our own, so that something harmless is found.
const RULE: &str = "rule harmless_mark { meta: severity = \"critical\" strings: $mark = \"lazaret-test-mark-7c1e\" condition: $mark }\n";
const MARK: &str = "lazaret-test-mark-7c1e";

static PROXY: LazyLock<Served> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.yar"), RULE).unwrap();
    Served::in_folder(folder, "[detect]\nrules = [\"own.yar\"]\n\n[proxy]\n")
});

fn ask(site: &Site, path: &str, fields: &str) -> TcpStream {
    let mut stream = PROXY.connect();
    let (url, address) = (site.url(path), site.address);
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n").unwrap();
    stream
}

/// Reads until something stands there.
fn read_until(stream: &mut TcpStream, wanted: &[u8]) -> Vec<u8> {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(wanted) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it ended: {}", String::from_utf8_lossy(&all));
        all.push(byte[0]);
    }
    all
}

/// The rest of a connection, and whether it has the last chunk of a body.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let whole = all.ends_with(b"0\r\n\r\n");
    (all, whole)
}

/// A site that says something, waits until somebody has seen it, and says something else.
fn in_two(site: &Site, path: &str, declared: &str, first: &[u8], second: &[u8]) -> Gate {
    let gate = Gate::closed();
    let (waiting, first, second) = (gate.clone(), first.to_vec(), second.to_vec());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {declared}\r\nConnection: close\r\n\r\n");
    site.on(path, move |_, stream| {
        let _ = stream.write_all(&[head.as_bytes(), &first].concat());
        let _ = stream.flush();
        waiting.pass();
        let _ = stream.write_all(&second);
    });
    gate
}

#[test]
fn text_that_comes_slowly_is_seen_before_its_end_by_whoever_asks() {
    let site = Site::plain();
    let script = "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nAccept: */*\r\n";
    for (number, (declared, first)) in [
        ("text/event-stream", "data: one\n\n"),
        ("application/x-ndjson", "{\"message\": \"one\"}\n"),
        ("application/jsonl", "{\"message\": \"one\"}\n"),
        ("application/json; charset=utf-8", "{\"choices\": [\n"),
        ("text/plain; charset=utf-8", "Once upon a time there was a harbour.\n"),
    ]
    .into_iter()
    .enumerate()
    {
        for (way, fields) in ["Accept: */*\r\n", script].into_iter().enumerate() {
            let path = format!("/{number}/{way}");
            let gate = in_two(&site, &path, declared, first.as_bytes(), b"The end.\n");
            let mut stream = ask(&site, &path, &format!("{fields}Connection: close\r\n"));
            let head = read_head(&mut stream);
            assert!(head.starts_with("HTTP/1.1 200"), "{declared}: {head}");
            // The site says nothing more before this was seen.
            read_until(&mut stream, first.as_bytes());
            gate.open();
            let (end, whole) = rest(&mut stream);
            assert!(whole && String::from_utf8_lossy(&end).contains("The end.\n"), "{declared}: {end:?}");
        }
    }
}

#[test]
fn a_stream_that_turns_bad_is_broken_off_and_recorded() {
    let site = Site::plain();
    let bad = format!("data: {MARK}\n\n");
    let gate = in_two(&site, "/bad", "text/event-stream", b"data: one\n\n", bad.as_bytes());
    let mut stream = ask(&site, "/bad", "Accept: */*\r\n");
    read_head(&mut stream);
    read_until(&mut stream, b"data: one\n\n");
    gate.open();
    let (end, whole) = rest(&mut stream);
    assert!(!whole && !String::from_utf8_lossy(&end).contains(MARK), "{end:?}");
    // What is bad from the beginning is answered with a page.
    in_two(&site, "/worse", "text/event-stream", bad.as_bytes(), b"").open();
    let mut stream = ask(&site, "/worse", "Accept: */*\r\n");
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 403"));
    until("both are recorded", || {
        let said = events(&PROXY, 1);
        ["/bad", "/worse"].iter().all(|path| said.iter().any(|line| line.contains(path) && line.contains(" block ")))
    });
}

#[test]
fn what_is_no_text_is_not_passed_on_as_a_stream_of_text() {
    let site = Site::plain();
    let program = std::fs::read("/proc/self/exe").unwrap();
    in_two(&site, "/program", "text/event-stream", &program[..50_000], b"").open();
    let mut stream = ask(&site, "/program", "Accept: */*\r\n");
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 403"));
    let gate = in_two(&site, "/later", "text/event-stream", b"data: one\n\n", &program[..50_000]);
    let mut stream = ask(&site, "/later", "Accept: */*\r\n");
    read_head(&mut stream);
    read_until(&mut stream, b"data: one\n\n");
    gate.open();
    let (end, _) = rest(&mut stream);
    assert!(end.len() < 100, "{} bytes of a program were passed on", end.len());
}

#[test]
fn a_page_that_a_person_opens_is_inspected_whole() {
    let site = Site::plain();
    let gate = in_two(&site, "/page", "text/plain", b"Once upon a time\n", b"there was a harbour.\n");
    let mut stream = ask(&site, "/page", "Accept: text/html,*/*\r\nSec-Fetch-Mode: navigate\r\nConnection: close\r\n");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).ok(), None, "something came before all of it did");
    gate.open();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
}

/// Frames of MPEG audio (128 kbit/s, 44.1 kHz).
fn frames(count: usize) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0x64];
    frame.extend((0..413u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f));
    frame.repeat(count)
}

#[test]
fn a_station_is_heard_before_it_ends_and_is_broken_off_when_it_is_none_any_more() {
    let site = Site::plain();
    // As a player asks, and in the middle of a frame.
    for (path, skipped) in [("/stream", 0), ("/live.mp3", 100)] {
        let sound = frames(80)[skipped..].to_vec();
        let bad = [&frames(5)[..], b"Rar!\x1a\x07\x01\x00", &frames(5)].concat();
        let gate = in_two(&site, path, "audio/mpeg", &sound, &bad);
        let mut stream = ask(&site, path, "Accept: */*\r\nIcy-MetaData: 1\r\nRange: bytes=0-\r\n");
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        read_until(&mut stream, &sound[1_000..1_400]);
        gate.open();
        let (end, whole) = rest(&mut stream);
        assert!(!whole && !end.windows(4).any(|four| four == b"Rar!"), "{path}");
        until("it is recorded", || {
            events(&PROXY, 1).iter().any(|line| line.contains(path) && line.contains("a stream was cut off"))
        });
    }
}

#[test]
fn an_old_station_that_says_icy_is_understood() {
    let site = Site::plain();
    let gate = Gate::closed();
    let waiting = gate.clone();
    site.on("/", move |_, stream| {
        let _ = stream
            .write_all(b"ICY 200 OK\r\nicy-name: Harbour\r\nicy-metaint: 16000\r\nContent-Type: audio/mpeg\r\n\r\n");
        let _ = stream.write_all(&frames(80));
        let _ = stream.flush();
        waiting.pass();
    });
    let mut stream = ask(&site, "/", "Accept: */*\r\nIcy-MetaData: 1\r\nUser-Agent: player/1.0\r\n");
    let head = read_head(&mut stream).to_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("icy-metaint: 16000"), "{head}");
    read_until(&mut stream, &frames(1));
    gate.open();
}

#[test]
fn pictures_of_a_camera_are_shown_one_by_one() {
    let site = Site::plain();
    let picture = |last: &[u8]| [&b"\x89PNG\r\n\x1a\n"[..], &frames(3), last].concat();
    let part = |bytes: &[u8]| {
        let length = bytes.len();
        [format!("--camera\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n").as_bytes(), bytes, b"\r\n"]
            .concat()
    };
    let first = [part(&picture(b"one")), part(&picture(b"two"))].concat();
    let second = part(&std::fs::read("/proc/self/exe").unwrap()[..50_000]);
    let gate = in_two(&site, "/video", "multipart/x-mixed-replace; boundary=camera", &first, &second);
    let mut stream = ask(&site, "/video", "Sec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\nAccept: image/*\r\n");
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    read_until(&mut stream, b"two");
    gate.open();
    let (end, whole) = rest(&mut stream);
    assert!(!whole && end.len() < 1_000, "{} bytes", end.len());
}

#[test]
fn messages_of_programs_reach_them_with_what_stands_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let served = Served::with(&format!("trust = [\"{}\"]\n", authority.display()));
    let site = Site::secure(config);
    let message = |bytes: &[u8]| [&[0][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let noise: Vec<u8> = (0..50_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let program = std::fs::read("/proc/self/exe").unwrap()[..50_000].to_vec();
    let bodies =
        [message(b"\x0a\x08lazarett"), message(&[&b"\x0a\xc0\x9a\x0c"[..], &noise].concat()), message(&program)];
    for (number, body) in bodies.iter().enumerate() {
        let body = body.clone();
        site.on(&format!("/service/{number}"), move |_, stream| {
            // What is sent is read: closing before that would lose the answer on its way.
            let _ = stream.read_exact(&mut [0; 10]);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTrailer: grpc-status\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n", body.len());
            let _ = stream.write_all(&body);
            let _ = stream.write_all(b"\r\n0\r\ngrpc-status: 0\r\n\r\n");
        });
    }
    let request = folder.path().join("request");
    std::fs::write(&request, message(b"\x0a\x03one")).unwrap();
    let data = format!("@{}", request.display());
    let call = |number: usize| {
        let url = format!("https://localhost:{}/service/{number}", site.address.port());
        let fields = ["-H", "Content-Type: application/grpc", "-H", "TE: trailers", "--data-binary", &data];
        served.curl(&[&["--http2"], &fields[..], &[&url]].concat())
    };
    for number in [0, 1] {
        let answer = call(number);
        assert!(answer.exit == 0 && answer.body == bodies[number], "{number}: {answer:?}");
        assert!(answer.headers.contains("grpc-status: 0"), "{number}: {}", answer.headers);
    }
    let bad = call(2);
    assert!(bad.status == 403 || bad.exit != 0 && bad.body.is_empty(), "{} {} bytes", bad.status, bad.body.len());
    // Certificates' states and the like, which other programs ask for.
    let plain = Site::plain();
    plain.page("/state", "Content-Type: application/ocsp-response\r\n", &noise[4..504]);
    assert_eq!(served.curl(&[&plain.url("/state")]).status, 200);
    plain.page("/save", "Content-Type: application/x-protobuf\r\nContent-Disposition: attachment\r\n", &noise[4..504]);
    assert_eq!(served.curl(&[&plain.url("/save")]).status, 403, "what is saved as a file is of an unknown kind");
}

#[test]
fn a_gateway_gets_a_stream_before_its_end() {
    let mut stream = PROXY.icap();
    let request = "GET http://files.example/events HTTP/1.1\r\nHost: files.example\r\nAccept: */*\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let first = "data: one\n\n";
    write!(
        stream,
        "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nPreview: 4\r\nEncapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{request}{response}4\r\ndata\r\n0\r\n\r\n",
        request.len(),
        request.len() + response.len()
    )
    .unwrap();
    assert!(read_head(&mut stream).starts_with("ICAP/1.0 100"));
    write!(stream, "{:x}\r\n{}\r\n", first.len() - 4, &first[4..]).unwrap();
    assert!(read_head(&mut stream).starts_with("ICAP/1.0 200"));
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
    read_until(&mut stream, b": one\n\n");
    write!(stream, "5\r\nbye\n\n\r\n0\r\n\r\n").unwrap();
    read_until(&mut stream, b"bye\n\n\r\n0\r\n\r\n");
    // The connection goes on.
    write!(stream, "OPTIONS icap://x/respmod ICAP/1.0\r\nHost: x\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("ICAP/1.0 200"));
}

#[test]
fn who_does_not_take_our_certificate_is_counted_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let served = Served::with("");
    let site = Site::secure(config);
    let url = format!("https://localhost:{}/letter.txt", site.address.port());
    for _ in 0..2 {
        let refused = served.curl(&["--cacert", authority.to_str().unwrap(), &url]);
        assert_eq!(refused.exit, 60, "{refused:?}");
    }
    let metrics = || {
        let address = format!("http://{}/metrics", served.console);
        String::from_utf8(Command::new("curl").args(["--silent", &address]).output().unwrap().stdout).unwrap()
    };
    until("both are counted", || metrics().contains("lazaret_tls_refusals_total{alert=\"unknown_ca\"} 2"));
    assert_eq!(served.log().matches("rejects the certificate issued for a host").count(), 1, "{}", served.log());
}
