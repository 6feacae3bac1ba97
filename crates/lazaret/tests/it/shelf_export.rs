//! Releases as spreadsheets and tables, from the command and from the page.

use crate::gate::Served;
use crate::shelf::*;
use crate::shelf_pages::{fetched, reader};
use corpus::attack::*;
use serde_json::{Value, json};
use std::io::Read;

/// A library in which a group's description looks like a formula.
fn with_formula() -> tempfile::TempDir {
    let group = with(
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        json!({ "description": "=HYPERLINK(\"https://evil.invalid\")", "aliases": ["Quiet Weasel", "@Crooked"] }),
    );
    filled_with(&[("1.0", vec![technique(), mitigation(), group, relation(2, "uses", GROUP, TECHNIQUE)])])
}

/// The members of a workbook, by name, as text.
fn members(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|number| {
            let mut member = archive.by_index(number).unwrap();
            let (name, mut text) = (member.name().unwrap().into_owned(), String::new());
            member.read_to_string(&mut text).unwrap();
            (name, text)
        })
        .collect()
}

#[test]
fn a_spreadsheet_has_the_official_sheets_and_calculates_nothing() {
    let folder = with_formula();
    let output = library(folder.path(), &["export", "enterprise", "1.0", "--format", "xlsx"]);
    assert!(output.status.success(), "{output:?}");
    let members = members(&output.stdout);
    let book = &members.iter().find(|(name, _)| name == "xl/workbook.xml").unwrap().1;
    for sheet in ["techniques", "groups", "mitigations", "relationships", "citations"] {
        assert!(book.contains(&format!("name=\"{sheet}\"")), "{book}");
    }
    let all: String = members.iter().map(|(_, text)| text.as_str()).collect();
    assert!(all.contains("=HYPERLINK(") && all.contains("@Crooked"), "texts are there as they are");
    assert!(!all.contains("<f>") && !all.contains("<hyperlink "), "no cell is a formula or a link");
}

#[test]
fn tables_and_selections_are_exported_in_every_form() {
    let folder = with_formula();
    let (status, out, _) =
        said(folder.path(), &["export", "enterprise", "1.0", "--format", "csv", "--sheet", "groups"]);
    assert!(status == 0 && out.starts_with("ID,STIX ID,name,") && out.contains("'=HYPERLINK"), "{out}");
    let (status, _, complaint) =
        said(folder.path(), &["export", "enterprise", "1.0", "--format", "csv", "--sheet", "x"]);
    assert!(status == 1 && complaint.contains("techniques"), "{complaint}");
    let tables = json_of(folder.path(), &["export", "enterprise", "1.0", "--format", "json", "--id", "G9001"]);
    assert_eq!(tables["groups"][0]["associated groups"], "@Crooked");
    assert!(tables.get("techniques").is_none(), "only what was chosen: {tables}");
    let bundle = json_of(folder.path(), &["export", "enterprise", "1.0", "--id", "G9001", "T9001"]);
    assert_eq!(bundle["objects"].as_array().unwrap().len(), 3);
    let (status, _, complaint) = said(folder.path(), &["export", "enterprise", "1.0", "--id", "T4711"]);
    assert!(status == 1 && complaint.contains("has no entry `T4711`"), "{complaint}");
    // The same from the page.
    let served = Served::in_folder(folder, "");
    let reader = reader(&served);
    assert!(reader.get("/attack/export").contains("<option value=\"xlsx\">"));
    let (status, head, _) = fetched(&reader, "/attack/export?form=csv&sheet=groups", &[]);
    assert_eq!(status, 200);
    assert!(head.contains("filename=\"enterprise-attack-1.0-groups.csv\""), "{head}");
    let (status, head, body) = fetched(&reader, "/attack/export?form=stix&ids=G9001%2CT9001", &[]);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert!(status == 200 && head.contains("attachment") && told == bundle, "{body}");
    for (path, status) in [
        ("/attack/export?form=doc", 400),
        ("/attack/export?form=stix", 400),
        ("/attack/export?form=json&ids=T4711", 404),
        ("/attack/export?form=xlsx&release=9.9", 404),
    ] {
        assert_eq!(reader.status(path), status, "{path}");
    }
}
