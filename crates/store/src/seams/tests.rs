//! One suite for each seam, which every implementation passes. Each call of `open` is another process at the same store.

use super::*;
use crate::ledger::tests::Postgres;
use crate::{BlobFolder, MemoryBlobs, MemoryJournal, now};
use lazaret_model::{Body, RoomEvent, RoomName};
use std::io;

fn event(reference: &str, class: &str) -> Event {
    let (at, decision) = (now(), "hold".to_owned());
    Event { at, reference: reference.into(), class: class.into(), decision, ..Event::default() }
}

/// Everything after a place, in pieces of two, and the place behind it.
async fn rest(journal: &impl Journal, mut cursor: Cursor) -> (Vec<lazaret_model::Event>, Cursor) {
    let (mut told, mut settled) = (Vec::new(), Settled::default());
    loop {
        let (events, next) = journal.read(cursor, 2, &mut settled).await.unwrap();
        if next == cursor {
            assert!(events.is_empty(), "who goes on there is told it again");
            return (told, cursor);
        }
        told.extend(events);
        cursor = next;
    }
}

async fn journal<J: Journal>(open: &impl AsyncFn() -> J) {
    let (one, other) = (open().await, open().await);
    let (nothing, start) = rest(&other, Cursor::default()).await;
    assert_eq!((nothing, start), (Vec::new(), Cursor::default()));
    assert!(!other.has("JOURNAL-0").await.unwrap());
    for (reference, class) in [("JOURNAL-0", "archive"), ("JOURNAL-1", "connection"), ("JOURNAL-2", "script")] {
        one.record(event(reference, class)).await.unwrap();
        assert!(other.has(reference).await.unwrap());
    }
    let body = RoomEvent { act: "bell rung".into(), detail: "for ada".into(), fields: Default::default() };
    let (person, client) = ("ada".to_owned(), "192.0.2.7".to_owned());
    let news = RoomNews { room: RoomName::new("bell"), person, client, event: body.clone() };
    let reference = one.tell(news).await.unwrap();
    assert!(!other.has(&reference).await.unwrap(), "that is about events of the gates");

    // Others hear of all of it, once and in its order, whatever has room in one reading.
    let (told, end) = rest(&other, start).await;
    assert_eq!(told.len(), 4, "{told:?}");
    let of_gates: Vec<_> = told.iter().filter(|event| event.room == RoomName::GATES).collect();
    let kinds: Vec<_> = of_gates.iter().map(|event| (event.reference.as_str(), event.body.kind())).collect();
    assert_eq!(kinds, [("JOURNAL-0", "transfer"), ("JOURNAL-1", "connection"), ("JOURNAL-2", "transfer")]);
    let news = told.iter().find(|event| event.reference == reference).unwrap();
    assert_eq!((news.room.name(), news.person.as_str(), news.client.as_str()), ("bell", "ada", "192.0.2.7"));
    assert_eq!(news.body, Body::Room(body));
    assert_eq!(rest(&one, end).await, (Vec::new(), end));

    // A reference is taken once, and whoever comes after somebody who was refused is not.
    assert!(matches!(other.record(event("JOURNAL-1", "archive")).await, Err(StoreError::Record(_))));
    other.record(event("JOURNAL-3", "archive")).await.unwrap();
    assert!(one.has("JOURNAL-3").await.unwrap());
}

async fn queue<Q: Queue + Journal>(open: &impl AsyncFn() -> Q) {
    let (one, other) = (open().await, open().await);
    let later = || now() + 60_000;
    one.record(event("QUEUE-0", "archive")).await.unwrap();
    let start = one.take("work", "one", later()).await.unwrap().unwrap();
    assert_eq!(rest(&one, start).await, (Vec::new(), start), "new work is about what was before");
    assert_eq!(other.take("work", "other", later()).await.unwrap(), None, "two have it");
    assert_eq!(one.take("work", "one", later()).await.unwrap(), Some(start), "who has it keeps it");
    assert_eq!(other.take("other work", "other", later()).await.unwrap(), Some(start), "that is another work");

    one.record(event("QUEUE-1", "archive")).await.unwrap();
    let (told, next) = rest(&one, start).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(one.done("work", "one", next, later()).await.unwrap());
    assert!(!one.done("unknown", "one", next, later()).await.unwrap(), "nobody has taken it");
    // Another goes on where this one was, and this one cannot take that back.
    one.give_back("work", "one").await.unwrap();
    assert_eq!(other.take("work", "other", later()).await.unwrap(), Some(next));
    assert!(!one.done("work", "one", start, later()).await.unwrap(), "it was taken over");
    one.give_back("work", "one").await.unwrap();
    assert_eq!(one.take("work", "one", later()).await.unwrap(), None, "it gave back what another has");
    // One that died has nothing for longer than it said, and what it did not note is done again.
    one.record(event("QUEUE-2", "archive")).await.unwrap();
    assert!(other.done("work", "other", next, now() - 1).await.unwrap());
    assert_eq!(one.take("work", "one", later()).await.unwrap(), Some(next));
    assert_eq!(rest(&one, next).await.0.len(), 1);
}

/// Yields something and fails.
struct Failing(bool);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(io::Error::other("it broke off"));
        }
        buffer[0] = 7;
        Ok(1)
    }
}

fn blobs<B: Blobs>(open: impl Fn() -> B) {
    let (one, other) = (open(), open());
    let listed = || other.list().unwrap().into_iter().map(|(sha256, ..)| sha256).collect::<Vec<_>>();
    assert!(listed().is_empty());
    let mut kept = Vec::new();
    for content in [Vec::new(), b"MZ something to run".to_vec(), vec![7; 300_001]] {
        let before = now();
        let sha256 = one.keep(&mut content.as_slice()).unwrap();
        let mut back = Vec::new();
        let mut fetched = other.fetch(&sha256).unwrap().unwrap();
        fetched.read_to_end(&mut back).unwrap();
        assert!(back == content, "{} bytes came back of {}", back.len(), content.len());
        assert!(io::Write::write_all(&mut fetched, b"x").is_err(), "whoever it is lent to can change it");
        let (bytes, at) = other.about(&sha256).unwrap().unwrap();
        // Clocks of file systems are behind by some milliseconds.
        assert!(bytes == content.len() as u64 && (before - 1_000..=now()).contains(&at), "{bytes} {at}");
        for (from, most) in [(0, 10), (3, 70), (33, 1), (299_990, 100), (1 << 40, 5)] {
            let start = content.len().min(from);
            let expected = &content[start..content.len().min(start + most)];
            assert!(other.piece(&sha256, from as u64, most).unwrap().unwrap() == expected, "{from}");
        }
        assert_eq!(other.keep(&mut content.as_slice()).unwrap(), sha256, "again is the same");
        kept.push(sha256);
    }
    assert!(one.keep(&mut Failing(false)).is_err());
    let mut all = listed();
    all.sort();
    kept.sort();
    assert_eq!(all, kept, "each is kept once, and nothing of what broke off");
    let list = one.list().unwrap();
    assert!(list.windows(2).all(|pair| pair[0].2 <= pair[1].2), "the oldest first");
    assert!(list.iter().map(|(_, bytes, _)| bytes).sum::<u64>() >= 300_020);
    for nothing in ["../../etc/passwd", &"0".repeat(64), &kept[0].to_uppercase(), ""] {
        assert!(one.fetch(nothing).unwrap().is_none() && one.about(nothing).unwrap().is_none(), "{nothing}");
        assert!(one.piece(nothing, 0, 10).unwrap().is_none(), "{nothing}");
        one.forget(nothing).unwrap();
    }
    for sha256 in &kept {
        one.forget(sha256).unwrap();
        other.forget(sha256).unwrap();
        assert!(other.fetch(sha256).unwrap().is_none() && other.about(sha256).unwrap().is_none());
    }
    assert!(listed().is_empty());
}

#[tokio::test]
async fn sqlite_is_a_journal_with_a_queue() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let open = async || Ledger::open(&address).await.unwrap();
    journal(&open).await;
    queue(&open).await;
}

#[tokio::test]
async fn postgresql_is_a_journal_with_a_queue() {
    let server = Postgres::start();
    let open = async || Ledger::open(&server.address).await.unwrap();
    journal(&open).await;
    queue(&open).await;
}

#[tokio::test]
async fn memory_is_a_journal_with_a_queue() {
    let shared = MemoryJournal::default();
    let open = async || shared.clone();
    journal(&open).await;
    queue(&open).await;
}

#[test]
fn a_folder_keeps_blobs() {
    let folder = tempfile::tempdir().unwrap();
    blobs(|| BlobFolder::open(folder.path()).unwrap());
}

#[test]
fn memory_keeps_blobs() {
    let shared = MemoryBlobs::default();
    blobs(|| shared.clone());
}
