//! An incident in a browser, from the page that stopped something to both gates and to the export: with the console under a name that is not
//! this machine's, without TLS. Browsers treat names of this machine specially: cookies and forms may work there and nowhere else.

use crate::gate::people::{Browser, administrator};
use crate::gate::{LETTER, Served, Site, until};
use crate::incident::{sha256, through_icap, within_a_second};
use std::net::TcpListener;

/// A name that leads nowhere but where the browser is told.
const NAME: &str = "console.test";

#[test]
fn a_responder_walks_from_the_block_page_to_containment_and_the_export() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The blank keeps the harness from choosing a port.
    let served =
        Served::with(&format!("[console] \nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://{NAME}:{port}\"\n"));
    let site = Site::plain();
    site.page("/odd.bin", "Content-Type: application/octet-stream\r\n", vec![0x9b; 3_008]);
    site.page("/letter.txt", "Content-Type: text/plain\r\n", LETTER);
    let (odd, letter) = (site.url("/odd.bin"), site.url("/letter.txt"));
    let admin = administrator(&served);
    let karl = admin.colleague("karl", "analyst");
    let downloads = tempfile::tempdir().unwrap();
    let further = [
        "--proxy-bypass-list=<-loopback>;console.test".to_owned(),
        format!("--host-resolver-rules=MAP {NAME} 127.0.0.1"),
    ];
    let further: Vec<&str> = further.iter().map(String::as_str).collect();
    let browser = Browser::at_home(&served, downloads.path(), None, &further);
    let console = |path: &str| format!("http://{NAME}:{port}{path}");
    browser.go(&console("/login"));
    browser.fill("#name", "karl");
    browser.fill("#password", "a long enough one");
    browser.click("main form button");
    browser.sees("karl");
    // From the page that stopped something to the form, which is filled in.
    browser.go(&odd);
    browser.sees("Active security incident?");
    browser.click("a[href*='/incident?reference=']");
    browser.sees("Open an incident");
    assert!(browser.address().starts_with(&console("/incident")), "{}", browser.address());
    browser.fill("#hashes", &format!("\n{}", sha256(LETTER.as_bytes())));
    browser.click("input[name=contain]");
    browser.picture("incident-form");
    assert_eq!((served.curl(&[&letter]).status, through_icap(&served, LETTER.as_bytes())), (200, 0), "it may pass");
    browser.click("main form p button");
    browser.sees("Response actions");
    within_a_second("the proxy refuses the hash", || served.curl(&[&letter]).status == 403);
    within_a_second("ICAP refuses the hash", || through_icap(&served, LETTER.as_bytes()) == 403);
    let incident = browser.address().rsplit('/').next().unwrap().to_owned();
    assert!(incident.starts_with("INC-"), "{incident}");
    browser.picture("incident");
    // What a person sees of it, and back.
    let page = browser.address();
    browser.go(&letter);
    browser.sees(&incident);
    browser.go(&page);
    browser.fill("#note", "It came by mail.");
    browser.click("form[action$='/notes'] button");
    browser.sees("It came by mail.");
    // Chromium asks a person before it keeps what comes without TLS: the export is saved by what the page would send.
    browser.element("form[action$='/export'] button");
    let saved = tempfile::NamedTempFile::new().unwrap();
    let form = format!("csrf={}", karl.csrf());
    let url = karl.url(&format!("/incidents/{incident}/export"));
    let status = karl.curl(&["-o", saved.path().to_str().unwrap(), "-w", "%{http_code}", "-d", &form, &url]);
    assert_eq!(status, "200");
    let archive = zip::ZipArchive::new(std::fs::File::open(saved.path()).unwrap()).unwrap();
    assert!(archive.file_names().flatten().any(|name| name == "report.html"));
    // Undone by a click, the letter is delivered again.
    let (acts, form) =
        (format!("/incidents/{incident}/acts/"), format!("form[action^='/incidents/{incident}/acts/'] button"));
    let in_force = || karl.get(&format!("/incidents/{incident}")).matches(&format!("action=\"{acts}")).count();
    let mut left = in_force();
    assert!(left >= 2, "both files are blocked");
    while left > 0 {
        browser.go(&page);
        browser.click(&form);
        until("it is undone", || in_force() < left);
        left = in_force();
    }
    until("the letter is delivered", || served.curl(&[&letter]).text() == LETTER);
    browser.go(&letter);
    browser.sees("the meeting is on Monday");
}
