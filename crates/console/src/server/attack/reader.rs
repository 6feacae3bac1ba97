//! Who reads the library.

use crate::server::session::{Shown, Somebody, Visitor};
use crate::server::{Console, Refused};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::sync::Arc;

/// Whoever reads: somebody who is signed in, or anybody where the library is open to all.
pub(in crate::server) struct Reader {
    pub(in crate::server) who: Option<Somebody>,
}

impl Reader {
    pub(in crate::server) fn shown(&self) -> Option<Shown> {
        self.who.as_ref().and_then(Somebody::shown)
    }
}

impl FromRequestParts<Arc<Console>> for Reader {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        let Visitor(who) = Visitor::from_request_parts(parts, console).await?;
        if who.is_none() && !console.settings.public_library {
            return Err(Refused::SignIn);
        }
        Ok(Self { who })
    }
}
