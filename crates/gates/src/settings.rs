//! What an administrator can set about gates. Every key is documented in `lazaret config defaults`.

use crate::GateError;
use crate::exchange::normal_host;
use http::Uri;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use time::{Date, Month, OffsetDateTime};

/// Bytes that are inspected in a second at the least, so that large bodies have the time they need.
const BYTES_A_SECOND: u64 = 16 << 20;
/// Connections that a browser opens to a proxy, with room for a second one.
const ENOUGH: usize = 64;

lazaret_model::settings! {
    /// Bodies in transit.
    pub struct BodySettings {
        /// Bytes of a body kept in memory; larger bodies go to the spool in the data folder.
        pub in_memory_bytes: u64 = 1 << 20;
        /// Maximum size of a body in bytes; larger ones are blocked.
        pub most_bytes: u64 = 4 << 30;
        /// Bytes of video or audio that are inspected before the rest passes.
        pub media_bytes: u64 = 16 << 20;
        /// Maximum number of concurrent inspections; one client may use all but one, so that another always gets a
        /// turn. Among waiting clients, the one that has used the least time is next. 0: twice the number of
        /// processors for one client, plus one.
        pub inspections: usize = 0;
        /// Milliseconds that the inspection of one body may take, plus a second for each 16 MiB of it, within
        /// `limits.time_ms`. Bodies that take longer are held.
        pub time_ms: u64 = 30_000;
        /// Seconds that a body waits for its turn (then it is held) or for space (then it is refused with 503),
        /// while nothing more of it is read.
        pub wait_seconds: u64 = 30;
        /// Maximum number of bodies of one client that wait for their turn; further ones are refused with 503.
        pub waiting: usize = 1_000;
        /// Total bytes of memory for bodies in transit; one client may use a quarter. What does not fit goes to the
        /// spool.
        pub memory_bytes: u64 = 256 << 20;
        /// Total bytes of the spool for bodies in transit; one client may use a quarter, but always enough for one
        /// body. What does not fit waits.
        pub spool_bytes: u64 = 64 << 30;
        /// Bytes of delivered bodies that are cached, at most an eighth of `spool_bytes`, so that downloads can be
        /// resumed and videos skipped through without fetching and inspecting everything again. The site is asked whether
        /// a copy is still current.
        pub kept_bytes: u64 = 4 << 30;
        /// Seconds for which they are cached. 0: not at all.
        pub kept_seconds: u64 = 300;
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

lazaret_model::settings! {
    /// The ICAP server of `lazaret serve`, for Squid and other gateways.
    pub struct IcapSettings {
        /// Address and port to listen on. Empty: no ICAP server.
        pub listen: String = "127.0.0.1:1344".to_owned();
        /// Networks whose gateways may use the server. Default: this machine and private networks.
        pub allowed_clients: Vec<String> = private();
        /// Networks of gateways that are trusted to name the client (X-Client-IP, X-Authenticated-User,
        /// X-Authenticated-Groups) and the site's address (X-Server-IP).
        pub trusted_gateways: Vec<String> = ["127.0.0.0/8", "::1"].map(str::to_owned).to_vec();
        /// Networks of load balancers that start each connection with a PROXY header, before TLS; as in `[proxy]`.
        pub balancers: Vec<String> = Vec::new();
        /// Files with a certificate chain and its key (PEM), for ICAP over TLS. Empty: no TLS. They are reloaded
        /// when they change.
        pub certificate: String = String::new();
        pub key: String = String::new();
        /// Files of certificate authorities (PEM). Only clients with a certificate from one of them are accepted;
        /// requires TLS. Empty: all clients.
        pub client_authorities: Vec<std::path::PathBuf> = Vec::new();
        /// Size of the preview that clients are asked to send, in bytes.
        pub preview_bytes: usize = 16_384;
        /// Maximum number of concurrent connections, which is announced to clients; further ones wait.
        pub connections: usize = 1_000;
        /// Maximum number of connections from one address outside `trusted_gateways`; further ones are closed. 0: a
        /// quarter of `connections`, but at least 64.
        pub connections_an_address: usize = 0;
        /// Seconds without data after which a connection is closed.
        pub idle_seconds: u64 = 60;
        /// Bytes read from a client that cannot buffer the whole body before it is sent the beginning of its
        /// response. Squid 5 needs this to be less than 64 KiB; anything blocked later appears as a failed download
        /// instead of a block page. 0: never.
        pub begin_after_bytes: u64 = 40_960;
        /// Seconds after which such a client is sent the beginning of its response in any case.
        pub patience_seconds: u64 = 8;
    }
}

lazaret_model::settings! {
    /// The web proxy of `lazaret serve`.
    pub struct ProxySettings {
        /// Address and port to listen on. Empty: no proxy.
        pub listen: String = "127.0.0.1:3128".to_owned();
        /// Networks whose clients may use the proxy. Default: this machine and private networks.
        pub allowed_clients: Vec<String> = private();
        /// Networks of load balancers that start each connection with a PROXY header (HAProxy's PROXY protocol,
        /// versions 1 and 2). The header names the client; connections without it are closed. The header is not
        /// accepted from anyone else.
        pub balancers: Vec<String> = Vec::new();
        /// Ports on which sites may be reached. Ports of non-web services (databases, mail and the like) are
        /// excluded from ranges; list such a port individually to allow it.
        pub ports: Vec<String> = ["80", "443", "1024-65535"].map(str::to_owned).to_vec();
        /// Exceptions: networks that clients may reach although they are blocked by default. Only this machine
        /// itself may reach its own addresses, link-local and multicast addresses, 100.64.0.0/10 and cloud metadata
        /// services.
        pub allowed_destinations: Vec<String> = Vec::new();
        /// Further networks that clients may not reach, such as the server network.
        pub denied_destinations: Vec<String> = Vec::new();
        /// Hosts whose TLS connections are passed through without inspection, such as those of a bank;
        /// ".example.org" means a domain and all its subdomains.
        pub bypass: Vec<String> = Vec::new();
        /// Names of lists in [[sites.lists]] with `suspicious = false` whose hosts bypass inspection like those in
        /// `bypass`, such as category lists: banks, health.
        pub bypass_lists: Vec<String> = Vec::new();
        /// Names of built-in sets of hosts that bypass inspection like those in `bypass`, because their clients
        /// accept only the vendor's certificates: os-updates, conferencing. The console lists their contents
        /// (/sites/refusals).
        pub bypass_sets: Vec<String> = vec!["os-updates".to_owned()];
        /// Files of certificate authorities (PEM) to trust in addition to the system's.
        pub trust: Vec<std::path::PathBuf> = Vec::new();
        /// Domains, including their subdomains, that the proxy's own certificate authority is limited to (name
        /// constraints, RFC 5280), such as "example.com": a stolen key is worthless elsewhere. They are written into
        /// an authority when it is created: the first one, and each created by `lazaret authority rotate`. Empty:
        /// all names and addresses.
        pub authority_constraints: Vec<String> = Vec::new();
        /// What to do with TLS connections to hosts outside those domains: "refuse", or "pass" (without inspection,
        /// where policy permits).
        pub authority_outside: Outside = Outside::Refuse;
        /// The day (such as "2027-01-31", UTC) from which the next authority, created by `lazaret authority rotate`,
        /// is used; clients must trust it by then. Empty: on `lazaret authority rotate --use`, or when the current
        /// one expires.
        pub authority_next_from: String = String::new();
        /// The key of the proxy's own certificate authority in a PKCS #11 token (an HSM or smart card), as a URI
        /// (RFC 7512), such as
        /// "pkcs11:token=TOKEN;object=LABEL?module-path=/PATH/MODULE.so&pin-source=file:/PATH/PIN". The PIN is given
        /// only in its file. Like the constraints, it applies to authorities created from now on; `lazaret authority
        /// generate` creates the key. Changes to how the token is reached apply to all authorities and need a
        /// restart. Empty: each authority gets a new key in a file.
        pub authority_key: String = String::new();
        /// Allow WebSocket connections, which are not inspected; policy can forbid individual ones.
        pub websockets: bool = true;
        /// Inspect uploads before the site receives any of them.
        pub inspect_uploads: bool = true;
        /// Require a name and password (Basic authentication) of a console user.
        pub authentication: bool = false;
        /// Key table (keytab) of the proxy's Kerberos service, such as HTTP/proxy.example.org, which is the proxy's name in
        /// browsers: clients with a ticket sign in without typing (Negotiate, RFC 4559). Needs the system's Kerberos
        /// library (Debian: libgssapi-krb5-2). A ticket counts for the connection that it came on, so there must be no
        /// other HTTP proxy between clients and this one. Changes need a restart. Empty: none.
        pub kerberos_keytab: String = String::new();
        /// Kerberos realm whose people are known by name without the realm, such as "EXAMPLE.ORG": ada@EXAMPLE.ORG is "ada" to
        /// policies, groups and events. People of other realms keep theirs. Empty: everyone keeps theirs.
        pub kerberos_realm: String = String::new();
        /// Networks whose clients are asked for a Kerberos ticket; others sign in as the settings around this one say.
        /// Empty: all.
        pub kerberos_clients: Vec<String> = Vec::new();
        /// Redirect people to the console page /network to sign in, with a password or through their organisation's provider
        /// (`[identity.oidc]`). Requests from the same machine then count as theirs for `console.network_hours`. Programs may send a
        /// name and password, but are not asked for them. For machines used by one person at a time. Tunnels that pass
        /// uninspected need no sign-in.
        pub sign_in_page: bool = false;
        /// Hosts that can be reached without signing in, written as in `bypass`. The console and the sign-in provider always can.
        pub sign_in_except: Vec<String> = Vec::new();
        /// Upstream proxy through which sites are reached, such as "http://proxy.example:8080" or
        /// "http://NAME:PASSWORD@HOST:PORT".
        /// Empty: none.
        pub upstream: String = String::new();
        /// Hosts that are reached without the upstream proxy, written as in `bypass`, or "HOST:PORT".
        pub upstream_except: Vec<String> = Vec::new();
        /// Address and port to which the kernel redirects connections to sites (transparent mode). Empty: none.
        pub transparent: String = String::new();
        /// Seconds to wait for a connection to a site.
        pub connect_seconds: u64 = 15;
        /// Seconds without data after which a connection or a body is abandoned.
        pub idle_seconds: u64 = 60;
        /// Seconds that a site may take to start its response (long polling), or to continue a stream.
        pub answer_seconds: u64 = 300;
        /// Seconds after which a client is sent the first bytes of a download that is still being inspected.
        pub patience_seconds: u64 = 8;
        /// Maximum number of concurrent connections, including tunnels; further ones wait.
        pub connections: usize = 10_000;
        /// Maximum number of connections from one address; further ones are closed. 0: a quarter of `connections`,
        /// but at least 64. If many people share one address, such as that of a load balancer that is not in
        /// `balancers`, set it to the value of `connections`.
        pub connections_an_address: usize = 0;
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

    /// Lets the host of an address be asked before anybody has signed in; nothing where it is none.
    pub fn ask_before_sign_in(&mut self, address: &str) {
        let address = address.parse::<Uri>().ok();
        self.sign_in_except.extend(address.as_ref().and_then(Uri::host).map(normal_host));
    }

    /// The names for which an authority may vouch, as certificates have them.
    pub(crate) fn constraints(&self) -> Result<Vec<String>, GateError> {
        let names = self.authority_constraints.iter().map(|name| {
            let host = normal_host(name.strip_prefix('.').unwrap_or(name));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || host.parse::<IpAddr>().is_ok() || !host.bytes().all(is_name) {
                let why = format!("`{name}` is not a name such as `example.com`");
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
            why: format!("`{}` is not a date such as `2027-01-31`", self.authority_next_from),
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

lazaret_model::settings! {
    /// Information about people, for use in policies.
    pub struct PeopleSettings {
        /// Groups and their members: groups = { finance = ["ada", "karl"] }
        pub groups: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
        /// Networks that people use: networks = [{ network = "192.0.2.0/24", groups = ["office"] }]. Clients on a
        /// network with a `person` are not asked for a name.
        pub networks: Vec<NetworkSettings> = Vec::new();
    }
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

lazaret_model::settings! {
    /// Information about sites.
    pub struct SiteSettings {
        /// Lists of sites, such as:
        ///   lists = [
        ///     { name = "urlhaus", source = "https://urlhaus.abuse.ch/downloads/csv_recent/" },
        ///     { name = "ours", source = "lists/ours.txt", suspicious = false },
        ///   ]
        /// `source` is a file or a URL. `format` is auto (default), hosts, domains, urlhaus, stix or rpz. A URL is
        /// fetched again every `refresh_minutes` (default 60); a file is read again when it changes. Nothing is
        /// delivered from sites on a list unless it has `suspicious = false`; your own policies can refer to such
        /// lists.
        pub lists: Vec<SiteList> = Vec::new();
    }
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
