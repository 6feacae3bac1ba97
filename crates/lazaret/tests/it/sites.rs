//! Lists of sites, and what is known here about a file, at the gates.

use crate::gate::{Fetched, LETTER, Served, Site};
use std::process::Command;

#[track_caller]
fn stopped(fetched: &Fetched) {
    assert!(fetched.status == 403 && fetched.text().contains("suspicious"), "{fetched:?}");
}

#[test]
fn nothing_comes_from_a_listed_site_and_nothing_is_asked_of_it() {
    let lists = Site::plain();
    let good = Site::plain();
    good.page("/letter.txt", "", LETTER);
    good.page("/listed.txt", "", LETTER);
    let list = format!("# a comment\nevil.example\n{}\n", good.url("/listed.txt"));
    lists.page("/list", "ETag: \"one\"\r\n", list);
    let served = Served::with(&format!(
        "[sites]\nlists = [{{ name = \"fetched\", source = \"{}\" }}]\n\n[proxy]\n",
        lists.url("/list")
    ));
    assert_eq!(served.curl(&[&good.url("/letter.txt")]).text(), LETTER);
    stopped(&served.curl(&[&good.url("/listed.txt")]));
    stopped(&served.curl(&["http://www.evil.example/"]));
    stopped(&served.curl(&["--data", "secret", &good.url("/listed.txt")]));
    assert!(good.asked().iter().all(|head| !head.contains("listed")), "{:?}", good.asked());
    // The same at the other gate: a request that would go there.
    let mut icap = served.icap();
    let request = "GET http://www.evil.example/ HTTP/1.1\r\nHost: www.evil.example\r\n\r\n";
    let head = format!(
        "REQMOD icap://localhost/reqmod ICAP/1.0\r\nHost: localhost\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body={}\r\n\r\n",
        request.len()
    );
    std::io::Write::write_all(&mut icap, format!("{head}{request}").as_bytes()).unwrap();
    let answer = crate::gate::read_head(&mut icap);
    assert!(answer.starts_with("ICAP/1.0 200") && answer.contains("suspicious-sites"), "{answer}");
}

#[test]
fn a_listed_machine_is_known_however_it_is_written_and_whatever_name_leads_there() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "192.0.2.66\nhttp://files.example/a%62c.txt\n").unwrap();
    let served =
        Served::with(&format!("[sites]\nlists = [{{ name = \"bad\", source = \"{}\" }}]\n\n[proxy]\n", list.display()));
    for address in ["http://3221226050/", "http://0xC0000242/", "http://192.0.578/", "http://files.example/%61bc.txt"] {
        stopped(&served.curl(&[address]));
    }
    let ask = |server: &str| {
        let mut icap = served.icap();
        let request = "GET http://fine.example/ HTTP/1.1\r\nHost: fine.example\r\n\r\n";
        let head = format!(
            "REQMOD icap://localhost/reqmod ICAP/1.0\r\nHost: localhost\r\nAllow: 204\r\nX-Server-IP: {server}\r\nEncapsulated: req-hdr=0, null-body={}\r\n\r\n",
            request.len()
        );
        std::io::Write::write_all(&mut icap, format!("{head}{request}").as_bytes()).unwrap();
        crate::gate::read_head(&mut icap)
    };
    let (bad, good) = (ask("192.0.2.66"), ask("192.0.2.67"));
    assert!(bad.starts_with("ICAP/1.0 200") && bad.contains("suspicious-sites"), "{bad}");
    assert!(good.starts_with("ICAP/1.0 204"), "{good}");
}

#[test]
fn a_list_that_is_known_is_asked_only_whether_it_changed() {
    let lists = Site::plain();
    lists.page("/list", "ETag: \"one\"\r\nLast-Modified: Mon, 23 Nov 2026 08:00:00 GMT\r\n", "evil.example\n");
    let config =
        format!("[sites]\nlists = [{{ name = \"fetched\", source = \"{}\" }}]\n\n[proxy]\n", lists.url("/list"));
    let mut served = Served::with(&config);
    stopped(&served.curl(&["http://evil.example/"]));
    served.signal("TERM");
    assert_eq!(served.ended(), 0);
    // Older than it may be: the next start asks again.
    let kept = served.folder.path().join("data/lists/fetched");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    std::fs::File::options().write(true).open(&kept).unwrap().set_modified(old).unwrap();
    lists.on("/list", |head, stream| {
        let known = head.to_lowercase().contains("if-none-match: \"one\"")
            && head.to_lowercase().contains("if-modified-since: mon, 23 nov 2026 08:00:00 gmt");
        let answer = if known { "304 Not Modified" } else { "500 Not Asked Well" };
        let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let served = served.again();
    stopped(&served.curl(&["http://evil.example/"]));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while lists.asked().len() < 2 {
        assert!(std::time::Instant::now() < end, "it does not ask: {}", served.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!served.log().contains("could not be read"), "{}", served.log());
}

#[test]
fn a_list_that_cannot_be_read_stops_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("lazaret.toml"),
        "[sites]\nlists = [{ name = \"mine\", source = \"mine.txt\" }]\n",
    )
    .unwrap();
    let serve =
        || Command::new(env!("CARGO_BIN_EXE_lazaret")).arg("serve").current_dir(folder.path()).output().unwrap();
    let output = serve();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("`mine`") && said.contains("mine.txt"), "{said}");
    std::fs::write(folder.path().join("mine.txt"), "<html>\nSign in\n</html>\n").unwrap();
    let said = String::from_utf8_lossy(&serve().stderr).into_owned();
    assert!(said.contains("`mine`: not a list of sites"), "{said}");
}

#[test]
fn what_is_rare_is_delivered_once_it_is_not_rare_any_more_however_large_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let policies = lazaret_policy::built_in_policies().text
        + "\n@id(\"rare\") @title(\"What was hardly ever seen is not delivered\")\n\
           forbid (principal, action, resource) when { resource.prevalence < 3 };\n\
           @id(\"small\") @title(\"Small pictures are not delivered\")\n\
           forbid (principal, action, resource) when { resource.kind == \"gif\" && resource.size < 70000 };\n";
    std::fs::write(folder.path().join("own.cedar"), policies).unwrap();
    let served = Served::in_folder(folder, "[policy]\npolicies = [\"own.cedar\"]\n[proxy]\n");
    let site = Site::plain();
    // More than the first bytes, by which much is refused early.
    let large = LETTER.repeat(72_000 / LETTER.len() + 1);
    for (path, content) in [("/small.txt", LETTER.to_owned()), ("/large.txt", large)] {
        site.page(path, "", content);
        let statuses: Vec<_> = (0..5).map(|_| served.curl(&[&site.url(path)]).status).collect();
        assert_eq!(statuses, [403, 403, 403, 200, 200], "{path}");
    }
    // Others are tried on what was known then, the number of times as well.
    let strict = lazaret_policy::built_in_policies().text
        + "\n@id(\"no-texts\") @title(\"No texts\")\n\
           forbid (principal, action, resource) when { context.direction == \"download\" && resource.class == \"text\" };\n";
    std::fs::write(served.folder.path().join("strict.cedar"), strict).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["policy", "diff", "--json", "strict.cedar"])
        .current_dir(served.folder.path())
        .env("LAZARET_DATA", served.folder.path().join("data"))
        .output()
        .unwrap();
    let tried: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(tried["tried"] == 10 && tried["drifted"] == 0 && tried["guessed"] == 0, "{tried}");
    let changes = tried["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 4, "{tried}");
    assert!(changes.iter().all(|change| change["before"] == "deliver" && change["after"] == "block"), "{tried}");
}

#[test]
fn a_policy_can_depend_on_how_often_a_file_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("rare.cedar");
    std::fs::write(
        &policy,
        "@id(\"common\") @title(\"What was seen here before is delivered\")\n\
         permit (principal, action == Lazaret::Action::\"deliver\", resource) when { resource.prevalence >= 2 };\n\
         @id(\"rare\") @title(\"What was never seen is held\")\n\
         permit (principal, action == Lazaret::Action::\"hold\", resource);",
    )
    .unwrap();
    let served = Served::with(&format!("[policy]\npolicies = [\"{}\"]\n\n[proxy]\n", policy.display()));
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let statuses: Vec<_> = (0..4).map(|_| served.curl(&[&site.url("/letter.txt")]).status).collect();
    assert_eq!(statuses, [403, 403, 200, 200]);
}

#[test]
fn what_is_known_about_a_site_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "evil.example\n").unwrap();
    let served = Served::with(&format!(
        "[sites]\nlists = [{{ name = \"mine\", source = \"{}\" }}]\n\n[proxy]\n",
        list.display()
    ));
    stopped(&served.curl(&["http://www.evil.example/a"]));
    let site = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .arg("site")
            .args(arguments)
            .env("LAZARET_CONFIG", served.folder.path().join("lazaret.toml"))
            .env("LAZARET_DATA", served.folder.path().join("data"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said, _) = site(&["WWW.evil.example"]);
    assert_eq!(status, Some(1), "{said}");
    for expected in ["registered  evil.example", "lists       mine (suspicious", "1 events since", "suspicious-sites"] {
        assert!(said.contains(expected), "`{expected}` in {said}");
    }
    let (status, said, _) = site(&["--json", "good.example"]);
    let object: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &object["suspicious"], &object["seen"]), (Some(0), &false.into(), &serde_json::Value::Null));
    let (status, _, said) = site(&["no host"]);
    assert!(status == Some(2) && said.contains("`no host`"), "{said}");
}
