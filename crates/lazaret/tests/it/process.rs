//! Several processes, and one that is not as it should be: who may have the data folder, who makes the first administrator,
//! and who is given work.

use crate::gate::people::{Staff, administrator};
use crate::gate::{LETTER, Served, Site, until};
use lazaret_store::{Event, Ledger, NewPolicies};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

pub fn lazaret(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(arguments)
        .current_dir(folder)
        .env("LAZARET_CONFIG", folder.join("lazaret.toml"))
        .env("LAZARET_DATA", folder.join("data"))
        .output()
        .expect("the executable runs")
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Does something with a ledger, as another process would.
pub fn at_ledger<T>(address: &str, act: impl AsyncFnOnce(Ledger) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { act(Ledger::open(address).await.unwrap()).await })
}

fn stranger(served: &Served) -> Staff<'_> {
    Staff { served, jar: tempfile::NamedTempFile::new().unwrap() }
}

#[test]
fn a_data_folder_is_used_by_one_process_and_the_second_one_is_told_by_which() {
    let served = Served::with("");
    let folder = served.folder.path();
    let quarantine = folder.join("data/quarantine/.new-abc");
    fs::write(&quarantine, "half of a file").unwrap();
    let second = lazaret(folder, &["serve"]);
    assert_eq!(second.status.code(), Some(2), "{second:?}");
    let number = format!("(process {})", served.processes()[0]);
    assert!(said(&second).contains(&number) && said(&second).contains("--data"), "{}", said(&second));
    assert!(quarantine.exists(), "what another process is writing was swept away");
    // Whoever only reads is not kept out.
    for arguments in [&["config", "check"][..], &["site", "a.example"], &["doctor"]] {
        let read = lazaret(folder, arguments);
        assert!(!said(&read).contains("in use"), "{arguments:?}: {}", said(&read));
        assert!(read.status.success() || arguments == ["doctor"], "{arguments:?}: {read:?}");
    }
    // What a process that was killed leaves is no obstacle.
    let served = Served::in_folder(served.killed(), "");
    assert!(!served.folder.path().join("data/quarantine/.new-abc").exists());
}

#[test]
fn the_first_administrator_ends_the_setup_links_of_every_process() {
    let shared = tempfile::tempdir().unwrap();
    let ledger = format!("[ledger]\naddress = \"sqlite:{}\"\n", shared.path().join("ledger.sqlite").display());
    let (one, other) = (Served::with(&ledger), Served::with(&ledger));
    let log = other.log();
    let link = log.split("/setup?token=").nth(1).expect("it prints a link of its own");
    let link = link.split_whitespace().next().unwrap();
    let person = stranger(&other);
    assert!(person.get(&format!("/setup?token={link}")).contains("Create the first administrator"));
    administrator(&one);
    assert!(person.get(&format!("/setup?token={link}")).contains("already used or has expired"));
    let form = [("token", link), ("name", "eve"), ("password", "a long enough one")];
    assert!(person.post("/setup", &form).ends_with("403"), "a second administrator was made");
    let users = at_ledger(&format!("sqlite:{}", shared.path().join("ledger.sqlite").display()), async |ledger| {
        ledger.users().await.unwrap()
    });
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["anna"]);
    // Nor does a start print one where there is somebody.
    other.signal("TERM");
    assert!(!other.again().log().contains("/setup?token="));
}

#[test]
fn a_damaged_ledger_is_not_started_on() {
    let mut served = Served::with("");
    let site = Site::plain();
    for number in 0..40 {
        let name = format!("/{number}.txt");
        site.page(&name, "", format!("{number}: {LETTER}"));
        assert_eq!(served.get(&site.url(&name)).unwrap().status, 200);
    }
    served.signal("TERM");
    assert_eq!(served.ended(), 0);
    let path = served.folder.path().join("data/ledger.sqlite");
    // Whoever closes it last leaves all of it in one file.
    assert!(lazaret(served.folder.path(), &["config", "check"]).status.success());
    assert!(!path.with_extension("sqlite-wal").exists());
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    // Every page but the first, of which copies of a running file are mixed.
    for (number, byte) in bytes.iter_mut().enumerate().skip(3 * 4_096) {
        *byte = (number % 251) as u8;
    }
    fs::write(&path, &bytes).unwrap();
    for arguments in [&["config", "check"][..], &["serve"]] {
        let refused = lazaret(served.folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {refused:?}");
        let said = said(&refused);
        assert!(said.contains("is damaged") && said.contains("lazaret restore"), "{arguments:?}: {said}");
    }
    assert!(fs::read(&path).unwrap() == bytes, "it was changed");
    fs::write(&path, &good).unwrap();
    assert_eq!(served.again().get(&site.url("/1.txt")).unwrap().status, 200);
}

#[test]
fn a_process_that_could_not_take_up_policies_is_not_ready_until_it_could() {
    let shared = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", shared.path().join("ledger.sqlite").display());
    let folder = tempfile::tempdir().unwrap();
    let rule = folder.path().join("own.yar");
    let fine = "rule own { strings: $a = \"nobody says this\" condition: $a }\n";
    fs::write(&rule, fine).unwrap();
    let config = format!("[ledger]\naddress = \"{address}\"\n[detect]\nrules = [\"own.yar\"]\n");
    let served = Served::in_folder(folder, &config);
    let person = stranger(&served);
    assert_eq!(person.get("/readyz"), "ready\n");
    let as_json = |path: &str| person.curl(&["-H", "Accept: application/json", &person.url(path)]);
    assert_eq!(as_json("/readyz"), "{\"ready\":true,\"causes\":[]}");
    // Something is in the way of whatever is taken up.
    fs::write(&rule, "rule own { condition: nonsense }\n").unwrap();
    served.says("reload failed");
    assert_eq!(person.get("/readyz"), "ready\n", "what was in force is in force");
    let text = lazaret_policy::built_in_policies().text;
    let new = NewPolicies { base: 0, who: "anna".into(), note: "elsewhere".into(), text };
    at_ledger(&address, async |ledger| ledger.save_policies(&new).await.unwrap());
    until("it says that it is behind", || person.get("/readyz").starts_with("policies: "));
    assert_eq!(person.status("/readyz"), 503);
    assert_eq!(person.status("/healthz"), 200);
    assert!(as_json("/readyz").contains("{\"ready\":false,\"causes\":[{\"what\":\"policies\""));
    fs::write(&rule, fine).unwrap();
    until("it is ready again", || person.get("/readyz") == "ready\n");
}

#[test]
fn a_process_whose_ledger_takes_nothing_is_not_ready() {
    let served = Served::with("");
    let person = stranger(&served);
    assert_eq!(person.get("/readyz"), "ready\n");
    let locked = crate::gate::trouble::Locked::new(&served.folder.path().join("data/ledger.sqlite"));
    until("it says so", || person.get("/readyz").starts_with("ledger: "));
    drop(locked);
    until("it is ready again", || person.get("/readyz") == "ready\n");
}

#[test]
fn an_export_has_every_event_and_says_how_many() {
    const EVENTS: usize = 10_050;
    let served = Served::with("");
    let staff = administrator(&served);
    let address = format!("sqlite:{}", served.folder.path().join("data/ledger.sqlite").display());
    at_ledger(&address, async |ledger| {
        let writes = (0..EVENTS).map(|number| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let (decision, name) = (["block", "deliver"][number % 2].to_owned(), format!("file-{number}.zip"));
                let reference = format!("EXPORT-{number}");
                ledger.record(Event { at: 1, reference, decision, name, ..Event::default() }).await.unwrap();
            })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.unwrap();
        }
    });
    for (query, number) in [("", EVENTS), ("decision=block", EVENTS / 2), ("text=file-1", 0)] {
        let number = match number {
            0 => (0..EVENTS).filter(|number| format!("file-{number}").starts_with("file-1")).count(),
            number => number,
        };
        let headers = tempfile::NamedTempFile::new().unwrap();
        let path = headers.path().display().to_string();
        for (file, head) in [("events.csv", 1), ("events.jsonl", 0)] {
            let table = staff.curl(&["--dump-header", &path, &staff.url(&format!("/{file}?{query}"))]);
            assert_eq!(table.lines().count(), number + head, "{file} {query}");
            let headers = fs::read_to_string(&path).unwrap().to_lowercase();
            assert!(headers.contains(&format!("x-lazaret-events: {number}\r\n")), "{file} {query}: {headers}");
            assert!(headers.contains(&format!("lazaret-{number}-events")), "{file} {query}: {headers}");
        }
    }
    assert!(staff.get("/audit").contains(&format!("{EVENTS} as a table")));
}
