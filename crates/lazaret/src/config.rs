//! `lazaret.toml`: one struct, every key documented with its default, unknown keys refused with a suggestion.

use crate::failure::Failure;
use lazaret_console::ConsoleSettings;
use lazaret_engine::Isolation;
use lazaret_gates::{BodySettings, IcapSettings, PeopleSettings, ProxySettings, SiteSettings};
use lazaret_model::Limits;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "lazaret.toml";

/// What `lazaret config defaults` prints. A test holds it equal to [`Config::default`].
pub(crate) const DEFAULTS: &str = r#"# lazaret.toml with every key at its default. Delete what you do not change.

[detect]
# Files or folders (*.yar, *.yara) of YARA rules, beside the built-in ones.
rules = []
# Lists of known-bad hashes: plain, CSV, MISP or abuse.ch exports. SHA-256, SHA-1 and MD5.
hash_lists = []
# A running clamd: path of its socket or "host:port". Empty: none. A file that it gives no answer about (it is down, or
# the file is larger than its StreamMaxLength) counts as not inspected completely.
clamd = ""

[open]
# Passwords tried on every locked archive, in order, before words found near it.
passwords = ["infected", "malware", "virus", "password", "1234"]

[policy]
# Files or folders (*.cedar) of policies that replace the built-in ones. Empty: the built-in ones.
policies = []

# The web proxy of `lazaret serve`.
[proxy]
# Address and port to listen on. Empty: no proxy.
listen = "127.0.0.1:3128"
# Networks from which it may be used: this machine, and those that nobody reaches over the internet.
allowed_clients = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"]
# Networks of balancers that begin each connection with a PROXY header (HAProxy's protocol, versions 1 and 2). Whom it names is the
# client; a connection without it is closed. Of everybody else no such header is taken.
balancers = []
# Ports at which sites may be asked. Of a range, ports of other services than the web's are left out (databases, mail and the
# like); a port that is named by itself may be asked.
ports = ["80", "443", "1024-65535"]
# Nobody but this machine itself is led to this machine, to its other addresses, to link-local and multicast addresses, to
# 100.64.0.0/10, or to where clouds give machines their secrets. Networks to which people may be led all the same:
allowed_destinations = []
# Further networks to which people may not be led, such as the one of the servers.
denied_destinations = []
# Hosts whose TLS connections are passed untouched and uninspected, such as those of a bank; ".example.org" stands for a
# domain and everything below it.
bypass = []
# Names of lists of [[sites.lists]] with `suspicious = false` whose hosts are passed like those of `bypass`, such as a list
# of a category: banks, health.
bypass_lists = []
# Names of the sets of hosts that come with Lazaret and are passed like those of `bypass`, because what runs there takes no other
# certificates than its maker's: os-updates, conferencing. The console shows what is in them (/sites/refusals).
bypass_sets = ["os-updates"]
# Files of certificate authorities (PEM) to trust, beside the system's.
trust = []
# Names for which the proxy's own certificate authority may vouch, with everything below them (name constraints, RFC 5280), such as
# "example.com": a stolen key is worth nothing elsewhere. They are written into an authority when it is made: the first one, and
# each that `lazaret authority rotate` makes. Empty: all names and addresses.
authority_constraints = []
# What becomes of TLS connections to other hosts than those: "refuse", or "pass", uninspected where policy permits.
authority_outside = "refuse"
# The day (such as "2027-01-31", UTC) from which the next authority is used that `lazaret authority rotate` made; clients must trust
# it by then. Empty: when `lazaret authority rotate --use` says so, or the present one has ended.
authority_next_from = ""
# Pass WebSocket connections, which are not inspected; policy may forbid single ones.
websockets = true
# Inspect what people send before the site gets any of it.
inspect_uploads = true
# Ask people for a name and password (Basic), which are those of the console's users.
authentication = false
# Another proxy through which sites are reached, such as "http://proxy.example:8080" or "http://NAME:PASSWORD@HOST:PORT".
# Empty: none.
upstream = ""
# Hosts that are reached without it, written as in `bypass`, or "HOST:PORT".
upstream_except = []
# Address and port to which the kernel redirects connections that were meant for sites (transparent mode). Empty: none.
transparent = ""
# Seconds to wait for a connection to a site.
connect_seconds = 15
# Seconds of silence after which a connection or a body is given up.
idle_seconds = 60
# Seconds that a site may take to begin its answer (some wait for news), or to go on with a stream.
answer_seconds = 300
# Seconds after which a client is sent the first bytes of a download that is still being inspected.
patience_seconds = 8
# Connections served at once, tunnels among them; more wait.
connections = 10000
# Connections of one address; further ones are closed. 0: a quarter of `connections`, and 64 at the least. Where many people
# stand behind one address, such as that of a balancer that is not in `balancers`, set it to what `connections` is.
connections_an_address = 0

# The ICAP server of `lazaret serve`, for Squid and other gateways.
[icap]
# Address and port to listen on. Empty: no ICAP server.
listen = "127.0.0.1:1344"
# Networks from which gateways may ask: this machine, and those that nobody reaches over the internet.
allowed_clients = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"]
# Networks of gateways that are believed for whom they ask (X-Client-IP, X-Authenticated-User, X-Authenticated-Groups) and which
# machine a site is at (X-Server-IP).
trusted_gateways = ["127.0.0.0/8", "::1"]
# Networks of balancers that begin each connection with a PROXY header, before TLS; as in `[proxy]`.
balancers = []
# Files of a certificate chain and its key (PEM), for ICAP over TLS. Empty: no TLS. They are read again when they change.
certificate = ""
key = ""
# Files of authorities (PEM). Only clients with a certificate from one of them are served, which needs TLS. Empty: all are.
client_authorities = []
# Bytes of a body that clients are asked to send first.
preview_bytes = 16384
# Connections served at once, which clients are told; more wait.
connections = 1000
# Connections of one address outside `trusted_gateways`; further ones are closed. 0: a quarter of `connections`, and 64 at
# the least.
connections_an_address = 0
# Seconds of silence after which a connection is closed.
idle_seconds = 60
# Bytes taken from a client that cannot keep the whole body until it gets the beginning of its answer. Squid 5 needs this
# to be less than 64 KiB; what is blocked afterwards is a failed download instead of a page. 0: never.
begin_after_bytes = 40960
# Seconds after which such a client gets the beginning of its answer in any case.
patience_seconds = 8

# Bodies in transit.
[bodies]
# Bytes of a body kept in memory; what is larger goes to the spool in the data folder.
in_memory_bytes = 1048576
# Bytes that a body may have; larger ones are blocked.
most_bytes = 4294967296
# Bytes of film or sound that are inspected before the rest passes.
media_bytes = 16777216
# Bodies inspected at once, one fewer of one client: another one always finds a turn. Of those who wait, whoever used the
# least time is next. 0: twice the processors of one client, and one more.
inspections = 0
# Milliseconds that the inspection of one body may take, and a second more for each 16 MiB of it, where `limits.time_ms` is
# not less. What takes longer is held.
time_ms = 30000
# Seconds that a body waits for its turn (then it is held) or for room (then it is refused with 503), while nothing more of it
# is read.
wait_seconds = 30
# Bodies of one client that wait for their turn; further ones are refused with 503.
waiting = 1000
# Bytes of memory that bodies under way take in all, of one client a quarter. What does not fit goes to the spool.
memory_bytes = 268435456
# Bytes of the spool that bodies under way take in all, of one client a quarter, but room for one body. What does not fit
# waits.
spool_bytes = 68719476736
# Bytes of what was delivered that are kept for a while, an eighth of `spool_bytes` at the most: downloads are resumed and film is
# sought in without fetching and inspecting everything again. The site is asked whether a copy is still good.
kept_bytes = 4294967296
# Seconds for which they are kept. 0: not at all.
kept_seconds = 300

# What is known about sites.
[sites]
# Lists of sites, such as:
#   lists = [
#     { name = "urlhaus", source = "https://urlhaus.abuse.ch/downloads/csv_recent/" },
#     { name = "ours", source = "lists/ours.txt", suspicious = false },
#   ]
# `source` is a file or an address. `format` is auto (default), hosts, domains, urlhaus, stix or rpz. An address is asked
# again every `refresh_minutes` (default 60), a file is read again when it changes. From sites on a list nothing is handed
# over, unless `suspicious = false`: then policies of your own can name it.
lists = []

# What is known about people, for policies.
[people]
# Groups with their people: groups = { finance = ["ada", "karl"] }
groups = {}
# Networks from which people ask: networks = [{ network = "192.0.2.0/24", groups = ["office"] }]. Who uses an address with
# a `person` of its own is not asked for a name.
networks = []

# The console of `lazaret serve`: what was stopped, who asked for it, who may have it.
[console]
# Address and port to listen on. Empty: no console, and nobody can ask for files.
listen = "127.0.0.1:8080"
# Address under which people reach it, for links on block pages. Empty: "http://" and the address it listens on.
public_url = ""
# Name of the organisation, at the head of the console and of pages that stop somebody, and whom people may turn to (an address of
# mail or the web, a number, or a sentence), on the latter. Empty: none.
organisation = ""
contact = ""
# File of its logo, PNG or SVG without scripts, of at most 64 KiB. Empty: none.
logo = ""
# Hours for which an approved file may be fetched.
release_hours = 72
# Requests that one machine may make in an hour.
requests_an_hour = 10
# Whether the ATT&CK library may be read, and asked over its API and TAXII, without signing in.
public_library = true

# Where events are recorded.
[ledger]
# "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE". Empty: an SQLite file in the data folder. Secrets of one-time
# passwords in it are encrypted with the key in a file beside it (PATH ending in `.key`), or with PostgreSQL in the data
# folder's `ledger.key`. Keep a copy; several machines at one ledger need the same.
address = ""
# Days for which events are kept; counts of them are kept for good. 0: for good.
days = 365

# The ATT&CK library.
[library]
# "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE". Empty: an SQLite file in the data folder.
address = ""
# The collection index that `lazaret library sync` follows.
index = "https://raw.githubusercontent.com/mitre-attack/attack-stix-data/master/index.json"

# Events for other systems, as OCSF HTTP Activity, one JSON object each.
[export]
# A file to append to. Empty: none.
file = ""
# A syslog socket such as "/dev/log", or "HOST:PORT" for UDP. Empty: none.
syslog = ""
# An address that is sent lists of events (POST). Empty: none.
webhook = ""

# What was held or blocked is kept, encoded, in the data folder.
[quarantine]
# Days.
days = 90
# Bytes in all; beyond them, the oldest go first.
most_bytes = 21474836480

# How inspections are kept apart.
[engine]
# What may share a sandboxed process, one after the other and for some seconds. "site": what pages load for themselves from one
# registered domain, and the files of one scan; what a person opens, saves or sends has a process of its own. "sample": nothing.
isolation = "site"

# What one sample may cost. Reaching a limit is visible: the part is marked incomplete, and policy decides.
[limits]
# Bytes that openers may produce in all.
output_bytes = 8589934592
# Bytes one part may have.
part_bytes = 4294967296
# Output divided by the sample's size, judged once more than 128 MiB have been produced.
ratio = 250
# Parts in all, the sample included.
parts = 100000
# Nesting of parts.
depth = 32
# Wall-clock milliseconds.
time_ms = 120000
# Steps of work, of about a nanosecond each, beyond 64 for each byte of the sample and of what is unpacked of it.
steps = 4294967296
# Bytes of memory that the analysis may hold at once.
memory_bytes = 268435456
# Parts up to this size are held in memory; larger ones are spooled to the temporary folder.
in_memory_part_bytes = 16777216
# Passwords tried on one locked part.
passwords = 200
"#;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) detect: Detect,
    pub(crate) open: Open,
    pub(crate) policy: Policy,
    pub(crate) proxy: ProxySettings,
    pub(crate) icap: IcapSettings,
    pub(crate) bodies: BodySettings,
    pub(crate) sites: SiteSettings,
    pub(crate) people: PeopleSettings,
    pub(crate) console: ConsoleSettings,
    pub(crate) ledger: Ledger,
    pub(crate) library: Library,
    pub(crate) export: Export,
    pub(crate) quarantine: Quarantine,
    pub(crate) engine: EngineSettings,
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineSettings {
    pub(crate) isolation: Isolation,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ledger {
    pub(crate) address: String,
    pub(crate) days: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { address: String::new(), days: 365 }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Library {
    pub(crate) address: String,
    pub(crate) index: String,
}

impl Default for Library {
    fn default() -> Self {
        // The index of the official repository (its README).
        let index = "https://raw.githubusercontent.com/mitre-attack/attack-stix-data/master/index.json";
        Self { address: String::new(), index: index.to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Export {
    pub(crate) file: PathBuf,
    pub(crate) syslog: String,
    pub(crate) webhook: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Quarantine {
    pub(crate) days: u32,
    pub(crate) most_bytes: u64,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { days: 90, most_bytes: 20 << 30 }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Detect {
    pub(crate) rules: Vec<PathBuf>,
    pub(crate) hash_lists: Vec<PathBuf>,
    pub(crate) clamd: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Open {
    pub(crate) passwords: Vec<String>,
}

impl Default for Open {
    fn default() -> Self {
        Self { passwords: ["infected", "malware", "virus", "password", "1234"].map(str::to_owned).to_vec() }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) policies: Vec<PathBuf>,
}

impl Config {
    /// The file that was named, or the usual one where it exists.
    pub(crate) fn path(named: Option<&Path>) -> Option<&Path> {
        named.or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()))
    }

    /// Reads that file.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = Self::path(named) else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| Failure::path(path, error))?;
        let mut config = Self::parse(&text).map_err(|why| Failure::path(path, why))?;
        // Paths in a file are relative to that file, wherever the command is run.
        let base = path.parent().unwrap_or(Path::new(""));
        let lists = [
            &mut config.detect.rules,
            &mut config.detect.hash_lists,
            &mut config.policy.policies,
            &mut config.proxy.trust,
            &mut config.icap.client_authorities,
        ];
        for entry in lists.into_iter().flatten() {
            *entry = base.join(&*entry);
        }
        let named = [&mut config.icap.certificate, &mut config.icap.key].into_iter().filter(|name| !name.is_empty());
        for name in named {
            *name = base.join(&*name).display().to_string();
        }
        let named = [&mut config.console.logo, &mut config.export.file].into_iter();
        for path in named.filter(|path| !path.as_os_str().is_empty()) {
            *path = base.join(&*path);
        }
        for list in config.sites.lists.iter_mut().filter(|list| !list.is_address()) {
            list.source = base.join(&list.source).display().to_string();
        }
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let sentence = error.to_string().trim_end().to_owned();
            match suggestion(error.message()) {
                Some(key) => format!("{sentence}\ndid you mean `{key}`?"),
                None => sentence,
            }
        })
    }
}

/// The expected key that is nearest to an unknown one, from serde's "unknown field `a`, expected one of `b`, `c`".
fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown field"))?;
    let nearest = names.min_by_key(|name| distance(unknown, name))?;
    (distance(unknown, nearest) <= 3).then_some(nearest)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        assert_eq!(Config::parse(DEFAULTS).unwrap(), Config::default());
    }

    /// Paths of all keys below a table; a list of tables is a key.
    fn keys(table: &toml::Table, above: &str) -> std::collections::BTreeSet<String> {
        let below = |(key, value): (&String, &toml::Value)| match value {
            // Names of people and groups are nobody's keys.
            toml::Value::Table(inner) if !inner.is_empty() => keys(inner, &format!("{above}{key}.")),
            _ => [format!("{above}{key}")].into(),
        };
        table.iter().flat_map(below).collect()
    }

    #[test]
    fn every_key_is_in_the_printed_defaults() {
        let printed: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let known = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(keys(&printed, ""), keys(&known, ""));
        assert!(keys(&known, "").contains("proxy.idle_seconds"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_a_suggestion() {
        let error = Config::parse("[limits]\npart = 5\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("did you mean `parts`?"), "{error}");
        assert!(Config::parse("[detct]\n").unwrap_err().contains("did you mean `detect`?"));
    }
}
