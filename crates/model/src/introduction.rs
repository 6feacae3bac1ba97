//! How the proxy tells the console for whom it asks.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who requests a page of the console through the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Their IP address.
    pub client: IpAddr,
    /// Their name, if the proxy knows it.
    pub person: Option<String>,
}

impl Introduction {
    /// The header field that carries it. What clients send under this name is never passed on.
    pub const FIELD: &'static str = "lazaret-introduction";

    /// The field's value, authenticated with `secret`.
    pub fn told(&self, secret: &str) -> String {
        format!("{secret} {}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Parses a field's value; `None` if it is not authenticated with the secret.
    pub fn heard(value: &[u8], secret: &str) -> Option<Self> {
        let (shown, said) = value.split_at_checked(secret.len())?;
        // As long for a wrong secret as for the right one.
        let differences = shown.iter().zip(secret.as_bytes()).fold(0, |all, (one, other)| all | (one ^ other));
        if differences != 0 || secret.is_empty() {
            return None;
        }
        serde_json::from_slice(said.strip_prefix(b" ")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_secret_is_believed() {
        let ada = Introduction { client: "192.0.2.7".parse().unwrap(), person: Some("ädä \"x\"".to_owned()) };
        let told = ada.told("secret");
        assert_eq!(Introduction::heard(told.as_bytes(), "secret"), Some(ada));
        for (value, secret) in
            [(told.as_str(), "secreu"), (&told, "secret "), (&told, ""), ("secret", "secret"), ("", "secret")]
        {
            assert_eq!(Introduction::heard(value.as_bytes(), secret), None, "{secret}");
        }
    }
}
