//! Forgetting what was kept for long enough, or has no room.

use crate::config::Quarantine;
use crate::retention::{Retention, SOON};
use crate::rooms::Shared;
use lazaret_frame::{Frame, Health, Pending, Room, RoomError, Running};
use lazaret_model::SettingsTable;
use std::sync::Arc;

pub(super) struct RetentionRoom;

impl Room for RetentionRoom {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn title(&self) -> &'static str {
        "Retention"
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<Quarantine>("quarantine"))
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let shared = frame.offered::<Shared>()?;
            let (quarantine, event_days) = (shared.config.quarantine.clone(), shared.config.ledger.days);
            let events = if event_days == 0 { "indefinitely".to_owned() } else { format!("for {event_days} days") };
            let line = format!("events are kept {events}, quarantined files for {} days", quarantine.days);
            let retention = Retention {
                ledger: frame.ledger().clone(),
                blobs: shared.blobs.clone(),
                quarantine,
                event_days,
                kept: Arc::clone(&shared.kept),
                soon: SOON,
                doubt: frame.data().join("clock"),
            };
            tokio::spawn(retention.run());
            Ok(Some(Arc::new(RunningRetention { line }) as Arc<dyn Running>))
        })
    }
}

struct RunningRetention {
    line: String,
}

impl Running for RunningRetention {
    fn health(&self) -> Health {
        Health::Well(self.line.clone())
    }
}
