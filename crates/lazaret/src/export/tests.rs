//! What becomes of the telling when processes come and go, at a journal in memory.

use super::*;
use crate::config::ExportForm;
use lazaret_store::MemoryJournal;

async fn record(journal: &MemoryJournal, reference: &str) {
    let (at, decision) = (now(), "deliver".to_owned());
    let event = lazaret_store::Event { at, reference: reference.into(), decision, ..Default::default() };
    journal.record(event).await.unwrap();
}

/// Waits until so many events were written to a file; their references.
async fn told(path: &Path, number: usize) -> Vec<String> {
    for _ in 0..1_000 {
        let text = fs::read_to_string(path).unwrap_or_default();
        let events = text.lines().map(serde_json::from_str::<Event>).collect::<Result<Vec<_>, _>>();
        if let Some(events) = events.ok().filter(|events| events.len() >= number) {
            return events.into_iter().map(|event| event.reference).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{number} events were never told");
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let export = Export { format: ExportForm::Lazaret, file: path.clone(), ..Export::default() };
    let journal = MemoryJournal::default();
    let process = |name: &str| {
        let data = folder.path().join(name);
        fs::create_dir(&data).unwrap();
        let seams = (Arc::new(journal.clone()) as Arc<dyn Journal>, Arc::new(journal.clone()) as Arc<dyn Queue>);
        Exporter::start(&export, &ProxySettings::default(), seams, &data).unwrap()
    };
    record(&journal, "before").await;
    // Somebody told it before, and died.
    let outlet = format!("file {}", path.display());
    journal.take(&outlet, "gone", now() - 1).await.unwrap().unwrap();
    record(&journal, "one").await;
    let first = process("first");
    assert_eq!(told(&path, 1).await, ["one"]);
    // This one is not needed while the first runs.
    let second = process("second");
    record(&journal, "two").await;
    first.ring();
    assert_eq!(told(&path, 2).await, ["one", "two"]);
    first.close(Duration::from_secs(5)).await;
    second.close(Duration::from_secs(5)).await;
    record(&journal, "three").await;
    let third = process("third");
    third.ring();
    assert_eq!(told(&path, 3).await, ["one", "two", "three"]);
    third.close(Duration::from_secs(5)).await;
}
