//! A person with a browser behind the proxy: stopped, asks, is given the file.

use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{Served, Site, locked_archive};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_person_is_stopped_asks_and_is_given_the_file_once() {
    let served = Served::with("");
    let staff = administrator(&served);
    let site = Site::plain();
    let archive = locked_archive("contract.txt", b"We agree about everything.\n");
    site.page("/contract.zip", "Content-Type: application/zip\r\n", archive.clone());
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(&served, downloads.path());
    browser.go(&site.url("/contract.zip"));
    let page = browser.text();
    assert!(page.contains("This download is being held back") && page.contains("contract.zip"), "{page}");
    browser.picture("held");
    browser.click("a[href*='/ask/']");
    browser.fill("#name", "Maria");
    browser.fill("#reason", "The contract that Mr Smith sends every year <b>");
    browser.picture("ask");
    browser.click("main button");
    browser.sees("Waiting for a decision");
    browser.picture("asked");
    // Whoever decides sees who asks and why, and not as markup.
    let requests = staff.get("/requests");
    assert!(requests.contains("Maria") && requests.contains("every year &#60;b&#62;"), "{requests}");
    let id = requests.split("action=\"/requests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let decide = |csrf: &str| {
        staff.post(
            &format!("/requests/{id}"),
            &[("csrf", csrf), ("decision", "approve"), ("answer", "Checked with Mr Smith")],
        )
    };
    assert!(decide("0000").ends_with("403"), "another site could approve");
    assert!(decide(&staff.csrf()).ends_with("303"));
    assert!(decide(&staff.csrf()).ends_with("409"), "decided twice");
    browser.post("/refresh", &json!({}));
    let page = browser.text();
    assert!(page.contains("anna approved it") && page.contains("Checked with Mr Smith"), "{page}");
    browser.picture("approved");
    browser.click("main button");
    let file = downloads.path().join("contract.zip");
    let end = Instant::now() + Duration::from_secs(30);
    while !std::fs::read(&file).is_ok_and(|bytes| bytes == archive) {
        assert!(
            Instant::now() < end,
            "no download: {:?}",
            std::fs::read_dir(downloads.path()).unwrap().collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    browser.post("/refresh", &json!({}));
    browser.sees("The file was downloaded");
    // The console knows all of it.
    let events = staff.get("/events?decision=hold");
    let reference = events.split("href=\"/events/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let event = staff.get(&format!("/events/{reference}"));
    assert!(
        event.contains("hold-what-is-locked") && event.contains("contract.txt") && event.contains("fetched"),
        "{event}"
    );
    let audit = staff.get("/audit");
    assert!(audit.contains("request decided") && audit.contains("released"), "{audit}");
    assert!(staff.get("/events.csv").contains(&reference));
    // Pages as an administrator sees them.
    browser.go(&staff.url("/login"));
    browser.fill("#name", "anna");
    browser.fill("#password", "correct horse battery");
    browser.click("main button");
    browser.sees("Sign out");
    for (path, name) in [
        ("/", "overview"),
        ("/events", "events"),
        ("/requests", "requests"),
        ("/users", "users"),
        ("/audit", "audit"),
        ("/certificate", "certificate"),
        ("/account", "account"),
    ] {
        browser.go(&staff.url(path));
        assert!(browser.text().contains("anna") || path == "/certificate", "{path}: {}", browser.text());
        browser.picture(name);
    }
    browser.go(&staff.url(&format!("/events/{reference}")));
    browser.picture("event");
}

#[test]
fn the_console_lets_nobody_in_who_does_not_belong_there() {
    let served = Served::with("");
    let staff = administrator(&served);
    let stranger = Staff { served: &served, jar: tempfile::NamedTempFile::new().unwrap() };
    for path in ["/", "/events", "/events.csv", "/events/ABCD-2345", "/requests", "/users", "/audit", "/account"] {
        assert_eq!(
            stranger.curl(&["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", &stranger.url(path)]),
            format!("303 {}", stranger.url("/login")),
            "{path}"
        );
    }
    assert!(stranger.get("/setup?token=").contains("403"));
    assert!(stranger.get("/ask/ABCD-2345").contains("404") && stranger.get("/asked/0123").contains("404"));
    let foreign = stranger.curl(&[
        "-H",
        "Origin: http://evil.example",
        "-d",
        "name=anna&password=correct horse battery",
        &stranger.url("/login"),
    ]);
    assert!(foreign.contains("another site"), "{foreign}");
    // Roles.
    let csrf = staff.csrf();
    assert!(
        staff
            .post(
                "/users",
                &[("csrf", &csrf), ("name", "viktor"), ("password", "a long enough one"), ("role", "viewer")]
            )
            .ends_with("303")
    );
    assert!(
        staff
            .post("/users", &[("csrf", &csrf), ("name", "x"), ("password", "short"), ("role", "viewer")])
            .contains("at least 15")
    );
    let viewer = Staff { served: &served, jar: tempfile::NamedTempFile::new().unwrap() };
    assert!(viewer.post("/login", &[("name", "viktor"), ("password", "a long enough one")]).ends_with("303"));
    assert!(viewer.get("/").contains("viktor"));
    for path in ["/users", "/audit", "/events.csv"] {
        assert!(viewer.get(path).contains("your role does not allow this"), "{path}");
    }
    assert!(viewer.post("/requests/1", &[("csrf", &viewer.csrf()), ("decision", "approve")]).ends_with("403"));
    // Whoever fails too often waits, even with the right password; whoever signed in here before does not.
    for _ in 0..5 {
        assert!(stranger.post("/login", &[("name", "viktor"), ("password", "wrong")]).ends_with("403"));
    }
    assert!(
        stranger.post("/login", &[("name", "viktor"), ("password", "a long enough one")]).ends_with("429"),
        "no delay"
    );
    assert!(viewer.post("/login", &[("name", "viktor"), ("password", "a long enough one")]).ends_with("303"));
    // Whoever is shut out is out at once.
    assert!(staff.post("/users/viktor", &[("csrf", &csrf), ("role", "viewer"), ("disabled", "yes")]).ends_with("303"));
    assert!(!viewer.get("/").contains("viktor"));
    assert!(staff.get("/audit").contains("viktor"));
}
