//! Ledgers of other versions: what an older one recorded is there, and a newer one's is left as it is.

use super::*;
use crate::fingerprint;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::str::FromStr;

/// The steps of the tables that were released, with the SHA-256 of each: none of them is ever edited.
const RELEASED: [(&str, &str); 3] = [
    (
        include_str!("../../migrations/sqlite/0001_ledger.sql"),
        "da4621085b40bcabb90faa2d886d784e70d2a2aac6b9cef72e138e1fe195e2da",
    ),
    (
        include_str!("../../migrations/sqlite/0002_console.sql"),
        "6a3bd2f4332a75029ffbfe1925a692ba7939e7fe117e3652106ec084c5a3b475",
    ),
    (
        include_str!("../../migrations/sqlite/0003_people.sql"),
        "cd8d198c39048f4d084d854f6450785d1ee91edbaca71a122743c1b8b2de71cb",
    ),
];

/// A ledger as the first versions made it, with something of everything in it.
const FILL: &str = "
INSERT INTO events (at, reference, gate, direction, person, client, host, domain, address, name, sha256, size, kind, class, \
    verdict, decision, policy, reason, report, content_blob, codings) \
    VALUES (1700000000000, 'OLDE-0001', 'proxy', 'download', 'anna', '192.0.2.1', 'www.site.example', 'site.example', \
    'https://www.site.example/a.zip', 'a.zip', 'aa', 12, 'zip', 'archive', 'malicious', 'block', 'malicious', '', '{}', 'bb', '');
INSERT INTO tallies (day, topic, entry, number) VALUES (19675, 'decision', 'block', 1);
INSERT INTO sites (domain, first_seen, number) VALUES ('site.example', 1690000000000, 7);
INSERT INTO requests (at, reference, asker, client, reason, state, token, decided_at, decided_by, answer, expires_at) \
    VALUES (1700000000000, 'OLDE-0001', 'Anna', '192.0.2.1', 'work', 'open', 'token', 0, '', '', 0);
INSERT INTO users (name, password, totp, totp_used, role, created_at, failures, locked_until, disabled) \
    VALUES ('anna', 'hash', '', 0, 'admin', 1690000000000, 0, 0, 0);
INSERT INTO audit (at, who, what, detail) VALUES (1690000000000, 'anna', 'set-up', 'the first administrator');
INSERT INTO policy_versions (base, at, who, note, text) VALUES (0, 1690000000000, 'anna', 'why', 'permit');
";

/// Makes a ledger as a version with so many steps did, in the form that sqlx notes them in.
async fn made(address: &str, steps: usize) {
    let options = SqliteConnectOptions::from_str(address).unwrap().create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let own = migrator(true);
    for (step, (text, hash)) in own.iter().zip(&RELEASED[..steps]) {
        assert_eq!(&fingerprint(text), hash, "`{}` was edited after it was released", step.description);
        sqlx::raw_sql(*text).execute(&mut connection).await.unwrap();
    }
    sqlx::raw_sql(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL \
         DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    for step in own.iter().take(steps) {
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ($1, $2, TRUE, $3, 1)",
        )
        .bind(step.version)
        .bind(step.description.to_string())
        .bind(step.checksum.to_vec())
        .execute(&mut connection)
        .await
        .unwrap();
    }
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The newest step of the tables in a ledger.
async fn newest(address: &str) -> i64 {
    let mut connection = SqliteConnectOptions::from_str(address).unwrap().connect().await.unwrap();
    sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_ledger_of_an_older_version_keeps_everything() {
    for steps in [2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
        made(&address, steps).await;
        assert_eq!(Ledger::examine(&address, None).await.unwrap(), Examined::Whole);
        // A backup made by a newer version before the upgrade is one that the older version can use.
        let copy = folder.path().join("copy");
        assert!(Ledger::copy(&address, &copy).await.unwrap());
        assert_eq!(newest(&format!("sqlite:{}", copy.display())).await, steps as i64);
        let ledger = Ledger::open(&address).await.unwrap();
        ledger.check().await.unwrap();
        let event = ledger.event("OLDE-0001").await.unwrap().unwrap().event;
        assert_eq!((event.name.as_str(), event.decision.as_str(), event.report.as_str()), ("a.zip", "block", "{}"));
        assert_eq!(event.judged, "", "nobody knows what it was judged by");
        assert_eq!(ledger.recent(10).await.unwrap()[0].event.judged, "");
        assert_eq!(ledger.site("site.example").await.unwrap().unwrap().number, 7);
        assert_eq!(ledger.tallies(0).await.unwrap().len(), 1);
        assert_eq!(ledger.requests_for("OLDE-0001").await.unwrap()[0].asker, "Anna");
        assert_eq!(ledger.users().await.unwrap()[0].name, "anna");
        assert_eq!(ledger.audit(&AuditFilter::default(), None, 10).await.unwrap().len(), 1);
        assert_eq!(ledger.newest_policies().await.unwrap().unwrap().text, "permit");
        assert!(ledger.setup_secret(0, 1).await.unwrap().is_none(), "there is an administrator");
        let new = Event { at: now(), reference: "NEWE-0001".into(), decision: "hold".into(), ..Event::default() };
        ledger.record(new).await.unwrap();
        assert_eq!(ledger.events(&EventFilter::default(), None, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_ledger_of_a_newer_version_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let address = format!("sqlite:{}", path.display());
    made(&address, 3).await;
    let options = SqliteConnectOptions::from_str(&address).unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("INSERT INTO _sqlx_migrations VALUES (9999, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 0)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    for error in [Ledger::examine(&address, None).await.unwrap_err(), Ledger::open(&address).await.err().unwrap()] {
        assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
        assert!(error.to_string().contains("newer version"), "{error}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "it was changed");
}

#[tokio::test]
async fn a_copy_of_a_ledger_that_is_written_to_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let own = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(&own).await.unwrap();
    let writing = {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for number in 0..600 {
                let event = Event { reference: format!("EVNT-{number}"), ..Event::default() };
                ledger.record(event).await.unwrap();
            }
        })
    };
    let mut copies = 0;
    while !writing.is_finished() {
        let path = folder.path().join(format!("copy-{copies}"));
        assert!(Ledger::copy(&own, &path).await.unwrap());
        let address = format!("sqlite:{}", path.display());
        assert_eq!(Ledger::examine(&address, None).await.unwrap(), Examined::Whole);
        copies += 1;
    }
    writing.await.unwrap();
    assert!(copies > 0 && Ledger::copy(&own, &folder.path().join("copy-0")).await.is_err(), "it was overwritten");
    assert!(Ledger::copy(&own, &folder.path().join("last")).await.unwrap());
    let last = Ledger::open(&format!("sqlite:{}", folder.path().join("last").display())).await.unwrap();
    assert_eq!(last.events(&EventFilter::default(), None, 1_000).await.unwrap().len(), 600);
}
