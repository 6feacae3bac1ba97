//! `lazaret library show`.

use crate::cli::{Common, Show};
use crate::display::{self, plain};
use crate::failure::Failure;
use lazaret_attack::{
    ATTRIBUTION, Effective, Found, domain_title, ends, hex, kind_of, path_of, related, relationships_hash,
    replacements, section_of, summary, text_of,
};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

pub(crate) async fn run(common: &Common, options: &Show) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    let Some(found) = super::find(&catalog, &options.id, &super::choice(&options.which)).await? else {
        return Ok(ExitCode::from(1));
    };
    if let Some(release) = &found.missing_in {
        display::remark(&format!("release {release} does not contain it; showing {}", found.view.release.name));
    }
    for other in &found.namesakes {
        let one = section_of(kind_of(&other.stix_id)).one.to_lowercase();
        display::remark(&format!(
            "a {one} has the same ID: `lazaret library show {}`",
            path_of(other).trim_start_matches('/')
        ));
    }
    if options.raw {
        std::io::stdout().lock().write_all(&catalog.raw(&found.version).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.json {
        crate::display::pretty_json(&summary(&catalog, &found).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fields = catalog.fields(&found.version).await?;
    tell(&found, &text_of(&fields, "description"));
    Ok(ExitCode::SUCCESS)
}

fn tell(found: &Found, description: &str) {
    let (version, release) = (&found.version, &found.view.release);
    let bold = anstyle::Style::new().bold();
    let name = if version.name.is_empty() { &version.stix_id } else { &version.name };
    anstream::println!("{bold}{} {}{bold:#}", plain(&version.attack_id), plain(name));
    let one = section_of(kind_of(&version.stix_id)).one;
    let status = found.standing();
    anstream::println!("{one}, {status}; {} {} ({})", domain_title(&release.domain), release.name, release.feed);
    if let Some(gone) = &found.gone {
        anstream::println!("{} {}", gone.domain_title(), gone.told());
    }
    if let Some(ends) = ends(&found.view, version) {
        anstream::println!("{} {} {}", plain(&ends.source.told()), plain(&ends.kind), plain(&ends.target.told()));
    }
    if !version.version.is_empty() {
        anstream::println!("version {}, created {}, modified {}", version.version, version.created, version.modified);
    }
    let chain = replacements(&found.view, version);
    for heir in &chain.chain {
        anstream::println!("replaced by {} {}", plain(&heir.attack_id), plain(&heir.name));
    }
    if chain.is_loop {
        anstream::println!("and back to this entry: the release contains a cycle");
    }
    for (label, lines) in [("platforms", &version.platforms), ("tactics", &version.tactics)] {
        if !lines.is_empty() {
            anstream::println!("{label}: {}", plain(&lines.replace('\n', ", ")));
        }
    }
    if !description.is_empty() {
        anstream::println!("\n{}\n", description.lines().map(plain).collect::<Vec<_>>().join("\n"));
    }
    let relations = related(&found.view, version);
    let mut counts: BTreeMap<(bool, String, &str), (usize, usize)> = BTreeMap::new();
    for one in &relations {
        let other = one.other.as_ref().map_or_else(|id| kind_of(id), |other| kind_of(&other.stix_id));
        let key = (!one.outward, one.relation.relation.clone(), section_of(other).title);
        let count = counts.entry(key).or_default();
        count.0 += 1;
        count.1 += usize::from(one.status == Effective::Live);
    }
    if relations.is_empty() {
        anstream::println!("no relationships in this release");
    }
    for ((inward, kind, title), (all, live)) in counts {
        let arrow = if inward { "←" } else { "→" };
        anstream::println!("{arrow} {} {}: {all}, {live} of them live", plain(&kind), title.to_lowercase());
    }
    anstream::println!("\nraw           {}", hex(&version.raw));
    anstream::println!("source        {}", hex(&version.source));
    anstream::println!("canonical     {}", hex(&version.canonical));
    anstream::println!("relationships {}", hex(&relationships_hash(&relations)));
    anstream::println!("{}", plain(&version.stix_id));
    anstream::println!("\n{ATTRIBUTION}");
}
