//! The configuration for people to read: without secrets.

use crate::config::Config;
use serde_json::{Map, Value};

/// What stands for a secret that is set.
const VEILED: &str = "(set)";

/// Every table with its keys and values.
pub(crate) fn shown(config: &Config) -> Vec<(String, Vec<(String, String)>)> {
    tables(config)
        .into_iter()
        .map(|(name, table)| {
            let keys = table.as_object().cloned().unwrap_or_default();
            (name, keys.into_iter().map(|(key, value)| (key.clone(), text(&key, &value))).collect())
        })
        .collect()
}

/// The names of the tables that differ.
pub(crate) fn changed(old: &Config, new: &Config) -> Vec<String> {
    let old = tables(old);
    tables(new).into_iter().filter(|(name, table)| old.get(name) != Some(table)).map(|(name, _)| name).collect()
}

fn tables(config: &Config) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(tables)) => tables,
        _ => Map::new(),
    }
}

fn text(key: &str, value: &Value) -> String {
    let is_secret = ["password", "secret", "token", "credential"].iter().any(|word| key.contains(word));
    match value {
        Value::Array(list) if is_secret => format!("{} of them", list.len()),
        Value::String(text) if is_secret && !text.is_empty() => VEILED.to_owned(),
        Value::String(text) => without_credentials(text),
        Value::Array(list) => list.iter().map(|entry| text_of(key, entry)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn text_of(key: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) => {
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
    fn what_changed_is_named() {
        let mut config = Config::default();
        config.proxy.listen = "127.0.0.1:1".to_owned();
        assert_eq!(changed(&Config::default(), &config), ["proxy"]);
    }
}
