//! `lazaret authority`: the certificate authority of the web proxy, and the one after it.

use crate::authority::{ending, told};
use crate::cli::{Authority, Common, Forgotten};
use crate::config::Config;
use crate::failure::{self, Failure};
use crate::{display, folder, record};
use lazaret_gates::{AuthorityFolder, AuthorityRole};
use lazaret_model::AuditAct;
use std::path::Path;
use std::process::ExitCode;
use time::OffsetDateTime;

pub(crate) fn run(common: &Common, command: &Authority) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = folder::named(common);
    let authorities = AuthorityFolder::at(&data.join("authority"), &config.proxy)?;
    match command {
        Authority::Show { json } => return show(&authorities, *json),
        Authority::Generate { kind } => {
            let key = authorities.generate(kind.of())?;
            display::remark(&format!(
                "the token now has the key `{}`; the next authority to be created will use it: the first one, created \
                    by `lazaret serve`, or the next one (`lazaret authority rotate`)",
                display::plain(&key)
            ));
        }
        Authority::Rotate { in_use: false } => {
            let made = authorities.rotate()?;
            note(&config, &data, AuditAct::AuthorityMade, &told(&made))?;
            display::remark(&format!(
                "the next authority is `{}` (SHA-256 {}); have clients trust it in addition to the current one, then \
                    switch over with `lazaret authority rotate --use` or `proxy.authority_next_from`",
                display::path(&made.path),
                made.sha256
            ));
        }
        Authority::Rotate { in_use: true } => {
            let used = authorities.use_next()?;
            note(&config, &data, AuditAct::AuthorityPutInUse, &told(&used))?;
            display::remark(&format!(
                "the authority with SHA-256 {} now signs for sites; the previous one is kept until `lazaret authority \
                    forget previous`",
                used.sha256
            ));
        }
        Authority::Forget { which } => {
            let role = match which {
                Forgotten::Next => AuthorityRole::Next,
                Forgotten::Previous => AuthorityRole::Previous,
            };
            let token = authorities.key_place(role).ok().filter(|place| place.starts_with("pkcs11:"));
            authorities.forget(role)?;
            note(&config, &data, AuditAct::AuthorityRemoved, role.name())?;
            display::remark(&match token {
                None => format!("the {} authority and its key have been removed", role.name()),
                Some(key) => format!(
                    "the {} authority has been removed; its key `{}` is still in the token; remove it with the \
                        token's own tool",
                    role.name(),
                    display::plain(&key)
                ),
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a change down, where there is a ledger.
fn note(config: &Config, data: &Path, act: AuditAct, detail: &str) -> Result<(), Failure> {
    // Whoever changes something before the first start leaves no empty ledger behind.
    if config.ledger.address.is_empty() && !data.join(record::LEDGER).exists() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ledger = record::open(config, data).await?;
        ledger.note("lazaret authority", act, detail).await?;
        Ok::<_, Failure>(())
    })
}

fn show(authorities: &AuthorityFolder, json: bool) -> Result<ExitCode, Failure> {
    let (list, now) = (authorities.list()?, OffsetDateTime::now_utc());
    if json {
        let list: Vec<_> = list.iter().map(crate::authority::summary).collect();
        display::json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    if list.is_empty() {
        display::remark("there is no authority yet; `lazaret serve` creates it at its first start");
    }
    for found in &list {
        let names = if found.permitted.is_empty() { "all".to_owned() } else { found.permitted.join(", ") };
        anstream::println!("{}", found.role.name());
        for (what, text) in [
            ("subject", found.subject.clone()),
            ("serial", found.serial.clone()),
            ("SHA-256", found.sha256.clone()),
            ("valid from", found.not_before.date().to_string()),
            ("valid until", format!("{} ({} days)", found.not_after.date(), found.days_left(now))),
            ("names", names),
            ("file", found.path.display().to_string()),
            ("key", authorities.key_place(found.role).unwrap_or_else(|error| failure::told(&error))),
        ] {
            anstream::println!("  {what:<11} {}", display::plain(&text));
        }
    }
    if let Some(warning) = ending(&list, now) {
        display::complain(&warning);
    }
    Ok(ExitCode::SUCCESS)
}
