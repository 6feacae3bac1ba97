//! `lazaret scan`: files in, reports out, in the order they were given.

use crate::cli::{Common, Progress, Scan};
use crate::failure::Failure;
use crate::{display, sources, tree};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use lazaret_engine::{Engine, Expected, Grounds, Request, SampleBytes};
use lazaret_model::{Decision, Origin, ScanReport};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Seek, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Reports that may wait for an earlier one, per job.
const AHEAD: usize = 64;
/// How often an interrupted scan tries to report before it ends without, 10 ms apart.
const PATIENCE: usize = 100;

pub(crate) fn run(common: &Common, options: &Scan) -> Result<ExitCode, Failure> {
    let single =
        options.paths.len() + usize::from(options.stdin) == 1 && !options.paths.iter().any(|path| path.is_dir());
    let expected = if single { Expected::Few } else { Expected::Many };
    let started = sources::start(common, &options.engine, expected)?;
    let bar = progress(options);
    let output = Output {
        options,
        engine: &started.engine,
        bar: bar.clone(),
        single,
        state: Mutex::new(State { troubles: started.troubles, ..State::default() }),
        stopped: AtomicBool::new(false),
    };
    let jobs = options.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    std::thread::scope(|scope| {
        let mut signals =
            signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM])?;
        let handle = signals.handle();
        let output = &output;
        scope.spawn(move || {
            if let Some(signal) = signals.forever().next() {
                output.interrupt(signal);
            }
        });
        let result = scan_all(output, jobs, scope);
        handle.close();
        result
    })?;
    bar.finish_and_clear();
    Ok(output.finish(false))
}

fn scan_all<'scope>(
    output: &'scope Output<'_>,
    jobs: usize,
    scope: &'scope std::thread::Scope<'scope, '_>,
) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::sync_channel::<(usize, Input)>(jobs * AHEAD);
    let receiver = std::sync::Arc::new(Mutex::new(receiver));
    let workers: Vec<_> = (0..jobs)
        .map(|_| {
            let receiver = receiver.clone();
            scope.spawn(move || {
                loop {
                    let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, input)) = next else { return };
                    let outcome = judge(output, input);
                    output.give(number, outcome);
                }
            })
        })
        .collect();
    drop(receiver);
    let number = AtomicUsize::new(0);
    let mut send = |input| {
        output.bar.inc_length(1);
        !output.stopped.load(Ordering::Relaxed) && sender.send((number.fetch_add(1, Ordering::Relaxed), input)).is_ok()
    };
    let options = output.options;
    if options.stdin {
        send(Input::Stdin);
    }
    for path in &options.paths {
        if !enumerate(path, options, &mut send) {
            break;
        }
    }
    drop(sender);
    for worker in workers {
        let _ = worker.join();
    }
    Ok(())
}

enum Input {
    Stdin,
    File(PathBuf),
    /// Could not be read: the sentence that says so.
    Broken(String),
}

/// Lists what a path stands for. False when nobody wants more.
fn enumerate(path: &Path, options: &Scan, send: &mut dyn FnMut(Input) -> bool) -> bool {
    if path == Path::new("-") {
        return send(Input::Stdin);
    }
    let broken = |what: String| Input::Broken(Failure::path(path, what).to_string());
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => return send(broken(error.to_string())),
    };
    if !meta.is_dir() {
        return send(Input::File(path.to_owned()));
    }
    let depth = if options.recursive { usize::MAX } else { 1 };
    let mut skipped = 0usize;
    let walk = walkdir::WalkDir::new(path).follow_links(options.follow_links).max_depth(depth).sort_by_file_name();
    for entry in walk {
        let input = match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                skipped += usize::from(!options.recursive && entry.depth() == 1);
                continue;
            }
            // A link within a folder leads to something that is scanned where it lies, or that nobody asked for.
            Ok(entry) if entry.file_type().is_symlink() => continue,
            Ok(entry) => Input::File(entry.into_path()),
            Err(error) => Input::Broken(walk_error(&error)),
        };
        if !send(input) {
            return false;
        }
    }
    if skipped > 0 {
        let folders = if skipped == 1 { "folder" } else { "folders" };
        display::remark(&format!(
            "`{}`: {skipped} {folders} skipped; add --recursive to scan them",
            display::path(path)
        ));
    }
    true
}

fn walk_error(error: &walkdir::Error) -> String {
    let path = error.path().unwrap_or(Path::new("?"));
    match error.loop_ancestor() {
        Some(ancestor) => format!(
            "`{}`: the link leads back to `{}`, so it was not followed",
            display::path(path),
            display::path(ancestor)
        ),
        None => {
            Failure::path(path, error.io_error().map_or_else(|| error.to_string(), ToString::to_string)).to_string()
        }
    }
}

fn judge(output: &Output<'_>, input: Input) -> Result<ScanReport, String> {
    let (name, bytes) = match input {
        Input::Broken(sentence) => return Err(sentence),
        Input::Stdin => (output.options.stdin_name.clone(), read_stdin()?),
        Input::File(path) => (display::path_text(&path), open(&path)?),
    };
    let origin = Origin::default();
    let request = Request {
        name: &name,
        bytes,
        origin: &origin,
        passwords: &output.options.passwords,
        codings: &[],
        prevalence: None,
    };
    output.engine.scan(request).map_err(|error| Failure::from(error).to_string())
}

/// Opens a regular file, without being held up by a pipe or a device.
fn open(path: &Path) -> Result<SampleBytes, String> {
    let wrong = |what: String| Failure::path(path, what).to_string();
    let meta = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    let kind = meta.file_type();
    let special = [
        (kind.is_fifo(), "a pipe; use `--stdin` to read it"),
        (kind.is_char_device() || kind.is_block_device(), "a device, not a file"),
        (kind.is_socket(), "a socket, not a file"),
    ];
    if let Some((_, what)) = special.iter().find(|(is, _)| *is) {
        return Err(wrong(format!("it is {what}")));
    }
    File::open(path).map(SampleBytes::File).map_err(|error| wrong(error.to_string()))
}

/// Takes standard input into an unlinked file, so that its size costs disk and not memory.
fn read_stdin() -> Result<SampleBytes, String> {
    let wrong = |error: io::Error| format!("cannot read standard input: {error}");
    let mut file = tempfile::tempfile().map_err(wrong)?;
    io::copy(&mut io::stdin().lock(), &mut file).map_err(wrong)?;
    file.rewind().map_err(wrong)?;
    Ok(SampleBytes::File(file))
}

fn progress(options: &Scan) -> ProgressBar {
    let wanted = match options.progress {
        Progress::Always => true,
        Progress::Never => false,
        Progress::Auto => {
            let several = options.paths.len() > 1 || options.paths.iter().any(|path| path.is_dir());
            several && io::stderr().is_terminal()
        }
    };
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} files  {speed}  {wide_msg}") {
        let speed = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        bar.set_style(style.with_key("speed", speed));
    }
    bar
}

struct Output<'a> {
    options: &'a Scan,
    engine: &'a Engine,
    bar: ProgressBar,
    /// One file was asked for, so its tree is shown even when it is delivered.
    single: bool,
    state: Mutex<State>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Reports that wait for an earlier one.
    waiting: BTreeMap<usize, Result<ScanReport, String>>,
    next: usize,
    delivered: usize,
    held: usize,
    blocked: usize,
    unread: usize,
    /// Rules, lists and the like that were left out.
    troubles: usize,
    /// Nobody reads standard output any more.
    deaf: bool,
}

impl Output<'_> {
    /// Takes the outcome about the `number`th input; shows it once all before it have been shown.
    fn give(&self, number: usize, outcome: Result<ScanReport, String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.insert(number, outcome);
        while let Some(outcome) = {
            let next = state.next;
            state.waiting.remove(&next)
        } {
            state.next += 1;
            self.show(&mut state, outcome);
        }
    }

    fn show(&self, state: &mut State, outcome: Result<ScanReport, String>) {
        self.bar.inc(1);
        match outcome {
            Err(sentence) => {
                state.unread += 1;
                self.bar.suspend(|| display::complain(&sentence));
            }
            Ok(report) => {
                match report.decision {
                    Decision::Deliver => state.delivered += 1,
                    Decision::Hold => state.held += 1,
                    Decision::Block => state.blocked += 1,
                }
                let written = self.bar.suspend(|| self.write(&report));
                if let Err(error) = written {
                    // Whoever closed the pipe has read enough; a full disk is news.
                    if error.kind() != io::ErrorKind::BrokenPipe && !state.deaf {
                        state.troubles += 1;
                        display::complain(&format!("cannot write to standard output: {error}"));
                    }
                    state.deaf = true;
                    self.stopped.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn write(&self, report: &ScanReport) -> io::Result<()> {
        if self.options.quiet && report.decision == Decision::Deliver {
            return Ok(());
        }
        if self.options.json {
            let mut line = serde_json::to_vec(report)?;
            line.push(b'\n');
            return io::stdout().lock().write_all(&line);
        }
        let mut out = anstream::stdout().lock();

        if report.decision == Decision::Deliver && !self.options.verbose && !self.single {
            tree::line(&mut out, report)?;
        } else {
            tree::tree(&mut out, report)?;
        }
        if self.options.explain {
            match self.engine.explain(report, Grounds::whole(report).as_ref()) {
                Ok(explained) => tree::explanation(&mut out, &explained, report)?,
                Err(error) => display::complain(&Failure::from(error).to_string()),
            }
        }
        out.flush()
    }

    /// Somebody pressed Ctrl-C: show what is done, say what is not, and end at once. The workers end with us.
    #[expect(clippy::disallowed_methods, reason = "it ends the process from a thread beside those that may be stuck")]
    fn interrupt(&self, signal: i32) {
        self.stopped.store(true, Ordering::Relaxed);
        // Whoever holds the state may be stuck on a reader that has stopped reading; then there is nobody to tell.
        for _ in 0..PATIENCE {
            if let Ok(mut state) = self.state.try_lock() {
                for (_, outcome) in std::mem::take(&mut state.waiting) {
                    self.show(&mut state, outcome);
                }
                drop(state);
                self.bar.finish_and_clear();
                self.finish(true);
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // As shells have it.
        std::process::exit(128 + signal);
    }

    /// Says on standard error how it went. One file that could be read needs no summary.
    fn finish(&self, interrupted: bool) -> ExitCode {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let total = state.delivered + state.held + state.blocked + state.unread;
        if (total != 1 || interrupted) && !state.deaf {
            let mut sentence = format!("{} delivered, {} held, {} blocked", state.delivered, state.held, state.blocked);
            if state.unread > 0 {
                sentence += &format!(", {} could not be read", state.unread);
            }
            if interrupted {
                sentence = format!("interrupted: {sentence}; the rest was not scanned");
            }
            display::remark(&sentence);
        }
        if state.unread > 0 || state.troubles > 0 || interrupted {
            ExitCode::from(2)
        } else if state.held + state.blocked > 0 {
            ExitCode::from(1)
        } else {
            ExitCode::SUCCESS
        }
    }
}
