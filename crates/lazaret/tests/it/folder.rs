//! The data folder: nobody but its owner looks into it, whichever command made it.

use crate::gate::Served;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a command with the usual mask of modes, whatever the one of the tests is.
fn lazaret(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", "umask 022; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lazaret")])
        .args(arguments)
        .current_dir(folder)
        .env_remove("LAZARET_CONFIG")
        .env_remove("LAZARET_DATA")
        .output()
        .expect("the executable runs")
}

/// Everything in a folder, itself included, that others may read, write or enter.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        // What is at work there removes files, too.
        let Ok(meta) = fs::metadata(&next) else { continue };
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(format!("{} {mode:o}", next.display()));
        }
        if let Ok(entries) = fs::read_dir(&next) {
            folders.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    found
}

#[test]
fn whichever_command_makes_the_data_folder_nobody_else_looks_into_it() {
    for arguments in [
        &["config", "check", "--data", "data"][..],
        &["scan", "--data", "data", "letter.txt"],
        &["library", "import", "--data", "data", "letter.txt"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "Dear customer,\nthe meeting is on Monday.\n").unwrap();
        let output = lazaret(folder.path(), arguments);
        let data = folder.path().join("data");
        assert!(data.is_dir(), "{arguments:?}: {output:?}");
        assert_eq!(open_to_others(&data), [""; 0], "{arguments:?}");
    }
    let served = Served::with("");
    assert_eq!(open_to_others(&served.folder.path().join("data")), [""; 0]);
}

#[test]
fn what_was_open_to_others_is_closed_and_said() {
    let served = Served::with("");
    let data = served.folder.path().join("data");
    let ledger = data.join("ledger.sqlite");
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&ledger, Permissions::from_mode(0o644)).unwrap();
    served.signal("TERM");
    let served = served.again();
    assert_eq!(open_to_others(&served.folder.path().join("data")), [""; 0]);
    let log = served.log();
    assert!(log.contains("was readable by others (mode 755)") && log.contains("ledger.sqlite` was"), "{log}");
}
