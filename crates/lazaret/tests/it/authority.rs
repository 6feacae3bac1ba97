//! The certificate authority of the proxy: a change that clients are told of in time, and names beyond which it is worth nothing.

use crate::gate::{LETTER, Served, Site, certificate_of, until};
use crate::passed::events;
use serde_json::Value;
use std::process::{Command, Output};

/// Runs `lazaret authority` beside a process that serves.
fn authority(served: &Served, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .arg("authority")
        .args(arguments)
        .current_dir(served.folder.path())
        .env("LAZARET_CONFIG", served.folder.path().join("lazaret.toml"))
        .env("LAZARET_DATA", served.folder.path().join("data"))
        .output()
        .unwrap()
}

/// The roles and fingerprints of those that are there.
fn shown(served: &Served) -> Vec<(String, String)> {
    let output = authority(served, &["show", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|one| (text(&one["role"]), text(&one["sha256"]))).collect()
}

/// A page or file of the console: its status and text.
fn page(served: &Served, path: &str) -> (String, String) {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "-w", "\n%{http_code}", &format!("http://{}{path}", served.console)])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (text, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), text.to_owned())
}

#[test]
fn clients_can_trust_the_next_authority_before_it_vouches_for_sites() {
    let folder = tempfile::tempdir().unwrap();
    let (config, trusted) = certificate_of(folder.path(), &["localhost".to_owned()]);
    let site = Site::secure(config);
    site.page("/letter.txt", "", LETTER);
    let served = Served::with(&format!("trust = [\"{}\"]\n", trusted.display()));
    let url = format!("https://localhost:{}/letter.txt", site.address.port());
    let taken_by =
        |authority: &std::path::Path| served.curl(&["--cacert", authority.to_str().unwrap(), &url]).exit == 0;
    let old = folder.path().join("old.pem");
    std::fs::copy(served.authority(), &old).unwrap();
    assert!(taken_by(&old));
    assert_eq!(page(&served, "/certificate-next.pem").0, "404");
    let early = authority(&served, &["rotate", "--use"]);
    assert_eq!(early.status.code(), Some(2), "{early:?}");

    let made = authority(&served, &["rotate"]);
    assert!(made.status.success(), "{made:?}");
    let next = folder.path().join("next.pem");
    until("the console offers the next one", || {
        let (status, text) = page(&served, "/certificate-next.pem");
        std::fs::write(&next, text).unwrap();
        status == "200"
    });
    assert!(taken_by(&old) && !taken_by(&next), "the present one vouches until the next one is put in use");
    let (_, text) = page(&served, "/certificate");
    let list = shown(&served);
    assert_eq!(list.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["present", "next"]);
    assert!(list.iter().all(|(_, sha256)| text.contains(sha256)), "{text}");

    let used = authority(&served, &["rotate", "--use"]);
    assert!(used.status.success(), "{used:?}");
    until("the next one vouches for sites", || taken_by(&next));
    assert!(!taken_by(&old));
    assert_eq!(page(&served, "/certificate.pem").1.trim(), std::fs::read_to_string(&next).unwrap().trim());
    let after = shown(&served);
    assert_eq!(after, [("present".to_owned(), list[1].1.clone()), ("previous".to_owned(), list[0].1.clone())]);
    let gone = authority(&served, &["forget", "previous"]);
    assert!(gone.status.success() && shown(&served).len() == 1, "{gone:?}");

    let database = served.folder.path().join("data/ledger.sqlite");
    for what in ["authority made", "authority put in use", "authority in use", "authority removed"] {
        until(&format!("the audit has `{what}`"), || {
            let asked = "SELECT body FROM journal ORDER BY id";
            let noted = Command::new("sqlite3").arg(&database).arg(asked).output().unwrap();
            String::from_utf8_lossy(&noted.stdout).lines().any(|line| line.contains(&format!("\"act\":\"{what}\"")))
        });
    }
}

#[test]
fn what_the_authority_may_not_vouch_for_is_refused_or_passed_as_is_configured_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (config, trusted) = certificate_of(folder.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let site = Site::secure(config);
    site.page("/letter.txt", "", LETTER);
    let port = site.address.port();
    let (inside, outside) =
        (format!("https://localhost:{port}/letter.txt"), format!("https://127.0.0.1:{port}/letter.txt"));
    let constrained = format!("trust = [\"{}\"]\nauthority_constraints = [\"localhost\"]\n", trusted.display());
    let served = Served::with(&constrained);
    assert_eq!(served.curl(&[&inside]).text(), LETTER);
    let before = site.connections();
    let refused = served.curl(&["--cacert", trusted.to_str().unwrap(), &outside]);
    assert!(refused.exit != 0 && site.connections() == before, "{refused:?}");
    let said = events(&served, 2);
    assert!(
        said[1].contains(" block https://127.0.0.1") && said[1].contains("is not allowed to sign for this host"),
        "{said:?}"
    );

    let served = Served::with(&format!("{constrained}authority_outside = \"pass\"\n"));
    assert_eq!(served.curl(&[&inside]).text(), LETTER);
    assert_eq!(served.curl(&["--cacert", trusted.to_str().unwrap(), &outside]).text(), LETTER);
    let said = events(&served, 2);
    assert_eq!(said[1], format!("outside-authority connection deliver https://127.0.0.1:{port}/ "), "{said:?}");
    // What is HTTP in a tunnel needs nobody to vouch for it.
    let plain = Site::plain();
    plain.page("/letter.txt", "", LETTER);
    assert_eq!(served.curl(&["--proxytunnel", &plain.url("/letter.txt")]).text(), LETTER);
}
