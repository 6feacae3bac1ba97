//! Lists of sites, and what is known about one.

use super::session::{Allowed, Shown, may};
use super::{Answer, page, parts, shown_time};
use crate::{ListSummary, NoHost, SiteStanding};
use askama::Template;
use axum::extract::{Query, State};
use lazaret_model::plain;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "console/sites.html")]
struct Sites {
    user: Option<Shown>,
    /// Each with when it was read.
    lists: Vec<(ListSummary, String)>,
    asked: String,
    known: Option<Known>,
    problem: String,
}

struct Known {
    standing: SiteStanding,
    domain: String,
    /// When something first came from there, and how many events there were.
    seen: Option<(String, i64)>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    site: String,
}

pub(super) async fn show(
    State(console): State<parts::Sites>,
    who: Allowed<may::View>,
    Query(asked): Query<Asked>,
) -> Answer {
    let lists = console.control.lists().into_iter().map(|list| {
        let checked = list.checked.map(shown_time).unwrap_or_default();
        let list = ListSummary {
            source: plain(&list.source),
            left_out_first: plain(&list.left_out_first),
            problem: plain(&list.problem),
            ..list
        };
        (list, checked)
    });
    let asked = asked.site.trim().to_owned();
    let (mut known, mut problem) = (None, String::new());
    if !asked.is_empty() {
        match console.control.standing(&asked) {
            Ok(standing) => {
                let domain = standing.domain.clone().unwrap_or_else(|| standing.host.clone());
                let seen = console.ledger.site(&domain).await?;
                let seen = seen.map(|seen| (shown_time(seen.first_seen), seen.number));
                known = Some(Known { standing, domain, seen });
            }
            Err(NoHost(why)) => problem = plain(&why),
        }
    }
    page(&Sites { user: who.shown(), lists: lists.collect(), asked: plain(&asked), known, problem })
}
