//! `lazaret site`: what is known about a site.

use crate::cli::{Common, Site};
use crate::config::Config;
use crate::failure::Failure;
use crate::{display, record};
use lazaret_gates::{Sites, Standing};
use lazaret_store::{EventFilter, LoggedEvent, SiteHistory};
use std::process::ExitCode;

/// Events that are shown.
const MOST_EVENTS: i64 = 10;

pub(crate) fn run(common: &Common, options: &Site) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = crate::folder::named(common);
    let sites = Sites::open(&config.sites, &config.proxy, &data.join("lists"))?;
    let standing = sites.look_up(&options.host)?;
    for (list, state) in sites.states() {
        if state.checked.is_none() {
            display::complain(&format!("the list `{}` has never been fetched; `lazaret serve` fetches it", list.name));
        }
    }
    let domain = standing.domain.clone().unwrap_or_else(|| standing.host.clone());
    // Whoever asks leaves no empty ledger behind.
    let known = !config.ledger.address.is_empty() || data.join(record::LEDGER).exists();
    let (history, stopped) = if known {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let ledger = record::open(&config, &data).await?;
            let filter =
                EventFilter { domain: domain.clone(), decision: "stopped".to_owned(), ..EventFilter::default() };
            Ok::<_, Failure>((ledger.site(&domain).await?, ledger.events(&filter, None, MOST_EVENTS).await?))
        })?
    } else {
        (None, Vec::new())
    };
    if options.json {
        let seen = history
            .as_ref()
            .map(|seen| serde_json::json!({ "first_seen": day(seen.first_seen), "events": seen.number }));
        let stopped: Vec<_> = stopped
            .iter()
            .map(|event| {
                let event = &event.event;
                serde_json::json!({
                    "reference": event.reference, "at": time_of(event.at), "name": event.name, "kind": event.kind,
                    "decision": event.decision, "policy": event.policy, "sha256": event.sha256,
                })
            })
            .collect();
        let object = serde_json::json!({
            "host": standing.host, "domain": standing.domain, "lists": standing.lists, "suspicious": standing.suspicious,
            "seen": seen, "stopped": stopped,
        });
        anstream::println!("{object}");
    } else {
        tell(&standing, history.as_ref(), &stopped);
    }
    Ok(ExitCode::from(u8::from(standing.suspicious)))
}

fn tell(standing: &Standing, history: Option<&SiteHistory>, stopped: &[LoggedEvent]) {
    anstream::println!("host        {}", display::plain(&standing.host));
    match &standing.domain {
        Some(domain) => anstream::println!("registered  {}", display::plain(domain)),
        None => anstream::println!("registered  none"),
    }
    let lists = if standing.lists.is_empty() { "none".to_owned() } else { standing.lists.join(", ") };
    let weight = if standing.suspicious { " (suspicious: nothing from it is delivered by default)" } else { "" };
    anstream::println!("lists       {lists}{weight}");
    match history {
        Some(seen) => anstream::println!("first seen  {}; {} events since then", day(seen.first_seen), seen.number),
        None => anstream::println!("first seen  never"),
    }
    if !stopped.is_empty() {
        anstream::println!("stopped     latest {}:", stopped.len());
    }
    for event in stopped {
        let event = &event.event;
        anstream::println!(
            "  {}  {}  {:<5}  {}  {}",
            time_of(event.at),
            event.reference,
            event.decision,
            display::plain(&event.name),
            if event.policy.is_empty() { &event.reason } else { &event.policy }
        );
    }
}

fn date_time(at: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn day(at: i64) -> String {
    date_time(at).date().to_string()
}

/// RFC 3339.
fn time_of(at: i64) -> String {
    let time = date_time(at);
    format!("{}T{:02}:{:02}:{:02}Z", time.date(), time.hour(), time.minute(), time.second())
}
