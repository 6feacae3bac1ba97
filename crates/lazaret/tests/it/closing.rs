//! The end of the process while the ledger is away: what waits for it is written first, and what cannot be is said.

use crate::gate::trouble::Locked;
use crate::gate::{Served, Site};
use crate::icap::SCRIPT;
use crate::process::at_ledger;
use lazaret_store::EventFilter;

/// A server that has refused a script while its ledger was locked.
fn waiting() -> (Served, Locked) {
    let served = Served::with("");
    let site = Site::plain();
    site.page("/run.vbs", "", SCRIPT);
    let locked = Locked::new(&served.folder.path().join("data/ledger.sqlite"));
    let refused = served.get(&site.url("/run.vbs"));
    assert!(refused.as_ref().is_some_and(|got| got.status >= 400), "{refused:?}");
    served.says("it will be written once that is resolved");
    served.signal("TERM");
    served.says("shutting down: finishing downloads in progress");
    (served, locked)
}

/// The files that its ledger has refusals of.
fn recorded(served: &Served) -> Vec<String> {
    let address = format!("sqlite:{}", served.folder.path().join("data/ledger.sqlite").display());
    let events = at_ledger(&address, async |ledger| ledger.events(&EventFilter::default(), None, 10).await.unwrap());
    events.into_iter().map(|logged| logged.event.name).collect()
}

#[test]
fn a_refusal_that_waits_for_the_ledger_is_written_before_the_process_ends() {
    let (mut served, locked) = waiting();
    drop(locked);
    assert_eq!(served.ended(), 0, "{}", served.log());
    assert_eq!(recorded(&served), ["run.vbs"], "{}", served.log());
    assert!(!served.log().contains("was never recorded"));
}

#[test]
fn a_refusal_that_is_lost_with_the_process_is_said() {
    let (mut served, locked) = waiting();
    assert_eq!(served.ended(), 0, "{}", served.log());
    let log = served.log();
    let said =
        log.lines().find(|line| line.contains("a refusal was never recorded")).unwrap_or_else(|| panic!("{log}"));
    assert!(said.contains("/run.vbs") && said.contains("127.0.0.1"), "{said}");
    drop(locked);
    assert!(recorded(&served).is_empty());
}
