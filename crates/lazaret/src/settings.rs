//! The configuration for people to read: without secrets.

use crate::config::{self, Config, REREAD};
use lazaret_console::{ShownSetting, ShownTable};
use lazaret_model::{SettingsTable, is_secret};
use serde_json::{Map, Value};

/// What stands for a secret that is set.
const VEILED: &str = "(set)";

/// Every table with its keys: what they are, what they would be, and what they mean.
pub(crate) fn shown(config: &Config) -> Vec<ShownTable> {
    let set = tables(config);
    config::tables().iter().map(|table| shown_table(table, set.get(table.name).unwrap_or(&Value::Null))).collect()
}

fn shown_table(table: &SettingsTable, set: &Value) -> ShownTable {
    let values = table.values(set);
    let mut above = String::new();
    let settings = table.keys.iter().map(|setting| {
        // What is said for several keys stands with the first of them.
        if !setting.lines.is_empty() {
            above = setting.meaning();
        }
        let of = |values: &Map<String, Value>| {
            let value = values.get(setting.key).unwrap_or(&Value::Null);
            if value.is_null() { String::new() } else { text(setting.key, value) }
        };
        let is_default = values.get(setting.key) == table.defaults.get(setting.key);
        ShownSetting {
            key: setting.key.to_owned(),
            value: of(&values),
            default: if is_default { String::new() } else { or_none(of(&table.defaults)) },
            meaning: above.clone(),
        }
    });
    ShownTable {
        name: table.name.to_owned(),
        settings: settings.collect(),
        about: table.about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
        is_reread: REREAD.contains(&table.name),
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// The names of the tables that differ.
pub(crate) fn changed(old: &Config, new: &Config) -> Vec<String> {
    let old = tables(old);
    let new = tables(new);
    let added = new.iter().filter(|(name, table)| old.get(*name) != Some(*table)).map(|(name, _)| name.clone());
    // A room's table may be gone as a whole.
    let gone = old.keys().filter(|name| !new.contains_key(*name)).cloned();
    added.chain(gone).collect()
}

/// Every table by its name, which has dots where it stands in another one.
fn tables(config: &Config) -> Map<String, Value> {
    let whole = lazaret_model::values_of(config);
    let of = |name: &'static str| {
        let mut names = name.split('.');
        let first = whole.get(names.next()?)?;
        names.try_fold(first, |table, name| table.get(name)).cloned()
    };
    let tables = config::tables().into_iter().filter_map(|table| Some((table.name.to_owned(), of(table.name)?)));
    let mut tables: Map<String, Value> = tables.collect();
    tables.extend(config.rooms.clone());
    tables
}

fn text(key: &str, value: &Value) -> String {
    let is_secret = is_secret(key);
    match value {
        Value::Array(list) if is_secret => format!("{} of them", list.len()),
        Value::Object(fields) if is_secret => format!("{} of them", fields.len()),
        Value::String(text) if is_secret && !text.is_empty() => VEILED.to_owned(),
        Value::String(text) => without_credentials(text),
        Value::Array(list) => list.iter().map(|entry| text_of(key, entry)).collect::<Vec<_>>().join(", "),
        Value::Object(_) => text_of(key, value),
        other => other.to_string(),
    }
}

fn text_of(key: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) if !is_secret(key) => {
            let fields = fields.iter().map(|(key, value)| format!("{key} = {}", text(key, value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        other => text(key, other),
    }
}

/// An address without the name and password in it.
pub(crate) fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit_once('@').map_or(authority.to_owned(), |(_, host)| format!("…@{host}"));
    // A query may hold a password, too.
    let path = path.map(|path| format!("/{}", path.split('?').next().unwrap_or_default())).unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let mut config = Config::default();
        config.ledger.address = "postgres://lazaret:hunter2@db.example/lazaret?password=hunter3".to_owned();
        config.open.passwords = vec!["hunter4".to_owned()];
        let shown = format!("{:?}", shown(&config));
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("postgres://…@db.example/lazaret") && shown.contains("1 of them"), "{shown}");
        assert!(shown.contains("127.0.0.1:3128"));
    }

    #[test]
    fn a_table_of_secrets_shows_how_many_there_are_and_none_of_them() {
        let secrets = serde_json::json!({ "ada": "hunter2", "karl": { "pin": "hunter3" } });
        assert_eq!(
            (text("passwords", &secrets).as_str(), text_of("tokens", &secrets).as_str()),
            ("2 of them", "2 of them")
        );
        let nested = serde_json::json!([{ "name": "ada", "tokens": secrets }]);
        assert_eq!(text("people", &nested), "name = ada, tokens = 2 of them");
    }

    #[test]
    fn what_was_set_stands_with_what_it_would_be_and_what_it_means() {
        let mut config = Config::default();
        config.icap.connections = 7;
        config.console.contact = "4711".to_owned();
        config.identity.oidc.issuer = "https://login.example".to_owned();
        config.identity.oidc.roles = [("soc".to_owned(), "analyst".to_owned())].into();
        config.identity.oidc.client_secret_file = "oidc-secret".into();
        let tables = shown(&config);
        let of = |table: &str, key: &str| {
            let table = tables.iter().find(|shown| shown.name == table).unwrap();
            table.settings.iter().find(|setting| setting.key == key).unwrap().clone()
        };
        let connections = of("icap", "connections");
        assert_eq!((connections.value.as_str(), connections.default.as_str()), ("7", "1000"));
        assert!(connections.meaning.starts_with("Maximum number of concurrent connections"), "{connections:?}");
        assert_eq!(
            (of("icap", "idle_seconds").value.as_str(), of("icap", "idle_seconds").default.as_str()),
            ("60", "")
        );
        let contact = of("console", "contact");
        assert_eq!((contact.default.as_str(), contact.meaning), ("none", of("console", "organisation").meaning));
        let [issuer, roles, secret] = ["issuer", "roles", "client_secret_file"].map(|key| of("identity.oidc", key));
        assert_eq!((issuer.value.as_str(), issuer.default.as_str()), ("https://login.example", "none"));
        assert_eq!((roles.value.as_str(), secret.value.as_str()), ("soc = analyst", VEILED));
        let reread: Vec<_> = tables.iter().filter(|table| table.is_reread).map(|table| table.name.as_str()).collect();
        assert_eq!(reread, REREAD);
    }

    #[test]
    fn what_changed_is_named() {
        let mut config = Config::default();
        config.proxy.listen = "127.0.0.1:1".to_owned();
        assert_eq!(changed(&Config::default(), &config), ["proxy"]);
        config.rooms.insert("bell".to_owned(), serde_json::json!({ "rings": 3 }));
        assert_eq!(changed(&Config::default(), &config), ["proxy", "bell"]);
        assert_eq!(changed(&config, &Config::default()), ["proxy", "bell"]);
        config.identity.oidc.make_people = false;
        assert_eq!(changed(&Config::default(), &config), ["proxy", "identity.oidc", "bell"]);
    }
}
