//! `lazaret library diff`.

use crate::cli::{Common, Diff};
use crate::display::plain;
use crate::failure::Failure;
use lazaret_attack::{ATTRIBUTION, Changed, Changes, Kind, changes_between, domain_title, markdown, order};
use std::process::ExitCode;

/// Entries of one kind that are listed on a terminal.
const MOST_LISTED: usize = 40;

pub(crate) async fn run(common: &Common, options: &Diff) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    let changes = changes_between(&catalog, options.from, options.to, &options.domain, options.feed).await?;
    if options.json {
        crate::display::json(&changes.json())?;
    } else if options.markdown {
        anstream::print!("{}", markdown(&changes));
    } else {
        tell(&changes);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(changes: &Changes) {
    let bold = anstyle::Style::new().bold();
    for (domain, found) in &changes.domains {
        let title = domain_title(domain);
        anstream::println!("{bold}{title} {} → {} ({}){bold:#}", changes.from, changes.to, changes.feed);
        for section in order() {
            let Some(kinds) = found.changes.get(section.path) else { continue };
            for (kind, list) in kinds {
                anstream::println!("{}: {} {}", section.title, list.len(), kind.title().to_lowercase());
                // Patches and relationships are many and small.
                if matches!(kind, Kind::Patches | Kind::Unlisted) || section.path == "relationships" {
                    continue;
                }
                for changed in list.iter().take(MOST_LISTED) {
                    anstream::println!("    {}", plain(&line(changed)));
                }
                if list.len() > MOST_LISTED {
                    anstream::println!("    and {} more", list.len() - MOST_LISTED);
                }
            }
        }
    }
    anstream::println!("{ATTRIBUTION}");
}

fn line(changed: &Changed) -> String {
    let mut line = changed.named.told();
    match (changed.old_version.as_str(), changed.new_version.as_str()) {
        (old, new) if old == new || old.is_empty() || new.is_empty() => {}
        (old, new) => line.push_str(&format!(" {old} → {new}")),
    }
    if let Some(heir) = &changed.revoked_by {
        line.push_str(&format!(", revoked by {}", heir.told()));
    }
    line
}
