//! What an installation itself saw of a technique: on its page and from the command.

use crate::gate::Served;
use crate::gate::people::administrator;
use crate::process::at_ledger;
use crate::shelf::*;
use crate::shelf_pages::{reader, served};
use lazaret_store::{Event, now};
use serde_json::Value;

/// Three events about the technique and its sub-technique, of which one was delivered.
fn seen(served: &Served) {
    let address = format!("sqlite:{}", served.folder.path().join("data/ledger.sqlite").display());
    at_ledger(&address, async |ledger| {
        for (reference, technique, decision, policy) in [
            ("SEEN-0001", "T9001", "block", "malicious"),
            ("SEEN-0002", "T9001.001", "hold", ""),
            ("SEEN-0003", "T9001", "deliver", ""),
            ("SEEN-0004", "T9002", "block", "malicious"),
        ] {
            let event = Event {
                at: now(),
                reference: reference.into(),
                gate: "proxy".into(),
                name: "<b>bill.exe".into(),
                decision: decision.into(),
                policy: policy.into(),
                techniques: vec![technique.into()],
                ..Event::default()
            };
            ledger.record(event).await.unwrap();
        }
    });
}

#[test]
fn a_technique_says_what_was_seen_here_to_whoever_may_view_events_and_to_nobody_else() {
    let served = served("");
    seen(&served);
    let page = reader(&served).get("/techniques/T9001");
    assert!(page.contains("are shown to users who may view events"), "{page}");
    assert!(!page.contains("SEEN-0001") && !page.contains("3 events"), "{page}");
    let admin = administrator(&served);
    let page = admin.get("/techniques/T9001");
    for part in [
        "On this installation",
        "None of this comes from MITRE",
        "3 events in the last 12 weeks, 2 of them stopped",
        "<td class=\"number\">1</td><td class=\"number\">2</td>",
        "<td data-label=\"Gate\">proxy</td><td data-label=\"Policy\"><code>malicious</code></td><td data-label=\"Events\" class=\"number\">1</td>",
        "<a href=\"/events/SEEN-0001\">",
        "<a href=\"/events/SEEN-0002\">",
        "href=\"/events?technique=T9001\"",
        "No policy in force and no part of the inspection refers to this technique",
        "aria-labelledby=\"here-weeks\"",
    ] {
        assert!(page.contains(part), "`{part}` is missing: {page}");
    }
    assert!(!page.contains("SEEN-0004") && !page.contains("<b>bill"), "{page}");
    let all = admin.get("/events?technique=t9001");
    assert!(all.contains("SEEN-0002") && all.contains("SEEN-0003") && !all.contains("SEEN-0004"), "{all}");
    // Mitigations are no techniques.
    assert!(!admin.get("/mitigations/T9001").contains("On this installation"));
    // And what was never seen.
    let page = admin.get("/techniques/T8002");
    assert!(page.contains("Nothing about it has been seen here."), "{page}");
}

#[test]
fn the_command_says_what_stands_for_a_technique_and_what_was_seen_of_it() {
    let folder = tempfile::tempdir().unwrap();
    // Without a ledger, and without a library.
    let (status, out, complaint) = said(folder.path(), &["coverage", "t1204"]);
    assert_eq!(status, 0, "{complaint}");
    for part in [
        "T1204\n",
        "Nothing about it has been seen here.",
        "policy malicious (T1204.002, block)",
        "detector clipboard: T1204.004",
        "lesson ",
    ] {
        assert!(out.contains(part), "`{part}` is missing: {out}");
    }
    assert!(!folder.path().join("data/ledger.sqlite").exists(), "whoever asks leaves nothing behind");
    assert_eq!(said(folder.path(), &["coverage", "M1017"]).0, 2);
    let served = served("");
    seen(&served);
    let told: Value = json_of(served.folder.path(), &["coverage", "T9001", "--json"]);
    let weeks = told["coverage"]["weeks"].as_array().unwrap();
    assert_eq!((weeks.len(), &weeks[11]["seen"], &weeks[11]["stopped"]), (12, &3.into(), &2.into()));
    assert_eq!(told["events"].as_array().unwrap().len(), 3);
    assert_eq!(told["events"][1]["techniques"][0], "T9001.001");
}
