//! What keeps a helper process, which needs a few files and so cannot be locked up as the worker is, to those files.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use std::path::PathBuf;

/// Lets the calling thread, and what it starts from now on, read files at or below `read` and change those at or below `write`, and
/// nothing else: no other file, no TCP connection, no signal to another process, no new privileges. Paths that do not exist are
/// passed over.
///
/// Answers whether the kernel enforces all of it: older ones know only a part of Landlock, or none.
///
/// # Errors
/// When the kernel refuses.
pub fn confine(read: &[PathBuf], write: &[PathBuf]) -> Result<bool, String> {
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    let status = landlocked(read, write).map_err(|error| format!("Landlock: {error}"))?;
    Ok(status == RulesetStatus::FullyEnforced)
}

/// The same without the rest; without any path it is everything that is denied.
pub(crate) fn landlocked(read: &[PathBuf], write: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(read, AccessFs::from_read(abi)))?
        .add_rules(path_beneath_rules(write, AccessFs::from_all(abi)))?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn only_the_files_that_are_named_can_be_read_or_written_and_nobody_reached() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["read", "write", "other"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), name).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Landlock holds for a thread: the rest of the tests' process stays as it is.
        let confined = std::thread::spawn({
            let (read, write, other) = (path("read"), path("write"), path("other"));
            move || {
                let whole = confine(&[read.clone(), folder_that_is_not_there()], std::slice::from_ref(&write)).unwrap();
                assert_eq!(fs::read_to_string(read.join("file")).unwrap(), "read");
                assert!(fs::write(read.join("file"), "changed").is_err(), "it may only be read");
                fs::write(write.join("new"), "written").unwrap();
                assert!(fs::read(other.join("file")).is_err(), "nobody named it");
                assert!(fs::read("/etc/hostname").is_err() && fs::read("/proc/self/environ").is_err());
                assert!(!whole || TcpStream::connect(address).is_err(), "nobody can be reached");
            }
        });
        confined.join().unwrap();
        assert!(TcpStream::connect(address).is_ok() && fs::read(path("other").join("file")).is_ok());
    }

    fn folder_that_is_not_there() -> PathBuf {
        PathBuf::from("/nowhere/at/all")
    }
}
