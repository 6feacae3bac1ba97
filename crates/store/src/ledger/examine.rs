//! Whether a ledger's file is whole, and one of ours, looked at before it is used.

use super::{Ledger, migrator};
use crate::{StoreError, without_password};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Error, SqliteConnection};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// What SQLite keeps in a file's header for the program that it belongs to (its documentation, "PRAGMA application_id"): LZRT.
pub(super) const APPLICATION: i64 = 0x4C5A_5254;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 1_000;
/// SQLite's result codes for a damaged file, for one that is no database, and for being interrupted; what is above the lowest
/// byte only says more about them (its documentation, "Result and Error Codes").
const CORRUPT: u32 = 11;
const NOT_A_DATABASE: u32 = 26;
const INTERRUPTED: u32 = 9;

/// What looking at a ledger came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examined {
    /// There is none yet.
    Absent,
    /// Everything was looked at, and is in order.
    Whole,
    /// Nothing is wrong with what there was time for.
    Unfinished,
    /// It is in the care of a server.
    Elsewhere,
}

impl Ledger {
    /// Looks at a ledger without changing it: whether it is ours, not of a newer version, and whole. An SQLite file is read
    /// from the beginning to the end, for so long at the most.
    ///
    /// # Errors
    /// When it cannot be opened, is another program's, of a newer version, or damaged.
    pub async fn examine(address: &str, time: Option<Duration>) -> Result<Examined, StoreError> {
        if !address.starts_with("sqlite:") {
            return Ok(Examined::Elsewhere);
        }
        let Some(mut connection) = look(address).await? else { return Ok(Examined::Absent) };
        let shown = without_password(address);
        let failed = |source: Error| opened(&shown, source);
        if let Some(time) = time {
            let end = Instant::now() + time;
            let mut handle = connection.lock_handle().await.map_err(failed)?;
            handle.set_progress_handler(STEPS, move || Instant::now() < end);
        }
        // Five of a thousand things that are wrong are enough to know.
        let found: Result<Vec<String>, Error> =
            sqlx::query_scalar("PRAGMA quick_check(5)").fetch_all(&mut connection).await;
        let examined = match found {
            Ok(found) if found == ["ok"] => Ok(Examined::Whole),
            Ok(found) => Err(StoreError::DamagedLedger { address: shown.clone(), found: found.join("; ") }),
            Err(error) if code(&error) == Some(INTERRUPTED) => Ok(Examined::Unfinished),
            Err(error) => Err(failed(error)),
        };
        // Nothing was written that could be lost.
        let _ = connection.close().await;
        examined
    }

    /// Writes everything as it is now into a new SQLite file, while others go on reading and writing; the tables stay as they
    /// are, also those of an older version. False where the ledger is in the care of a server, which has means of its own
    /// for that.
    ///
    /// # Errors
    /// When there is no ledger, it is not one that can be opened, or the file cannot be written or is there already.
    pub async fn copy(address: &str, to: &Path) -> Result<bool, StoreError> {
        if !address.starts_with("sqlite:") {
            return Ok(false);
        }
        let missing = || opened(&without_password(address), Error::Io(std::io::ErrorKind::NotFound.into()));
        let mut connection = look(address).await?.ok_or_else(missing)?;
        crate::copy::database(&mut connection, to).await?;
        let _ = connection.close().await;
        Ok(true)
    }
}

/// Opens the file of a ledger, without changing it, where it is ours and of no newer version; none where there is no file.
pub(super) async fn look(address: &str) -> Result<Option<SqliteConnection>, StoreError> {
    let shown = without_password(address);
    let failed = |source: Error| opened(&shown, source);
    let options = SqliteConnectOptions::from_str(address).map_err(failed)?.create_if_missing(false);
    if !options.get_filename().exists() {
        return Ok(None);
    }
    let mut connection = options.connect().await.map_err(failed)?;
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(failed)?;
    // Ledgers of older versions have no mark.
    if application != APPLICATION && application != 0 {
        return Err(StoreError::Foreign { address: shown.clone() });
    }
    let migrated: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if migrated > 0 {
        let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if newest > migrator(true).iter().map(|migration| migration.version).max() {
            return Err(StoreError::Newer { address: shown.clone() });
        }
    }
    Ok(Some(connection))
}

/// Why a ledger could not be opened.
pub(super) fn opened(address: &str, source: Error) -> StoreError {
    let address = address.to_owned();
    if is_damage(&source) {
        return StoreError::DamagedLedger { address, found: source.to_string() };
    }
    StoreError::Open { address, source }
}

/// Whether an error says that the file of an SQLite database is damaged.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(code(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// SQLite's result code of an error; none for those of PostgreSQL, whose codes have five characters.
fn code(error: &Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    (code.len() < 5).then(|| code.parse::<u32>().ok()).flatten().map(|code| code & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn address(path: &Path) -> String {
        format!("sqlite:{}", path.display())
    }

    /// A ledger with some pages in it, closed.
    async fn filled(path: &Path) {
        let ledger = Ledger::open(&address(path)).await.unwrap();
        for number in 0..400 {
            let event = Event { reference: format!("EVNT-{number}"), report: "x".repeat(3_000), ..Event::default() };
            ledger.record(event).await.unwrap();
        }
        ledger.write.close().await;
        ledger.read.close().await;
    }

    #[tokio::test]
    async fn a_damaged_ledger_is_noticed_before_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let look = async || Ledger::examine(&address(&path), None).await;
        assert_eq!(look().await.unwrap(), Examined::Absent);
        filled(&path).await;
        assert_eq!(look().await.unwrap(), Examined::Whole);
        assert_eq!(Ledger::examine(&address(&path), Some(Duration::ZERO)).await.unwrap(), Examined::Unfinished);
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > 500_000, "{}", bytes.len());
        // Pages in the middle, as a copy of a file that is written to has them.
        let middle = bytes.len() / 2 / 4_096 * 4_096;
        bytes[middle..middle + 8 * 4_096].fill(0xa5);
        std::fs::write(&path, &bytes).unwrap();
        let error = look().await.unwrap_err();
        assert!(matches!(error, StoreError::DamagedLedger { .. }), "{error:?}");
        assert!(error.to_string().contains("lazaret restore"), "it does not say what to do: {error}");
        std::fs::write(&path, "no database at all, and longer than the header of one\n".repeat(100)).unwrap();
        for error in [look().await.unwrap_err(), Ledger::open(&address(&path)).await.err().unwrap()] {
            assert!(matches!(error, StoreError::DamagedLedger { .. }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_database_of_another_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.sqlite");
        let options = SqliteConnectOptions::from_str(&address(&path)).unwrap().create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("PRAGMA application_id = 252006674").execute(&mut connection).await.unwrap();
        sqlx::query("CREATE TABLE blocks (number INTEGER)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let before = std::fs::read(&path).unwrap();
        for error in [
            Ledger::examine(&address(&path), None).await.unwrap_err(),
            Ledger::open(&address(&path)).await.err().unwrap(),
        ] {
            assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        }
        assert!(std::fs::read(&path).unwrap() == before, "it was changed");
    }
}
