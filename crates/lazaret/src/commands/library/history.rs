//! `lazaret library history`.

use crate::cli::{Common, History};
use crate::display::plain;
use crate::failure::Failure;
use lazaret_attack::{
    Catalog, Change, Choice, Detail, Found, Label, Number, Piece, compare, compared_words, folded, hex, history,
    history_json, status,
};
use serde_json::Value;
use std::process::ExitCode;

pub(crate) async fn run(common: &Common, options: &History) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    let choice = Choice { feed: options.feed, domain: options.domain.clone(), release: None };
    let Some(found) = super::find(&catalog, &options.id, &choice).await? else { return Ok(ExitCode::from(1)) };
    if let (Some(from), Some(to)) = (options.from, options.to) {
        return difference(&catalog, &found, from, to, options.json).await;
    }
    if options.json {
        crate::display::pretty_json(&history_json(&catalog, &found).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let release = &found.view.release;
    anstream::println!(
        "{} {} in {} ({})",
        plain(&found.version.attack_id),
        plain(&found.version.name),
        release.domain,
        release.feed
    );
    let rows = history(&catalog, &found.version.stix_id, release.track, Detail::Fields).await?;
    for run in folded(&rows) {
        let first = &run.first.release.name;
        let releases = run.last.as_ref().map_or_else(|| first.clone(), |last| format!("{first} to {}", last.name));
        let Some(version) = &run.first.version else {
            anstream::println!("{releases:<14} absent in these releases");
            continue;
        };
        let mut fields: Vec<&str> = run.first.changes.iter().map(|change| change.field.as_str()).collect();
        fields.dedup();
        let changed =
            run.first.label.map_or_else(String::new, |label| format!("{}: {}", label.name(), fields.join(", ")));
        anstream::println!(
            "{releases:<14} v{:<4} {:<10} {:<24} {}…  {}",
            version.version,
            status(version),
            version.modified,
            hex(&version.raw[..6]),
            plain(&changed)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What differs between two releases of an entry.
async fn difference(
    catalog: &Catalog,
    found: &Found,
    from: Number,
    to: Number,
    json: bool,
) -> Result<ExitCode, Failure> {
    let release = &found.view.release;
    let mut both = Vec::new();
    for number in [from, to] {
        let choice =
            Choice { feed: release.feed.parse().ok(), domain: Some(release.domain.clone()), release: Some(number) };
        let one = catalog.find(None, &found.version.stix_id, &choice).await?;
        if one.missing_in.is_some() {
            return Err(Failure::new(format!("release {number} does not contain it")));
        }
        both.push(catalog.fields(&one.version).await?);
    }
    let [old, new] = both.as_slice() else { return Ok(ExitCode::from(2)) };
    let changes = compare(old, new);
    if json {
        crate::display::pretty_json(&changes)?;
        return Ok(ExitCode::SUCCESS);
    }
    for change in &changes {
        tell(change);
    }
    if changes.is_empty() {
        anstream::println!("no differences");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(change: &Change) {
    let (red, green) = (anstyle::AnsiColor::Red.on_default(), anstyle::AnsiColor::Green.on_default());
    anstream::println!("{} ({})", plain(&change.field), change.label.name());
    if change.label <= Label::ArrayOrder {
        return;
    }
    if let (Some(Value::String(old)), Some(Value::String(new))) = (&change.old, &change.new) {
        let pieces = compared_words(old, new);
        let text: String = pieces
            .iter()
            .map(|(piece, text)| {
                let text = text.lines().map(plain).collect::<Vec<_>>().join("\n");
                match piece {
                    Piece::Same => text,
                    Piece::Removed => format!("{red}[-{text}-]{red:#}"),
                    Piece::Added => format!("{green}{{+{text}+}}{green:#}"),
                }
            })
            .collect();
        anstream::println!("    {text}");
        return;
    }
    if let Some(old) = &change.old {
        anstream::println!("  {red}- {}{red:#}", plain(&old.to_string()));
    }
    if let Some(new) = &change.new {
        anstream::println!("  {green}+ {}{green:#}", plain(&new.to_string()));
    }
}
