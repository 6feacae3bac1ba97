//! A database server that cannot be reached: why, and without everybody waiting for it again and again.

use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection, Error};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait before a server that is about to start is tried again.
const AGAIN: Duration = Duration::from_millis(250);
/// For how long a server that did not answer is not asked again.
const REST: Duration = Duration::from_secs(1);

/// Connects once, and says why that fails: a pool would only say that it waited for too long.
pub(crate) async fn reach(address: &str, patience: Duration) -> Result<(), Error> {
    let options: AnyConnectOptions = address.parse()?;
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let error = match tokio::time::timeout(left, options.connect()).await {
            Ok(Ok(connection)) => return connection.close().await,
            Ok(Err(error)) => error,
            Err(_) => return Err(silent(patience)),
        };
        let may_start = match &error {
            Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
            Error::Database(error) => error.is_transient_in_connect_phase(),
            _ => false,
        };
        if !may_start || Instant::now() + AGAIN >= end {
            return Err(error);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What is said of a server that takes no notice.
fn silent(patience: Duration) -> Error {
    Error::Io(std::io::Error::new(ErrorKind::TimedOut, format!("it does not respond within {} s", patience.as_secs())))
}

/// Remembers that a server did not answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Away(Arc<Mutex<Option<Instant>>>);

impl Away {
    /// Asks something of a server, for so long at the most. For a moment after it did not answer nobody waits for it.
    pub(crate) async fn bounded<T>(
        &self,
        patience: Duration,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| since.elapsed() < REST) {
            return Err(Error::Io(std::io::Error::new(ErrorKind::NotConnected, "it did not respond just now")));
        }
        let answer = tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| Err(silent(patience)));
        let is_away = matches!(&answer, Err(Error::Io(_) | Error::PoolTimedOut));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = is_away.then(Instant::now);
        answer
    }
}

/// An error of the database in one line, in words of ours where the library's say nothing.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::PoolTimedOut => "the database cannot be reached or is locked".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger, Library, StoreError};
    use std::error::Error as _;

    /// An address of a server at which nobody listens.
    fn nowhere() -> String {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        format!("postgres://lazaret:secret@127.0.0.1:{port}/lazaret")
    }

    #[tokio::test]
    async fn a_database_that_is_down_is_told_with_the_true_cause_and_where_it_should_be() {
        let address = nowhere();
        let ledger = Ledger::open(&address).await.err().expect("there is none");
        let library = Library::open(&address).await.err().expect("there is none");
        assert!(matches!((&ledger, &library), (StoreError::Open { .. }, StoreError::OpenLibrary { .. })));
        for error in [&ledger, &library] {
            let (said, cause) = (error.to_string(), error.source().unwrap().to_string());
            assert!(said.contains("@127.0.0.1:") && !said.contains("secret"), "{said}");
            assert!(cause.contains("Connection refused"), "{cause}");
        }
        let unknown = Ledger::open("postgres://lazaret@no-such-host.invalid/lazaret").await.err().unwrap();
        assert!(!unknown.source().unwrap().to_string().contains("pool"), "{unknown:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_server_that_did_not_answer_just_now() {
        let away = Away::default();
        let (patience, start) = (Duration::from_secs(2), tokio::time::Instant::now());
        assert!(away.bounded(patience, std::future::pending::<Result<(), Error>>()).await.is_err());
        assert_eq!(start.elapsed().as_secs(), 2);
        for _ in 0..100 {
            assert!(away.bounded(patience, std::future::pending::<Result<(), Error>>()).await.is_err());
        }
        assert_eq!(start.elapsed().as_secs(), 2, "they waited one after the other");
        let answers = Away::default();
        assert_eq!(answers.bounded(patience, async { Ok(1) }).await.unwrap(), 1);
        let refused = answers.bounded(patience, async { Err::<(), _>(Error::RowNotFound) }).await;
        assert!(matches!(refused, Err(Error::RowNotFound)), "an answer is an answer");
        assert_eq!(answers.bounded(patience, async { Ok(2) }).await.unwrap(), 2);
    }
}
