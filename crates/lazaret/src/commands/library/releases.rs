//! `lazaret library releases`, `verify`, `export` and `remove`.

use crate::cli::{Common, Export, Remove};
use crate::display;
use crate::failure::Failure;
use lazaret_attack::{
    AttackError, Bundle, Catalog, Choice, domain_title, ids_of, selected_bundle, sheet_csv, sheets, sheets_json,
    workbook,
};
use lazaret_store::Release;
use std::io::Write;
use std::process::ExitCode;

pub(crate) async fn list(common: &Common, json: bool) -> Result<ExitCode, Failure> {
    let releases = super::existing(common).await?.releases().await?;
    if json {
        crate::display::json(&releases)?;
        return Ok(ExitCode::SUCCESS);
    }
    for release in &releases {
        anstream::println!(
            "{:<10} {:<12} {:>5}  {:>6} objects  {:>9}  {}  {}",
            release.feed,
            domain_title(&release.domain),
            release.name,
            release.objects,
            display::size(release.bytes.unsigned_abs()),
            &release.sha256[..12],
            display::plain(&release.source),
        );
    }
    if releases.is_empty() {
        display::remark("the library is empty; import releases with `lazaret library import`");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn verify(common: &Common, json: bool) -> Result<ExitCode, Failure> {
    let library = super::existing(common).await?;
    let bar = super::bar(1, "{bar:24} {percent} %  {elapsed}");
    let verified = lazaret_attack::verify(&library, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    if json {
        let object = serde_json::json!({
            "releases": verified.releases, "versions": verified.versions, "wrong": verified.wrong,
        });
        anstream::println!("{object}");
    } else {
        for wrong in &verified.wrong {
            display::complain(&display::plain(wrong));
        }
        let state = if verified.wrong.is_empty() {
            "everything is as it was imported"
        } else {
            "something is not as it was imported"
        };
        anstream::println!("{} releases, {} object versions: {state}", verified.releases, verified.versions);
    }
    Ok(ExitCode::from(u8::from(!verified.wrong.is_empty())))
}

/// Takes a release out.
pub(crate) async fn remove(common: &Common, options: &Remove) -> Result<ExitCode, Failure> {
    let library = super::existing(common).await?;
    let (release, removed) =
        match lazaret_attack::remove(&library, &options.domain, options.release, options.feed).await {
            Ok(done) => done,
            Err(AttackError::Unknown(sentence)) => {
                display::complain(&sentence);
                return Ok(ExitCode::from(1));
            }
            Err(error) => return Err(error.into()),
        };
    if options.json {
        let object = serde_json::json!({
            "state": "removed", "release": release, "versions": removed.versions, "objects": removed.objects,
        });
        anstream::println!("{object}");
    } else {
        let domain = domain_title(&release.domain);
        anstream::println!(
            "{domain} {} ({}) was removed, with {} object versions that no other release contains",
            release.name,
            release.feed,
            removed.versions
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a bundle as it was imported.
pub(crate) async fn export(common: &Common, options: &Export) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    let choice = Choice { feed: options.feed, domain: Some(options.domain.clone()), release: Some(options.release) };
    let release = match catalog.release(&choice).await {
        Ok(release) => release,
        Err(AttackError::Unknown(sentence)) => {
            display::complain(&sentence);
            return Ok(ExitCode::from(1));
        }
        Err(error) => return Err(error.into()),
    };
    if options.format != "stix" || !options.ids.is_empty() {
        return chosen(&catalog, &release, options).await;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut bundle = Bundle::open(catalog.library(), &release).await?;
    while let Some(piece) = bundle.next().await? {
        out.write_all(&piece)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a release in another form, or what was chosen of it.
async fn chosen(catalog: &Catalog, release: &Release, options: &Export) -> Result<ExitCode, Failure> {
    let ids = ids_of(&options.ids.join(" "));
    let view = catalog.view(release).await?;
    let bytes = if options.format == "stix" {
        selected_bundle(catalog, &view, &ids).await
    } else {
        match sheets(catalog, &view, &ids).await {
            Err(error) => Err(error),
            Ok(sheets) => match options.format.as_str() {
                "xlsx" => workbook(&sheets),
                "json" => Ok(format!("{:#}\n", sheets_json(&sheets)).into_bytes()),
                _ => match sheets.iter().find(|sheet| sheet.name == options.sheet) {
                    Some(sheet) => Ok(sheet_csv(sheet).into_bytes()),
                    None => {
                        let names: Vec<_> = sheets.iter().map(|sheet| sheet.name).collect();
                        let sheet = display::plain(&options.sheet);
                        Err(AttackError::Unknown(format!("no table `{sheet}`; the tables are {}", names.join(", "))))
                    }
                },
            },
        }
    };
    match bytes {
        Ok(bytes) => {
            display::print(&bytes)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(AttackError::Unknown(sentence)) => {
            display::complain(&sentence);
            Ok(ExitCode::from(1))
        }
        Err(error) => Err(error.into()),
    }
}
