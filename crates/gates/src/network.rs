//! Networks: addresses that share their first bits (RFC 4632).

use crate::GateError;
use std::net::IpAddr;
use std::str::FromStr;

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The addresses that share the first `bits` with `address`; none where it has fewer.
    pub(crate) fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        (bits <= whole).then_some(Self { address, bits })
    }

    pub(crate) fn bits(&self) -> u8 {
        self.bits
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, whole: u32| {
            (one ^ other).checked_shr(whole - u32::from(self.bits)).unwrap_or(0) == 0
        };
        match (address.to_canonical(), self.address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// Networks that a setting lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks(Vec<Network>);

impl Networks {
    /// Reads the entries of a setting.
    ///
    /// # Errors
    /// When one is no network.
    pub(crate) fn parse<T: AsRef<str>>(key: &'static str, entries: &[T]) -> Result<Self, GateError> {
        let network = |entry: &T| {
            let entry = entry.as_ref();
            entry.parse::<Network>().map_err(|why| GateError::Setting { key, why: format!("`{entry}`: {why}") })
        };
        entries.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not a network such as 192.0.2.0/24";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| WRONG)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| WRONG)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        Self::new(address, bits.unwrap_or(whole)).ok_or(WRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "192.0.2.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.has(address.parse().unwrap()), inside, "{network:?} {address}");
        }
        for wrong in ["192.0.2.0/33", "192.0.2/24", "host", "192.0.2.0/x", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
