//! The data folder belongs to one process at a time: what one takes for left over, another one may be writing.
//!
//! The lock is the kernel's (flock(2)) on a file that holds the process's number, so that it ends with the process, however
//! that ends, and a file that was left behind is no obstacle.

use crate::display;
use crate::failure::Failure;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file, in the data folder.
pub(crate) const LOCK: &str = "lock";
/// Bytes of a process's number.
const NUMBER: u64 = 20;

/// A data folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes a data folder, which must exist.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be written.
    pub(crate) fn take(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(LOCK);
        let failed = |error: std::io::Error| Failure::path(&path, error);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut number = String::new();
                // LIMIT: the number is only shown.
                let _ = (&file).take(NUMBER).read_to_string(&mut number);
                let number =
                    number.trim().parse::<u32>().map(|number| format!(" (process {number})")).unwrap_or_default();
                return Err(Failure::new(format!(
                    "`{}` is in use by another `lazaret`{number}: stop it, or choose another folder with `--data`",
                    display::path(folder)
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: whoever removed it could remove the next one's.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time_and_the_other_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("(process {})", std::process::id())) && refused.contains("--data"),
            "{refused}"
        );
        drop(lock);
        // What a process that was killed left behind.
        std::fs::write(folder.path().join(LOCK), "4194304\nand more\n").unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join(LOCK)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(lock);
    }
}
