//! Settings, said once. A field with its documentation, its default and its range is what `lazaret config defaults` prints, what a
//! configuration is checked by, what `docs/settings.md` lists and what the console shows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;

/// Letters that a mistyped key may differ in from the one that was meant.
const MOST_TYPOS: usize = 3;
/// What a key with a secret has in its name.
const SECRETS: [&str; 4] = ["password", "secret", "token", "credential"];

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// What it means, line by line, as comments have it; nothing where the setting before it says so for both.
    pub lines: &'static [&'static str],
    /// The whole numbers that it may be; `None` for any.
    pub range: Option<RangeInclusive<u64>>,
}

impl Setting {
    /// What a number of it counts, as its key says; empty for nothing in particular.
    pub fn unit(&self) -> &'static str {
        match self.key.rsplit('_').next().unwrap_or_default() {
            "bytes" => "bytes",
            "ms" => "milliseconds",
            "seconds" => "seconds",
            "minutes" => "minutes",
            "hours" => "hours",
            "days" => "days",
            _ => "",
        }
    }

    /// Whether its value is secret.
    pub fn is_secret(&self) -> bool {
        is_secret(self.key)
    }

    /// What it means, in one line.
    pub fn meaning(&self) -> String {
        self.lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Whether the value of a key is secret.
pub fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|word| key.contains(word))
}

/// The settings of one table, which [`settings!`](crate::settings!) declares.
pub trait Settings: Serialize + DeserializeOwned + Default {
    /// What the table is about, line by line.
    const ABOUT: &'static [&'static str];
    /// Its settings in the order in which they are written.
    const KEYS: &'static [Setting];

    /// Those of a table with a name. What it does not have is at its default.
    ///
    /// # Errors
    /// With the key that is not known, or whose value cannot be used.
    fn read(table: &str, value: &Value) -> Result<Self, SettingError> {
        let Value::Object(values) = value else { return Err(SettingError::NoTable { table: table.to_owned() }) };
        let named = |key: &str| format!("{table}.{key}");
        for (key, value) in values {
            if Self::KEYS.iter().all(|setting| setting.key != key.as_str()) {
                let nearest = nearest(key, Self::KEYS.iter().map(|setting| setting.key)).map(named);
                return Err(SettingError::Unknown { key: named(key), nearest });
            }
            // One at a time, so that what is wrong has a name.
            let mut one = Map::new();
            one.insert(key.clone(), value.clone());
            if let Err(error) = serde_json::from_value::<Self>(Value::Object(one)) {
                return Err(SettingError::Value { key: named(key), why: error.to_string() });
            }
        }
        let read: Self = serde_json::from_value(value.clone())
            .map_err(|error| SettingError::Value { key: table.to_owned(), why: error.to_string() })?;
        check(table, Self::KEYS, &values_of(&read))?;
        Ok(read)
    }
}

/// The values of settings by their keys.
pub fn values_of(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(values)) => values,
        _ => Map::new(),
    }
}

/// Refuses numbers that are out of their range.
fn check(table: &str, keys: &[Setting], values: &Map<String, Value>) -> Result<(), SettingError> {
    for setting in keys {
        let Some(range) = &setting.range else { continue };
        let Some(Value::Number(number)) = values.get(setting.key) else { continue };
        let whole = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
        let (least, most) = (*range.start(), *range.end());
        if let Some(value) = whole.filter(|value| !(i128::from(least)..=i128::from(most)).contains(value)) {
            return Err(SettingError::Range { key: format!("{table}.{}", setting.key), value, least, most });
        }
    }
    Ok(())
}

/// Why a table of settings is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingError {
    /// It is not a table.
    NoTable {
        /// Its name.
        table: String,
    },
    /// Unknown setting.
    Unknown {
        /// The key, with its table.
        key: String,
        /// The one that was probably meant, with its table.
        nearest: Option<String>,
    },
    /// Invalid value.
    Value {
        /// The key, with its table.
        key: String,
        /// Why not.
        why: String,
    },
    /// A number is out of range.
    Range {
        /// The key, with its table.
        key: String,
        /// The number.
        value: i128,
        /// The smallest one that it may be.
        least: u64,
        /// The largest one that it may be.
        most: u64,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable { table } => write!(f, "`{table}` is a table: write `[{table}]` and its keys below it"),
            Self::Unknown { key, nearest: Some(nearest) } => {
                write!(f, "there is no setting `{key}`; did you mean `{nearest}`?")
            }
            Self::Unknown { key, nearest: None } => write!(f, "there is no setting `{key}`"),
            Self::Value { key, why } => write!(f, "`{key}`: {why}"),
            Self::Range { key, value, least, most } => write!(f, "`{key}`: {value} is not from {least} to {most}"),
        }
    }
}

impl std::error::Error for SettingError {}

/// A table of settings, described.
#[derive(Debug, Clone)]
pub struct SettingsTable {
    /// Its name.
    pub name: &'static str,
    /// What it is about, line by line.
    pub about: &'static [&'static str],
    /// Its settings in the order in which they are written.
    pub keys: &'static [Setting],
    /// Their defaults, by their keys.
    pub defaults: Map<String, Value>,
    check: fn(&str, &Value) -> Result<(), SettingError>,
}

fn readable<S: Settings>(table: &str, value: &Value) -> Result<(), SettingError> {
    S::read(table, value).map(drop)
}

impl SettingsTable {
    /// The table of a name that settings stand in.
    pub fn of<S: Settings>(name: &'static str) -> Self {
        Self { name, about: S::ABOUT, keys: S::KEYS, defaults: values_of(&S::default()), check: readable::<S> }
    }

    /// Looks at a table of it.
    ///
    /// # Errors
    /// With the key that is not known, or whose value cannot be used.
    pub fn check(&self, value: &Value) -> Result<(), SettingError> {
        (self.check)(self.name, value)
    }

    /// Looks at the numbers of a table of it that was read already.
    ///
    /// # Errors
    /// With the one that is out of its range.
    pub fn check_ranges(&self, value: &Value) -> Result<(), SettingError> {
        value.as_object().map_or(Ok(()), |values| check(self.name, self.keys, values))
    }

    /// What is in force where this was set: what was not is at its default.
    pub fn values(&self, set: &Value) -> Map<String, Value> {
        let mut values = self.defaults.clone();
        values.extend(set.as_object().cloned().unwrap_or_default());
        values
    }

    /// TOML with every key at its default, each with what it means.
    pub fn text(&self) -> String {
        let mut text = String::new();
        commented(&mut text, self.about);
        let _ = writeln!(text, "[{}]", self.name);
        for setting in self.keys {
            commented(&mut text, setting.lines);
            let default = self.defaults.get(setting.key).map(toml_of).unwrap_or_default();
            let _ = writeln!(text, "{} = {default}", setting.key);
        }
        text
    }
}

fn commented(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "#{line}");
    }
}

/// A value as TOML has it on one line.
pub fn toml_of(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Array(list) => format!("[{}]", list.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{} = {}", toml_key(key), toml_of(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        // What JSON escapes in texts TOML does as well, but for one character.
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}

/// A key as TOML has it: in quotation marks where it is not of letters, digits, `_` and `-`.
fn toml_key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { toml_of(&Value::from(key)) }
}

/// The name that a mistyped one was probably meant to be.
pub fn nearest<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = names.min_by_key(|name| distance(unknown, name))?;
    (distance(unknown, nearest) <= MOST_TYPOS).then_some(nearest)
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

/// Declares a table of settings: a struct whose fields have what they mean, their default, and for numbers the range that they may
/// be in.
///
/// ```text
/// settings! {
///     /// What the table is about.
///     pub struct BellSettings {
///         /// How often it rings in an hour.
///         pub rings_an_hour: u32 = 4, in 1..=60;
///     }
/// }
/// ```
#[macro_export]
macro_rules! settings {
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
    (
        $(#[doc = $about:literal])*
        $seen:vis struct $name:ident {
            $(
                $(#[doc = $line:literal])*
                $shown:vis $key:ident: $kind:ty = $default:expr $(, in $range:expr)?;
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[allow(
            rustdoc::bare_urls,
            rustdoc::broken_intra_doc_links,
            rustdoc::invalid_html_tags,
            reason = "it is written for `lazaret.toml`, whose tables look like links"
        )]
        #[derive(Debug, Clone, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $seen struct $name {
            $(
                $(#[doc = $line])*
                #[doc = ""]
                #[doc = concat!(" The setting `", stringify!($key), "`; its default is `", stringify!($default), "`.")]
                $shown $key: $kind,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::Settings for $name {
            const ABOUT: &'static [&'static str] = &[$($about),*];
            const KEYS: &'static [$crate::Setting] = &[$(
                $crate::Setting {
                    key: stringify!($key),
                    lines: &[$($line),*],
                    range: $crate::settings!(@range $($range)?),
                }
            ),*];
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::settings! {
        /// A bell
        /// that rings.
        struct Bell {
            /// How often it rings in an hour.
            rings_an_hour: u32 = 4, in 1..=60;
            /// Who hears it, such as:
            ///   people = ["ada"]
            people: Vec<String> = vec!["ada \"A\"".to_owned()];
            /// How long, and how loud.
            long_seconds: u64 = 3;
            loud: bool = true;
        }
    }

    crate::settings! {
        struct Freezer {
            /// How cold it may be.
            degrees: i32 = 4, in 1..=8;
        }
    }

    #[test]
    fn a_number_below_nothing_is_out_of_its_range() {
        let read = |text: &str| Freezer::read("freezer", &serde_json::from_str(text).unwrap()).map(|read| read.degrees);
        assert_eq!((read("{}"), read(r#"{"degrees":8}"#)), (Ok(4), Ok(8)));
        let error = read(r#"{"degrees":-5}"#).unwrap_err().to_string();
        assert_eq!(error, "`freezer.degrees`: -5 is not from 1 to 8");
        let table = SettingsTable::of::<Freezer>("freezer");
        let within = |degrees: i64| table.check_ranges(&serde_json::json!({ "degrees": degrees })).is_ok();
        assert_eq!([1, 8, 0, 9, -1].map(within), [true, true, false, false, false]);
    }

    #[test]
    fn names_that_are_no_bare_keys_and_odd_characters_are_written_as_toml_reads_them() {
        let written = toml_of(&serde_json::json!({ "of five": "a\u{7f}b", "x.y": [1], "plain-key_2": true, "": "" }));
        assert_eq!(written, r#"{ "of five" = "a\u007fb", "x.y" = [1], plain-key_2 = true, "" = "" }"#);
    }

    #[test]
    fn a_field_is_all_that_there_is_to_say_about_a_setting() {
        let table = SettingsTable::of::<Bell>("bell");
        assert_eq!(
            table.text(),
            "# A bell\n# that rings.\n[bell]\n# How often it rings in an hour.\nrings_an_hour = 4\n# Who hears it, such as:\n\
             #   people = [\"ada\"]\npeople = [\"ada \\\"A\\\"\"]\n# How long, and how loud.\nlong_seconds = 3\nloud = true\n"
        );
        let units: Vec<_> = table.keys.iter().map(Setting::unit).collect();
        assert_eq!(units, ["", "", "seconds", ""]);
        assert_eq!(table.keys[1].meaning(), "Who hears it, such as: people = [\"ada\"]");
        let set = serde_json::json!({ "loud": false });
        assert_eq!(table.values(&set).get("loud"), Some(&Value::Bool(false)));
        assert_eq!((table.values(&set).len(), table.check(&set)), (4, Ok(())));
        assert!(table.check(&serde_json::json!({ "rings_an_hour": 99 })).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_value_names_its_key_and_what_was_meant() {
        let read =
            |text: &str| Bell::read("bell", &serde_json::from_str(text).unwrap()).map_err(|error| error.to_string());
        assert_eq!(read("{}"), Ok(Bell::default()));
        assert_eq!(
            read(r#"{"rings_an_hour":60,"loud":false}"#).map(|bell| (bell.rings_an_hour, bell.loud)),
            Ok((60, false))
        );
        for (text, said) in [
            (r#"{"rings_an_hour":0}"#, "`bell.rings_an_hour`: 0 is not from 1 to 60"),
            (r#"{"rings_an_hour":61}"#, "`bell.rings_an_hour`: 61 is not from 1 to 60"),
            (r#"{"rings_a_hour":1}"#, "there is no setting `bell.rings_a_hour`; did you mean `bell.rings_an_hour`?"),
            (r#"{"elephant":1}"#, "there is no setting `bell.elephant`"),
            ("3", "`bell` is a table: write `[bell]` and its keys below it"),
        ] {
            assert_eq!(read(text), Err(said.to_owned()), "{text}");
        }
        let wrong = read(r#"{"loud":true,"people":"ada"}"#).unwrap_err();
        assert!(wrong.starts_with("`bell.people`: invalid type"), "{wrong}");
    }

    #[test]
    fn a_key_that_holds_a_secret_is_told_by_its_name() {
        for (key, secret) in [("webhook_secret", true), ("passwords", true), ("listen", false)] {
            assert_eq!(is_secret(key), secret, "{key}");
        }
    }
}
