//! What an administrator can set about gates. Every key is documented in `lazaret config defaults`.

use crate::GateError;
use crate::exchange::normal_host;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use time::{Date, Month, OffsetDateTime};

/// Bytes that are inspected in a second at the least, so that large bodies have the time they need.
const BYTES_A_SECOND: u64 = 16 << 20;
/// Connections that a browser opens to a proxy, with room for a second one.
const ENOUGH: usize = 64;

/// How bodies are held while they are inspected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BodySettings {
    /// Bytes of a body kept in memory; what is larger goes to the spool. Default 1 MiB.
    pub in_memory_bytes: u64,
    /// Bytes that a body may have; larger ones are blocked. Default 4 GiB.
    pub most_bytes: u64,
    /// Bytes of film or sound that are inspected before the rest passes. Default 16 MiB.
    pub media_bytes: u64,
    /// Bodies inspected at once, one fewer of one client; 0 stands for twice the processors of one client, and one more.
    /// Default 0.
    pub inspections: usize,
    /// Milliseconds that the inspection of one body may take, and a second more for each 16 MiB of it, where `limits.time_ms` is
    /// not less; what takes longer is held. Default 30,000.
    pub time_ms: u64,
    /// Seconds that a body waits for its turn, or for room, until it is refused. Default 30.
    pub wait_seconds: u64,
    /// Bodies of one client that wait for their turn; further ones are refused. Default 1,000.
    pub waiting: usize,
    /// Bytes of memory that bodies under way take in all, of one client a quarter; what does not fit goes to the spool.
    /// Default 256 MiB.
    pub memory_bytes: u64,
    /// Bytes of the spool that bodies under way take in all, of one client a quarter, but room for one body. What does not fit
    /// waits, and is then refused. Default 64 GiB.
    pub spool_bytes: u64,
    /// Bytes of what was delivered that are kept for a while, an eighth of `spool_bytes` at the most, so that downloads can be
    /// resumed and film can be sought in without being fetched and inspected again. Default 4 GiB.
    pub kept_bytes: u64,
    /// Seconds for which they are kept; 0 for not at all. Default 300.
    pub kept_seconds: u64,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self {
            in_memory_bytes: 1 << 20,
            most_bytes: 4 << 30,
            media_bytes: 16 << 20,
            inspections: 0,
            time_ms: 30_000,
            wait_seconds: 30,
            waiting: 1_000,
            memory_bytes: 256 << 20,
            spool_bytes: 64 << 30,
            kept_bytes: 4 << 30,
            kept_seconds: 300,
        }
    }
}

impl BodySettings {
    /// Inspections at once, in all and of one client, on so many processors.
    pub(crate) fn turns(&self, processors: usize) -> (usize, usize) {
        match self.inspections {
            // Whoever is alone loses nothing by the one that is for others.
            0 => (processors * 2 + 1, processors * 2),
            all => (all, all.saturating_sub(1).max(1)),
        }
    }

    /// How long the inspection of a body of so many bytes may take.
    pub(crate) fn inspection_time(&self, bytes: u64) -> Duration {
        Duration::from_millis(self.time_ms.max(1)) + Duration::from_secs(bytes / BYTES_A_SECOND)
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }
}

/// Connections of one address out of so many: as is set, or (0) a quarter, but enough for a browser.
pub(crate) fn of_one_address(set: usize, connections: usize) -> usize {
    let each = if set == 0 { (connections / 4).max(ENOUGH) } else { set };
    each.min(connections)
}

/// This machine, and networks that nobody reaches over the internet: loopback, private (RFC 1918, RFC 4193), link-local.
fn private() -> Vec<String> {
    let networks = [
        "127.0.0.0/8",
        "::1",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ];
    networks.map(str::to_owned).to_vec()
}

/// The ICAP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IcapSettings {
    /// Address and port to listen on; empty for no ICAP server. Default 127.0.0.1:1344.
    pub listen: String,
    /// Networks from which gateways may ask. Default this machine and private networks.
    pub allowed_clients: Vec<String>,
    /// Networks of gateways that are believed for whom they ask, and which machine a site is at. Default loopback.
    pub trusted_gateways: Vec<String>,
    /// Networks of balancers, whose connections begin with a PROXY header; those of others never do. Default none.
    pub balancers: Vec<String>,
    /// File of a certificate chain (PEM), for ICAP over TLS; empty for none. Default none.
    pub certificate: String,
    /// File of the certificate's key (PEM). Default none.
    pub key: String,
    /// Files of authorities (PEM): over TLS, only clients with a certificate from one of them are served. Default none.
    pub client_authorities: Vec<std::path::PathBuf>,
    /// Bytes of a body that clients are asked to send first. Default 16384.
    pub preview_bytes: usize,
    /// Connections served at once, which clients are told; more wait. Default 1,000.
    pub connections: usize,
    /// Connections of one address outside `trusted_gateways`; further ones are closed. 0 stands for a quarter of
    /// `connections`, and 64 at the least. Default 0.
    pub connections_an_address: usize,
    /// Seconds of silence after which a connection is closed. Default 60.
    pub idle_seconds: u64,
    /// Bytes taken from a client that cannot keep the whole body (it does not allow 204) until it gets the beginning of
    /// its answer. Squid 5 needs this to be less than 64 KiB; what is blocked afterwards is a failed download instead of
    /// a page. 0 for never. Default 40960.
    pub begin_after_bytes: u64,
    /// Seconds after which such a client gets the beginning of its answer in any case. Default 8.
    pub patience_seconds: u64,
}

impl Default for IcapSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:1344".to_owned(),
            allowed_clients: private(),
            trusted_gateways: ["127.0.0.0/8", "::1"].map(str::to_owned).to_vec(),
            balancers: Vec::new(),
            certificate: String::new(),
            key: String::new(),
            client_authorities: Vec::new(),
            preview_bytes: 16_384,
            connections: 1_000,
            connections_an_address: 0,
            idle_seconds: 60,
            begin_after_bytes: 40_960,
            patience_seconds: 8,
        }
    }
}

/// The web proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxySettings {
    /// Address and port to listen on; empty for no proxy. Default 127.0.0.1:3128.
    pub listen: String,
    /// Networks from which it may be used. Default this machine and private networks.
    pub allowed_clients: Vec<String>,
    /// Networks of balancers, whose connections begin with a PROXY header; those of others never do. Default none.
    pub balancers: Vec<String>,
    /// Ports at which sites may be asked, each by itself or as a range; of a range, ports of other services than the web's are
    /// left out. Default 80, 443, and 1024 to 65535.
    pub ports: Vec<String>,
    /// Networks to which people may be led although that is forbidden by itself, such as 100.64.0.0/10, or this machine's other
    /// addresses. Default none.
    pub allowed_destinations: Vec<String>,
    /// Networks to which people may not be led. Default none.
    pub denied_destinations: Vec<String>,
    /// Hosts whose TLS connections are passed untouched and uninspected; `.example.org` stands for a domain and
    /// everything below it. Default none.
    pub bypass: Vec<String>,
    /// Names of lists of `sites` whose hosts are passed like those of `bypass`: a category is such a list. Default none.
    pub bypass_lists: Vec<String>,
    /// Names of the sets of hosts that come with Lazaret and are passed like those of `bypass`. Default `os-updates`.
    pub bypass_sets: Vec<String>,
    /// Files of further certificate authorities (PEM) to trust, beside the system's. Default none.
    pub trust: Vec<std::path::PathBuf>,
    /// Names for which an authority may vouch that is made from now on, with everything below them: name constraints. Default
    /// none, which is all names and addresses.
    pub authority_constraints: Vec<String>,
    /// What becomes of TLS connections to other hosts than those. Default refuse.
    pub authority_outside: Outside,
    /// The day (`2027-01-31`, UTC) from which the next authority is used; empty for none. Default none.
    pub authority_next_from: String,
    /// Pass `WebSocket` connections, which are not inspected. Default true.
    pub websockets: bool,
    /// Inspect what clients send before the site gets it. Default true.
    pub inspect_uploads: bool,
    /// Ask clients for a name and password (Basic). Default false.
    pub authentication: bool,
    /// Address of another proxy through which sites are reached, `http://[NAME:PASSWORD@]HOST:PORT`; empty for none.
    /// Default none.
    pub upstream: String,
    /// Hosts that are reached without it, written as in `bypass`, or `HOST:PORT`. Default none.
    pub upstream_except: Vec<String>,
    /// Address and port to which the kernel redirects connections that were meant for sites; empty for none. Default
    /// none.
    pub transparent: String,
    /// Seconds to wait for a connection to a site. Default 15.
    pub connect_seconds: u64,
    /// Seconds of silence after which a connection or a body is given up. Default 60.
    pub idle_seconds: u64,
    /// Seconds that a site may take to begin its answer, or to go on with a stream. Default 300.
    pub answer_seconds: u64,
    /// Seconds after which a client is sent the first bytes of what is still being inspected. Default 8.
    pub patience_seconds: u64,
    /// Connections served at once, tunnels among them; more wait. Default 10,000.
    pub connections: usize,
    /// Connections of one address; further ones are closed. 0 stands for a quarter of `connections`, and 64 at the least.
    /// Default 0.
    pub connections_an_address: usize,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:3128".to_owned(),
            allowed_clients: private(),
            balancers: Vec::new(),
            ports: ["80", "443", "1024-65535"].map(str::to_owned).to_vec(),
            allowed_destinations: Vec::new(),
            denied_destinations: Vec::new(),
            bypass: Vec::new(),
            bypass_lists: Vec::new(),
            bypass_sets: vec!["os-updates".to_owned()],
            trust: Vec::new(),
            authority_constraints: Vec::new(),
            authority_outside: Outside::Refuse,
            authority_next_from: String::new(),
            websockets: true,
            inspect_uploads: true,
            authentication: false,
            upstream: String::new(),
            upstream_except: Vec::new(),
            transparent: String::new(),
            connect_seconds: 15,
            idle_seconds: 60,
            answer_seconds: 300,
            patience_seconds: 8,
            connections: 10_000,
            connections_an_address: 0,
        }
    }
}

impl ProxySettings {
    pub(crate) fn connect_time(&self) -> Duration {
        Duration::from_secs(self.connect_seconds.max(1))
    }

    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.max(1))
    }

    pub(crate) fn answer_time(&self) -> Duration {
        Duration::from_secs(self.answer_seconds.max(1))
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds.max(1))
    }

    /// The names for which an authority may vouch, as certificates have them.
    pub(crate) fn constraints(&self) -> Result<Vec<String>, GateError> {
        let names = self.authority_constraints.iter().map(|name| {
            let host = normal_host(name.strip_prefix('.').unwrap_or(name));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || host.parse::<IpAddr>().is_ok() || !host.bytes().all(is_name) {
                let why = format!("`{name}` is no name such as `example.com`");
                return Err(GateError::Setting { key: "proxy.authority_constraints", why });
            }
            Ok(host)
        });
        names.collect()
    }

    /// From when the next authority is used.
    pub(crate) fn next_from(&self) -> Result<Option<OffsetDateTime>, GateError> {
        if self.authority_next_from.is_empty() {
            return Ok(None);
        }
        let date = day(&self.authority_next_from).ok_or_else(|| GateError::Setting {
            key: "proxy.authority_next_from",
            why: format!("`{}` is no day such as `2027-01-31`", self.authority_next_from),
        })?;
        Ok(Some(date.midnight().assume_utc()))
    }

    /// Whether TLS connections to this host are left alone.
    pub(crate) fn bypasses(&self, host: &str) -> bool {
        names_host(&self.bypass, host)
    }
}

/// A day (RFC 3339, `full-date`).
fn day(text: &str) -> Option<Date> {
    let mut pieces = text.splitn(3, '-');
    let (year, month, day) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// What becomes of TLS connections to hosts for which the authority may not vouch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// They are refused.
    #[default]
    Refuse,
    /// They are passed uninspected, where policy permits.
    Pass,
}

/// Whether entries name a host: `.example.org` stands for a domain and everything below it.
pub fn names_host(entries: &[String], host: &str) -> bool {
    entries.iter().any(|entry| match entry.strip_prefix('.') {
        Some(domain) => {
            host.eq_ignore_ascii_case(domain)
                || host.len() > entry.len()
                    && host.get(host.len() - entry.len()..).is_some_and(|end| end.eq_ignore_ascii_case(entry))
        }
        None => host.eq_ignore_ascii_case(entry),
    })
}

/// What is known about people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeopleSettings {
    /// Groups with their people, for policies. Default none.
    pub groups: std::collections::BTreeMap<String, Vec<String>>,
    /// Networks from which people ask. Default none.
    pub networks: Vec<NetworkSettings>,
}

/// What is known about whoever asks from a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// Such as `192.0.2.0/24`, or a single address.
    pub network: String,
    /// The person who uses it, who is then not asked for a name; empty for nobody in particular.
    #[serde(default)]
    pub person: String,
    /// Groups of everybody in it.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// What is known about sites.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSettings {
    /// Lists of sites. Default none.
    pub lists: Vec<SiteList>,
}

/// One list of sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteList {
    /// What policies and pages call it: letters, digits, `-` and `_`.
    pub name: String,
    /// A file, or an `http` or `https` address.
    pub source: String,
    /// How it is written. Default: told from the text.
    #[serde(default)]
    pub format: ListFormat,
    /// Minutes after which an address is asked again; files are read again when they change. Default 60.
    #[serde(default = "an_hour")]
    pub refresh_minutes: u32,
    /// It lists suspicious sites, from which nothing is handed over by default. Default true.
    #[serde(default = "yes")]
    pub suspicious: bool,
}

fn an_hour() -> u32 {
    60
}

fn yes() -> bool {
    true
}

/// How a list of sites is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListFormat {
    /// Told from the text.
    #[default]
    Auto,
    /// An address and names a line, as in `hosts(5)`.
    Hosts,
    /// A name, network or address a line.
    Domains,
    /// URLhaus's CSV exports.
    Urlhaus,
    /// A STIX 2.1 bundle of indicators.
    Stix,
    /// A response policy zone.
    Rpz,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_a_turn_and_some_places_to_others() {
        let turns = |inspections| BodySettings { inspections, ..BodySettings::default() }.turns(4);
        assert_eq!([turns(0), turns(1), turns(2), turns(10)], [(9, 8), (1, 1), (2, 1), (10, 9)]);
        for (set, connections, each) in [(0, 10_000, 2_500), (0, 100, 64), (0, 8, 8), (7, 100, 7), (200, 100, 100)] {
            assert_eq!(of_one_address(set, connections), each, "{set} of {connections}");
        }
    }

    #[test]
    fn constraints_are_names_and_the_day_of_a_change_is_one() {
        let constraints = |name: &str| {
            ProxySettings { authority_constraints: vec![name.to_owned()], ..Default::default() }.constraints()
        };
        for (name, host) in [
            ("example.com", "example.com"),
            (".Example.COM", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(constraints(name).unwrap(), [host]);
        }
        for name in ["", ".", "192.0.2.1", "[2001:db8::1]", "192.0.2.0/24", "*.example.com", "https://example.com/"] {
            assert!(constraints(name).is_err(), "{name}");
        }
        let from = |day: &str| ProxySettings { authority_next_from: day.to_owned(), ..Default::default() }.next_from();
        assert!(from("").unwrap().is_none());
        assert_eq!(from("1970-01-31").unwrap().unwrap().unix_timestamp(), 30 * 86_400);
        for day in ["2027-02-30", "2027-01", "31.01.2027", "2027-01-31T00:00:00Z", "tomorrow"] {
            assert!(from(day).is_err(), "{day}");
        }
    }

    #[test]
    fn large_bodies_have_more_time() {
        let settings = BodySettings::default();
        assert_eq!(settings.inspection_time(5_000_000), Duration::from_secs(30));
        assert_eq!(settings.inspection_time(1 << 30), Duration::from_secs(30 + 64));
    }

    #[test]
    fn a_bypass_names_a_host_or_a_domain_with_everything_below() {
        let settings =
            ProxySettings { bypass: vec!["bank.example".into(), ".health.example".into()], ..Default::default() };
        for (host, bypassed) in [
            ("bank.example", true),
            ("BANK.example", true),
            ("www.bank.example", false),
            ("health.example", true),
            ("my.health.example", true),
            ("nothealth.example", false),
            ("example", false),
        ] {
            assert_eq!(settings.bypasses(host), bypassed, "{host}");
        }
    }
}
