//! `lazaret doctor`: what protects the workers here, shown by trying what must not succeed.

use crate::cli::{Common, Doctor, EngineOptions};
use crate::failure::Failure;
use crate::{sources, unpacking};
use anstyle::AnsiColor;
use lazaret_engine::{Expected, Probe, Request, SampleBytes};
use lazaret_model::{Gate, Limits, Origin};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Samples sent to the worker to see how long it takes.
const ROUNDS: usize = 50;

pub(crate) fn run(common: &Common, options: &Doctor) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let started = sources::start(common, &EngineOptions::default(), Expected::Many)?;
    let ready_ms = start.elapsed().as_secs_f64() * 1e3;
    let engine = &started.engine;
    let limits = Limits { time_ms: 1_000, memory_bytes: 64 << 20, ..Limits::default() };
    let mut holes = 0;
    let mut probes = Vec::new();
    for probe in Probe::FORBIDDEN {
        let outcome = engine.probe(probe, &limits)?;
        holes += usize::from(outcome.is_err());
        probes.push((probe.name(), outcome));
    }
    // What goes wrong inside a worker must cost that one sample only.
    for probe in [Probe::Crash, Probe::Hang, Probe::Memory, Probe::Stack, Probe::Stay] {
        let outcome = engine.probe(probe, &limits)?;
        holes += usize::from(outcome.is_err());
        probes.push((probe.name(), outcome));
    }
    let mut unpacker = Vec::new();
    for probe in Probe::FORBIDDEN {
        let outcome = unpacking::probe(probe)?;
        holes += usize::from(outcome.is_err());
        unpacker.push((probe.name(), outcome));
    }
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        // Each is another text, as if a person had it uploaded: one that is remembered, or shares a process, says nothing.
        let bytes = format!("How long does small text {round} take?\n").repeat(300).into_bytes();
        let start = Instant::now();
        let origin = Origin { gate: Gate::Api, ..Origin::default() };
        engine.scan(Request {
            name: "doctor.txt",
            bytes: SampleBytes::Memory(bytes),
            origin: &origin,
            passwords: &[],
            codings: &[],
            prevalence: None,
        })?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let missing = engine.missing_protections();
    let fine = holes == 0 && missing.is_empty();
    // As it would be with `serve`; what is less than it could be is said, and is no hole in a worker.
    let config = crate::config::Config::load(common.config.as_deref())?;
    let standing = crate::process::standing(&crate::folder::named(common), &config);
    let cache = sources::cache(common).map_or_else(|| "none".to_owned(), |path| crate::display::path(&path));
    if options.json {
        let attempts = |probes: &[(&str, Result<String, String>)]| -> Vec<_> {
            let attempts = probes.iter().map(|(name, outcome)| {
                let how = outcome.as_ref().unwrap_or_else(|how| how);
                json!({"attempt": name, "contained": outcome.is_ok(), "how": how})
            });
            attempts.collect()
        };
        let (probes, unpacker) = (attempts(&probes), attempts(&unpacker));
        let around: Vec<_> = standing
            .iter()
            .map(|(what, found)| json!({"what": what, "fine": found.is_ok(), "found": found.as_ref().unwrap_or_else(|e| e)}))
            .collect();
        let value = json!({"protected": fine, "process": around, "missing": missing, "probes": probes, "unpacker": unpacker, "rules": engine.rules(),
            "policies": engine.policies().list().len(), "cache": cache, "ready_ms": ready_ms, "small_file_ms": median});
        super::print(format!("{value}\n").as_bytes())?;
    } else {
        let mut out = anstream::stdout().lock();
        let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default().bold());
        let tell = |out: &mut dyn Write, probes: &[(&str, Result<String, String>)]| {
            probes.iter().try_for_each(|(name, outcome)| match outcome {
                Ok(how) => writeln!(out, "  {good}contained{good:#}  {name:<24} {how}"),
                Err(how) => writeln!(out, "  {bad}HOLE{bad:#}       {name:<24} {how}"),
            })
        };
        writeln!(out, "inside a worker that is inspecting a file:")?;
        tell(&mut out, &probes)?;
        for protection in &missing {
            writeln!(out, "  {bad}missing{bad:#}    {protection}")?;
        }
        if missing.is_empty() {
            writeln!(out, "  namespaces, Landlock, seccomp, resource limits and no-new-privileges are all active")?;
        }
        writeln!(out, "inside the process that unpacks ATT&CK releases:")?;
        tell(&mut out, &unpacker)?;
        writeln!(out, "around the workers:")?;
        for (what, found) in &standing {
            match found {
                Ok(found) => writeln!(out, "  {good}good{good:#}       {what:<24} {found}")?,
                Err(found) => writeln!(out, "  {bad}less{bad:#}       {what:<24} {found}")?,
            }
        }
        writeln!(
            out,
            "{} rules, {} policies; compiled rules are cached in {cache}",
            engine.rules(),
            engine.policies().list().len()
        )?;
        writeln!(out, "ready after {ready_ms:.0} ms; a 10 KB file takes {median:.2} ms (median of {ROUNDS})")?;
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
