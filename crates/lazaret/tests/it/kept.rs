//! Backup and restore: what was kept comes back as it was, also where it was copied while more came.

use crate::gate::people::{Staff, administrator};
use crate::gate::{LETTER, Served, Site};
use lazaret_store::{BlobFolder, Blobs, EventFilter, Ledger, LoggedEvent};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A script that is stopped, each a different one.
fn script(number: usize) -> String {
    format!("Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe {number}\"\r\nWScript.Quit\r\n")
}

/// Runs a command with the data folder `data`.
fn lazaret(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .current_dir(data.parent().unwrap())
        .env_remove("LAZARET_CONFIG")
        .output()
        .expect("the executable runs")
}

fn backup(data: &Path, to: &Path) -> Output {
    lazaret(data, &["backup", &to.display().to_string()])
}

fn restore(from: &Path, data: &Path) -> Output {
    lazaret(data, &["restore", &from.display().to_string()])
}

/// Everything that a ledger has.
fn events(data: &Path) -> Vec<LoggedEvent> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&format!("sqlite:{}", data.join("ledger.sqlite").display())).await.unwrap();
        ledger.events(&EventFilter::default(), None, 10_000).await.unwrap()
    })
}

/// Everything below a folder, itself included.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(walk(&entry));
        } else {
            found.push(entry);
        }
    }
    found
}

#[test]
fn a_backup_made_under_load_is_whole_and_serves_what_it_kept() {
    let served = Served::with("");
    let staff = administrator(&served);
    staff.colleague("karl", "viewer");
    let (site, next, over) = (Site::plain(), AtomicUsize::new(0), AtomicBool::new(false));
    for number in 0..2_000 {
        site.page(&format!("/{number}.vbs"), "", script(number));
    }
    let data = served.folder.path().join("data");
    let copies: Vec<PathBuf> = (0..3).map(|number| served.folder.path().join(format!("backup-{number}"))).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed) % 2_000;
                    let got = served.get(&site.url(&format!("/{number}.vbs")));
                    assert!(got.is_some_and(|got| got.status == 403), "{number}: {}", served.log());
                }
            });
        }
        for copy in &copies {
            let before = next.load(Ordering::Relaxed);
            // Something is under way while it is made.
            crate::gate::until("more is stopped", || next.load(Ordering::Relaxed) > before + 10);
            let made = backup(&data, copy);
            if !made.status.success() {
                over.store(true, Ordering::Relaxed);
                panic!("{made:?}");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let mut seen = 0;
    for (number, copy) in copies.iter().enumerate() {
        let restored = tempfile::tempdir().unwrap();
        let data = restored.path().join("data");
        let done = restore(copy, &data);
        assert!(done.status.success(), "{done:?}");
        for path in walk(&data) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
        assert!(data.join("authority/ca.key").is_file() && data.join("ledger.key").is_file());
        let checked = lazaret(&data, &["config", "check"]);
        assert!(checked.status.success(), "{checked:?}");
        let events = events(&data);
        assert!(events.len() > seen, "backup {number} has {} events", events.len());
        seen = events.len();
        let blobs = BlobFolder::open(&data.join("quarantine")).unwrap();
        let named: Vec<_> = events.iter().filter(|logged| !logged.event.content_blob.is_empty()).collect();
        assert!(named.len() > 5, "only {} of {} have bytes", named.len(), events.len());
        for logged in named {
            let blob = blobs.fetch(&logged.event.content_blob).unwrap();
            assert!(blob.is_some(), "{} has lost its bytes", logged.event.reference);
        }
        if number == 2 {
            // Who could sign in still can, and what was made with the authority is still trusted.
            let authority = fs::read(served.authority()).unwrap();
            let again = Served::in_folder(restored, "");
            let anna = Staff { served: &again, jar: tempfile::NamedTempFile::new().unwrap() };
            let form = [("name", "anna"), ("password", "correct horse battery")];
            assert!(anna.post("/login", &form).ends_with("303"));
            assert!(anna.get("/events").contains(&events[0].event.reference));
            assert_eq!(anna.get("/readyz"), "ready\n");
            assert!(fs::read(again.authority()).unwrap() == authority);
        }
    }
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_not_restored() {
    let served = Served::with("");
    let site = Site::plain();
    site.page("/run.vbs", "", script(0));
    site.page("/letter.txt", "", LETTER);
    for (path, status) in [("/run.vbs", 403), ("/letter.txt", 200)] {
        assert_eq!(served.get(&site.url(path)).unwrap().status, status);
    }
    let copy = served.folder.path().join("backup");
    let data = served.folder.path().join("data");
    assert!(backup(&data, &copy).status.success());
    let again = backup(&data, &copy);
    assert_eq!(again.status.code(), Some(2), "it was overwritten: {again:?}");
    assert!(!walk(served.folder.path()).iter().any(|path| path.display().to_string().contains(".lazaret-backup-")));
    // Nowhere, where somebody is, and where something is.
    let used = restore(&copy, &data);
    let said = String::from_utf8_lossy(&used.stderr).into_owned();
    assert!(used.status.code() == Some(2) && said.contains("in use by another"), "{said}");
    let other = served.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), LETTER).unwrap();
    let full = restore(&copy, &other);
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(full.status.code() == Some(2) && said.contains("it is not empty"), "{said}");
    assert_eq!(walk(&other).len(), 2, "something was left in it");
    // One byte of one file, wherever it is.
    let files: Vec<_> =
        walk(&copy).into_iter().filter(|path| path.is_file() && !path.ends_with("manifest.json")).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let target = served.folder.path().join("target");
        let refused = restore(&copy, &target);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains("damaged"), "{}: {said}", file.display());
        let left: Vec<_> = walk(&target).into_iter().filter(|path| path.is_file() && !path.ends_with("lock")).collect();
        assert!(left.is_empty(), "{}: {left:?}", file.display());
        fs::write(&file, &bytes).unwrap();
    }
    let target = served.folder.path().join("target");
    assert!(restore(&copy, &target).status.success(), "what is whole again is restored");
    assert_eq!(events(&target).len(), 2);
}
