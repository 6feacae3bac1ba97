//! `lazaret library search`.

use crate::cli::{Common, Search};
use crate::display::{self, plain};
use crate::failure::Failure;
use lazaret_attack::{ATTRIBUTION, Question, domain_title};
use std::process::ExitCode;

pub(crate) async fn run(common: &Common, options: &Search) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    let search = lazaret_attack::Search::new(Some(super::data(common).join(crate::folder::INDEX)));
    let question = Question {
        words: options.words.join(" "),
        section: options.section.clone().unwrap_or_default(),
        domain: options.domain.clone().unwrap_or_default(),
        platform: options.platform.clone().unwrap_or_default(),
        tactic: options.tactic.clone().unwrap_or_default(),
        status: options.status.clone().unwrap_or_default(),
        begun: false,
        skip: 0,
        limit: options.limit,
    };
    let found = search.search(&catalog, &question).await?;
    let status = ExitCode::from(u8::from(found.hits.is_empty()));
    if options.json {
        let mut object = serde_json::to_value(&found)?;
        object["attribution"] = ATTRIBUTION.into();
        crate::display::pretty_json(&object)?;
        return Ok(status);
    }
    if found.loose {
        display::remark("no entry contains all the words; these contain some of them");
    }
    for hit in &found.hits {
        let state = if hit.status == "live" { String::new() } else { format!(", {}", hit.told()) };
        let domains: Vec<&str> = hit.domains.iter().map(|domain| domain_title(domain)).collect();
        let (id, name) = (plain(&hit.attack_id), plain(&hit.name));
        anstream::println!("{id:<11} {name} ({}, {}{state})", hit.section, domains.join(" and "));
    }
    if found.total > found.hits.len() {
        display::remark(&format!("{} in total; use `--limit` to show more", found.total));
    } else if found.hits.is_empty() {
        display::remark("no matches");
    }
    Ok(status)
}
