//! `lazaret kinds | formats | detectors | policy facts`: what is supported, from the very tables that do the work.

use crate::cli::List;
use crate::failure::Failure;
use lazaret_detect::{DETECTORS, built_in_rules};
use lazaret_formats::{FORMATS, KINDS};
use lazaret_policy::all_facts;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn kinds(options: &List) -> Result<ExitCode, Failure> {
    let rows = KINDS.iter().map(|row| {
        let extensions = row.extensions.join(" ");
        let fields = [row.id, row.class.name(), row.media_type, &extensions, row.description].map(str::to_owned);
        let value = json!({"id": row.id, "class": row.class, "media_type": row.media_type, "extensions": row.extensions,
            "description": row.description, "container": row.container});
        (fields, value)
    });
    table(options, ["ID", "CLASS", "MEDIA TYPE", "EXTENSIONS", "DESCRIPTION"], rows)
}

pub(crate) fn facts(options: &List) -> Result<ExitCode, Failure> {
    let rows = all_facts().map(|fact| {
        let (path, kind, meaning) = (fact.path(), fact.kind.cedar(), fact.meaning());
        let value = json!({"place": fact.place.name(), "name": fact.name, "path": path, "type": kind, "optional": fact.optional,
            "known": fact.known.name(), "unit": fact.unit, "default": fact.usual(), "meaning": meaning});
        let mark = if fact.optional { "?" } else { "" };
        let unit = fact.unit.map(|unit| format!(" ({unit})")).unwrap_or_default();
        let fields = [path, format!("{kind}{mark}"), fact.since().to_owned(), format!("{meaning}{unit}")];
        (fields, value)
    });
    table(options, ["FACT", "TYPE", "KNOWN", "MEANING"], rows)
}

pub(crate) fn formats(options: &List) -> Result<ExitCode, Failure> {
    let rows = FORMATS.iter().map(|format| {
        let fields = [format.id().to_owned(), format.kinds().join(" "), format.summary().to_owned()];
        (fields, json!({"id": format.id(), "kinds": format.kinds(), "summary": format.summary()}))
    });
    table(options, ["ID", "OPENS", "READS"], rows)
}

pub(crate) fn detectors(options: &List) -> Result<ExitCode, Failure> {
    let signatures = format!("YARA rules: {} built-in files and the configured ones", built_in_rules().len());
    let configured = [
        ("signatures".to_owned(), signatures),
        ("hash-lists".to_owned(), "SHA-256, SHA-1 and MD5 on configured lists of known-bad files".to_owned()),
        ("clamd".to_owned(), "results of a running clamd, if one is configured".to_owned()),
    ];
    let own = DETECTORS.iter().map(|detector| (detector.id().to_owned(), detector.summary().to_owned()));
    let rows = configured.into_iter().chain(own).map(|(id, summary)| {
        let value = json!({"id": id, "summary": summary});
        ([id, summary], value)
    });
    table(options, ["ID", "LOOKS FOR"], rows)
}

fn table<const N: usize>(
    options: &List,
    head: [&str; N],
    rows: impl Iterator<Item = ([String; N], serde_json::Value)>,
) -> Result<ExitCode, Failure> {
    let (fields, values): (Vec<_>, Vec<_>) = rows.unzip();
    if options.json {
        let text = serde_json::to_string_pretty(&values)?;
        return super::print(format!("{text}\n").as_bytes());
    }
    let mut text = String::new();
    let head = head.map(str::to_owned);
    let width =
        |column: usize| fields.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0).min(60);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in [&head].into_iter().chain(&fields) {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    super::print(text.as_bytes())
}
