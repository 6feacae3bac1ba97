//! Reads lists as they are published.

use super::{HashListError, Hashes};
use csv_core::ReadRecordResult;
use serde_json::Value;
use std::io::BufRead;

/// Columns and keys that name what a hash belongs to, the best first.
const LABELS: [&str; 7] = ["signature", "malware_printable", "malware", "name", "comment", "info", "tags"];

/// Adds every hash of a list.
pub(super) fn read(list: &str, from: &mut dyn BufRead, hashes: &mut Hashes) -> Result<(), HashListError> {
    let failed = |source: std::io::Error| HashListError::Read { list: list.to_owned(), why: source.to_string() };
    let beginning = from.fill_buf().map_err(failed)?;
    let beginning = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    if matches!(beginning.trim_ascii_start().first(), Some(b'{' | b'[')) {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(failed)?;
        return read_json(list, String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}'), hashes);
    }
    let mut lines = Lines::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        lines.take(&line, hashes);
        line.clear();
    }
    Ok(())
}

/// What lines said so far.
#[derive(Default)]
struct Lines {
    /// The columns of labels, by the last line that named its columns.
    label_columns: Vec<usize>,
    fields: Fields,
}

impl Lines {
    fn take(&mut self, line: &[u8], hashes: &mut Hashes) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        // A hash, or a hash and a name, in which any mark may be.
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (hash, rest) = line.split_at_checked(end).unwrap_or((line, b""));
        if is_hash(hash) {
            hashes.add(hash, after_hash(&String::from_utf8_lossy(rest)));
            return;
        }
        let text = String::from_utf8_lossy(line);
        let comment = text.trim_start_matches(['#', ';']).trim_start();
        let is_comment = text.starts_with(['#', ';']);
        // Some exports put a space before a quoted field, which CSV takes for an unquoted one.
        let comment = comment.replace(", \"", ",\"");
        let delimiter = if text.contains(',') || !text.contains(';') { b',' } else { b';' };
        let fields = self.fields.of(&comment, delimiter);
        let columns = label_positions(&fields);
        if !columns.is_empty() && !fields.iter().any(|field| is_hash(field.as_bytes())) {
            self.label_columns = columns;
            return;
        }
        if is_comment {
            return;
        }
        // `name|hash`, quoted, and behind each perhaps a name.
        if let [field] = fields.as_slice() {
            let (hash, rest) = field.split_once(char::is_whitespace).unwrap_or((field, ""));
            hashes.add_text(hash, after_hash(rest));
            return;
        }
        let label = self.label_columns.iter().filter_map(|&c| fields.get(c)).find(|label| is_label(label));
        for field in &fields {
            hashes.add_text(field, label.map_or("", String::as_str));
        }
    }
}

/// Splits lines into fields (RFC 4180).
struct Fields {
    commas: csv_core::Reader,
    semicolons: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Fields {
    fn default() -> Self {
        let reader = |delimiter| csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Self { commas: reader(b','), semicolons: reader(b';'), text: vec![0; 1_024], ends: vec![0; 64] }
    }
}

impl Fields {
    fn of(&mut self, line: &str, delimiter: u8) -> Vec<String> {
        let reader = if delimiter == b';' { &mut self.semicolons } else { &mut self.commas };
        reader.reset();
        let (mut rest, mut written, mut ended) = (line.as_bytes(), 0, 0);
        loop {
            let (text, ends) = (self.text.get_mut(written..), self.ends.get_mut(ended..));
            let (result, read, wrote, fields) =
                reader.read_record(rest, text.unwrap_or_default(), ends.unwrap_or_default());
            rest = rest.get(read..).unwrap_or_default();
            (written, ended) = (written + wrote, ended + fields);
            match result {
                // What is asked again without more is told that there is no more.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        let mut start = 0;
        let ends = self.ends.get(..ended).unwrap_or_default().iter();
        let field = |end: &usize| {
            let bytes = self.text.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default();
            String::from_utf8_lossy(bytes).trim().trim_matches('"').to_owned()
        };
        ends.map(field).collect()
    }
}

/// What stands behind a hash: a name, before which `sha256sum` puts a star for binary files.
fn after_hash(rest: &str) -> &str {
    rest.trim_start_matches([' ', '\t', '*'])
}

fn read_json(list: &str, text: &str, hashes: &mut Hashes) -> Result<(), HashListError> {
    // abuse.ch and others write one object a line; a reader of concatenated values takes both.
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| HashListError::Json {
            list: list.to_owned(),
            line: error.line(),
            column: error.column(),
            what: error.to_string(),
        })?;
        add_tree(&value, "", hashes);
    }
    Ok(())
}

fn add_tree(value: &Value, label: &str, hashes: &mut Hashes) {
    match value {
        Value::String(text) => hashes.add_text(text, label),
        Value::Array(items) => items.iter().for_each(|item| add_tree(item, label, hashes)),
        Value::Object(fields) => {
            let own = LABELS.iter().filter_map(|key| fields.get(*key)?.as_str()).find(|label| is_label(label));
            for (key, value) in fields {
                // Some exports key each entry by its hash.
                hashes.add_text(key, own.unwrap_or(label));
                add_tree(value, own.unwrap_or(label), hashes);
            }
        }
        _ => {}
    }
}

fn label_positions(fields: &[String]) -> Vec<usize> {
    let at = |name: &&str| fields.iter().position(|field| field.eq_ignore_ascii_case(name));
    LABELS.iter().filter_map(at).collect()
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && !text.eq_ignore_ascii_case("n/a") && !is_hash(text.as_bytes())
}

/// Whether this is a SHA-256, SHA-1 or MD5 in hexadecimal.
pub(super) fn is_hash(text: &[u8]) -> bool {
    matches!(text.len(), 64 | 40 | 32) && text.iter().all(u8::is_ascii_hexdigit)
}
