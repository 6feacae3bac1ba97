//! The web proxy.

use crate::accounts::Users;
use crate::display;
use crate::rooms::{GATES, Shared, bind};
use lazaret_frame::{Frame, Health, Pending, Room, RoomError, Running, Tasks};
use lazaret_gates::{GateError, Own, Proxy, ProxySettings};
use lazaret_model::SettingsTable;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct ProxyRoom;

impl Room for ProxyRoom {
    fn name(&self) -> &'static str {
        "proxy"
    }

    fn title(&self) -> &'static str {
        "Web proxy"
    }

    fn group(&self) -> &'static str {
        GATES
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<ProxySettings>("proxy"))
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let shared = frame.offered::<Shared>()?;
            let mut settings = shared.config.proxy.clone();
            if settings.listen.is_empty() {
                return Ok(None);
            }
            let (listen, transparent) = (settings.listen.clone(), settings.transparent.clone());
            if settings.sign_in_page && shared.public_url.is_none() {
                let why = "people sign in on a page of the console: set `console.listen`, and let `--only` include it"
                    .to_owned();
                return Err(RoomError::failed(GateError::Setting { key: "proxy.sign_in_page", why }));
            }
            // Whoever is to sign in there must come there.
            settings.ask_before_sign_in(&shared.config.identity.oidc.issuer);
            let own = shared.public_url.as_deref().and_then(|url| url.parse().ok());
            let own = own.map(|address| Own { address, secret: shared.secret.clone() });
            let accounts = Arc::new(Users::new(Arc::clone(&shared.identity))?);
            let (desk, authority) = (Arc::clone(&shared.desk), Arc::clone(&shared.authority));
            let proxy = Proxy::new(desk, authority, settings, own, accounts).map_err(RoomError::failed)?;
            let (proxy, tasks) = (Arc::new(proxy), Tasks::default());
            if !transparent.is_empty() {
                let listener = bind("proxy.transparent", &transparent).await?;
                let address = listener.local_addr().map_err(RoomError::failed)?;
                tracing::info!(%address, "the web proxy accepts redirected connections");
                tasks.spawn(Arc::clone(&proxy).serve_redirected(listener, frame.closing())).await;
            }
            let listener = bind("proxy.listen", &listen).await?;
            let address = listener.local_addr().map_err(RoomError::failed)?;
            tracing::info!(%address, "the web proxy listens");
            display::remark(&format!(
                "point browsers at the proxy {address}; for https, have them trust `{}`",
                display::path(&frame.data().join("authority/ca.pem"))
            ));
            tasks.spawn(proxy.serve(listener, frame.closing())).await;
            Ok(Some(Arc::new(RunningProxy { address, tasks }) as Arc<dyn Running>))
        })
    }
}

struct RunningProxy {
    address: SocketAddr,
    tasks: Tasks,
}

impl Running for RunningProxy {
    fn health(&self) -> Health {
        Health::Well(format!("listens on {}", self.address))
    }

    fn ended(&self) -> Pending<'_, ()> {
        Box::pin(self.tasks.ended())
    }
}
