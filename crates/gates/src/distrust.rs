//! Clients that do not take the certificates made here: programs that bring authorities of their own, or know the site's certificate.
//! An administrator can see which hosts to bypass for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Pairs of host and client that are remembered; beyond them the one that was seen longest ago goes.
const MOST: usize = 1_000;

/// A client that refused the certificate of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsRefusal {
    /// The host that it wanted.
    pub host: String,
    /// The client's address.
    pub client: IpAddr,
    /// What the program calls itself (`User-Agent`), where it said so; empty for nothing.
    pub agent: String,
    /// What it said, the name of an alert (RFC 8446, 6.2), such as `unknown_ca`, or `none` where it hung up.
    pub alert: &'static str,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: SystemTime,
    /// The last time.
    pub last: SystemTime,
}

/// Who they were.
#[derive(Debug, Default)]
pub(crate) struct Distrust(Mutex<HashMap<(String, IpAddr), TlsRefusal>>);

impl Distrust {
    /// Notes one more; whether it is the first of that host and client.
    pub(crate) fn note(&self, host: &str, client: IpAddr, agent: &str, alert: &'static str) -> bool {
        let now = SystemTime::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = known.get_mut(&(host.to_owned(), client)) {
            (refusal.alert, refusal.last) = (alert, now);
            refusal.count += 1;
            // Several programs of a machine may refuse it: the latest is told, unless it says nothing.
            if !agent.is_empty() && refusal.agent != agent {
                agent.clone_into(&mut refusal.agent);
            }
            return false;
        }
        if known.len() >= MOST {
            let oldest = known.iter().min_by_key(|(_, refusal)| refusal.last).map(|(key, _)| key.clone());
            oldest.map(|key| known.remove(&key));
        }
        let (name, agent) = (host.to_owned(), agent.to_owned());
        let refusal = TlsRefusal { host: name, client, agent, alert, count: 1, first: now, last: now };
        known.insert((host.to_owned(), client), refusal);
        true
    }

    /// All that are remembered, the latest first.
    pub(crate) fn list(&self) -> Vec<TlsRefusal> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = known.values().cloned().collect();
        list.sort_by_key(|refusal| std::cmp::Reverse(refusal.last));
        list
    }
}

/// What a client said of a certificate; nothing where the handshake failed for another reason.
pub(crate) fn alert_of(error: &std::io::Error) -> Option<&'static str> {
    use rustls::AlertDescription as Alert;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => match alert {
            Alert::UnknownCA => Some("unknown_ca"),
            Alert::BadCertificate => Some("bad_certificate"),
            Alert::CertificateUnknown => Some("certificate_unknown"),
            Alert::UnsupportedCertificate => Some("unsupported_certificate"),
            Alert::CertificateRevoked => Some("certificate_revoked"),
            Alert::CertificateExpired => Some("certificate_expired"),
            Alert::AccessDenied => Some("access_denied"),
            _ => None,
        },
        // Some hang up without a word.
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => Some("none"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refuses_is_counted_by_host_and_client_and_told_once() {
        let distrust = Distrust::default();
        let client = |number: u16| IpAddr::from(std::net::Ipv4Addr::from(0xc000_0200 + u32::from(number)));
        for (host, number, first) in [("a.example", 1, true), ("a.example", 1, false), ("b.example", 1, true)] {
            assert_eq!(distrust.note(host, client(number), "update/1", "unknown_ca"), first, "{host}");
        }
        distrust.note("b.example", client(1), "", "none");
        let list = distrust.list();
        assert!(list.iter().all(|refusal| refusal.agent == "update/1"), "who says nothing says nothing new: {list:?}");
        assert_eq!(list.len(), 2);
        assert!(list.iter().any(|refusal| refusal.host == "a.example" && refusal.count == 2), "{list:?}");
        for number in 0..2_000 {
            distrust.note("c.example", client(number), "", "bad_certificate");
        }
        assert_eq!(distrust.list().len(), MOST);
    }

    #[test]
    fn an_alert_about_the_certificate_is_told_from_other_failures() {
        let wrapped = |error: rustls::Error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        let alert = |alert| alert_of(&wrapped(rustls::Error::AlertReceived(alert)));
        assert_eq!(alert(rustls::AlertDescription::UnknownCA), Some("unknown_ca"));
        assert_eq!(alert(rustls::AlertDescription::ProtocolVersion), None);
        assert_eq!(alert_of(&wrapped(rustls::Error::DecryptError)), None);
        assert_eq!(alert_of(&std::io::ErrorKind::UnexpectedEof.into()), Some("none"));
        assert_eq!(alert_of(&std::io::ErrorKind::ConnectionReset.into()), None);
    }
}
