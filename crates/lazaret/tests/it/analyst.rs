//! What analysts do: watch, look into what was stopped, take it away, clear it out; and who else may.

use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{Served, Site};
use std::io::Read;
use std::time::{Duration, Instant};

/// What no program knows, with markup in it that must not become markup in the console.
fn content() -> Vec<u8> {
    let mut bytes = vec![0x9b; 3_008];
    bytes.extend(b"</pre><blink> & http://evil.invalid/payload");
    bytes.extend([0, 1]);
    bytes.extend("cmd.exe".encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

/// Has something stopped; its reference number.
fn stopped(served: &Served, site: &Site, path: &str) -> String {
    let answer = served.curl(&[&site.url(path)]);
    assert_eq!(answer.status, 403, "{path}");
    let text = answer.text();
    text.split("/ask/").nth(1).unwrap().chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect()
}

fn invoice() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in
        [("letters/readme.txt", &b"Please see the invoice.\n"[..]), ("letters/invoice.pdf.exe", b"MZ stand-in")]
    {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_sample_is_looked_into_taken_away_and_cleared_out() {
    let served = Served::with("");
    let admin = administrator(&served);
    let site = Site::plain();
    site.page("/odd.bin", "Content-Type: application/octet-stream\r\n", content());
    site.page("/other.bin", "Content-Type: application/octet-stream\r\n", content());
    let reference = stopped(&served, &site, "/odd.bin");
    let again = stopped(&served, &site, "/other.bin");
    let analyst = admin.colleague("karl", "analyst");
    let viewer = admin.colleague("viktor", "viewer");
    // The page: what decided and what would change it, the same elsewhere.
    let page = analyst.get(&format!("/events/{reference}"));
    assert!(
        page.contains("Files of an unknown type are held") && page.contains("if it were an ordinary document: deliver"),
        "{page}"
    );
    assert!(page.contains("Other events with this file") && page.contains(&again));
    // Its bytes, as text and never as markup.
    let path = format!("/events/{reference}/bytes");
    let page = analyst.get(&path);
    assert!(page.contains("3c 2f 70 72 65 3e 3c 62  6c 69 6e 6b 3e"), "{page}");
    assert!(!page.contains("<blink") && page.contains("&#60;/pre&#62;&#60;blink&#62; &#38;"), "{page}");
    assert!(page.contains("http://evil.invalid/payload") && page.contains("cmd.exe"), "{page}");
    assert!(analyst.get(&format!("{path}?at=0x10")).contains("00000010"));
    assert!(analyst.get(&format!("{path}?at=99999999999999999999")).contains("400"));
    assert!(analyst.get(&format!("{path}?at=18446744073709551615")).contains("bytes 0 to "), "past the end is the end");
    // Away with it, locked.
    let file = tempfile::NamedTempFile::new().unwrap();
    let saved = file.path().to_str().unwrap();
    let away = |staff: &Staff<'_>, csrf: &str| {
        let form = format!("csrf={csrf}");
        staff.curl(&[
            "-o",
            saved,
            "-w",
            "%{http_code}",
            "-d",
            &form,
            &staff.url(&format!("/events/{reference}/sample.zip")),
        ])
    };
    assert_eq!(away(&analyst, "0000"), "403");
    assert_eq!(away(&viewer, &viewer.csrf()), "403");
    assert_eq!(away(&analyst, &analyst.csrf()), "200");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(saved).unwrap()).unwrap();
    assert!(archive.by_index(0).is_err(), "it is not locked");
    let mut bytes = Vec::new();
    archive.by_index_decrypt(0, b"infected").unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes == content());
    // The quarantine.
    let page = analyst.get("/quarantine");
    assert!(page.contains("odd.bin") && page.contains("other.bin") && page.contains("1 file,"), "{page}");
    let blob = page.split("action=\"/quarantine/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let delete = |staff: &Staff<'_>, csrf: &str| staff.post(&format!("/quarantine/{blob}"), &[("csrf", csrf)]);
    assert!(viewer.get("/quarantine").contains("odd.bin") && !viewer.get("/quarantine").contains("/bytes"));
    assert!(viewer.get(&path).contains("your role does not allow this"));
    assert!(delete(&viewer, &viewer.csrf()).ends_with("403"));
    assert!(delete(&analyst, "0000").ends_with("403"));
    assert!(delete(&analyst, &analyst.csrf()).ends_with("303"));
    assert!(delete(&analyst, &analyst.csrf()).ends_with("404"));
    assert!(analyst.get("/quarantine").contains("<td class=\"soft\">deleted</td>"));
    assert!(analyst.get(&path).contains("(410)") && away(&analyst, &analyst.csrf()) == "410");
    assert!(analyst.get(&format!("/events/{reference}")).contains("no longer kept"));
    let audit = admin.get("/audit");
    assert!(audit.contains("sample taken away") && audit.contains(&blob) && audit.contains("karl"), "{audit}");
    assert!(audit.contains("sample looked into") && audit.contains(&format!("{reference}, bytes 0 to ")), "{audit}");
    // Who came and went, who tried to, and what was taken along.
    assert!(analyst.get("/events.csv").contains(&reference));
    assert!(admin.another().post("/login", &[("name", "karl"), ("password", "wrong")]).ends_with("403"));
    assert!(admin.another().post("/login", &[("name", "hunter2x"), ("password", "wrong")]).ends_with("403"));
    assert!(analyst.post("/logout", &[("csrf", &analyst.csrf())]).ends_with("303"));
    let audit = admin.get("/audit");
    for what in ["events exported", "sign-in failed", "signed in", "signed out", "from 127.0.0.1"] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
    assert!(!audit.contains("hunter2x"), "what is no name may be a password");
}

#[test]
fn everybody_is_shown_what_their_role_may_and_nothing_else() {
    let served = Served::with("");
    let admin = administrator(&served);
    let site = Site::plain();
    site.page("/odd.bin", "Content-Type: application/octet-stream\r\n", content());
    let reference = stopped(&served, &site, "/odd.bin");
    let event = format!("/events/{reference}");
    let bytes = format!("{event}/bytes");
    // Path, and the first role that may see it.
    let pages = [
        ("/", 0),
        ("/live", 0),
        ("/events", 0),
        (&event, 0),
        ("/requests", 0),
        ("/quarantine", 0),
        ("/sites", 0),
        ("/sites/refusals", 0),
        ("/policies", 0),
        ("/policies/history", 0),
        ("/account", 0),
        ("/events.csv", 1),
        (&bytes, 1),
        ("/policies/edit", 3),
        ("/users", 3),
        ("/audit", 3),
        ("/settings", 3),
    ];
    let stranger = admin.another();
    for (path, _) in pages.iter().chain(&[("/live/events", 0)]) {
        assert_eq!(stranger.status(path), 303, "{path}");
    }
    // Who only goes through the proxy sees nothing but their own account.
    let person = admin.colleague("paul", "person");
    for (path, _) in pages {
        let expected = match path {
            "/" => 303,
            "/account" => 200,
            _ => 403,
        };
        assert_eq!(person.status(path), expected, "{path}");
    }
    assert!(!person.get("/account").contains("href=\"/events\""));
    let roles = ["viewer", "analyst", "approver", "admin"];
    for (rank, role) in roles.into_iter().enumerate() {
        let somebody = admin.colleague(&format!("the-{role}"), role);
        for (path, least) in pages {
            assert_eq!(somebody.status(path), if rank >= least { 200 } else { 403 }, "{role}: {path}");
        }
        let menu = somebody.get("/");
        assert_eq!(menu.contains("href=\"/users\""), role == "admin");
        // Every form of a page wants the secret of its session.
        for (path, form) in [
            ("/policies/edit", vec![("text", "x"), ("base", "0"), ("do", "check")]),
            ("/policies/history/0", vec![("base", "0")]),
            ("/users", vec![("name", "x"), ("password", "a long enough one"), ("role", "viewer")]),
            ("/users/anna/totp", vec![]),
            ("/account/totp", vec![("password", "a long enough one")]),
            ("/account/totp/confirm", vec![("code", "123456")]),
            ("/account/totp/off", vec![("password", "a long enough one")]),
            ("/account/tokens", vec![("name", "x"), ("role", "viewer")]),
            ("/account/tokens/1", vec![]),
            (&*format!("{event}/sample.zip"), vec![]),
            (&*format!("/quarantine/{}", "0".repeat(64)), vec![]),
            ("/logout", vec![]),
        ] {
            let form: Vec<_> = form.into_iter().chain([("csrf", "0000")]).collect();
            assert!(somebody.post(path, &form).ends_with("403"), "{role}: {path}");
        }
    }
    // Nothing on any page runs a script but the live page's own.
    for (path, scripts) in [("/events", false), ("/live", true)] {
        let fields = admin.curl(&["-D", "-", "-o", "/dev/null", &admin.url(path)]);
        assert_eq!(fields.contains("script-src 'self'"), scripts, "{path}: {fields}");
        assert!(fields.contains("default-src 'none'") && !fields.contains("unsafe"));
    }
}

#[test]
fn events_appear_as_they_happen() {
    let mut served = Served::with("");
    let site = Site::plain();
    site.page("/odd.bin", "Content-Type: application/octet-stream\r\n", content());
    site.page("/invoice.zip", "Content-Type: application/zip\r\n", invoice());
    {
        let admin = administrator(&served);
        let downloads = tempfile::tempdir().unwrap();
        let browser = Browser::start(&served, downloads.path());
        browser.go(&admin.url("/login"));
        browser.fill("#name", "anna");
        browser.fill("#password", "correct horse battery");
        browser.click("main button");
        browser.sees("Sign out");
        browser.go(&admin.url("/live"));
        let end = Instant::now() + Duration::from_secs(20);
        while !browser.text().contains("appear here by themselves") {
            assert!(Instant::now() < end, "no stream: {}", browser.text());
            std::thread::sleep(Duration::from_millis(100));
        }
        let first = stopped(&served, &site, "/odd.bin");
        let second = stopped(&served, &site, "/invoice.zip");
        let end = Instant::now() + Duration::from_secs(20);
        while !(browser.text().contains(&first) && browser.text().contains(&second)) {
            assert!(Instant::now() < end, "nothing appears: {}", browser.text());
            std::thread::sleep(Duration::from_millis(100));
        }
        let text = browser.text();
        assert!(text.find(&second) < text.find(&first), "the newest is not the first: {text}");
        browser.picture("live");
        for (path, name) in [
            (format!("/events/{second}"), "sample"),
            (format!("/events/{second}/bytes"), "bytes"),
            ("/quarantine".to_owned(), "quarantine"),
            ("/policies".to_owned(), "policies"),
        ] {
            browser.go(&admin.url(&path));
            browser.picture(name);
        }
        browser.go(&admin.url(&format!("/events/{second}")));
        let text = browser.text();
        assert!(text.contains("invoice.pdf.exe") && text.contains("masquerade.double-extension"), "{text}");
        // A change to policies, tried and saved.
        browser.go(&admin.url("/policies/edit"));
        browser.fill("#text", "\n@id(\"no-unknown\") @title(\"Nothing unknown\")\nforbid (principal, action, resource) when { resource.class == \"unknown\" };");
        browser.fill("#note", "Nobody ever asked for one");
        browser.click("button[value=simulate]");
        browser.sees("Tested against the newest events");
        browser.picture("policy-tried");
        browser.click("button[value=save]");
        browser.sees("in force");
        browser.picture("policy-saved");
        browser.go(&admin.url("/live"));
    }
    // An open stream does not keep it from closing.
    served.signal("TERM");
    let start = Instant::now();
    assert_eq!(served.ended(), 0);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
