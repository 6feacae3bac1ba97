//! `cargo xtask bench`: the figures of `docs/benchmarks.md`, each beside a reference that runs in the same minute.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of which the median is taken.
const RUNS: usize = 21;
/// Rules that are loaded.
const RULES: usize = 10_000;
/// Hashes on the list that is loaded.
const HASHES: u64 = 2_000_000;
/// How long after a list was last written to a start may take its compiled form for good.
const SETTLES: Duration = Duration::from_millis(1_100);
/// Bytes of the large archives: 40 members of 100 MiB.
const MEMBERS: usize = 40;
const MEMBER: usize = 100 << 20;

/// Measures everything with this executable and prints a table.
///
/// # Errors
/// When a file cannot be written or a program cannot be run; the text names it.
pub(crate) fn run(lazaret: &Path, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    println!("| what | aim | measured | reference | ratio |\n|---|---|---|---|---|");
    small_file(lazaret, folder)?;
    start(lazaret, folder)?;
    for (name, write) in [("large.tar", write_tar as fn(&Path) -> std::io::Result<()>), ("large.zip", write_zip)] {
        let path = folder.join(name);
        if !path.exists() {
            write(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        large(lazaret, folder, &path)?;
    }
    Ok(())
}

fn row(what: &str, aim: &str, measured: &str, reference: &str, ratio: f64) {
    println!("| {what} | {aim} | {measured} | {reference} | {ratio:.2} |");
}

fn command(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("LAZARET_DATA", folder.join("data")).env_remove("LAZARET_CONFIG");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn time(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Duration, String> {
    let started = Instant::now();
    let status =
        command(program, folder, arguments).status().map_err(|error| format!("`{}`: {error}", program.display()))?;
    // 1 says that something is held or blocked.
    match status.code() {
        Some(0 | 1) => Ok(started.elapsed()),
        _ => Err(format!("`{}` {arguments:?} ended with {status}", program.display())),
    }
}

fn median(program: &Path, folder: &Path, arguments: &[&str]) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        times.push(time(program, folder, arguments)?);
    }
    times.sort();
    Ok(times[RUNS / 2].as_secs_f64() * 1e3)
}

/// A file of 10 KB through a worker that runs already, beside starting a program that does nothing.
fn small_file(lazaret: &Path, folder: &Path) -> Result<(), String> {
    let output = command(lazaret, folder, &["doctor", "--json"]).stdout(Stdio::piped()).output();
    let output = output.map_err(|error| format!("`{}`: {error}", lazaret.display()))?;
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("doctor: {error}"))?;
    let measured = report["small_file_ms"].as_f64().ok_or("doctor: there is no `small_file_ms`")?;
    let nothing = median(Path::new("/bin/true"), folder, &[])?;
    let measured_text = format!("{measured:.2} ms");
    row(
        "10 KB file through a worker, p50",
        "≤ 3 ms",
        &measured_text,
        &format!("`/bin/true` started: {nothing:.2} ms"),
        measured / nothing,
    );
    Ok(())
}

/// A whole run over one small file with many rules, compiled before, beside compiling them.
fn start(lazaret: &Path, folder: &Path) -> Result<(), String> {
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).map_err(|error| format!("`{}`: {error}", rules.display()))?;
    let path = rules.join("many.yar");
    fs::write(&path, many::rules(RULES)).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let sample = folder.join("small.txt");
    fs::write(&sample, "a line\n").map_err(|error| format!("`{}`: {error}", sample.display()))?;
    let _ = fs::remove_dir_all(folder.join("data"));
    let arguments = ["scan", "--rules", "rules", "small.txt"];
    let compiled = time(lazaret, folder, &arguments)?.as_secs_f64() * 1e3;
    let cached = median(lazaret, folder, &arguments)?;
    let bare = median(lazaret, folder, &["scan", "small.txt"])?;
    let what = format!("start and one small file with {RULES} rules from the cache, p50");
    row(&what, "≤ 300 ms", &format!("{cached:.0} ms"), &format!("compiling them: {compiled:.0} ms"), cached / compiled);
    row(
        "start and one small file with the built-in rules, p50",
        "–",
        &format!("{bare:.0} ms"),
        "as above",
        bare / compiled,
    );
    hashes(lazaret, folder, bare)
}

/// The same with a long list of hashes, compiled before, beside compiling it and beside no list.
fn hashes(lazaret: &Path, folder: &Path, bare: f64) -> Result<(), String> {
    let path = folder.join("many.txt");
    if !path.exists() {
        let write = |path: &Path| {
            let mut out = BufWriter::new(File::create(path)?);
            many::write_hashes(HASHES, &mut out)?;
            out.flush()
        };
        write(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        std::thread::sleep(SETTLES);
    }
    let arguments = ["scan", "--hashes", "many.txt", "small.txt"];
    let compiled = time(lazaret, folder, &arguments)?.as_secs_f64() * 1e3;
    let cached = median(lazaret, folder, &arguments)?;
    let what = format!("start and one small file with {HASHES} hashes from the cache, p50");
    let measured = format!("{cached:.0} ms");
    row(&what, "≤ 100 ms", &measured, &format!("compiling them: {compiled:.0} ms"), cached / compiled);
    row("the same", "–", &measured, &format!("without the list: {bare:.0} ms"), cached / bare);
    Ok(())
}

/// A large archive, beside hashing the same bytes.
fn large(lazaret: &Path, folder: &Path, path: &Path) -> Result<(), String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let reference = time(Path::new("/usr/bin/sha256sum"), folder, &[name])?.as_secs_f64();
    let started = Instant::now();
    let mut child = command(lazaret, folder, &["scan", "--json", name])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{}`: {error}", lazaret.display()))?;
    let mut answer = child.stdout.take().ok_or("no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut answer, &mut text).map(|_| text)
    });
    let mut peak = 0;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        peak = peak.max(memory_of(child.id()));
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = started.elapsed().as_secs_f64();
    let text = reader.join().map_err(|_| "the reader failed")?.map_err(|error| error.to_string())?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("scan: {error}"))?;
    let size = fs::metadata(path).map_or(0, |data| data.len()) >> 20;
    let complete = if report["complete"] == true { "inspected whole" } else { "INCOMPLETE" };
    let what = format!("`{name}`, {size} MiB, {complete}: time");
    row(&what, "–", &format!("{seconds:.1} s"), &format!("`sha256sum`: {reference:.1} s"), seconds / reference);
    row(
        &format!("`{name}`: peak memory of all processes"),
        "≤ 400 MB",
        &format!("{} MB", peak / 1_000_000),
        "the file",
        peak as f64 / (size << 20) as f64,
    );
    Ok(())
}

/// Bytes of a process and everything below it, shared pages counted once (`Pss` of `smaps_rollup`, `proc(5)`).
fn memory_of(process: u32) -> u64 {
    let mut waiting = vec![process];
    let mut sum = 0;
    while let Some(id) = waiting.pop() {
        let own = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line = own.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        sum += line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024;
        for thread in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    sum
}

/// Bytes that look like a program's: half of them noise.
fn content() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut out = Vec::with_capacity(MEMBER);
    while out.len() < MEMBER {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
        out.extend(b"ordinary");
    }
    out
}

fn write_tar(path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let bytes = content();
    for number in 0..MEMBERS {
        out.write_all(&corpus::build::archive::tar_header(&format!("{number}.bin"), bytes.len(), b'0', ""))?;
        out.write_all(&bytes)?;
    }
    out.write_all(&[0; 1024])?;
    out.flush()
}

fn write_zip(path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let bytes = content();
    let (mut directory, mut at) = (Vec::new(), 0u64);
    let mut entry = corpus::build::zip::deflated("", &bytes);
    for number in 0..MEMBERS {
        entry.name = format!("{number}.bin").into_bytes();
        entry.local_name.clone_from(&entry.name);
        directory.extend(entry.central(u32::try_from(at).unwrap_or(u32::MAX)));
        let local = entry.local();
        out.write_all(&local)?;
        at += local.len() as u64;
    }
    out.write_all(&directory)?;
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    out.write_all(&corpus::build::zip::end(MEMBERS as u16, directory.len() as u32, start, b""))?;
    out.flush()
}
