//! Machines at which people signed in to use the web: the proxy knows by them who asks.

use crate::{Identity, IdentityError, Place, Refusal, told};
use lazaret_model::AuditAct;
use lazaret_store::{User, now};
use std::net::IpAddr;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

impl Identity {
    /// Notes that a person who is signed in uses the web from where they are, for so many hours; until when.
    ///
    /// # Errors
    /// When nobody knows where they are, they were disabled meanwhile, or the ledger is unavailable.
    pub async fn arrive(&self, place: &impl Place, user: &User, hours: u32) -> Result<i64, IdentityError> {
        let client = machine(place).ok_or(Refusal::NoMachine)?;
        let until = now().saturating_add(i64::from(hours).saturating_mul(HOUR));
        if !self.ledger.arrive(user.id, &client, until).await? {
            return Err(Refusal::Disabled.into());
        }
        self.ledger.note(&user.name, AuditAct::SignedIn, &format!("for the web, from {client}")).await?;
        Ok(until)
    }

    /// Ends that; false where they do not use the web from there.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn leave(&self, place: &impl Place, user: &User) -> Result<bool, IdentityError> {
        let Some(client) = machine(place) else { return Ok(false) };
        let left = self.ledger.leave(user.id, &client).await?;
        if left {
            self.ledger.note(&user.name, AuditAct::SignedOut, &format!("of the web, from {client}")).await?;
        }
        Ok(left)
    }

    /// Who uses the web from a machine, and until when.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn arrived(&self, client: IpAddr) -> Result<Option<(String, i64)>, IdentityError> {
        Ok(self.ledger.arrived(&client.to_canonical().to_string()).await?)
    }
}

/// The machine of a place, as the ledger names it.
fn machine(place: &impl Place) -> Option<String> {
    place.client().map(|client| client.to_canonical()).map(|client| told(&client))
}
