//! Collection indexes: which releases are published, and where (the format of `attack-stix-data`'s `index.json`).

use crate::bundle::shortened;
use crate::names::{Number, from_collection_name};
use serde_json::Value;
use thiserror::Error;

/// Collections and versions of an index.
const MOST: usize = 10_000;

/// Why something is no index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    NoJson(serde_json::Error),
    /// It lists nothing.
    #[error("not a collection index: it has no `collections`")]
    NoIndex,
    /// Nothing of it is ours.
    #[error("it lists no ATT&CK domain")]
    Empty,
}

/// What an index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionIndex {
    /// Collections that are domains of ATT&CK.
    pub collections: Vec<Collection>,
    /// What could not be used, a sentence each.
    pub left_out: Vec<String>,
}

/// A collection: a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Such as `enterprise-attack`.
    pub domain: String,
    /// Its releases, the newest first.
    pub versions: Vec<Offered>,
}

/// A release that an index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Which.
    pub number: Number,
    /// Where its bundle is.
    pub address: String,
}

impl CollectionIndex {
    /// Reads an index.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &[u8]) -> Result<Self, IndexError> {
        let value: Value = serde_json::from_slice(text).map_err(IndexError::NoJson)?;
        let list = value.get("collections").and_then(Value::as_array).ok_or(IndexError::NoIndex)?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (mut collections, mut left_out): (Vec<Collection>, Vec<String>) = (Vec::new(), Vec::new());
        for one in list.iter().take(MOST) {
            let name = text(one, "name");
            let Some(domain) = from_collection_name(&name) else {
                left_out.push(format!("the collection `{}` is not an ATT&CK domain", shortened(&name)));
                continue;
            };
            let mut versions = Vec::new();
            for version in one.get("versions").and_then(Value::as_array).into_iter().flatten().take(MOST) {
                let (number, address) = (text(version, "version"), text(version, "url"));
                let is_web = address.starts_with("https://") || address.starts_with("http://");
                match number.parse::<Number>() {
                    Ok(number) if is_web => versions.push(Offered { number, address }),
                    Ok(number) => left_out.push(format!("{name} {number} has no valid URL: `{}`", shortened(&address))),
                    Err(error) => left_out.push(format!("{name}: {error}")),
                }
            }
            versions.sort_by_key(|offered| std::cmp::Reverse(offered.number));
            collections.push(Collection { domain: domain.to_owned(), versions });
        }
        if collections.is_empty() {
            return Err(IndexError::Empty);
        }
        Ok(Self { collections, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_offers_releases_the_newest_first() {
        let index = CollectionIndex::read(
            br#"{"name":"MITRE ATT&CK","collections":[
              {"name":"Enterprise ATT&CK","versions":[
                {"version":"9.0","url":"https://a.invalid/enterprise-attack-9.0.json"},
                {"version":"17.1","url":"https://a.invalid/enterprise-attack-17.1.json"},
                {"version":"beta","url":"https://a.invalid/x.json"},
                {"version":"16.0","url":"file:///etc/passwd"}]},
              {"name":"Something else","versions":[]}]}"#,
        )
        .unwrap();
        let offered: Vec<_> = index.collections[0].versions.iter().map(|one| one.number.to_string()).collect();
        assert_eq!(
            (index.collections[0].domain.as_str(), offered),
            ("enterprise-attack", vec!["17.1".into(), "9.0".into()])
        );
        assert_eq!(index.left_out.len(), 3, "{:?}", index.left_out);
        assert!(CollectionIndex::read(b"{}").unwrap_err().to_string().contains("no `collections`"));
        assert!(CollectionIndex::read(b"<html>").unwrap_err().to_string().contains("not JSON"));
        assert!(
            CollectionIndex::read(br#"{"collections":[]}"#).unwrap_err().to_string().contains("lists no ATT&CK domain")
        );
    }
}
