//! `lazaret library takes`. Whoever can write to the library's database could do all of this without; who acts is noted all the
//! same, and their role must allow it.

use crate::cli::{Act, Common, Takes, Who};
use crate::config::Config;
use crate::display::{self, plain};
use crate::failure::Failure;
use crate::record;
use lazaret_attack::{
    Catalog, Deed, Fit, TAKE_SCHEMA, TakeError, Trouble, act, authors, begin, check, look, read_take, take_about,
    takes_now, template,
};
use lazaret_policy::Permissions;
use lazaret_store::Take;
use std::process::ExitCode;

pub(crate) async fn run(common: &Common, command: &Takes) -> Result<ExitCode, Failure> {
    if matches!(command, Takes::Schema) {
        anstream::print!("{TAKE_SCHEMA}");
        return Ok(ExitCode::SUCCESS);
    }
    let catalog = super::catalog(common).await?;
    match command {
        Takes::Schema => Ok(ExitCode::SUCCESS),
        Takes::List { id, json } => list(&catalog, id.as_deref(), *json).await,
        Takes::Show { number, json } => show(&catalog, *number, *json).await,
        Takes::Template { id, which } => {
            let Some(found) = super::find(&catalog, id, &super::choice(which)).await? else {
                return Ok(ExitCode::from(1));
            };
            crate::display::pretty_json(&template(&found))?;
            Ok(ExitCode::SUCCESS)
        }
        Takes::Check { file } => {
            let text = text(file)?;
            let document = match read_take(&text) {
                Ok(document) => document,
                Err(troubles) => return Ok(tell_troubles(&troubles)),
            };
            let checked = check(&catalog, &document).await?;
            if !checked.troubles.is_empty() {
                return Ok(tell_troubles(&checked.troubles));
            }
            anstream::println!("{}", told(&checked.fit));
            Ok(ExitCode::from(u8::from(checked.fit != Fit::Current)))
        }
        Takes::Add { file, who } => {
            allowed(common, who, "write-takes").await?;
            match begin(&catalog, &who.name, &text(file)?).await {
                Ok(number) => {
                    anstream::println!("{number}");
                    Ok(ExitCode::SUCCESS)
                }
                Err(error) => failed(error),
            }
        }
        Takes::Edit { number, file, who } => {
            allowed(common, who, "write-takes").await?;
            done(act(&catalog, *number, None, &who.name, Deed::Edit(text(file)?), "").await)
        }
        Takes::Submit(options) => step(common, &catalog, options, Deed::Submit, "write-takes").await,
        Takes::Withdraw(options) => step(common, &catalog, options, Deed::Withdraw, "write-takes").await,
        Takes::Return(options) => step(common, &catalog, options, Deed::Return, "review-takes").await,
        Takes::Publish(options) => step(common, &catalog, options, Deed::Publish, "review-takes").await,
        Takes::Revalidate(options) => step(common, &catalog, options, Deed::Revalidate, "review-takes").await,
    }
}

fn text(file: &std::path::Path) -> Result<String, Failure> {
    String::from_utf8(super::text_of(file)?).map_err(|_| Failure::path(file, "it is not UTF-8 text"))
}

async fn step(
    common: &Common,
    catalog: &Catalog,
    options: &Act,
    deed: Deed,
    permission: &str,
) -> Result<ExitCode, Failure> {
    allowed(common, &options.who, permission).await?;
    done(act(catalog, options.number, options.revision, &options.who.name, deed, &options.note).await)
}

fn done(take: Result<Take, TakeError>) -> Result<ExitCode, Failure> {
    match take {
        Ok(take) => {
            anstream::println!("{} {} {}", take.id, take.state.name(), plain(&take.title));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => failed(error),
    }
}

fn failed(error: TakeError) -> Result<ExitCode, Failure> {
    match error {
        TakeError::Troubles(troubles) => Ok(tell_troubles(&troubles)),
        error => Err(error.into()),
    }
}

fn tell_troubles(troubles: &[Trouble]) -> ExitCode {
    for trouble in troubles {
        display::complain(&plain(format!("{} {}", trouble.place, trouble.message).trim()));
    }
    ExitCode::from(1)
}

/// Refuses whoever is no user of the console, or whose role does not allow it.
async fn allowed(common: &Common, who: &Who, permission: &str) -> Result<(), Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = super::data(common);
    let nobody = || Failure::new(format!("`{}` is not a console user; see Users in the console", plain(&who.name)));
    if config.ledger.address.is_empty() && !data.join(record::LEDGER).exists() {
        return Err(nobody());
    }
    let ledger = record::open(&config, &data).await?;
    let user = ledger.user(&who.name).await?.filter(|user| !user.disabled).ok_or_else(nobody)?;
    if Permissions::built_in()?.of(&user.role).contains(permission) {
        return Ok(());
    }
    Err(Failure::new(format!("the role of `{}`, {}, does not allow this", plain(&who.name), user.role)))
}

fn told(fit: &Fit) -> &'static str {
    match fit {
        Fit::Current => "valid: the source and the relationship set are current",
        Fit::Bookkeeping(_) => "only metadata has changed since the release that it is about",
        Fit::Outdated { source: true, relationships: true, .. } => {
            "the source text and the relationship set have changed"
        }
        Fit::Outdated { relationships: true, .. } => "the relationship set has changed",
        Fit::Outdated { .. } => "the source text has changed",
        Fit::Gone => "the newest release no longer contains the object",
    }
}

async fn list(catalog: &Catalog, id: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let object = match id {
        None => None,
        Some(id) => match super::find(catalog, id, &lazaret_attack::Choice::default()).await? {
            Some(found) => Some(found.version.stix_id.clone()),
            None => return Ok(ExitCode::from(1)),
        },
    };
    let takes = takes_now(catalog, object.as_deref()).await?;
    if json {
        let mut rows = Vec::new();
        for take in &takes {
            let about = take_about(catalog, take).await?;
            let mut row = serde_json::to_value(take)?;
            row["about"] = serde_json::json!({ "id": about.id, "name": about.name });
            rows.push(row);
        }
        crate::display::pretty_json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    for take in &takes {
        let (about, authors) = (take_about(catalog, take).await?, authors(catalog, take).await?.join(", "));
        let (id, state, title) = (take.id, take.state.name(), plain(&take.title));
        anstream::println!("{id:>4} {state:<10} {}: {title} ({})", plain(&about.to_string()), plain(&authors));
    }
    if takes.is_empty() {
        display::remark("no takes");
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(catalog: &Catalog, number: i64, json: bool) -> Result<ExitCode, Failure> {
    let looked = look(catalog, number).await;
    let steps = catalog.library().take_steps(number).await?;
    let (take, fit, changed, troubles) = match looked {
        Ok((take, checked)) => (take, told(&checked.fit), checked.fit.changed(), checked.troubles),
        Err(TakeError::Troubles(troubles)) => {
            let take = catalog.library().take(number).await?.ok_or(TakeError::Missing(number))?;
            (take, "its document no longer matches the schema", String::new(), troubles)
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        let document: serde_json::Value = serde_json::from_str(&take.document).unwrap_or_default();
        let object = serde_json::json!({
            "take": take, "document": document, "fit": fit, "changed": changed, "troubles": troubles, "steps": steps,
        });
        crate::display::pretty_json(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("{} {} {}", take.id, take.state.name(), plain(&take.title));
    let about = plain(&take_about(catalog, &take).await?.to_string());
    anstream::println!("about {about} in {}, {}; revision {}", take.domain, take.feed, take.revision);
    anstream::println!("{fit}");
    if !changed.is_empty() {
        anstream::println!("changed: {}", plain(&changed));
    }
    for trouble in &troubles {
        anstream::println!("  {} {}", plain(&trouble.place), plain(&trouble.message));
    }
    for step in &steps {
        anstream::println!("{} {} {}", plain(&step.who), plain(&step.what), plain(&step.note));
    }
    anstream::println!("{}", plain_lines(&take.document));
    Ok(ExitCode::SUCCESS)
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}
