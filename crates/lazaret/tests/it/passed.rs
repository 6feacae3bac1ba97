//! What is passed without a full inspection, and how far: film, WebSockets, streams of events, bypassed sites.

use crate::gate::{LETTER, Served, Site, certificate, read_head};
use std::io::{Read, Write};
use std::time::Duration;

/// Film that goes on behind what is inspected, and something hung behind it.
pub fn film(behind: &[u8]) -> Vec<u8> {
    let mut film = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    let len = 3_000_000u32;
    film.extend_from_slice(&(len + 8).to_be_bytes());
    film.extend_from_slice(b"mdat");
    film.extend((0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8));
    film.extend_from_slice(behind);
    film
}

fn zip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("run.vbs", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"x").unwrap();
    archive.finish().unwrap().into_inner()
}

/// What the ledger says.
fn sql(served: &Served, question: &str) -> Vec<String> {
    let database = served.folder.path().join("data/ledger.sqlite");
    let output = std::process::Command::new("sqlite3").arg(&database).arg(question).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Lines of the ledger's events, once there are as many as expected.
pub fn events(served: &Served, expected: usize) -> Vec<String> {
    let columns = "kind || ' ' || class || ' ' || decision || ' ' || address || ' ' || policy || reason";
    for _ in 0..50 {
        let lines = sql(served, &format!("SELECT {columns} FROM events ORDER BY id"));
        if lines.len() >= expected {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("there are no {expected} events");
}

#[test]
fn film_for_a_player_is_inspected_at_its_beginning_and_at_its_end() {
    let site = Site::plain();
    let typed = "Content-Type: video/mp4\r\n";
    site.page("/good.mp4", typed, film(b""));
    site.page("/zip.mp4", typed, film(&zip()));
    site.page("/stream", typed, film(&zip()));
    site.page("/seven.mp4", typed, film(&[b"7z\xbc\xaf\x27\x1c\0\x04", &[0u8; 100_000][..]].concat()));
    // The border may run through what hangs behind: all but the last bytes were seen as the beginning.
    let all = film(&zip()).len();
    site.on("/across.mp4", move |_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {all}\r\n\r\n");
        let whole = film(&zip());
        let _ = stream.write_all(&whole[..all - 10]);
        std::thread::sleep(Duration::from_secs(1));
        let _ = stream.write_all(&whole[all - 10..]);
    });
    let served = Served::with("[bodies]\nmedia_bytes = 1000000\n[proxy]\n");
    let late = Served::with(&format!("[bodies]\nmedia_bytes = {}\n[proxy]\n", all - 10));
    let player = ["-H", "Sec-Fetch-Dest: video", "-H", "Sec-Fetch-Mode: no-cors"];
    let ask = |path: &str, fields: &[&str]| served.curl(&[fields, &[&site.url(path)]].concat());
    let good = ask("/good.mp4", &player);
    assert!(good.status == 200 && good.body == film(b""), "{} bytes", good.body.len());
    for path in ["/zip.mp4", "/stream", "/seven.mp4"] {
        let bad = ask(path, &player);
        assert!(bad.exit != 0 && bad.body.len() < film(b"").len(), "{path}: {} bytes", bad.body.len());
    }
    let bad = late.curl(&[&player[..], &[&site.url("/across.mp4")]].concat());
    assert!(bad.exit != 0 || bad.status == 403, "{} bytes", bad.body.len());
    let said = events(&served, 7);
    let refused: Vec<_> = said.iter().filter(|line| line.contains("follows the inspected beginning")).collect();
    assert!(refused.len() == 3 && refused[2].contains("7z") && refused[0].contains("ZIP"), "{said:?}");
    // What is saved under a name that is not played is opened by that name, and so inspected whole.
    site.page("/film.zip", typed, film(&zip()));
    for fields in [&[][..], &player] {
        let whole = ask("/film.zip", fields);
        assert_eq!(whole.status, 403, "{fields:?}");
    }
}

const OPENING: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

#[test]
fn connections_pass_where_policy_permits_and_are_recorded() {
    let site = Site::plain();
    for (path, accept) in [("/socket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), ("/wrong", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")] {
        site.on(path, move |_, stream| {
            let _ = write!(stream, "{SWITCH}{accept}\r\n\r\n");
            let mut message = [0; 5];
            let _ = stream.read_exact(&mut message);
            let _ = stream.write_all(&message);
        });
    }
    site.page("/events", "Content-Type: text/event-stream\r\n", "data: one\n\n");
    let socket = |served: &Served, path: &str| {
        let mut stream = served.connect();
        let address = site.address;
        write!(stream, "GET http://{address}{path} HTTP/1.1\r\nHost: {address}\r\n{OPENING}\r\n").unwrap();
        let head = read_head(&mut stream);
        (stream, head)
    };
    let script = ["-H", "Accept: text/event-stream", "-H", "Sec-Fetch-Dest: empty", "-H", "Sec-Fetch-Mode: cors"];
    let stream = |served: &Served| served.curl(&[&script[..], &[&site.url("/events")]].concat());
    let served = Served::with("");
    let (mut open, head) = socket(&served, "/socket");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    open.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    open.read_exact(&mut echo).unwrap();
    let (_, head) = socket(&served, "/wrong");
    assert!(head.starts_with("HTTP/1.1 502"), "a site that cannot have read the key speaks something else: {head}");
    assert_eq!(stream(&served).text(), "data: one\n\n");
    let said = events(&served, 3);
    assert!(said[0].starts_with("websocket connection deliver http://") && said[0].contains("/socket"), "{said:?}");
    assert!(said[2].starts_with("event-stream connection deliver"), "{said:?}");

    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("own.cedar");
    let mut text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/default.cedar")).unwrap();
    text += "@id(\"no-sockets\")\n@title(\"No sockets\")\nforbid (principal, action, resource) when { resource.kind == \"websocket\" || resource.kind == \"event-stream\" };\n";
    std::fs::write(&policies, text).unwrap();
    let strict = Served::with(&format!("[policy]\npolicies = [\"{}\"]\n[proxy]\n", policies.display()));
    let before = site.asked().len();
    let (_, head) = socket(&strict, "/socket");
    assert!(head.starts_with("HTTP/1.1 403") && site.asked().len() == before, "{head}");
    assert_eq!(stream(&strict).status, 403);
    let said = events(&strict, 2);
    assert!(said.iter().all(|line| line.contains("connection block") && line.ends_with("no-sockets")), "{said:?}");
}

#[test]
fn a_list_of_sites_can_name_what_is_bypassed_and_suspicious_sites_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "127.0.0.1");
    let bank = Site::secure(config);
    bank.page("/letter.txt", "", LETTER);
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (banks, bad) = (list("banks", "127.0.0.0/8\n"), list("bad", "127.0.0.0/8\n"));
    let port = bank.address.port();
    let configured = |more: &str| {
        format!(
            "[sites]\nlists = [{{ name = \"banks\", source = \"{banks}\", suspicious = false }}{more}]\n\n[proxy]\nbypass_lists = [\"banks\"]\n"
        )
    };
    let ask = |served: &Served, authority: &str| {
        served.curl(&["--cacert", authority, &format!("https://127.0.0.1:{port}/letter.txt")])
    };
    let served = Served::with(&configured(""));
    assert_eq!(ask(&served, authority.to_str().unwrap()).text(), LETTER);
    let said = events(&served, 1);
    assert_eq!(said, [format!("bypass connection deliver https://127.0.0.1:{port}/ ")], "{said:?}");
    // Where a list speaks badly of it, it is opened like any other, and stopped.
    let served = Served::with(&configured(&format!(", {{ name = \"bad\", source = \"{bad}\" }}")));
    let stopped = ask(&served, served.authority().to_str().unwrap());
    assert!(stopped.status == 403 && stopped.text().contains("suspicious"), "{stopped:?}");
    assert!(bank.connections() == 1, "{}", bank.connections());
    // A list that nobody configured, or one of suspicious sites, is a mistake.
    for (lists, why) in [("\"clinics\"", "no list with this name"), ("\"bad\"", "suspicious = false")] {
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("lazaret.toml");
        let text = configured(&format!(", {{ name = \"bad\", source = \"{bad}\" }}"))
            .replace("\"banks\"]", &format!("{lists}]"));
        std::fs::write(&config, text.replace("[proxy]", "[proxy]\nlisten = \"127.0.0.1:0\"")).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(["config", "check"])
            .env("LAZARET_CONFIG", &config)
            .env("LAZARET_DATA", data.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("proxy.bypass_lists") && said.contains(why), "{said}");
    }
}

#[test]
fn the_first_bytes_decide_however_little_is_kept_in_memory() {
    let site = Site::plain();
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    site.on("/tool", move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for piece in program[..60_000].chunks(1_000) {
            let _ = stream.write_all(piece);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let served = Served::with("[bodies]\nin_memory_bytes = 2000\n[proxy]\n");
    let stopped = served.curl(&[&site.url("/tool")]);
    assert_eq!(stopped.status, 403, "{stopped:?}");
    let said = events(&served, 1);
    assert!(said[0].starts_with("elf") && said[0].contains("programs-from-the-web"), "{said:?}");
    let hashed = sql(&served, "SELECT length(sha256) FROM events");
    assert_eq!(hashed, ["0"], "the rest need not have come");
}
