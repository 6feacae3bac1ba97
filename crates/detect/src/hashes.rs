//! Lists of known-bad hashes: plain text, CSV, MISP and abuse.ch exports.
//!
//! Recognised without being told which format it is:
//! - plain: one hash a line, anything after it is its label; `#` and `;` start comments (also `sha256sum` output);
//! - CSV with or without quotes and header: every field that is a hash, labelled by the column named `signature`,
//!   `malware`, `malware_printable`, `name`, `comment` or `tags` (abuse.ch MalwareBazaar and ThreatFox, MISP's CSV export);
//! - JSON: every string that is a hash, or `name|hash`, labelled by the nearest `comment`, `signature`,
//!   `malware_printable` or `info` (MISP events and feeds, abuse.ch's JSON exports).

use crate::Findings;
use lazaret_model::{Family, Finding, Part, Severity};
use serde_json::Value;
use std::sync::Arc;
use thiserror::Error;

/// Columns and keys that name what a hash belongs to, the best first.
const LABELS: [&str; 7] = ["signature", "malware_printable", "malware", "name", "comment", "info", "tags"];
/// Characters of a label that are kept.
const LABEL_LENGTH: usize = 80;

/// Why a list could not be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HashListError {
    /// It holds no SHA-256, SHA-1 or MD5 at all.
    #[error("`{list}` holds no SHA-256, SHA-1 or MD5")]
    Empty {
        /// The list's file name.
        list: String,
    },
    /// It starts like JSON and is not.
    #[error("`{list}` line {line}, column {column}: {what}")]
    Json {
        /// The list's file name.
        list: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the JSON reader says.
        what: String,
    },
}

/// Known-bad hashes from any number of lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashLists {
    sha256: Vec<Entry<32>>,
    sha1: Vec<Entry<20>>,
    md5: Vec<Entry<16>>,
    labels: Vec<Arc<str>>,
    lists: Vec<String>,
}

/// A hash, the number of its list and the number of its label.
type Entry<const N: usize> = ([u8; N], u32, u32);

impl HashLists {
    /// Adds a list, named for findings and errors, and answers how many hashes it held.
    ///
    /// # Errors
    /// When nothing in it is a hash, or when it starts like JSON and does not parse. The lists added before stay.
    pub fn add(&mut self, list: &str, text: &str) -> Result<usize, HashListError> {
        let before = self.len();
        let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with(['{', '[']) {
            self.add_json(list, number, text)?;
        } else {
            self.add_lines(number, text);
        }
        if self.len() == before {
            return Err(HashListError::Empty { list: list.to_owned() });
        }
        self.lists.push(list.to_owned());
        self.sha256.sort_unstable();
        self.sha1.sort_unstable();
        self.md5.sort_unstable();
        Ok(self.len() - before)
    }

    /// How many hashes there are.
    pub fn len(&self) -> usize {
        self.sha256.len() + self.sha1.len() + self.md5.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some are SHA-1 or MD5.
    pub fn has_legacy(&self) -> bool {
        !self.sha1.is_empty() || !self.md5.is_empty()
    }

    /// Reports a part whose hash is on a list.
    pub(crate) fn inspect(&self, part: &Part, findings: &mut Findings) {
        let sha1 = part.sha1.as_deref().unwrap_or_default();
        let md5 = part.md5.as_deref().unwrap_or_default();
        let found = look_up(&self.sha256, &part.sha256).map(|hit| ("SHA-256", part.sha256.as_str(), hit));
        let found = found.or_else(|| look_up(&self.sha1, sha1).map(|hit| ("SHA-1", sha1, hit)));
        let found = found.or_else(|| look_up(&self.md5, md5).map(|hit| ("MD5", md5, hit)));
        let Some((algorithm, hash, (list, label))) = found else { return };
        let list = self.lists.get(list as usize).map_or("", String::as_str);
        let label = self.labels.get(label as usize).map_or("", |label| &**label);
        let known_as = if label.is_empty() { String::new() } else { format!(" as `{label}`") };
        findings.add(
            Finding::new(
                "reputation.known-bad",
                "hash-lists",
                Severity::Critical,
                Family::Reputation,
                format!("its {algorithm} is on the list `{list}`{known_as}"),
            )
            .technique("T1204.002")
            .with("algorithm", algorithm)
            .with("hash", hash)
            .with("list", list)
            .with("label", label),
        );
    }

    fn add_lines(&mut self, list: u32, text: &str) {
        let mut label_columns: Vec<usize> = Vec::new();
        for line in text.lines() {
            let comment = line.trim_start().trim_start_matches(['#', ';']).trim_start();
            let is_comment = line.trim_start().starts_with(['#', ';']);
            // Some exports put a space before a quoted field, which CSV takes for an unquoted one.
            let comment = comment.replace(", \"", ",\"");
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .trim(csv::Trim::All)
                .delimiter(if line.contains(',') || !line.contains(';') { b',' } else { b';' })
                .from_reader(comment.as_bytes());
            let Some(Ok(record)) = reader.records().next() else { continue };
            let fields: Vec<&str> = record.iter().map(|f| f.trim_matches('"')).collect();
            let columns = label_positions(&fields);
            if !columns.is_empty() && !fields.iter().any(|f| is_hash(f)) {
                label_columns = columns;
                continue;
            }
            if is_comment {
                continue;
            }
            if let &[field] = fields.as_slice() {
                let (hash, rest) = field.split_once(char::is_whitespace).unwrap_or((field, ""));
                self.add_value(list, hash, rest.trim_start_matches([' ', '*']));
                continue;
            }
            let label = label_columns.iter().filter_map(|&c| fields.get(c)).find(|l| is_label(l)).copied();
            for field in &fields {
                self.add_value(list, field, label.unwrap_or_default());
            }
        }
    }

    fn add_json(&mut self, list: &str, number: u32, text: &str) -> Result<(), HashListError> {
        // abuse.ch and others write one object a line; a reader of concatenated values takes both.
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let value = value.map_err(|error| HashListError::Json {
                list: list.to_owned(),
                line: error.line(),
                column: error.column(),
                what: error.to_string(),
            })?;
            self.add_value_tree(number, &value, "");
        }
        Ok(())
    }

    fn add_value_tree(&mut self, list: u32, value: &Value, label: &str) {
        match value {
            Value::String(text) => self.add_value(list, text, label),
            Value::Array(items) => items.iter().for_each(|item| self.add_value_tree(list, item, label)),
            Value::Object(fields) => {
                let own = LABELS.iter().filter_map(|key| fields.get(*key)?.as_str()).find(|l| is_label(l));
                for (key, value) in fields {
                    // Some exports key each entry by its hash.
                    self.add_value(list, key, own.unwrap_or(label));
                    self.add_value_tree(list, value, own.unwrap_or(label));
                }
            }
            _ => {}
        }
    }

    fn add_value(&mut self, list: u32, text: &str, label: &str) {
        let text = text.rsplit('|').next().unwrap_or(text).trim();
        if !is_hash(text) {
            return;
        }
        let Ok(bytes) = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()) else { return };
        let label = self.label(label);
        match bytes.len() {
            32 => self.sha256.extend(bytes.try_into().ok().map(|hash| (hash, list, label))),
            20 => self.sha1.extend(bytes.try_into().ok().map(|hash| (hash, list, label))),
            _ => self.md5.extend(bytes.try_into().ok().map(|hash| (hash, list, label))),
        }
    }

    fn label(&mut self, label: &str) -> u32 {
        // LIMIT: a label for people.
        let label: String = label.trim().chars().filter(|c| !c.is_control()).take(LABEL_LENGTH).collect();
        // Lists are usually sorted by time, so a label often repeats the one before it.
        if self.labels.last().is_none_or(|last| **last != *label) {
            self.labels.push(label.into());
        }
        u32::try_from(self.labels.len() - 1).unwrap_or(u32::MAX)
    }
}

fn label_positions(fields: &[&str]) -> Vec<usize> {
    let at = |name: &&str| fields.iter().position(|field| field.eq_ignore_ascii_case(name));
    LABELS.iter().filter_map(at).collect()
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && !text.eq_ignore_ascii_case("n/a") && !is_hash(text)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 64 | 40 | 32) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn look_up<const N: usize>(entries: &[Entry<N>], hash: &str) -> Option<(u32, u32)> {
    let wanted: [u8; N] = data_encoding::HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    let at = entries.partition_point(|(known, ..)| *known < wanted);
    entries.get(at).filter(|(known, ..)| *known == wanted).map(|&(_, list, label)| (list, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";
    const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";

    #[track_caller]
    fn check(text: &str, hashes: usize, label: &str) {
        let mut lists = HashLists::default();
        assert_eq!(lists.add("test", text).unwrap(), hashes);
        let (_, label_at) = look_up(&lists.sha256, SHA256)
            .or_else(|| look_up(&lists.sha1, SHA1))
            .or_else(|| look_up(&lists.md5, MD5))
            .expect("the hash is found");
        assert_eq!(&*lists.labels[label_at as usize], label);
    }

    #[test]
    fn plain_lists() {
        check(&format!("# known bad\n{SHA256}\n\n; other\n{}\n", "0".repeat(64)), 2, "");
        check(&format!("{}  eicar.com\r\n", SHA256.to_uppercase()), 1, "eicar.com");
        check(&format!("{MD5} *eicar.com"), 1, "eicar.com");
        check(SHA1, 1, "");
    }

    #[test]
    fn csv_exports() {
        check(
            &format!(
                "# MalwareBazaar\n# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"sha1_hash\",\"reporter\",\"signature\"\n\
                 \"2024-01-01\", \"{SHA256}\", \"{MD5}\", \"{SHA1}\", \"somebody\", \"Eicar, the test\"\n"
            ),
            3,
            "Eicar, the test",
        );
        check(
            &format!("uuid,event_id,category,type,value,comment\nu,1,Payload,filename|sha256,a.exe|{SHA256},dropper\n"),
            1,
            "dropper",
        );
        check(&format!("{MD5};Eicar\nnot a hash;x\n"), 1, "");
    }

    #[test]
    fn json_exports() {
        check(
            &format!(
                r#"{{"Event":{{"info":"campaign","Attribute":[{{"type":"sha256","value":"{SHA256}","comment":""}},
                {{"type":"filename|md5","value":"x.exe|{MD5}","comment":"loader"}}]}}}}"#
            ),
            2,
            "campaign",
        );
        check(
            &format!("{{\"sha256_hash\":\"{SHA256}\",\"signature\":\"Eicar\"}}\n{{\"md5_hash\":\"{MD5}\"}}\n"),
            2,
            "Eicar",
        );
    }

    #[test]
    fn a_list_that_cannot_be_used_is_named_and_the_others_stay() {
        let mut lists = HashLists::default();
        lists.add("good", SHA256).unwrap();
        assert_eq!(lists.add("empty.txt", "nothing here"), Err(HashListError::Empty { list: "empty.txt".into() }));
        let error = lists.add("broken.json", "{\n  \"a\": ]").unwrap_err().to_string();
        assert!(error.starts_with("`broken.json` line 2, column 8: "), "{error}");
        assert_eq!(lists.len(), 1);
    }
}
