//! Telling other systems what happened. What tells them is started with the record of the gates, which rings for it and waits for it
//! at the end; without this room it has nobody to tell.

use crate::config::Export;
use crate::rooms::{EXPORT, Shared};
use lazaret_frame::{Frame, Health, Pending, Room, RoomError, Running};
use lazaret_model::SettingsTable;
use std::sync::Arc;

pub(super) struct ExportRoom;

impl Room for ExportRoom {
    fn name(&self) -> &'static str {
        EXPORT
    }

    fn title(&self) -> &'static str {
        "Export of events"
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<Export>("export"))
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let shared = frame.offered::<Shared>()?;
            let export = &shared.config.export;
            let outlets = [!export.file.as_os_str().is_empty(), !export.syslog.is_empty(), !export.webhook.is_empty()];
            let number = outlets.into_iter().filter(|is_set| *is_set).count();
            Ok((number > 0).then(|| Arc::new(RunningExport { number }) as Arc<dyn Running>))
        })
    }
}

struct RunningExport {
    /// How many are told.
    number: usize,
}

impl Running for RunningExport {
    fn health(&self) -> Health {
        let what = if self.number == 1 { "outlet" } else { "outlets" };
        Health::Well(format!("{} {what}", self.number))
    }
}
