//! The ICAP server.

use crate::display;
use crate::rooms::{GATES, Shared, bind};
use lazaret_frame::{Frame, Health, Pending, Room, RoomError, Running, Tasks};
use lazaret_gates::{Icap, IcapSettings};
use lazaret_model::{Settings, SettingsTable};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

const NAME: &str = "icap";

pub(super) struct IcapRoom;

impl Room for IcapRoom {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "ICAP server"
    }

    fn group(&self) -> &'static str {
        GATES
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<IcapSettings>(NAME))
    }

    fn check(&self, settings: &Value) -> Result<(), RoomError> {
        let settings = IcapSettings::read(NAME, settings)?;
        if settings.listen.is_empty() {
            return Ok(());
        }
        Icap::check(&settings).map_err(RoomError::failed)
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let shared = frame.offered::<Shared>()?;
            let settings = shared.config.icap.clone();
            if settings.listen.is_empty() {
                return Ok(None);
            }
            let listener = bind("icap.listen", &settings.listen).await?;
            let address = listener.local_addr().map_err(RoomError::failed)?;
            let scheme = if settings.certificate.is_empty() { "icap" } else { "icaps" };
            let icap = Arc::new(Icap::new(Arc::clone(&shared.desk), settings).map_err(RoomError::failed)?);
            tracing::info!(%address, "the ICAP server listens");
            display::remark(&format!(
                "point gateways at {scheme}://{address}/respmod (downloads) and {scheme}://{address}/reqmod (uploads)"
            ));
            let tasks = Tasks::default();
            tasks.spawn(Arc::clone(&icap).serve(listener, frame.closing())).await;
            Ok(Some(Arc::new(RunningIcap { icap, address, tasks }) as Arc<dyn Running>))
        })
    }
}

struct RunningIcap {
    icap: Arc<Icap>,
    address: SocketAddr,
    tasks: Tasks,
}

impl Running for RunningIcap {
    fn health(&self) -> Health {
        Health::Well(format!("listens on {}", self.address))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.icap.certificate_files()
    }

    fn reload(&self, because: &str) {
        if self.icap.certificate_files().is_empty() {
            return;
        }
        match self.icap.renew_certificates() {
            Ok(()) => tracing::info!(%because, "reloaded the certificates of the ICAP server"),
            Err(why) => tracing::error!(%because, %why, "cannot reload the certificates of the ICAP server; keeping \
                the current ones"),
        }
    }

    fn ended(&self) -> Pending<'_, ()> {
        Box::pin(self.tasks.ended())
    }
}
