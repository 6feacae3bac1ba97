//! Reads a configuration with the tables of rooms that the struct does not have set aside, so that everything else is refused with its
//! place in the text.

use super::{Config, ORDER};
use crate::rooms;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A configuration, whole.
pub(super) struct Whole(pub(super) Config);

/// The tables that are set aside.
pub(super) fn added() -> Vec<&'static str> {
    let tables = rooms::all().iter().filter_map(|room| room.settings()).map(|table| table.name);
    // What stands in another table has that one's name before the dot.
    tables.filter(|name| ORDER.iter().all(|own| own.split('.').next() != Some(*name))).collect()
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Tables(added())).map(Self)
    }
}

struct Tables(Vec<&'static str>);

impl<'de> Visitor<'de> for Tables {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Config, A::Error> {
        let mut rooms = BTreeMap::new();
        let aside = Aside { map, names: &self.0, rooms: &mut rooms };
        let config = Config::deserialize(MapAccessDeserializer::new(aside))?;
        Ok(Config { rooms, ..config })
    }
}

/// Gives out what stands in a map, but for the tables with these names.
struct Aside<'a, A> {
    map: A,
    names: &'a [&'static str],
    rooms: &'a mut BTreeMap<String, Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Aside<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, mut seed: K) -> Result<Option<K::Value>, A::Error> {
        loop {
            match self.map.next_key_seed(KeySeed { seed, names: self.names })? {
                None => return Ok(None),
                Some(Key::Known(key)) => return Ok(Some(key)),
                Some(Key::Room(name, back)) => {
                    let value: Value = self.map.next_value()?;
                    self.rooms.insert(name, value);
                    seed = back;
                }
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A key that was given out, or the name of a room with what asked for the key.
enum Key<K, S> {
    Known(K),
    Room(String, S),
}

struct KeySeed<'a, S> {
    seed: S,
    names: &'a [&'static str],
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, S> {
    type Value = Key<S::Value, S>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        if self.names.iter().any(|name| *name == key) {
            return Ok(Key::Room(key, self.seed));
        }
        let key: StringDeserializer<D::Error> = key.into_deserializer();
        self.seed.deserialize(key).map(Key::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text with these tables set aside.
    fn read(text: &str, names: &[&'static str]) -> Result<Config, String> {
        struct Seed(Vec<&'static str>);
        impl<'de> DeserializeSeed<'de> for Seed {
            type Value = Config;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Config, D::Error> {
                deserializer.deserialize_map(Tables(self.0))
            }
        }
        let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        Seed(names.to_vec()).deserialize(toml::Value::Table(table)).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_of_rooms_are_set_aside_and_everything_else_is_read_as_ever() {
        let text = "[bell]\nrings = 3\n[limits]\nparts = 10\n[chime]\n[proxy]\nlisten = \"\"\n";
        let config = read(text, &["bell", "chime"]).unwrap();
        assert_eq!((config.limits.parts, config.proxy.listen.as_str()), (10, ""));
        assert_eq!(config.rooms["bell"], serde_json::json!({ "rings": 3 }));
        assert_eq!(config.rooms["chime"], serde_json::json!({}));
        assert_eq!(config.icap, Config::default().icap);
        let error = read(text, &["bell"]).unwrap_err();
        assert!(error.contains("unknown field `chime`"), "{error}");
    }
}
