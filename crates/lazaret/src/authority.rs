//! Keeps the running proxy's authority as its folder and the configuration want it, and says in time when it ends.

use crate::failure;
use lazaret_console::AuthoritySummary;
use lazaret_gates::{Authority, AuthorityCertificate, AuthorityRole};
use lazaret_model::AuditAct;
use lazaret_store::Ledger;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// How often the folder is looked at.
const INTERVAL: Duration = Duration::from_secs(3);
/// How often it is said that an authority ends.
const DAY: Duration = Duration::from_secs(86_400);
/// Days before its end from which on it is said.
const SOON: i64 = 60;

/// Watches for as long as the process runs.
pub(crate) async fn watch(authority: Arc<Authority>, ledger: Ledger) {
    let mut look = tokio::time::interval(INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut trouble, mut warned): (String, Option<Instant>) = (String::new(), None);
    loop {
        look.tick().await;
        let looked_at = Arc::clone(&authority);
        let Ok(looked) = tokio::task::spawn_blocking(move || looked_at.refresh()).await else { continue };
        match looked {
            Ok(other) => {
                trouble.clear();
                if let Some(other) = other {
                    tracing::info!(subject = %other.subject, sha256 = %other.sha256, "another certificate authority \
                        is now in use");
                    if let Err(error) = ledger.note("lazaret", AuditAct::AuthorityInUse, &told(&other)).await {
                        tracing::error!(error = %failure::told(&error), "a change of the certificate authority could \
                            not be recorded");
                    }
                    // What there is to say about this one was not said.
                    warned = None;
                }
            }
            Err(error) => {
                let why = failure::told(&error);
                if why != trouble {
                    tracing::error!(%why, "keeping the certificate authority that is in use");
                }
                trouble = why;
            }
        }
        if warned.is_none_or(|at| at.elapsed() >= DAY)
            && let Some(warning) = ending(&authority.known(), OffsetDateTime::now_utc())
        {
            tracing::warn!("{warning}");
            warned = Some(Instant::now());
        }
    }
}

/// Which one it is, for the audit.
pub(crate) fn told(certificate: &AuthorityCertificate) -> String {
    format!("{}, SHA-256 {}, until {}", certificate.subject, certificate.sha256, certificate.not_after.date())
}

/// What is to be done about an authority that ends soon.
pub(crate) fn ending(list: &[AuthorityCertificate], now: OffsetDateTime) -> Option<String> {
    let of = |role| list.iter().find(|certificate| certificate.role == role);
    let present = of(AuthorityRole::Present)?;
    let days = present.days_left(now);
    if days > SOON {
        return None;
    }
    let end = present.not_after.date();
    let ends = if present.not_after <= now {
        format!("expired on {end}")
    } else {
        format!(
            "expires on {end}, in {days} \
            days"
        )
    };
    let advice = match of(AuthorityRole::Next) {
        None => "create the next one with `lazaret authority rotate`, and have clients trust it by then",
        Some(_) => {
            "its successor exists: have clients trust it, then switch over (`lazaret authority rotate --use`, or \
                `proxy.authority_next_from`); it takes over automatically when this one expires"
        }
    };
    Some(format!("the certificate authority of the proxy {ends}; {advice}"))
}

/// An authority as the console and programs are told of it.
pub(crate) fn summary(certificate: &AuthorityCertificate) -> AuthoritySummary {
    let millis = |time: OffsetDateTime| time.unix_timestamp().saturating_mul(1_000);
    AuthoritySummary {
        role: certificate.role.name(),
        subject: certificate.subject.clone(),
        serial: certificate.serial.clone(),
        sha256: certificate.sha256.clone(),
        not_before: millis(certificate.not_before),
        not_after: millis(certificate.not_after),
        names: certificate.permitted.clone(),
        pem: certificate.pem.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_sixty_days_before_with_what_is_to_be_done() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let one = |role, days| AuthorityCertificate {
            role,
            path: std::path::PathBuf::new(),
            subject: String::new(),
            serial: String::new(),
            sha256: String::new(),
            not_before: now,
            not_after: now + time::Duration::days(days),
            permitted: Vec::new(),
            pem: String::new(),
        };
        let present = |days| one(AuthorityRole::Present, days);
        assert_eq!(ending(&[present(61)], now), None);
        assert_eq!(ending(&[], now), None);
        let alone = ending(&[present(60)], now).unwrap();
        assert!(
            alone.contains(
                "expires on 1970-03-02, in 60 days; create the next one with `lazaret authority \
            rotate`"
            ),
            "{alone}"
        );
        let both = ending(&[present(1), one(AuthorityRole::Next, 3_650)], now).unwrap();
        assert!(both.contains("its successor exists"), "{both}");
        let over = ending(&[present(-3)], now).unwrap();
        assert!(over.contains("expired on 1969-12-29; "), "{over}");
    }
}
