//! The ICAP server as gateways meet it (RFC 3507).

use crate::gate::{LETTER, Served, read_head};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::LazyLock;

pub const SCRIPT: &str = "Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\nWScript.Quit\r\n";

static SERVED: LazyLock<Served> = LazyLock::new(|| Served::with(""));

/// An answer: ICAP head, encapsulated head, body without its chunks and what followed it.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub web: String,
    pub body: Vec<u8>,
    end: String,
}

impl Answer {
    pub fn read(stream: &mut impl Read) -> Self {
        let head = read_head(stream);
        let field = head.lines().find_map(|line| line.strip_prefix("Encapsulated: ")).unwrap_or_default().to_owned();
        let (mut web, mut body, mut end) = (String::new(), Vec::new(), String::new());
        if field.contains("-hdr=0") {
            web = read_head(stream);
        }
        while field.contains("-body=") && !field.contains("null-body") {
            let line = read_line(stream);
            let len = usize::from_str_radix(line.split(';').next().unwrap().trim(), 16).expect(&line);
            if len == 0 {
                end = line;
                loop {
                    let trailer = read_line(stream);
                    if trailer.is_empty() {
                        break;
                    }
                    end += &format!("|{trailer}");
                }
                break;
            }
            let mut chunk = vec![0; len + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..len]);
        }
        Self { head, web, body, end }
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") && stream.read(&mut byte).unwrap() == 1 {
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

fn web_request(path: &str) -> String {
    format!(
        "GET http://files.example{path} HTTP/1.1\r\nHost: files.example\r\nAccept: text/html\r\nAccept-Language: de\r\n\r\n"
    )
}

/// A RESPMOD request up to its body.
pub fn respmod(path: &str, fields: &str, web_fields: &str) -> String {
    let request = web_request(path);
    let response = format!("HTTP/1.1 200 OK\r\n{web_fields}\r\n");
    let (at, end) = (request.len(), request.len() + response.len());
    format!(
        "RESPMOD icap://gate.example/respmod ICAP/1.0\r\nHost: gate.example\r\n{fields}\
         Encapsulated: req-hdr=0, res-hdr={at}, res-body={end}\r\n\r\n{request}{response}"
    )
}

pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn ask(request: &str, body: &[u8]) -> Answer {
    let mut stream = SERVED.icap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(&[&chunked(body, 1_000)[..], b"0\r\n\r\n"].concat()).unwrap();
    Answer::read(&mut stream)
}

#[test]
fn options_say_what_gateways_need_to_know() {
    let mut stream = SERVED.icap();
    let ask = |stream: &mut TcpStream, service: &str| {
        write!(stream, "OPTIONS icap://gate.example/{service} ICAP/1.0\r\nHost: gate.example\r\n\r\n").unwrap();
        Answer::read(stream).head
    };
    let head = ask(&mut stream, "respmod");
    for field in [
        "ICAP/1.0 200 OK",
        "Methods: RESPMOD\r\n",
        "ISTag: \"",
        "Encapsulated: null-body=0",
        "Preview: 16384",
        "Allow: 204, 206",
        "Max-Connections: 1000",
        "Options-TTL: ",
        "Transfer-Preview: *",
        "X-Include: X-Client-IP",
        "Date: ",
        "Service: Lazaret",
    ] {
        assert!(head.contains(field), "{field}: {head}");
    }
    let tag = head.lines().find_map(|line| line.strip_prefix("ISTag: ")).unwrap();
    assert!(tag.len() <= 34, "RFC 3507, 4.7: at most 32 bytes, {tag}");
    assert!(ask(&mut stream, "reqmod").contains("Methods: REQMOD\r\n"));
    write!(stream, "OPTIONS icap://x/avscan ICAP/1.0\r\nEncapsulated: opt-body=0\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .unwrap();
    assert!(Answer::read(&mut stream).head.contains("Methods: RESPMOD, REQMOD\r\n"));
}

#[test]
fn what_may_pass_is_answered_in_the_shortest_way() {
    let letter = ask(&respmod("/letter.txt", "Allow: 204\r\n", "ETag: \"1\"\r\n"), LETTER.as_bytes());
    assert_eq!((letter.status(), letter.web.as_str()), (204, ""), "{letter:?}");
    let letter = ask(&respmod("/letter.txt", "", "ETag: \"1\"\r\n"), LETTER.as_bytes());
    assert_eq!((letter.status(), letter.text().as_str()), (200, LETTER), "{letter:?}");
    assert_eq!(letter.web, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\n\r\n");
    let letter = ask(&respmod("/letter.txt", "Allow: 206\r\n", ""), LETTER.as_bytes());
    assert_eq!((letter.status(), letter.end.as_str()), (206, "0; use-original-body=0"), "{letter:?}");
    // Without a word about the request or the answer.
    let bare = "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nEncapsulated: res-body=0\r\n\r\n";
    assert_eq!(ask(bare, LETTER.as_bytes()).status(), 204);
    let script = ask(bare, SCRIPT.as_bytes());
    assert_eq!((script.status(), script.web.starts_with("HTTP/1.1 403")), (200, true), "{script:?}");
}

#[test]
fn what_may_not_pass_is_answered_with_a_page_that_says_why() {
    let fields = "Allow: 204\r\nX-Client-IP: 192.0.2.7\r\n";
    let script = ask(&respmod("/invoice.pdf.vbs?token=secret", fields, ""), SCRIPT.as_bytes());
    assert_eq!(script.status(), 200);
    for field in [
        "X-Infection-Found: Type=0; Resolution=2; Threat=masquerade.double-extension;\r\n",
        "X-Virus-ID: masquerade.double-extension\r\n",
        "X-Violations-Found: 1\r\n\tinvoice.pdf.vbs\r\n",
        "X-Response-Info: block\r\n",
        "Connection: keep-alive\r\n",
    ] {
        assert!(script.head.contains(field), "{field}: {}", script.head);
    }
    assert!(script.web.starts_with("HTTP/1.1 403 Forbidden\r\n") && script.web.contains("cache-control: no-store"));
    assert!(script.text().contains("<html lang=\"de\">") && !script.text().contains("secret"), "{}", script.text());
    let length: usize =
        script.web.split("Content-Length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
    assert_eq!(script.body.len(), length);
}

#[test]
fn a_gateway_is_believed_for_whom_it_asks_only_where_it_is_trusted() {
    let fields = "Allow: 204\r\nX-Client-IP: 192.0.2.7\r\nX-Authenticated-User: TG9jYWw6Ly9hZGE=\r\n";
    for (configuration, client, person) in
        [("", "192.0.2.7", "ada"), ("[icap]\ntrusted_gateways = []\n", "127.0.0.1", "")]
    {
        let served = Served::with(configuration);
        let staff = crate::gate::people::administrator(&served);
        let mut stream = served.icap();
        stream.write_all(respmod("/run.vbs", fields, "").as_bytes()).unwrap();
        stream.write_all(&[&chunked(SCRIPT.as_bytes(), 1_000)[..], b"0\r\n\r\n"].concat()).unwrap();
        assert_eq!(Answer::read(&mut stream).status(), 200);
        let table = staff.get("/events.csv");
        let cells = format!("\"icap\",\"download\",\"{person}\",\"{client}\",");
        assert!(table.contains(&cells), "{cells}: {table}");
    }
}

#[test]
fn a_preview_is_enough_where_it_is_all_or_says_no() {
    let mut stream = SERVED.icap();
    // All of it is in the preview: 204 is allowed whether the client says so or not (RFC 3507, 4.6).
    write!(stream, "{}", respmod("/letter.txt", "Preview: 1024\r\n", "")).unwrap();
    stream.write_all(&[&chunked(LETTER.as_bytes(), 10)[..], b"0; ieof\r\n\r\n"].concat()).unwrap();
    assert_eq!(Answer::read(&mut stream).status(), 204);
    // On the same connection: a program whose first bytes are enough.
    let program = &std::fs::read("/proc/self/exe").unwrap()[..40_000];
    write!(stream, "{}", respmod("/setup", "Preview: 1024\r\nAllow: 204\r\n", "")).unwrap();
    stream.write_all(&[&chunked(&program[..1024], 1024)[..], b"0\r\n\r\n"].concat()).unwrap();
    let answer = Answer::read(&mut stream);
    assert!(answer.status() == 200 && answer.web.starts_with("HTTP/1.1 403"), "{answer:?}");
    // Nothing in the preview, and the rest on request.
    for (name, body, status) in [("/letter.txt", LETTER, 204), ("/run", SCRIPT, 200)] {
        for preview in [0, 10] {
            write!(stream, "{}", respmod(name, &format!("Preview: {preview}\r\nAllow: 204\r\n"), "")).unwrap();
            stream.write_all(&[&chunked(&body.as_bytes()[..preview], 5)[..], b"0\r\n\r\n"].concat()).unwrap();
            assert_eq!(read_head(&mut stream), "ICAP/1.0 100 Continue\r\n\r\n", "{name} {preview}");
            stream.write_all(&[&chunked(&body.as_bytes()[preview..], 9)[..], b"0\r\n\r\n"].concat()).unwrap();
            assert_eq!(Answer::read(&mut stream).status(), status);
        }
    }
    // Without `Allow: 204`, the whole body must come back once more than the preview was asked for.
    write!(stream, "{}", respmod("/letter.txt", "Preview: 4\r\n", "")).unwrap();
    stream.write_all(b"4\r\nDear\r\n0\r\n\r\n").unwrap();
    assert_eq!(read_head(&mut stream), "ICAP/1.0 100 Continue\r\n\r\n");
    stream.write_all(&[&chunked(&LETTER.as_bytes()[4..], 9)[..], b"0\r\nX-Sum: 1\r\n\r\n"].concat()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status(), answer.text().as_str(), answer.end.as_str()), (200, LETTER, "0|X-Sum: 1"));
    // The preview is longer than announced.
    write!(stream, "{}", respmod("/letter.txt", "Preview: 4\r\n", "")).unwrap();
    stream.write_all(b"5\r\nDear \r\n0\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status(), 400);
}

/// Squid 5 waits for the beginning of an answer with at most 64 KiB sent; what is blocked then must not look whole.
#[test]
fn who_cannot_keep_the_body_gets_the_beginning_of_an_answer() {
    let text = "The meeting is on Monday, as always.\n".repeat(2_000);
    for (end, whole) in [
        (&b"Goodbye.\n"[..], true),
        (concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").as_bytes(), false),
    ] {
        // The test file counts only as a file of its own.
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file("a.txt", stored).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.start_file("b.txt", stored).unwrap();
        writer.write_all(end).unwrap();
        let body = writer.finish().unwrap().into_inner();
        let mut stream = SERVED.icap();
        stream.write_all(respmod("/a.zip", "", "").as_bytes()).unwrap();
        stream.write_all(&chunked(&body[..50_000], 1_000)).unwrap();
        assert!(read_head(&mut stream).starts_with("ICAP/1.0 200 OK"), "it waits");
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200 OK"));
        stream.write_all(&[&chunked(&body[50_000..], 1_000)[..], b"0\r\n\r\n"].concat()).unwrap();
        let mut rest = Vec::new();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let _ = stream.read_to_end(&mut rest);
        assert_eq!((rest.ends_with(b"\r\n0\r\n\r\n"), rest.len() > body.len()), (whole, whole));
    }
}

#[test]
fn requests_without_waiting_for_answers_are_answered_in_order() {
    let mut stream = SERVED.icap();
    let one = |name: &str, body: &str| {
        [respmod(name, "Allow: 204\r\n", "").as_bytes(), &chunked(body.as_bytes(), 7)[..], b"0\r\n\r\n"].concat()
    };
    let all = [one("/letter.txt", LETTER), one("/a.vbs", SCRIPT), one("/letter.txt", LETTER)].concat();
    stream.write_all(&all).unwrap();
    let statuses: Vec<_> = (0..3).map(|_| Answer::read(&mut stream).status()).collect();
    assert_eq!(statuses, [204, 200, 204]);
}

#[test]
fn requests_and_uploads_are_looked_at_on_their_way_out() {
    let mut stream = SERVED.icap();
    let mut reqmod = |web: &str, body: Option<&str>| {
        let kind = if body.is_some() { "req-body" } else { "null-body" };
        write!(
            stream,
            "REQMOD icap://x/reqmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nEncapsulated: req-hdr=0, {kind}={}\r\n\r\n{web}",
            web.len()
        )
        .unwrap();
        if let Some(body) = body {
            stream.write_all(&[&chunked(body.as_bytes(), 100)[..], b"0\r\n\r\n"].concat()).unwrap();
        }
        Answer::read(&mut stream)
    };
    assert_eq!(reqmod(&web_request("/x"), None).status(), 204);
    assert_eq!(reqmod("CONNECT files.example:443 HTTP/1.1\r\nHost: files.example:443\r\n\r\n", None).status(), 204);
    // Pieces cannot be judged: they are not asked for.
    let piece = reqmod("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nRange: bytes=0-1\r\n\r\n", None);
    assert_eq!(piece.status(), 200);
    assert_eq!(piece.web, "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n");
    // What somebody sends is not opened here: only what is malicious is kept back.
    let put = |name: &str| format!("PUT http://a.example/{name} HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(reqmod(&put("build.vbs"), Some(SCRIPT)).status(), 204);
    let eicar = concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    let blocked = reqmod(&put("x.txt"), Some(eicar));
    assert!(blocked.status() == 200 && blocked.web.starts_with("HTTP/1.1 403"), "{blocked:?}");
}

#[test]
fn pieces_of_files_are_refused() {
    let request = web_request("/big.zip");
    for (range, status) in [("bytes 100-200/5000", 200), ("bytes 0-41/42", 204)] {
        let response = format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\n\r\n");
        let text = format!(
            "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nEncapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{request}{response}",
            request.len(),
            request.len() + response.len()
        );
        let answer = ask(&text, LETTER.as_bytes());
        assert_eq!(answer.status(), status, "{range}: {answer:?}");
    }
}

#[test]
fn nonsense_is_answered_with_the_status_the_rfc_has_for_it() {
    for (request, status) in [
        ("RESPMOD icap://x/respmod ICAP/2.0\r\nHost: x\r\n\r\n", 505),
        ("FROBMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\n\r\n", 501),
        ("RESPMOD icap://x/unknown ICAP/1.0\r\nHost: x\r\nEncapsulated: res-body=0\r\n\r\n", 404),
        ("REQMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: req-body=0\r\n\r\n", 405),
        ("RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\n\r\n", 400),
        ("RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: res-hdr=0, res-body=999999999\r\n\r\n", 400),
        (
            "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\nnonsense\r\n",
            400,
        ),
        ("RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: res-body=0\r\n\r\nfive\r\n", 400),
        (
            "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nPreview: -1\r\nEncapsulated: res-body=0\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("\r\n\r\nOPTIONS icap://x/respmod ICAP/1.0\r\n\r\n", 200),
    ] {
        let mut stream = SERVED.icap();
        stream.write_all(request.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.status(), status, "{request:?}: {answer:?}");
        if status >= 400 {
            assert!(answer.head.contains("Connection: close"), "{answer:?}");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
        }
    }
    let mut stream = SERVED.icap();
    let _ = stream.write_all(&[b"RESPMOD icap://x/respmod ICAP/1.0\r\nA: ", &vec![b'x'; 300_000][..]].concat());
    assert_eq!(Answer::read(&mut stream).status(), 400);
}

/// Somebody else's client agrees about every stand-in.
#[test]
fn c_icap_client_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for (name, body, clean) in [("letter.txt", LETTER, true), ("run.vbs", SCRIPT, false)] {
        let (path, out) = (folder.path().join(name), folder.path().join("out"));
        std::fs::write(&path, body.repeat(if clean { 4_000 } else { 1 })).unwrap();
        for more in [&[][..], &["-nopreview"], &["-no204"], &["-no204", "-nopreview"]] {
            let _ = std::fs::remove_file(&out);
            let output = Command::new("c-icap-client")
                .args(["-i", "127.0.0.1", "-p", &SERVED.icap.port().to_string(), "-s", "respmod", "-v", "-f"])
                .arg(&path)
                .arg("-o")
                .arg(&out)
                .args(["-resp", &format!("http://files.example/{name}")])
                .args(more)
                .output()
                .expect("c-icap-client runs; the test command installs it");
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            let got = std::fs::read(&out).unwrap_or_default();
            if clean {
                let same = got == std::fs::read(&path).unwrap();
                assert!(same || said.contains("ICAP/1.0 204"), "{more:?}: {said}");
            } else {
                assert!(
                    said.contains("HTTP/1.1 403") || String::from_utf8_lossy(&got).contains("Lazaret"),
                    "{more:?}: {said}"
                );
            }
        }
    }
}

/// What the app `files_antivirus` of Nextcloud sends for one file, chunk by chunk: with the path and the length in its version 6,
/// without them, and with a length of 1, before.
fn nextcloud(version: u8, mode: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let (path, host, length) = if version < 6 { ("/", "127.0.0.1", 1) } else { (path, "nextcloud", body.len()) };
    let method = if mode == "reqmod" { "PUT" } else { "GET" };
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let response = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let (web, sections) = if mode == "reqmod" {
        (request.clone(), format!("req-body={}", request.len()))
    } else {
        let sections = format!("res-hdr={}, res-body={}", request.len(), request.len() + response.len());
        (request + &response, sections)
    };
    let fields = if version < 6 {
        format!(
            "Allow: 204\r\nHost: 127.0.0.1\r\nUser-Agent: NC-ICAP-CLIENT/0.5.0\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, {sections}\r\n"
        )
    } else {
        // Without an address where a job in the background asks.
        format!(
            "Allow: 204\r\nX-Client-IP: \r\nEncapsulated: req-hdr=0, {sections}\r\nTransfer-Encoding: chunked\r\n\
             Host: 127.0.0.1\r\nUser-Agent: NC-ICAP-CLIENT\r\nConnection: close\r\n"
        )
    };
    let head = format!("{} icap://127.0.0.1/{mode} ICAP/1.0\r\n{fields}\r\n{web}", mode.to_uppercase());
    // What is empty is written as a chunk as well, which ends the body before its end.
    let chunks = if body.is_empty() { b"0\r\n\r\n".to_vec() } else { chunked(body, 8_192) };
    [head.as_bytes(), &chunks, b"0\r\n\r\n"].concat()
}

#[test]
fn nextcloud_keeps_clean_files_and_refuses_what_is_stopped() {
    let large = LETTER.repeat(80_000);
    let eicar = concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    for version in [5, 6] {
        for mode in ["respmod", "reqmod"] {
            for (name, body, clean) in [
                ("letter.txt", LETTER, true),
                ("empty.txt", "", true),
                ("long%20letter.txt", large.as_str(), true),
                ("eicar.txt", eicar, false),
                // What somebody uploads is stopped for what it is, not for being a script; a name that lies is seen in version 6.
                ("invoice.pdf.vbs", SCRIPT, mode == "reqmod" && version < 6),
            ] {
                let mut stream = SERVED.icap();
                // It sends all before it reads.
                let request = nextcloud(version, mode, &format!("/ada/files/{name}"), body.as_bytes());
                stream.write_all(&request).unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                let answer = String::from_utf8_lossy(&answer).into_owned();
                let (head, web) = answer.split_once("\r\n\r\n").unwrap();
                // It goes by these three alone: anything but 200 and 204 is a failure, a field or page that says no a virus.
                let says_no = head.contains("\r\nX-Infection-Found: ") || web.starts_with("HTTP/1.1 403 Forbidden");
                let known = head.starts_with("ICAP/1.0 204 ") || head.starts_with("ICAP/1.0 200 ");
                assert!(known && says_no != clean, "version {version}, {mode}, {name}: {head}");
            }
        }
    }
}
