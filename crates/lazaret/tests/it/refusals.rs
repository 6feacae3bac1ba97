//! Programs that do not take our certificate: they are listed with their hosts, and a host is passed for them, or inspected again.

use crate::gate::people::administrator;
use crate::gate::{LETTER, Served, Site, certificate, until};
use std::process::Command;

#[test]
fn a_host_is_passed_for_a_program_that_refuses_our_certificate_and_inspected_again() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let served = Served::with("");
    let site = Site::secure(config);
    site.page("/letter.txt", "", LETTER);
    let url = format!("https://localhost:{}/letter.txt", site.address.port());
    // It trusts the maker's authority alone.
    let program =
        |served: &Served| served.curl(&["-A", "Updater/7 <b>", "--cacert", authority.to_str().unwrap(), &url]);
    for _ in 0..2 {
        assert_eq!(program(&served).exit, 60);
    }
    {
        let admin = administrator(&served);
        assert!(admin.get("/sites").contains("href=\"/sites/refusals\""));
        let page = || admin.get("/sites/refusals");
        until("both are listed", || page().contains("<td class=\"number\">2</td>"));
        let listed = page();
        for told in ["localhost", "Updater/7 &#60;b&#62;", "127.0.0.1", "unknown certificate authority", "os-updates"] {
            assert!(listed.contains(told), "{told}: {listed}");
        }
        let change = |host: &str, wish: &str| {
            admin.post("/sites/refusals", &[("csrf", &*admin.csrf()), ("host", host), ("do", wish)])
        };
        // Whoever may only look sees no button.
        let viewer = admin.colleague("viktor", "viewer");
        let seen = viewer.get("/sites/refusals");
        assert!(seen.contains("Updater/7") && !seen.contains("value=\"pass\""), "{seen}");
        assert!(listed.contains("value=\"pass\""));
        // Only what a program asked for, by its name.
        assert!(change("bank.example", "pass").ends_with("404"));
        assert!(change("localhost", "inspect").ends_with("404"), "nobody passed it");
        assert!(change("localhost", "burn").ends_with("400"));
        assert_eq!(program(&served).exit, 60);
        assert!(change("localhost", "pass").ends_with("303"));
        let passed = program(&served);
        assert_eq!((passed.exit, passed.status, passed.text().as_str()), (0, 200, LETTER), "{passed:?}");
        let listed = page();
        assert!(!listed.contains("value=\"pass\"") && listed.contains("value=\"inspect\""), "{listed}");
        assert!(admin.get("/events?kind=bypass").contains("https://localhost"), "that it passed is no event");
        assert!(admin.get("/audit").contains("bypass added"));
    }
    // It is so after a restart.
    served.signal("TERM");
    let served = served.again();
    assert_eq!(program(&served).status, 200);
    let staff = crate::gate::people::Staff { served: &served, jar: tempfile::NamedTempFile::new().unwrap() };
    assert!(staff.post("/login", &[("name", "anna"), ("password", "correct horse battery")]).ends_with("303"));
    let form = [("csrf", &*staff.csrf()), ("host", "localhost"), ("do", "inspect")];
    assert!(staff.post("/sites/refusals", &form).ends_with("303"));
    assert_eq!(program(&served).exit, 60, "it is passed still");
    assert!(staff.get("/audit").contains("bypass removed"));
}

#[test]
fn what_one_process_passes_the_others_at_its_ledger_pass_as_well() {
    let ledger = tempfile::tempdir().unwrap();
    let settings = format!("[ledger]\naddress = \"sqlite:{}\"\n", ledger.path().join("ledger.sqlite").display());
    let (one, other) = (Served::with(&settings), Served::with(&settings));
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let site = Site::secure(config);
    site.page("/letter.txt", "", LETTER);
    let url = format!("https://localhost:{}/letter.txt", site.address.port());
    let program = |served: &Served| served.curl(&["--cacert", authority.to_str().unwrap(), &url]);
    assert_eq!((program(&one).exit, program(&other).exit), (60, 60));
    let admin = administrator(&one);
    until("it is listed", || admin.get("/sites/refusals").contains("value=\"pass\""));
    let form = [("csrf", &*admin.csrf()), ("host", "localhost"), ("do", "pass")];
    assert!(admin.post("/sites/refusals", &form).ends_with("303"));
    assert_eq!(program(&one).status, 200);
    until("the other follows", || program(&other).status == 200);
}

#[test]
fn a_set_that_there_is_not_is_a_mistake_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("lazaret.toml");
    std::fs::write(&config, "[proxy]\nbypass_sets = [\"os-updates\", \"bank\"]\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["config", "check"])
        .env("LAZARET_CONFIG", &config)
        .env("LAZARET_DATA", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("`proxy.bypass_sets`: there is no set `bank`") && said.contains("`conferencing`"), "{said}");
}
