//! `lazaret policy`: validate, test, try, explain, and what can be asked for.

use crate::cli::{Common, EngineOptions, Policy as Command};
use crate::config::Config;
use crate::failure::Failure;
use crate::{control, display, folder, record, replay, sources, tree};
use lazaret_console::{Replayed, Simulation};
use lazaret_engine::{Expected, Grounds, Request, SampleBytes};
use lazaret_model::Origin;
use lazaret_policy::{Cases, Policies, run_cases};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The cases that hold the built-in policies to their word.
const BUILT_IN_CASES: &str = include_str!("../../../../policies/default.test.toml");

pub(crate) fn run(common: &Common, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { paths } => check(&in_force(common, paths)?),
        Command::Facts(options) => super::lists::facts(options),
        Command::Test { cases, policies } => test(&in_force(common, policies)?, cases),
        Command::Diff { paths, events, json } => diff(common, paths, *events, *json),
        Command::Explain { sample, passwords, engine } => explain(common, engine, sample, passwords),
    }
}

/// The policies that were named, else those of the configuration, else the built-in ones.
fn in_force(common: &Common, named: &[PathBuf]) -> Result<Policies, Failure> {
    if named.is_empty() {
        sources::policies(&Config::load(common.config.as_deref())?.policy.policies)
    } else {
        sources::policies(named)
    }
}

fn check(policies: &Policies) -> Result<ExitCode, Failure> {
    let list = policies.list();
    let width = list.iter().map(|policy| policy.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for policy in &list {
        text.push_str(&format!("{:<width$}  {}\n", policy.id, policy.title));
    }
    text.push_str(&format!("{} policies, all valid\n", list.len()));
    for (id, actions) in policies.unasked() {
        let actions = actions.join("`, `");
        text.push_str(&format!("`{id}` has no effect: it is about `{actions}`, which is never requested\n"));
    }
    super::print(text.as_bytes())
}

fn test(policies: &Policies, files: &[PathBuf]) -> Result<ExitCode, Failure> {
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| Failure::path(file, error))?;
        cases.push(Cases::parse(&display::path(file), &text)?);
    }
    if files.is_empty() {
        cases.push(Cases::parse("the built-in cases", BUILT_IN_CASES)?);
    }
    let (mut passed, mut failed) = (0, 0);
    let mut text = String::new();
    for outcome in cases.iter().map(|cases| run_cases(policies, cases)) {
        for case in outcome? {
            match case.difference {
                None => {
                    passed += 1;
                    text.push_str(&format!("ok      {}\n", case.name));
                }
                Some(difference) => {
                    failed += 1;
                    text.push_str(&format!("FAILED  {}: {difference}\n", case.name));
                }
            }
        }
    }
    text.push_str(&format!("{passed} passed, {failed} failed\n"));
    super::print(text.as_bytes())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn diff(common: &Common, paths: &[PathBuf], most: i64, json: bool) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = folder::named(common);
    let others = sources::policies(paths)?;
    // A mistyped `--data` leaves no empty ledger behind.
    if config.ledger.address.is_empty() && !data.join(record::LEDGER).exists() {
        let missing = "no ledger found; name the data folder of `lazaret serve` with `--data`";
        return Err(Failure::path(&data.join(record::LEDGER), missing));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (events, saved) = runtime.block_on(async {
        let ledger = record::open(&config, &data).await?;
        Ok::<_, Failure>((ledger.recent(most).await?, ledger.newest_policies().await?))
    })?;
    let tried = replay::compare(&control::deciding(&config, saved.as_ref())?, &others, &events);
    if json {
        let changes = tried.changes.iter().map(|change| {
            serde_json::json!({"reference": change.reference, "name": change.name, "kind": change.kind,
                "before": change.before, "after": change.after, "policies": change.policies})
        });
        display::json(
            &serde_json::json!({"tried": tried.replayed, "left_out": tried.left_out, "out_of_time": tried.out_of_time,
            "drifted": tried.drifted, "guessed": tried.guessed, "partial": tried.partial, "uncounted": tried.uncounted,
            "changes": changes.collect::<Vec<_>>()}),
        )?;
    } else {
        super::print(told(&tried).as_bytes())?;
    }
    Ok(if tried.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What a trial came to, in words.
fn told(tried: &Simulation) -> String {
    let mut text = String::new();
    for Replayed { reference, name, before, after, policies, .. } in &tried.changes {
        let (name, policies) = (display::plain(name), display::plain(&policies.join(", ")));
        text.push_str(&format!("{reference}  {before} -> {after}  {name}  ({policies})\n"));
    }
    text.push_str(&format!("{} events re-evaluated, {} decided differently\n", tried.replayed, tried.changes.len()));
    for (number, what) in [
        (tried.left_out, "were not decided by a policy and were skipped"),
        (tried.out_of_time, "were skipped for lack of time"),
        (tried.drifted, "are already decided differently by the policies in force"),
        (tried.guessed, "are from an older version: how they were requested is a guess"),
        (tried.partial, "have more parts than were recorded"),
        (tried.uncounted, "have no recorded prevalence, which the other policies use"),
    ] {
        if number > 0 {
            text.push_str(&format!("{number} of the events {what}\n"));
        }
    }
    text
}

fn explain(common: &Common, options: &EngineOptions, sample: &Path, passwords: &[String]) -> Result<ExitCode, Failure> {
    let meta = std::fs::metadata(sample).map_err(|error| Failure::path(sample, error))?;
    if !meta.is_file() {
        return Err(Failure::path(sample, "it is not a file"));
    }
    let file = File::open(sample).map_err(|error| Failure::path(sample, error))?;
    let started = sources::start(common, options, Expected::Few)?;
    let origin = Origin::default();
    let name = display::path_text(sample);
    let request = Request {
        name: &name,
        bytes: SampleBytes::File(file),
        origin: &origin,
        passwords,
        codings: &[],
        prevalence: None,
    };
    let report = started.engine.scan(request)?;
    let explained = started.engine.explain(&report, Grounds::whole(&report).as_ref())?;
    let mut out = anstream::stdout().lock();
    tree::line(&mut out, &report)?;
    tree::explanation(&mut out, &explained, &report)?;
    Ok(ExitCode::SUCCESS)
}
