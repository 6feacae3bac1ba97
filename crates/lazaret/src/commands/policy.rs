//! `lazaret policy`: validate, test, explain.

use crate::cli::{Common, EngineOptions, Policy as Command};
use crate::config::Config;
use crate::failure::Failure;
use crate::{display, sources, tree};
use lazaret_engine::{Grounds, Request, SampleBytes};
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
        Command::Test { cases, policies } => test(&in_force(common, policies)?, cases),
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

fn explain(common: &Common, options: &EngineOptions, sample: &Path, passwords: &[String]) -> Result<ExitCode, Failure> {
    let meta = std::fs::metadata(sample).map_err(|error| Failure::path(sample, error))?;
    if !meta.is_file() {
        return Err(Failure::path(sample, "it is not a file"));
    }
    let file = File::open(sample).map_err(|error| Failure::path(sample, error))?;
    let started = sources::start(common, options)?;
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
