//! `lazaret.toml`: a table a struct, every key documented with its default, unknown keys refused with a suggestion.

mod aside;

use crate::failure::Failure;
use crate::rooms;
use lazaret_console::ConsoleSettings;
use lazaret_engine::Isolation;
use lazaret_gates::{BodySettings, IcapSettings, PeopleSettings, ProxySettings, SiteSettings};
use lazaret_identity::OidcSettings;
use lazaret_model::{Limits, SettingError, SettingsTable, nearest, values_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "lazaret.toml";
/// The index of the official repository (its README).
const OFFICIAL_INDEX: &str = "https://raw.githubusercontent.com/mitre-attack/attack-stix-data/master/index.json";

/// The first line of what `lazaret config defaults` prints.
const HEAD: &str = "# lazaret.toml with every key at its default. Delete the keys you do not change.\n";
/// The order in which tables are printed; those of other rooms come behind them.
const ORDER: [&str; 16] = [
    "detect",
    "open",
    "policy",
    "proxy",
    "icap",
    "bodies",
    "sites",
    "people",
    "console",
    "identity.oidc",
    "ledger",
    "library",
    "export",
    "quarantine",
    "engine",
    "limits",
];
/// The tables that are read again at SIGHUP. What changed in others needs a restart.
pub(crate) const REREAD: [&str; 4] = ["detect", "open", "policy", "limits"];

/// The tables that are no room's.
pub(crate) fn shared_tables() -> Vec<SettingsTable> {
    vec![
        SettingsTable::of::<Detect>("detect"),
        SettingsTable::of::<Open>("open"),
        SettingsTable::of::<Policy>("policy"),
        SettingsTable::of::<BodySettings>("bodies"),
        SettingsTable::of::<SiteSettings>("sites"),
        SettingsTable::of::<PeopleSettings>("people"),
        SettingsTable::of::<OidcSettings>("identity.oidc"),
        SettingsTable::of::<Ledger>("ledger"),
        SettingsTable::of::<Library>("library"),
        SettingsTable::of::<EngineSettings>("engine"),
        SettingsTable::of::<Limits>("limits"),
    ]
}

/// Every table, those of rooms among them, in the order in which they are printed.
pub(crate) fn tables() -> Vec<SettingsTable> {
    let mut tables = shared_tables();
    tables.extend(rooms::all().iter().filter_map(|room| room.settings()));
    tables.sort_by_key(|table| ORDER.iter().position(|name| *name == table.name).unwrap_or(ORDER.len()));
    tables
}

/// What `lazaret config defaults` prints: every key with its default and what it means.
pub(crate) fn defaults() -> String {
    let tables: Vec<_> = tables().iter().map(SettingsTable::text).collect();
    format!("{HEAD}\n{}", tables.join("\n"))
}

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
    pub(crate) identity: IdentitySettings,
    pub(crate) ledger: Ledger,
    pub(crate) library: Library,
    pub(crate) export: Export,
    pub(crate) quarantine: Quarantine,
    pub(crate) engine: EngineSettings,
    pub(crate) limits: Limits,
    /// The tables of rooms that have none of these, as they stand in the file.
    #[serde(skip)]
    pub(crate) rooms: BTreeMap<String, Value>,
}

/// The tables below `[identity]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IdentitySettings {
    pub(crate) oidc: OidcSettings,
}

lazaret_model::settings! {
    /// Isolation of inspections.
    pub(crate) struct EngineSettings {
        /// What may share a sandboxed process, one after another and for a few seconds. "site": page resources from
        /// one registered domain, and the files of one scan; anything a person opens, saves or sends has its own
        /// process. "sample": nothing.
        pub(crate) isolation: Isolation = Isolation::default();
    }
}

lazaret_model::settings! {
    /// Where events are recorded.
    pub(crate) struct Ledger {
        /// "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE". Empty: an SQLite file in the data folder.
        /// Secrets of one-time passwords in it are encrypted with a key in a file next to it (PATH ending in `.key`)
        /// or, with PostgreSQL, in the data folder's `ledger.key`. Keep a copy; all machines that share a ledger
        /// need the same key.
        pub(crate) address: String = String::new();
        /// Days for which events are kept; their counts are kept indefinitely. 0: indefinitely.
        pub(crate) days: u32 = 365;
    }
}

lazaret_model::settings! {
    /// The ATT&CK library.
    pub(crate) struct Library {
        /// "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE". Empty: an SQLite file in the data folder.
        pub(crate) address: String = String::new();
        /// The collection index used by `lazaret library sync`.
        pub(crate) index: String = OFFICIAL_INDEX.to_owned();
    }
}

lazaret_model::settings! {
    /// Export of events to other systems, as one JSON object per event. Each outlet receives all events from when it
    /// was first enabled; undelivered events wait in the ledger.
    pub(crate) struct Export {
        /// "ocsf": the Open Cybersecurity Schema Framework, 1.8. "lazaret": Lazaret's own format,
        /// `schemas/lazaret.event-1.json`.
        pub(crate) format: ExportForm = ExportForm::default();
        /// File to append to. Empty: none.
        pub(crate) file: PathBuf = PathBuf::new();
        /// Syslog socket such as "/dev/log", "HOST:PORT" for UDP, "tcp://HOST:PORT", "tls://HOST:PORT" (RFC 5425).
        /// Empty: none.
        pub(crate) syslog: String = String::new();
        /// URL to which lists of events are sent (POST). Empty: none.
        pub(crate) webhook: String = String::new();
        /// Secret for signing these requests (Standard Webhooks): "whsec_" followed by 24 to 64 random bytes in
        /// Base64. Empty: unsigned.
        pub(crate) webhook_secret: String = String::new();
    }
}

/// The form that events are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportForm {
    /// The Open Cybersecurity Schema Framework.
    #[default]
    Ocsf,
    /// Our own.
    Lazaret,
}

lazaret_model::settings! {
    /// Held and blocked files are kept, encoded, in the data folder.
    pub(crate) struct Quarantine {
        /// Days.
        pub(crate) days: u32 = 90;
        /// Maximum total bytes; beyond that, the oldest files are deleted first.
        pub(crate) most_bytes: u64 = 20 << 30;
    }
}

lazaret_model::settings! {
    pub(crate) struct Detect {
        /// Files or folders (*.yar, *.yara) of YARA rules, in addition to the built-in ones. They may include files
        /// from the same folder and use the variables filename, filepath, extension, filetype and owner. `severity`,
        /// `score` and `confidence` in their metadata set how much they count.
        pub(crate) rules: Vec<PathBuf> = Vec::new();
        /// Lists of known-bad hashes: plain, CSV, MISP or abuse.ch exports. SHA-256, SHA-1 and MD5. Each is compiled
        /// once and cached.
        pub(crate) hash_lists: Vec<PathBuf> = Vec::new();
        /// Address of a running clamd: socket path or "host:port". Empty: none. A file that clamd gives no answer
        /// for (it is down, or the file is larger than its StreamMaxLength) counts as not inspected completely.
        pub(crate) clamd: String = String::new();
    }
}

lazaret_model::settings! {
    pub(crate) struct Open {
        /// Passwords tried on every encrypted archive, in order, before words found near it.
        pub(crate) passwords: Vec<String> = ["infected", "malware", "virus", "password", "1234"].map(str::to_owned).to_vec();
    }
}

lazaret_model::settings! {
    pub(crate) struct Policy {
        /// Files or folders (*.cedar) of policies that replace the built-in ones. Empty: the built-in ones.
        pub(crate) policies: Vec<PathBuf> = Vec::new();
    }
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
        let secret = &mut config.identity.oidc.client_secret_file;
        let named = [&mut config.console.logo, &mut config.export.file, secret].into_iter();
        for path in named.filter(|path| !path.as_os_str().is_empty()) {
            *path = base.join(&*path);
        }
        for list in config.sites.lists.iter_mut().filter(|list| !list.is_address()) {
            list.source = base.join(&list.source).display().to_string();
        }
        Ok(config)
    }

    /// What is set in the table of a name, or all of it where it is one of the struct's. A name has dots where it stands in another one.
    pub(crate) fn table(&self, name: &str) -> Value {
        let whole = Value::Object(values_of(self));
        let own = name.split('.').try_fold(&whole, |table, name| table.get(name)).cloned();
        own.or_else(|| self.rooms.get(name).cloned()).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    fn parse(text: &str) -> Result<Self, Unread> {
        let aside::Whole(config) = toml::from_str::<aside::Whole>(text).map_err(Box::new)?;
        for table in tables() {
            match config.rooms.get(table.name) {
                Some(value) => table.check(value)?,
                None => table.check_ranges(&config.table(table.name))?,
            }
        }
        Ok(config)
    }
}

/// Why a text is no configuration.
#[derive(Debug, Error)]
enum Unread {
    #[error("{}", told(.0))]
    Toml(#[from] Box<toml::de::Error>),
    #[error("{0}")]
    Setting(#[from] SettingError),
}

/// What is wrong in a text, with its place and what was probably meant.
fn told(error: &toml::de::Error) -> String {
    let sentence = error.to_string().trim_end().to_owned();
    match suggestion(error.message()) {
        Some(key) => format!("{sentence}\ndid you mean `{key}`?"),
        None => sentence,
    }
}

/// The expected key that is nearest to an unknown one, from serde's "unknown field `a`, expected one of `b`, `c`".
fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown field"))?;
    let added: Vec<&str> = aside::added();
    nearest(unknown, names.chain(added))
}

#[cfg(test)]
mod tests;
