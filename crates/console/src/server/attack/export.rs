//! A release as a spreadsheet, as tables or as a bundle, whole or what somebody chose of it.

use super::{Reader, Where, shelf};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use lazaret_attack::{Catalog, View, domain_title, ids_of, selected_bundle, sheet_csv, sheets, sheets_json, workbook};
use serde::Deserialize;

/// Forms: what addresses call them, and what people do.
const FORMS: [(&str, &str); 4] = [
    ("xlsx", "Excel workbook"),
    ("csv", "One table as CSV"),
    ("json", "Tables as JSON"),
    ("stix", "STIX bundle of the chosen entries"),
];
/// The media type of workbooks.
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Tables that can be had alone.
const TABLES: [&str; 13] = [
    "techniques",
    "tactics",
    "software",
    "groups",
    "campaigns",
    "assets",
    "mitigations",
    "datasources",
    "datacomponents",
    "detectionstrategies",
    "analytics",
    "relationships",
    "citations",
];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    form: String,
    sheet: String,
    ids: String,
}

#[derive(Template)]
#[template(path = "attack/export.html")]
struct Page {
    user: Option<Shown>,
    asked: Where,
    /// Domains with their releases, the newest first.
    domains: Vec<(String, String)>,
    forms: [(&'static str, &'static str); 4],
    tables: [&'static str; 13],
}

pub(super) async fn show(
    State(console): State<parts::Library>,
    reader: Reader,
    Query(asked): Query<Where>,
    Query(wish): Query<Wish>,
) -> Answer {
    let catalog = console.catalog()?;
    if !wish.form.is_empty() {
        let view = catalog.view(&catalog.release(&asked.choice()?).await?).await?;
        return made(catalog, &view, &wish).await;
    }
    let (_, releases) = catalog.releases().await?;
    let mut domains: Vec<(String, String)> =
        releases.iter().map(|release| (release.domain.clone(), domain_title(&release.domain).to_owned())).collect();
    domains.sort_by_key(|(id, _)| lazaret_attack::rank(id));
    domains.dedup();
    shelf(&Page { user: reader.shown(), asked, domains, forms: FORMS, tables: TABLES })
}

async fn made(catalog: &Catalog, view: &View, wish: &Wish) -> Answer {
    let ids = ids_of(&wish.ids);
    let release = &view.release;
    let name = format!("{}-{}", release.domain, release.name);
    if wish.form == "stix" {
        let bytes = selected_bundle(catalog, view, &ids).await?;
        return Ok(file(&name, "json", "application/json", bytes));
    }
    if !FORMS.iter().any(|(form, _)| *form == wish.form) {
        return Err(Refused::Because(
            StatusCode::BAD_REQUEST,
            "the format must be one of `xlsx`, `csv`, `json`, `stix`",
        ));
    }
    let tables = sheets(catalog, view, &ids).await?;
    match wish.form.as_str() {
        "xlsx" => {
            // Packing takes a second, and others want to read meanwhile.
            let packed = tokio::task::spawn_blocking(move || workbook(&tables)).await;
            let bytes = packed.map_err(|error| Refused::Broken(error.to_string()))??;
            Ok(file(&name, "xlsx", WORKBOOK, bytes))
        }
        "json" => Ok(file(&name, "json", "application/json", sheets_json(&tables).to_string().into_bytes())),
        _ => {
            let wanted = if wish.sheet.is_empty() { "techniques" } else { wish.sheet.as_str() };
            let table = tables.iter().find(|table| table.name == wanted);
            let table =
                table.ok_or(Refused::Because(StatusCode::NOT_FOUND, "this release has nothing in that table"))?;
            Ok(file(&format!("{name}-{}", table.name), "csv", "text/csv; charset=utf-8", sheet_csv(table).into_bytes()))
        }
    }
}

/// A file to keep. Its name is made of what could be in any.
fn file(name: &str, extension: &str, media_type: &str, bytes: Vec<u8>) -> Response {
    let name: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter)).collect();
    let disposition = format!("attachment; filename=\"{name}.{extension}\"");
    ([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response()
}
