//! What the console's pages look like: whose they are, where one is, how wide they are, and what they are about.

use crate::gate::people::{Browser, administrator};
use crate::gate::{Served, Site};
use serde_json::json;

/// A file of a kind that nobody knows, under a name and at an address without a place to break.
fn odd(site: &Site) -> String {
    let path = format!("/{}/{}.bin", "a".repeat(120), "b".repeat(120));
    site.page(&path, "Content-Type: application/octet-stream\r\n", vec![0x9b; 3_000]);
    path
}

#[test]
fn no_page_of_the_console_is_wider_than_its_window() {
    let served = Served::with("");
    let staff = administrator(&served);
    let site = Site::plain();
    let path = odd(&site);
    let answer = served.curl(&[&site.url(&path)]);
    assert_eq!(answer.status, 403);
    let events = staff.get("/events");
    let reference = events.split("href=\"/events/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(&served, downloads.path());
    browser.go(&staff.url("/login"));
    browser.fill("#name", "anna");
    browser.fill("#password", "correct horse battery");
    browser.click("main button");
    browser.sees("Sign out");
    let event = format!("/events/{reference}");
    let form =
        [("csrf", &*staff.csrf()), ("title", &*"x".repeat(150)), ("sites", &*format!("{}.example", "a".repeat(60)))];
    assert!(staff.post("/incidents", &form).ends_with("303"));
    let listed = staff.get("/incidents");
    let incident =
        format!("/incidents/{}", listed.split("href=\"/incidents/").nth(1).unwrap().split('"').next().unwrap());
    let pages = [
        "/",
        "/live",
        "/events",
        event.as_str(),
        "/quarantine",
        "/requests",
        "/incident",
        "/incidents",
        incident.as_str(),
        "/sites",
        "/sites/refusals",
        "/policies",
        "/policies/edit",
        "/users",
        "/audit",
        "/settings",
        "/account",
        "/certificate",
    ];
    for width in [390, 1_280] {
        let device = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": device });
        browser.post("/goog/cdp/execute", &command);
        for path in pages {
            browser.go(&staff.url(path));
            let script = "return [innerWidth, document.documentElement.scrollWidth]";
            let widths = browser.post("/execute/sync", &json!({ "script": script, "args": [] }));
            let [window, page] = [0_usize, 1].map(|at| widths[at].as_i64().unwrap());
            assert!(page <= window && page <= width, "{path} is {page} pixels wide in a window of {width}: {widths}");
            browser.picture(&format!("{width}{}", path.replace('/', "-")));
        }
    }
}

#[test]
fn the_head_of_every_page_says_whose_console_it_is_and_where_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.svg");
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h9v9z\"/></svg>";
    std::fs::write(&logo, drawing).unwrap();
    let served =
        Served::with(&format!("[console]\norganisation = \"Harbour & Sons\"\nlogo = \"{}\"\n", logo.display()));
    let staff = administrator(&served);
    // Also for whoever is not signed in.
    for page in [staff.get("/"), staff.another().get("/login"), staff.another().get("/ask/AAAA-AAAA-AAAA")] {
        assert!(page.contains("Harbour &#38; Sons") && page.contains("<img class=\"logo\" src=\"/logo\""), "{page}");
    }
    let answer = staff.another().curl(&["-i", &staff.url("/logo")]);
    assert!(answer.contains("content-type: image/svg+xml") && answer.ends_with(drawing), "{answer}");
    assert!(answer.contains("default-src 'none'"), "{answer}");
    let marks = |path: &str| staff.get(path).matches("aria-current").count();
    for path in ["/", "/live", "/events", "/policies/history", "/account", "/attack"] {
        assert_eq!(marks(path), 1, "{path}");
    }
    assert!(staff.get("/users").contains("<a href=\"/users\" aria-current=\"page\">Users</a>"));
    assert!(staff.get("/policies/edit").contains("<a href=\"/policies\" aria-current=\"true\">Policies</a>"));
    let bare = Served::with("");
    let staff = administrator(&bare);
    assert!(!staff.get("/").contains("\"/logo\"") && staff.status("/logo") == 404);
}

#[test]
fn events_of_a_time_stay_events_of_that_time_in_further_pages_and_exports() {
    let served = Served::with("");
    let staff = administrator(&served);
    let site = Site::plain();
    let path = odd(&site);
    assert_eq!(served.curl(&[&site.url(&path)]).status, 403);
    for (query, there) in [
        ("last=hour", true),
        ("last=week&decision=hold", true),
        ("last=week&decision=block", false),
        ("from=2020-01-01", true),
        ("from=2020-01-01&to=2020-12-31", false),
        ("to=2020-12-31T23:59", false),
    ] {
        let page = staff.get(&format!("/events?{query}"));
        assert_eq!(page.contains("bbbb.bin"), there, "{query}");
        let table = staff.get(&format!("/events.csv?{query}"));
        assert_eq!(table.contains("bbbb.bin"), there, "{query}");
    }
    let page = staff.get("/events?last=day&decision=hold");
    let export = page.split("href=\"/events.csv?").nth(1).unwrap().split('"').next().unwrap();
    assert!(export.contains("decision=hold") && export.contains("from=2") && !export.contains("last"), "{export}");
    for wrong in ["/events?from=yesterday", "/events.csv?to=2026-02-30", "/events.jsonl?last=year"] {
        assert_eq!(staff.status(wrong), 400, "{wrong}");
    }
}
