//! Asking the console for what was stopped, by whoever it was stopped for.

use crate::gate::people::{Staff, administrator};
use crate::gate::{Fetched, Served, Site};
use std::io::{Read, Write};
use std::time::Duration;

const ADA: &str = "127.0.0.2";
const BERT: &str = "127.0.0.3";

fn served() -> Served {
    Served::with(&format!(
        "[people]\nnetworks = [{{ network = \"{ADA}\", person = \"ada\" }}, {{ network = \"{BERT}\", person = \"bert\" }}]\n[proxy]\n"
    ))
}

/// A held file and the number under which it was stopped for Ada.
fn stopped(served: &Served, site: &Site, size: usize) -> String {
    let mut noise = vec![0; size];
    let mut state = 1u64;
    for byte in &mut noise {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    site.page("/letter.zip", "", crate::gate::locked_archive("letter.txt", &noise));
    let held = served.curl(&["--interface", ADA, &site.url("/letter.zip")]);
    assert_eq!(held.status, 403, "{held:?}");
    let field = held.headers.split("x-lazaret-reference: ").nth(1).unwrap();
    field.split_whitespace().next().unwrap().to_uppercase()
}

/// Asks the console through the proxy.
fn console(served: &Served, who: &str, path: &str, more: &[&str]) -> Fetched {
    let url = format!("http://{}{path}", served.console);
    served.curl(&[&["--interface", who], more, &[url.as_str()]].concat())
}

#[test]
fn who_asks_through_the_proxy_is_known_and_nobody_else_gets_it() {
    let (served, site) = (served(), Site::plain());
    let reference = stopped(&served, &site, 30_000_000);
    let staff = administrator(&served);
    let form = ["--data", "name=Mallory&reason=work"];
    let ask = format!("/ask/{reference}");
    let forged = ["-H", "Lazaret-Introduction: x {\"client\":\"127.0.0.2\",\"person\":\"ada\"}"];
    assert_eq!(console(&served, BERT, &ask, &form).status, 403);
    assert_eq!(console(&served, BERT, &ask, &forged).status, 403);
    let asked = console(&served, ADA, &ask, &form);
    let token = asked.headers.split("location: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let requests = staff.get("/requests");
    assert!(requests.contains("ada") && !requests.contains("Mallory"), "{requests}");
    let id = requests.split("action=\"/requests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let approved = staff.post(&format!("/requests/{id}"), &[("csrf", &*staff.csrf()), ("decision", "approve")]);
    assert!(approved.ends_with("303"), "{approved}");
    let fetch = ["--data", ""];
    for refused in [console(&served, BERT, &token, &fetch), console(&served, BERT, &token, &forged)] {
        assert!(refused.status == 403 && refused.text().contains("someone else"), "{refused:?}");
    }
    // Neither does the link alone help, nor a machine that is not the one.
    let direct = |from: &str, more: &[&str]| {
        let url = staff.url(&token);
        staff
            .another()
            .curl(&[&["--interface", from, "-o", "/dev/null", "-w", "%{http_code}"], more, &[url.as_str()]].concat())
    };
    assert_eq!(direct("127.0.0.1", &fetch), "403");
    assert_eq!(direct(ADA, &[]), "200");
    // What breaks off may be fetched once more.
    let mut stream = socket(&served);
    write!(stream, "POST {token} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", served.console).unwrap();
    let head = crate::gate::read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream.read_exact(&mut [0; 1_000]).unwrap();
    assert_eq!(console(&served, ADA, &token, &fetch).status, 409, "it is under way");
    drop(stream);
    let mut again = console(&served, ADA, &token, &fetch);
    for _ in 0..50 {
        if again.status != 409 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        again = console(&served, ADA, &token, &fetch);
    }
    assert!(again.status == 200 && again.body.len() > 30_000_000, "{} {}", again.status, again.body.len());
    assert_eq!(console(&served, ADA, &token, &fetch).status, 409, "once");
}

#[test]
fn nobody_decides_about_what_they_asked_for_themselves() {
    let (served, site) = (served(), Site::plain());
    let reference = stopped(&served, &site, 5_000);
    let staff = administrator(&served);
    let ada = staff.colleague("ada", "approver");
    let ask = format!("/ask/{reference}");
    // Known by the proxy; by the session, whatever she says; and by what she says.
    assert_eq!(console(&served, ADA, &ask, &["--data", "name=Mallory&reason=work"]).status, 303);
    assert!(ada.post(&ask, &[("name", "Mallory"), ("reason", "work")]).ends_with("303"));
    let from_there = |name: &str| {
        let form = format!("name={name}&reason=work");
        staff.another().curl(&["--interface", ADA, "-w", "%{http_code}", "--data", &form, &staff.url(&ask)])
    };
    assert!(from_there("Ada").ends_with("303"));
    // What was stopped for her is hers, whoever is said to ask.
    assert!(from_there("Bert").ends_with("303"));
    let requests = ada.get("/requests");
    assert_eq!(requests.matches("so someone else must decide").count(), 4, "{requests}");
    assert_eq!(requests.matches("value=\"approve\"").count(), 0, "{requests}");
    for id in 1..=4 {
        let decide = |staff: &Staff<'_>| {
            staff.post(&format!("/requests/{id}"), &[("csrf", &*staff.csrf()), ("decision", "approve")])
        };
        let refused = decide(&ada);
        assert!(refused.ends_with("403") && refused.contains("you cannot decide about"), "{id}: {refused}");
        assert!(decide(&staff).ends_with("303"), "{id}: somebody else may");
    }
}

#[test]
fn nobody_asks_for_what_was_stopped_on_its_way_out_and_nobody_releases_it() {
    let (served, site) = (served(), Site::plain());
    let form = corpus::of_row("C22").into_iter().find(|standin| standin.folder == "formats/form").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &form.bytes).unwrap();
    let data = format!("@{}", file.path().display());
    let kind = "Content-Type: multipart/form-data; boundary=border";
    let stopped = served.curl(&["--interface", ADA, "-H", kind, "--data-binary", &data, &site.url("/take")]);
    assert_eq!(stopped.status, 403, "{stopped:?}");
    assert!(!stopped.text().contains("/ask/"), "{stopped:?}");
    let reference = stopped.headers.split("x-lazaret-reference: ").nth(1).unwrap();
    let reference = reference.split_whitespace().next().unwrap().to_uppercase();
    // Who knows the address all the same is told why not, and who is somebody else learns no more than before.
    let ask = format!("/ask/{reference}");
    for more in [&[][..], &["--data", "name=Mallory&reason=work"]] {
        let refused = console(&served, ADA, &ask, more);
        assert!(refused.status == 409 && refused.text().contains("this was an upload"), "{refused:?}");
        let other = console(&served, BERT, &ask, more);
        assert!(other.status == 403 && other.text().contains("someone else"), "{other:?}");
    }
    let staff = administrator(&served);
    assert!(staff.get("/requests").contains("No requests"));
    let event = staff.get(&format!("/events/{reference}"));
    assert!(event.contains("it was an upload") && !event.contains("/ask/"), "{event}");
    // It is said in the terms of what was sent.
    assert!(!event.contains("if a page loaded it"), "{event}");
}

/// A connection from Ada's machine to the console.
fn socket(served: &Served) -> std::net::TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{ADA}:0").parse().unwrap()).unwrap();
        socket.connect(served.console).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn the_console_answers_under_its_own_names_only() {
    let served = served();
    let staff = administrator(&served);
    let ask = |host: &str| {
        let host = format!("Host: {host}");
        staff.curl(&["-o", "/dev/null", "-w", "%{http_code}", "-H", &host, &staff.url("/metrics")])
    };
    for (host, status) in [
        (served.console.to_string(), "200"),
        ("localhost:1".to_owned(), "200"),
        ("[::1]".to_owned(), "200"),
        ("evil.example".to_owned(), "421"),
        ("127.0.0.1.evil.example".to_owned(), "421"),
        ("a b".to_owned(), "400"),
    ] {
        assert_eq!(ask(&host), status, "{host}");
    }
}
