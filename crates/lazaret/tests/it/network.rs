//! Signing in on the console's page to use the web: nobody types a name and password into the proxy.

use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{LETTER, Served, Site, until};
use serde_json::Value;

/// What a browser says when somebody goes to a page.
const GOES: [&str; 6] = ["-H", "Accept: text/html", "-H", "Sec-Fetch-Dest: document", "-H", "Sec-Fetch-Mode: navigate"];

/// Who the newest event was for.
fn newest(admin: &Staff<'_>) -> String {
    let lines = admin.get("/events.jsonl");
    let event: Value = serde_json::from_str(lines.lines().next().unwrap_or_default()).unwrap_or_default();
    event["person"].as_str().map_or_else(|| panic!("{lines}"), str::to_owned)
}

#[test]
fn whoever_signed_in_on_the_page_is_known_at_the_proxy_until_they_sign_out() {
    let served = Served::with("[proxy]\nsign_in_page = true\nsign_in_except = [\"updates.example\", \"localhost\"]\n");
    let admin = administrator(&served);
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    let goes = |more: &[&str]| served.curl(&[&GOES[..], more, &[&url]].concat());
    // Nobody is asked for a password: pages lead to where one signs in, programs are told, tunnels are asked inside.
    for tunnel in [&[][..], &["--proxytunnel"]] {
        let led = goes(tunnel);
        let there =
            format!("location: http://{}/network?at=127.0.0.1&to=http%3a%2f%2f127%2e0%2e0%2e1%3a", served.console);
        assert!(led.status == 302 && led.headers.contains(&there), "{led:?}");
        assert!(!led.headers.contains("proxy-authenticate") && led.headers.contains("cache-control: no-store"));
        let told = served.curl(&[tunnel, &[&url]].concat());
        assert!(told.status == 511 && told.text().contains(&format!("http://{}/network", served.console)), "{told:?}");
        // What a page sends is not sent again elsewhere.
        let sent = goes(&[tunnel, &["-d", "a=b"]].concat());
        assert_eq!(sent.status, 511, "{sent:?}");
        // Nor is what a frame shows or a link saves led to a page that would be neither, nor what is no page at all.
        for (destination, mode) in
            [("iframe", "navigate"), ("empty", "navigate"), ("empty", "cors"), ("image", "no-cors")]
        {
            let fields = [format!("Sec-Fetch-Dest: {destination}"), format!("Sec-Fetch-Mode: {mode}")];
            let page = ["-H", "Accept: text/html", "-H", &fields[0], "-H", &fields[1]];
            let told = served.curl(&[tunnel, &page, &[&url]].concat());
            assert_eq!(told.status, 511, "{destination}, {mode}: {told:?}");
        }
        let socket = [
            ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"],
            ["-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        ];
        for asks in [&["-X", "OPTIONS"][..], &["-H", "Expect: 100-continue", "-T", "Cargo.toml"], &socket.concat()[..]]
        {
            let told = served.curl(&[tunnel, asks, &[&url]].concat());
            assert_eq!(told.status, 511, "{asks:?}: {told:?}");
        }
    }
    assert!(site.asked().is_empty(), "a site was asked for somebody whom nobody knows: {:?}", site.asked());
    // But for what is named.
    let free = url.replace("127.0.0.1", "localhost");
    assert_eq!(served.curl(&[&free]).text(), LETTER);
    // The console can be asked through the proxy, or nobody could ever sign in.
    assert_eq!(served.curl(&[&format!("http://{}/login", served.console)]).status, 200);
    // A session is not enough: they say so themselves, with a form of their own.
    let ada = admin.colleague("ada", "person");
    assert_eq!(goes(&[]).status, 302);
    let page = ada.get("/network/confirm?to=http%3A%2F%2Fexample.org%2Fa");
    assert!(page.contains("Continue to example.org") && page.contains("under your name, ada"), "{page}");
    assert!(ada.post("/network", &[("csrf", "0000"), ("to", &url)]).ends_with("403"));
    // Where the proxy sees another machine than this page does, this one is not taken for it.
    let other = ada.get("/network/confirm?at=192.0.2.9");
    assert!(other.contains("sees this machine as 192.0.2.9") && !other.contains("action=\"/network\""), "{other}");
    // Without TLS a form of the console is known by its origin, which browsers do not say of a page with `no-referrer`.
    let head = ada.curl(&["-I", &ada.url("/network/confirm")]).to_lowercase();
    assert!(head.contains("referrer-policy: same-origin"), "{head}");
    assert_eq!(goes(&[]).status, 302);
    let arrived = ada.post("/network", &[("csrf", &ada.csrf_on("/network/confirm")), ("to", &url)]);
    assert!(arrived.ends_with("200") && arrived.contains(&format!("url={url}")), "{arrived}");
    for tunnel in [&[][..], &["--proxytunnel"]] {
        assert_eq!(goes(tunnel).text(), LETTER);
        assert_eq!(served.curl(&[tunnel, &[&url]].concat()).text(), LETTER);
        until("the event is there", || newest(&admin) == "ada");
    }
    assert!(ada.get("/network/confirm").contains("You are signed in to use the web"));
    assert!(admin.get("/audit").contains("for the web, from 127.0.0.1"));
    // Somebody else at the same machine takes it over, and only their own can be ended.
    assert!(admin.post("/network", &[("csrf", &admin.csrf()), ("to", "")]).ends_with("200"));
    until("the machine is Anna's", || goes(&[]).status == 200 && newest(&admin) == "anna");
    assert!(ada.post("/network/leave", &[("csrf", &ada.csrf_on("/network/confirm"))]).ends_with("303"));
    assert_eq!(goes(&[]).status, 200);
    assert!(admin.post("/network/leave", &[("csrf", &admin.csrf())]).ends_with("303"));
    until("nobody is known", || goes(&[]).status == 302);
    // Whoever signs out of the console, or is shut out, is out; also in a tunnel that stays open.
    for shut_out in [false, true] {
        let ada = admin.another();
        assert!(ada.post("/login", &[("name", "ada"), ("password", "a long enough one")]).ends_with("303"));
        assert!(ada.post("/network", &[("csrf", &ada.csrf_on("/network/confirm")), ("to", "")]).ends_with("200"));
        until("Ada is known", || goes(&["--proxytunnel"]).status == 200);
        let left = if shut_out {
            admin.post("/users/ada", &[("csrf", &admin.csrf()), ("role", "person"), ("disabled", "yes")])
        } else {
            ada.post("/logout", &[("csrf", &ada.csrf_on("/network/confirm"))])
        };
        assert!(left.ends_with("303"), "{left}");
        until("Ada is out", || goes(&["--proxytunnel"]).status == 302);
    }
}

#[test]
fn where_the_proxy_does_not_ask_nobody_is_told_that_they_are_known() {
    let served = Served::with("");
    let admin = administrator(&served);
    for path in ["/network", "/network/confirm"] {
        assert_eq!(admin.status(path), 404, "{path}");
    }
    let arrived = admin.post("/network", &[("csrf", &admin.csrf()), ("to", "")]);
    assert!(arrived.contains("is not enabled here") && arrived.ends_with("404"), "{arrived}");
    assert!(!admin.get("/audit").contains("for the web, from"));
    // What was left from when it did can still be ended.
    assert!(admin.post("/network/leave", &[("csrf", &admin.csrf())]).ends_with("303"));
}

#[test]
fn a_browser_is_led_there_signs_in_and_comes_to_the_page_that_it_wanted() {
    let served = Served::with("[proxy]\nsign_in_page = true\n");
    let admin = administrator(&served);
    admin.colleague("ada", "person");
    let site = Site::plain();
    site.page("/page?a=b&c=d", "Content-Type: text/html\r\n", "<!doctype html><p>Today: fish</p><img src=/fish.png>");
    // Of another site than the console for browsers, so that cookies of a session are not sent when they are led there.
    let url = site.url("/page?a=b&c=d").replace("127.0.0.1", "localhost");
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(&served, folder.path());
    browser.go(&url);
    browser.sees("Sign in");
    browser.picture("network-login");
    browser.fill("#name", "ada");
    browser.fill("#password", "a wrong one");
    browser.click("form button");
    browser.sees("Wrong name or password.");
    browser.fill("#name", "ada");
    browser.fill("#password", "a long enough one");
    browser.click("form button");
    browser.sees("Continue to localhost");
    browser.picture("network-confirm");
    browser.click("form[action='/network'] button");
    browser.sees("Today: fish");
    assert_eq!(browser.address(), url);
    // Another tab, later: nothing is asked.
    browser.go(&url);
    browser.sees("Today: fish");
    browser.go(&format!("http://{}/network/confirm", served.console));
    browser.sees("You are signed in to use the web");
    browser.picture("network-present");
    browser.click("form[action='/network/leave'] button");
    browser.sees("Use the web");
    until("nobody is known", || {
        browser.go(&url);
        browser.text().contains("Continue to localhost")
    });
}

/// What `serve` says of a configuration with which it does not start.
fn refused(configuration: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("lazaret.toml");
    std::fs::write(&config, configuration).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .arg("serve")
        .env("LAZARET_CONFIG", &config)
        .env("LAZARET_DATA", folder.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}

#[test]
fn without_a_console_nobody_is_to_sign_in_there() {
    let said = refused("[proxy]\nlisten = \"127.0.0.1:0\"\nsign_in_page = true\n[console]\nlisten = \"\"\n");
    assert!(said.contains("`proxy.sign_in_page`") && said.contains("set `console.listen`"), "{said}");
}

#[test]
fn nobody_signs_in_for_no_time_at_all() {
    let said = refused("[proxy]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"127.0.0.1:0\"\nnetwork_hours = 0\n");
    assert!(said.contains("`console.network_hours`: 0 is not from 1 to 8760"), "{said}");
}
