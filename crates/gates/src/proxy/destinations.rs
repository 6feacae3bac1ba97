//! Where people may be led: not to this machine, not to what serves secrets to machines like it, not to ports of other services
//! than the web. Addresses are looked at once names are resolved, so that no name and no other way to write an address leads
//! there (OWASP, Server-Side Request Forgery).

use super::upstream::Asker;
use crate::GateError;
use crate::network::Networks;
use crate::settings::ProxySettings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

/// What nobody is led to (IANA's registries of special-purpose addresses, and what clouds document).
const FORBIDDEN: &[&str] = &[
    "0.0.0.0/8",      // this network (RFC 791); Linux takes it for this machine
    "127.0.0.0/8",    // loopback (RFC 1122)
    "169.254.0.0/16", // link-local (RFC 3927), with the metadata of most clouds at 169.254.169.254
    "100.64.0.0/10",  // carriers' own (RFC 6598), with Alibaba's metadata at 100.100.100.200
    "168.63.129.16",  // Azure's services for machines
    "192.0.0.0/24",   // protocols' own (RFC 6890), with Oracle's metadata at 192.0.0.192
    "224.0.0.0/4",    // multicast (RFC 5771)
    "240.0.0.0/4",    // reserved (RFC 1112), and the broadcast address
    "::/128",         // unspecified (RFC 4291)
    "::1/128",        // loopback
    "100::/64",       // discarded (RFC 6666)
    "64:ff9b:1::/48", // translation inside a network (RFC 8215): to what, only that network knows
    "fd00:ec2::/32",  // Amazon's metadata at fd00:ec2::254, and more of it
    "fd20:ce::254",   // Google's metadata
    "fd00:42::42",    // Scaleway's metadata
    "fe80::/10",      // link-local
    "fec0::/10",      // site-local, withdrawn (RFC 3879)
    "ff00::/8",       // multicast
];

/// Ports above 1023 of services that are not the web's, and of which many trust whoever reaches them. From the Fetch standard
/// ("bad ports"), and databases, brokers and the like.
const UNSAFE: &[u16] = &[
    1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672,
    5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 9200, 9300, 10_080, 10_250,
    11_211, 27_017,
];

/// Where people may be led.
#[derive(Debug)]
pub(super) struct Destinations {
    forbidden: Networks,
    allowed: Networks,
    denied: Networks,
}

impl Destinations {
    /// As it is configured.
    ///
    /// # Errors
    /// When a network is none.
    pub(super) fn of(settings: &ProxySettings) -> Result<Self, GateError> {
        Ok(Self {
            forbidden: Networks::parse("proxy", FORBIDDEN)?,
            allowed: Networks::parse("proxy.allowed_destinations", &settings.allowed_destinations)?,
            denied: Networks::parse("proxy.denied_destinations", &settings.denied_destinations)?,
        })
    }

    /// Whether whoever asks may not be led to an address.
    pub(super) fn forbids(&self, asker: Asker, address: IpAddr) -> bool {
        match asker {
            Asker::Here => false,
            // The console may be at another address of this machine.
            Asker::Console => meant(address).into_iter().any(is_local),
            Asker::Elsewhere => self.is_forbidden(address) || self.is_other_of_ours(address),
        }
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        self.allowed.has(address)
    }

    fn is_other_of_ours(&self, address: IpAddr) -> bool {
        meant(address).into_iter().any(|address| !self.is_allowed(address) && is_this_machine(address))
    }

    fn is_forbidden(&self, address: IpAddr) -> bool {
        meant(address).into_iter().any(|address| {
            is_local(address) || self.denied.has(address) || self.forbidden.has(address) && !self.is_allowed(address)
        })
    }
}

/// Whether an address is this machine by itself, or that of a neighbour that has no other.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.octets().first() == Some(&0) || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local(),
    }
}

/// An address, and those that stand in it, to which it leads where somebody translates.
fn meant(address: IpAddr) -> Vec<IpAddr> {
    let mut all = vec![address.to_canonical()];
    let IpAddr::V6(address) = address else { return all };
    let bits = address.to_bits();
    let words = address.segments();
    let low = |bits: u128| Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default());
    match words {
        // IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-mapped, and translated by SIIT (RFC 7915).
        [0, 0, 0, 0, 0, 0, ..] if bits > 1 => all.push(IpAddr::V4(low(bits))),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => all.push(IpAddr::V4(low(bits))),
        // NAT64 (RFC 6052, 2.1).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => all.push(IpAddr::V4(low(bits))),
        // 6to4 (RFC 3056, 2).
        [0x2002, ..] => all.push(IpAddr::V4(low(bits >> 80))),
        // Teredo (RFC 4380, 4): the server's address, and the client's turned round.
        [0x2001, 0, ..] => all.extend([IpAddr::V4(low(bits >> 64)), IpAddr::V4(low(!bits))]),
        // ISATAP (RFC 5214, 6.1).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => all.push(IpAddr::V4(low(bits))),
        _ => {}
    }
    all
}

/// Whether an address is one of this machine's own: then it is also the one from which this machine would speak to it. Nothing
/// is sent to find out.
fn is_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Where that cannot be found out, nobody is led there; where no way leads there, nobody is either.
    let Ok(socket) = UdpSocket::bind(SocketAddr::new(any, 0)) else { return true };
    socket.connect(SocketAddr::new(address, 9)).is_ok() && socket.local_addr().is_ok_and(|own| own.ip() == address)
}

/// Ports at which sites may be asked.
#[derive(Debug)]
pub(super) struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// As it is configured.
    ///
    /// # Errors
    /// When an entry is no port and no range of ports.
    pub(super) fn of(settings: &ProxySettings) -> Result<Self, GateError> {
        let range = |entry: &String| {
            let entry = entry.as_str();
            let (from, to) = entry.split_once('-').unwrap_or((entry, entry));
            let wrong = || GateError::Setting {
                key: "proxy.ports",
                why: format!("`{entry}` is neither a port nor a range such as 1024-65535"),
            };
            match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
                (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(from..=to),
                _ => Err(wrong()),
            }
        };
        settings.ports.iter().map(range).collect::<Result<_, _>>().map(Self)
    }

    /// Whether sites may be asked at a port: it is named, or in a range and not another service's.
    pub(super) fn has(&self, port: u16) -> bool {
        let mut ranges = self.0.iter().filter(|range| range.contains(&port));
        ranges.any(|range| range.start() == range.end() || !UNSAFE.contains(&port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(allowed: &[&str], denied: &[&str]) -> Destinations {
        let list = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let settings = ProxySettings {
            allowed_destinations: list(allowed),
            denied_destinations: list(denied),
            ..ProxySettings::default()
        };
        Destinations::of(&settings).unwrap()
    }

    #[test]
    fn what_is_forbidden_is_told_in_every_disguise() {
        let all = destinations(&[], &["203.0.113.0/24"]);
        for (address, forbidden) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::127.0.0.1", true),
            ("64:ff9b::127.0.0.1", true),
            ("64:ff9b:1::1", true),
            ("2002:7f00:1::1", true),
            ("2001:0:7f00:1::1", true),
            // 127.0.0.1 turned round.
            ("2001:0:5db8:d822::80ff:fffe", true),
            ("::ffff:0:127.0.0.1", true),
            ("2001:db8::5efe:7f00:1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("::", true),
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::a9fe:a9fe", true),
            ("2002:a9fe:a9fe::", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fec0::1", true),
            ("fd00:ec2::254", true),
            ("fd00:ec2::253", true),
            ("fd20:ce::254", true),
            ("100.100.100.200", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("168.63.129.16", true),
            ("::ffff:168.63.129.16", true),
            ("168.63.129.17", false),
            ("192.0.0.192", true),
            ("64:ff9b::192.0.0.192", true),
            ("192.0.2.1", false),
            ("224.0.0.1", true),
            ("239.255.255.250", true),
            ("ff02::1", true),
            ("240.0.0.1", true),
            ("255.255.255.255", true),
            ("203.0.113.7", true),
            ("64:ff9b::203.0.113.7", true),
            // Private networks have sites of their own that people may read.
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("fd12:3456::1", false),
            ("198.51.100.1", false),
            ("2001:db8::1", false),
            ("64:ff9b::198.51.100.1", false),
            ("2002:c633:6401::1", false),
        ] {
            assert_eq!(all.is_forbidden(address.parse().unwrap()), forbidden, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_may_be_reached_but_never_this_machine() {
        let all = destinations(&["100.64.0.0/10", "127.0.0.0/8"], &["100.64.7.0/24"]);
        for (asker, address, forbidden) in [
            (Asker::Elsewhere, "100.64.0.1", false),
            (Asker::Elsewhere, "::ffff:100.64.0.1", false),
            (Asker::Elsewhere, "100.64.7.1", true),
            (Asker::Elsewhere, "127.0.0.1", true),
            (Asker::Here, "127.0.0.1", false),
            (Asker::Console, "127.0.0.1", true),
            (Asker::Console, "100.64.7.1", false),
        ] {
            assert_eq!(all.forbids(asker, address.parse().unwrap()), forbidden, "{asker:?} {address}");
        }
    }

    #[test]
    fn an_address_of_this_machine_is_known_as_such() {
        // The address from which this machine would speak to others, where it has any.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("198.51.100.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            assert!(is_this_machine(own), "{own}");
        } else {
            eprintln!("skipped: this machine has no way to others");
        }
        assert!(is_this_machine("127.0.0.1".parse().unwrap()));
        assert!(!is_this_machine("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn ports_are_those_of_the_web_unless_others_are_named() {
        let usual = Ports::of(&ProxySettings::default()).unwrap();
        let own = Ports::of(&ProxySettings { ports: vec!["443".into(), "5432".into()], ..Default::default() }).unwrap();
        for (port, usually, named) in [
            (80, true, false),
            (443, true, true),
            (8080, true, false),
            (8443, true, false),
            (49_152, true, false),
            (22, false, false),
            (25, false, false),
            (6379, false, false),
            (5432, false, true),
            (11_211, false, false),
            (0, false, false),
        ] {
            assert_eq!((usual.has(port), own.has(port)), (usually, named), "{port}");
        }
        for wrong in ["x", "0", "70000", "443-80", ""] {
            let error = Ports::of(&ProxySettings { ports: vec![wrong.into()], ..Default::default() }).unwrap_err();
            assert!(error.to_string().contains("proxy.ports"), "{wrong}: {error}");
        }
    }
}
