//! The zygote: loads rules, closes the doors, and forks the children that read samples.

use crate::child;
use crate::protocol::{Answer, MOST_MESSAGE, Order, Report};
use crate::sandbox::{self, Baseline, Filters};
use crate::seats::{SHARED, WAITS};
use crate::system::{self, Forked};
use crate::warm;
use lazaret_detect::{HashList, Inspector, Signatures};
use lazaret_model::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, setpriority_process, waitpid,
};
use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, Instant};

/// How the worker's allocator gets its memory (glibc, "Memory Allocation Tunables"): in one piece, of huge pages. To fork a child costs
/// by the number of pages, and a huge one stands for 512.
pub(crate) const MEMORY: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1");
/// How often the zygote looks for children that are stopped or too old, while it has any.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// How far a child steps back that takes long (nice(2)).
const STEPS_BACK: i32 = 10;

/// How long the zygote lets a child live: longer than it may wait, be shared and work on its last sample together.
fn lifetime(limits: &Limits) -> Duration {
    WAITS + SHARED + Duration::from_millis(limits.time_ms.saturating_mul(2)) + Duration::from_secs(1)
}

/// The worker process: call this first thing in `main` when the first argument is [`crate::WORKER_ARGUMENT`].
///
/// Standard input is the control socket. Never returns before the engine closes it.
pub fn worker_main() -> std::process::ExitCode {
    let stdin = std::io::stdin();
    let control = stdin.as_fd();
    let _ = rustix::thread::set_name(c"lazaret-worker");
    let missing = sandbox::separate();
    // The zygote is the first process of its namespace, so that all its children end when it does.
    match system::fork() {
        Ok(Forked::Child) => {}
        Ok(Forked::Parent(zygote)) => return wait_for(zygote),
        Err(error) => {
            let _ = say(control, &Report::Failed { why: format!("no process of its own: {error}") });
            return std::process::ExitCode::from(2);
        }
    }
    match Zygote::start(control, missing) {
        Ok(mut zygote) => {
            zygote.serve(control);
            std::process::ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = say(control, &Report::Failed { why });
            std::process::ExitCode::from(2)
        }
    }
}

/// Stays for as long as the zygote does: whoever kills this process ends the zygote with it.
fn wait_for(zygote: Pid) -> std::process::ExitCode {
    while let Err(rustix::io::Errno::INTR) = waitpid(Some(zygote), WaitOptions::empty()) {}
    std::process::ExitCode::SUCCESS
}

/// Ends the calling process when its parent ends.
pub(crate) fn end_with_parent() -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
}

struct Zygote {
    inspector: Inspector,
    filters: Filters,
    baseline: Baseline,
    children: HashMap<Pid, Running>,
    /// What is heard; kept, so that it is not made anew each time.
    buffer: Vec<u8>,
}

struct Running {
    number: u64,
    answers: OwnedFd,
    /// Readable when it has ended.
    process: Option<OwnedFd>,
    until: Instant,
}

impl Zygote {
    fn start(control: BorrowedFd<'_>, mut missing: Vec<String>) -> Result<Self, String> {
        // The end of the engine, even of one that is killed, is the end of the control socket.
        end_with_parent().map_err(|error| error.to_string())?;
        let (order, descriptors) = next_order(control)?;
        let Order::Start { rules, hash_lists, warm_up: whole } = order else {
            return Err("the first order is not `start`".into());
        };
        let signatures = load(descriptors.into_iter().next(), rules)?;
        let count = signatures.as_ref().map_or(0, Signatures::len);
        let hash_lists = (0..hash_lists).map(|_| hash_list(control)).collect::<Result<_, _>>()?;
        let inspector = Inspector::new(signatures, hash_lists);
        // Rules have to run once before the doors close.
        if whole {
            warm::warm_up(&inspector)
        } else {
            warm::least(&inspector)
        }
        let filters = Filters::compile()?;
        if whole {
            system::leave_no_gaps();
        }
        system::small_pages();
        let baseline = baseline();
        missing.extend(sandbox::lock_zygote(&filters)?);
        say(control, &Report::Ready { rules: count, missing }).map_err(|error| error.to_string())?;
        Ok(Self { inspector, filters, baseline, children: HashMap::new(), buffer: vec![0; MOST_MESSAGE] })
    }

    fn serve(&mut self, control: BorrowedFd<'_>) {
        loop {
            let ended = self.children.values().filter_map(|running| running.process.as_ref());
            let mut watched: Vec<_> = ended.map(|process| PollFd::new(process, PollFlags::IN)).collect();
            watched.push(PollFd::new(&control, PollFlags::IN));
            let timeout = if self.children.is_empty() { None } else { Some(&LOOK_EVERY) };
            let _ = poll(&mut watched, timeout);
            let heard = watched.pop().is_some_and(|control| !control.revents().is_empty());
            let ended = watched.iter().any(|process| !process.revents().is_empty());
            if ended || !heard {
                self.reap();
            }
            if !heard {
                continue;
            }
            match hear(control, &mut self.buffer) {
                Ok(Some((Order::Fork { number, limits }, descriptors))) => self.fork(number, &limits, descriptors),
                Ok(Some((Order::StepBack { number }, _))) => self.step_back(number),
                Ok(Some((Order::Kill { number }, _))) => self.kill(number),
                Ok(Some((Order::Ping { number }, _))) => {
                    let _ = say(control, &Report::Alive { number });
                }
                Ok(Some((Order::Start { .. } | Order::HashList { .. }, _))) => {}
                // The engine is gone, or speaks nonsense: there is nothing left to do.
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn fork(&mut self, number: u64, limits: &Limits, descriptors: Vec<OwnedFd>) {
        let Some(answers) = descriptors.into_iter().next() else { return };
        match system::fork() {
            Ok(Forked::Child) => {
                let _ = end_with_parent();
                // The other children's sockets and the control socket are not this child's business.
                self.children.clear();
                let _ = rustix::stdio::dup2_stdin(&answers);
                let _ = system::close_others(&[answers.as_fd()]);
                system::exit_now(child::run(&self.inspector, &self.filters, self.baseline, limits, &answers))
            }
            Ok(Forked::Parent(pid)) => {
                let until = Instant::now() + lifetime(limits);
                // Without it, its end is seen when the zygote looks.
                let process = pidfd_open(pid, PidfdFlags::empty()).ok();
                self.children.insert(pid, Running { number, answers, process, until });
            }
            Err(error) => {
                let _ = say(answers.as_fd(), &Answer::Gone(Some(format!("no process for it: {error}"))));
            }
        }
    }

    /// A child keeps its process id until it is reaped, here and nowhere else, so nothing done by id can hit a stranger.
    fn child(&self, number: u64) -> Option<Pid> {
        self.children.iter().find(|(_, running)| running.number == number).map(|(pid, _)| *pid)
    }

    fn kill(&self, number: u64) {
        if let Some(pid) = self.child(number) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn step_back(&self, number: u64) {
        if let Some(pid) = self.child(number) {
            let _ = setpriority_process(Some(pid), STEPS_BACK);
        }
    }

    /// Whoever stays too long is killed, whatever it told the engine.
    fn mind_the_old(&self) {
        let now = Instant::now();
        for (pid, _) in self.children.iter().filter(|(_, running)| running.until < now) {
            let _ = kill_process(*pid, Signal::KILL);
        }
    }

    fn reap(&mut self) {
        while !self.children.is_empty() {
            let looked = waitpid(None, WaitOptions::NOHANG | WaitOptions::UNTRACED);
            let Ok(Some((pid, status))) = looked else { return self.mind_the_old() };
            // Nobody would let one go on that was stopped.
            if status.stopped() {
                let _ = kill_process(pid, Signal::KILL);
                continue;
            }
            if let Some(running) = self.children.remove(&pid) {
                let _ = say(running.answers.as_fd(), &Answer::Gone(describe(status)));
            }
        }
    }
}

fn next_order(control: BorrowedFd<'_>) -> Result<(Order, Vec<OwnedFd>), String> {
    let heard = hear(control, &mut vec![0; MOST_MESSAGE]).map_err(|error| error.to_string())?;
    heard.ok_or_else(|| "no order came".to_owned())
}

fn load(file: Option<OwnedFd>, rules: u64) -> Result<Option<Signatures>, String> {
    let Some(file) = file.filter(|_| rules > 0) else { return Ok(None) };
    let bytes = read_all(file, rules)?;
    Signatures::load(&bytes).map(Some).map_err(|error| error.to_string())
}

/// The next list, mapped: it is looked up where it lies, by all children together.
fn hash_list(control: BorrowedFd<'_>) -> Result<HashList, String> {
    let (order, descriptors) = next_order(control)?;
    let Order::HashList { name, bytes } = order else { return Err("a hash list did not come".into()) };
    let file = descriptors.into_iter().next().ok_or("a hash list came without its file")?;
    let mapped = system::map_file(&file, bytes).map_err(|error| format!("`{name}`: {error}"))?;
    HashList::over(&name, mapped).map_err(|error| error.to_string())
}

fn read_all(file: OwnedFd, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    std::fs::File::from(file).take(len).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What this process takes (proc(5), `statm`: the first field and the sixth, in pages).
pub(crate) fn baseline() -> Baseline {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Vec<u64> = text.split_whitespace().map(|pages| pages.parse().unwrap_or(0)).collect();
    let bytes =
        |field: usize| pages.get(field).copied().unwrap_or(0_u64).saturating_mul(rustix::param::page_size() as u64);
    Baseline { addresses: bytes(0), data: bytes(5) }
}

fn describe(status: WaitStatus) -> Option<String> {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit status {code}")),
        (_, Some(signal)) => Some(signalled(signal)),
        _ => Some("it ended for an unknown reason".to_owned()),
    }
}

/// What a signal that ended a process says about it.
pub(crate) fn signalled(signal: i32) -> String {
    match signal {
        libc::SIGSYS => "it made a system call that the sandbox forbids (SIGSYS)".to_owned(),
        libc::SIGKILL => "it was killed (SIGKILL)".to_owned(),
        libc::SIGXCPU => "it used up its processor time (SIGXCPU)".to_owned(),
        libc::SIGXFSZ => "it filled the spool (SIGXFSZ)".to_owned(),
        libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS | libc::SIGILL => {
            format!("it crashed or ran out of memory (signal {signal})")
        }
        other => format!("signal {other}"),
    }
}

pub(crate) fn say<T: serde::Serialize>(socket: BorrowedFd<'_>, message: &T) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MOST_MESSAGE {
        return Err(std::io::Error::other("a message is longer than agreed"));
    }
    system::send(socket, &bytes, &[])
}

fn hear(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> std::io::Result<Option<(Order, Vec<OwnedFd>)>> {
    let (n, descriptors) = system::receive(socket, buffer)?;
    if n == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(buffer.get(..n).unwrap_or_default())?, descriptors)))
}
