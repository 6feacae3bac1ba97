//! The engine's side of the worker: starts it, hands samples over, owns the deadline.

use crate::assembly::{Analysis, Assembly};
use crate::heartbeat::{self, Pulse};
use crate::lists::CompiledList;
use crate::protocol::{Answer, MOST_MESSAGE, MOST_TEXT, Order, Report, Task, cut};
use crate::sample::COPIED;
use crate::seats::{LARGEST, Seat, Seats, Share};
use crate::{EngineError, Expected, Pace, SampleBytes, system, worker};
use lazaret_model::{ContentCoding, Limits, Part, Severity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first argument that makes the executable a worker.
pub const WORKER_ARGUMENT: &str = "sandboxed-worker";
/// How long the worker may take to load its rules.
const START_TIME: Duration = Duration::from_secs(60);
/// How long a killed child may take to be gone before the whole worker is replaced.
const KILL_TIME: Duration = Duration::from_secs(2);
/// How long to wait before a worker is asked again that has too many orders to take another.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// How long a child may take before others come first.
const LONG: Duration = Duration::from_millis(250);
/// Milliseconds that a sample may take in a child that is shared; then it gets one of its own, and all its time.
const SHARED_MS: u64 = 1_000;
/// Milliseconds beyond the limit, at the most, until a child is ended that does not come back to ask for the time.
const MOST_SLACK: u64 = 10_000;

/// What the worker is started with.
pub(crate) struct Arsenal {
    /// Compiled rules and their length; the file is a cache or a memfd.
    pub(crate) rules: Option<(OwnedFd, u64)>,
    /// Compiled hash lists.
    pub(crate) hash_lists: Vec<CompiledList>,
    pub(crate) expected: Expected,
}

/// A worker process, started again when it dies or does not answer.
pub(crate) struct Pool {
    current: Arc<Current>,
    pulse: Arc<Pulse>,
    next: AtomicU64,
    spool_folder: Option<PathBuf>,
    limits: Limits,
    seats: Seats,
    /// Children that are forked ahead.
    ahead: usize,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.pulse.close();
    }
}

/// The worker in place, and what another one is started with.
pub(crate) struct Current {
    executable: PathBuf,
    arsenal: Arsenal,
    worker: Mutex<Arc<Worker>>,
}

impl Current {
    pub(crate) fn worker(&self) -> Arc<Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The worker in place, or another one where that was given up.
    fn alive(&self) -> Result<Arc<Worker>, EngineError> {
        let worker = self.worker();
        if worker.lost.load(Ordering::Acquire) { self.replace(&worker) } else { Ok(worker) }
    }

    /// Starts another worker unless somebody else has done so since.
    pub(crate) fn replace(&self, old: &Arc<Worker>) -> Result<Arc<Worker>, EngineError> {
        let mut current = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, old) {
            *current = Arc::new(Worker::start(&self.executable, &self.arsenal)?);
            tracing::warn!("a worker was replaced");
        }
        Ok(current.clone())
    }
}

pub(crate) struct Worker {
    control: OwnedFd,
    process: Mutex<Child>,
    /// It did not answer and was ended: what it had may be tried once more.
    lost: AtomicBool,
    rules: usize,
    missing: Vec<String>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// A sample as the worker gets it.
pub(crate) struct Handed {
    pub(crate) descriptor: OwnedFd,
    pub(crate) size: u64,
}

/// Children that are forked ahead, at the most.
const MOST_AHEAD: usize = 8;

/// What becomes of a sample whose worker was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Another worker gets it.
    TriedAgain,
    /// The report says so.
    Told,
}

/// What was said about a sample.
struct Heard {
    analysis: Analysis,
    /// It ended otherwise than it should.
    failed: bool,
    /// It took so long that others went first.
    slow: bool,
}

impl Heard {
    /// Nothing failed, and nothing was left out.
    fn in_order(&self) -> bool {
        !self.failed && self.analysis.parts.iter().all(|part| part.complete)
    }
}

impl Seat {
    /// Ends the child, whatever it does.
    fn kill(&self) {
        self.order(&Order::Kill { number: self.number });
    }

    fn order(&self, order: &Order) {
        if let Some(worker) = self.worker.upgrade() {
            let _ = order_to(&worker.control, order, &[]);
        }
    }
}

thread_local! {
    /// What is heard; kept, so that it is not made anew for each sample.
    static BUFFER: std::cell::Cell<Vec<u8>> = const { std::cell::Cell::new(Vec::new()) };
}

/// What goes with a sample.
pub(crate) struct Lent<'a> {
    /// How it is packed.
    pub(crate) codings: &'a [ContentCoding],
    /// Passwords to try.
    pub(crate) passwords: Vec<String>,
    /// How it goes beside others.
    pub(crate) pace: Pace,
}

impl Pool {
    pub(crate) fn start(
        executable: &Path,
        arsenal: Arsenal,
        limits: Limits,
        spool_folder: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        let worker = Mutex::new(Arc::new(Worker::start(executable, &arsenal)?));
        let current = Arc::new(Current { executable: executable.to_owned(), arsenal, worker });
        let pulse = Arc::new(Pulse::default());
        let (watched, own) = (Arc::clone(&current), Arc::clone(&pulse));
        std::thread::Builder::new()
            .name("lazaret-pulse".to_owned())
            .spawn(move || heartbeat::watch(&own, &watched))
            .map_err(|source| EngineError::Start { step: "a thread that watches it", source })?;
        let ahead = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, MOST_AHEAD);
        Ok(Self { current, pulse, next: AtomicU64::new(1), spool_folder, limits, seats: Seats::default(), ahead })
    }

    /// Rules the worker loaded.
    pub(crate) fn rules(&self) -> usize {
        self.current.worker().rules
    }

    /// Protections that the kernel did not grant.
    pub(crate) fn missing_protections(&self) -> Vec<String> {
        self.current.worker().missing.clone()
    }

    /// Analyses one sample; blocks until it is done, failed or killed at its deadline. May be called from any number
    /// of threads at once, each call has a child process of its own, or one that only samples like it have had.
    /// Where the worker is lost meanwhile, another one tries once.
    pub(crate) fn analyse(
        &self,
        name: &str,
        sample: &Handed,
        limits: &Limits,
        lent: Lent<'_>,
        whole: Part,
        share: Option<&Share>,
    ) -> Result<Analysis, EngineError> {
        let _work = self.pulse.work();
        let mut task = Task {
            shared: false,
            name: name.to_owned(),
            size: sample.size,
            limits: limits.clone(),
            passwords: lent.passwords,
            declared_type: whole.declared_type.clone(),
            codings: lent.codings.to_vec(),
            probe: None,
        };
        if let Some(share) = share.filter(|_| sample.size <= LARGEST) {
            (task.shared, task.limits.time_ms) = (true, limits.time_ms.min(SHARED_MS));
            if let Some(analysis) = self.beside_others(&task, sample, whole.clone(), share)? {
                return Ok(analysis);
            }
            (task.shared, task.limits.time_ms) = (false, limits.time_ms);
        }
        for lost in [Lost::TriedAgain, Lost::Told] {
            let mut seat = self.seat()?;
            if lent.pace == Pace::Behind {
                seat.order(&Order::StepBack { number: seat.number });
            }
            self.hand(&mut seat, &task, sample)?;
            if let Some(heard) = self.listen(&seat, &task, whole.clone(), lost)? {
                seat.kill();
                return Ok(heard.analysis);
            }
        }
        Err(EngineError::Worker("it does not respond".to_owned()))
    }

    /// The same in a child that is shared; nothing where anything odd happened, which ends that child.
    fn beside_others(
        &self,
        task: &Task,
        sample: &Handed,
        whole: Part,
        share: &Share,
    ) -> Result<Option<Analysis>, EngineError> {
        let mut seat = match self.seats.shared(share, &self.current.alive()?) {
            Some(seat) => seat,
            None => self.seat()?,
        };
        self.hand(&mut seat, task, sample)?;
        let heard = self.listen(&seat, task, whole, Lost::TriedAgain)?;
        let Some(heard) = heard.filter(|heard| heard.in_order()) else {
            seat.kill();
            return Ok(None);
        };
        // What was found is true of this sample; the next one had better not be read there.
        if heard.slow || heard.analysis.findings.iter().any(|finding| finding.severity >= Severity::Medium) {
            seat.kill();
        } else {
            self.seats.share(share, seat);
        }
        Ok(Some(heard.analysis))
    }

    /// A child that has seen nothing yet. Another one is forked for whoever comes next.
    fn seat(&self) -> Result<Seat, EngineError> {
        let (ready, left) = self.seats.ready(&self.current.alive()?);
        let seat = match ready {
            Some(seat) => seat,
            None => self.fork(&self.limits)?,
        };
        if left < self.ahead && seat.number > 1 {
            self.seats.keep_ready(self.fork(&self.limits)?);
        }
        Ok(seat)
    }

    /// Has a child forked. It may be spoken to at once: what is sent waits for it.
    fn fork(&self, limits: &Limits) -> Result<Seat, EngineError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let failed = |step| move |source| EngineError::Hand { name: "a child".to_owned(), step, source };
        let (ours, theirs) = system::packet_pair().map_err(failed("a socket for its answers"))?;
        let order = Order::Fork { number, limits: limits.clone() };
        let mut worker = self.current.alive()?;
        if order_to(&worker.control, &order, &[theirs.as_fd()]).is_err() {
            // The worker died since the last sample: start another and try once more.
            worker = self.current.replace(&worker)?;
            order_to(&worker.control, &order, &[theirs.as_fd()]).map_err(failed("asking for it"))?;
        }
        Ok(Seat::new(number, ours, &worker))
    }

    /// Hands a sample to a child, or to another one where that has gone.
    fn hand(&self, seat: &mut Seat, task: &Task, sample: &Handed) -> Result<(), EngineError> {
        if task_to(&seat.answers, task, sample).is_err() {
            *seat = self.fork(&self.limits)?;
            let hand = |source| EngineError::Hand { name: task.name.clone(), step: "sending it", source };
            task_to(&seat.answers, task, sample).map_err(hand)?;
        }
        seat.takes(sample.size);
        Ok(())
    }

    /// Tries something forbidden inside a child: how it was refused, or `Err` when it succeeded.
    pub(crate) fn probe(&self, probe: crate::Probe, limits: &Limits) -> Result<Result<String, String>, EngineError> {
        let name = probe.name().to_owned();
        let hand = |step| {
            let name = name.clone();
            move |source| EngineError::Hand { name, step, source }
        };
        let seat = self.fork(limits)?;
        // As large as what is lent instead of copied.
        let large = tempfile::tempfile().and_then(|file| file.set_len(COPIED + 1).map(|()| file));
        let prepared = SampleBytes::File(large.map_err(hand("a file to lend"))?).prepare(&name)?;
        let task = Task {
            shared: false,
            name: name.clone(),
            size: prepared.handed.size,
            limits: limits.clone(),
            passwords: Vec::new(),
            declared_type: None,
            codings: Vec::new(),
            probe: Some(probe),
        };
        task_to(&seat.answers, &task, &prepared.handed).map_err(hand("sending it"))?;
        let mut deadline = Instant::now() + Duration::from_millis(limits.time_ms);
        let mut outcome = None;
        let mut buffer = vec![0; MOST_MESSAGE];
        loop {
            if !wait(seat.answers.as_fd(), deadline).map_err(hand("hearing from it"))? {
                if outcome.is_some() {
                    self.replace(&seat)?;
                    break;
                }
                outcome = Some(match probe {
                    crate::Probe::Stay => Err("it is still there".to_owned()),
                    _ => Ok(format!("stopped by the engine after {} ms", limits.time_ms)),
                });
                seat.kill();
                deadline = Instant::now() + KILL_TIME;
                continue;
            }
            let (n, _) = system::receive(seat.answers.as_fd(), &mut buffer).map_err(hand("hearing from it"))?;
            match serde_json::from_slice::<Answer>(buffer.get(..n).unwrap_or_default()) {
                Ok(Answer::Probed(Some(error))) => outcome = Some(Ok(format!("refused: {error}"))),
                // As after every analysis.
                Ok(Answer::Done) => seat.kill(),
                Ok(Answer::Probed(None)) => outcome = Some(Err("it succeeded".to_owned())),
                Ok(Answer::Panic(why)) => outcome = Some(Ok(format!("refused: {why}"))),
                Ok(Answer::Gone(how)) => {
                    outcome.get_or_insert_with(|| Ok(how.unwrap_or_else(|| "it ended in silence".to_owned())));
                    break;
                }
                _ => break,
            }
        }
        Ok(outcome.unwrap_or_else(|| Ok("the worker died".to_owned())))
    }

    fn replace(&self, seat: &Seat) -> Result<(), EngineError> {
        if let Some(worker) = seat.worker.upgrade() {
            self.current.replace(&worker)?;
        }
        Ok(())
    }

    /// What a child says about its sample; nothing where the worker was lost and that is to be tried again. Whether the child
    /// ends then is the caller's to say.
    fn listen(&self, seat: &Seat, task: &Task, whole: Part, lost: Lost) -> Result<Option<Heard>, EngineError> {
        let mut assembly = Assembly::new(&task.limits, whole, !task.codings.is_empty());
        let time_ms = task.limits.time_ms;
        let answers = seat.answers.as_fd();
        // One that is replaced meanwhile goes on for those that it works for.
        let worker = seat.worker.upgrade();
        let mut buffer = BUFFER.take();
        buffer.resize(MOST_MESSAGE, 0);
        let mut failure: Option<String> = None;
        let (mut listening, mut spooled, mut killed, mut slow) = (true, false, false, false);
        let begun = Instant::now();
        // The budget inside stops at the limit; this deadline is for code that does not come back to ask.
        let slack = (time_ms / 2).min(MOST_SLACK) + 250;
        let mut deadline = begun + Duration::from_millis(time_ms.saturating_add(slack));
        loop {
            let patience = if slow { deadline } else { deadline.min(begun + LONG) };
            match wait(answers, patience) {
                Ok(true) => {}
                Ok(false) if Instant::now() < deadline => {
                    slow = true;
                    seat.order(&Order::StepBack { number: seat.number });
                    continue;
                }
                Ok(false) if killed => {
                    self.replace(seat)?;
                    break;
                }
                Ok(false) => {
                    failure.get_or_insert_with(|| format!("it took more than {time_ms} ms and was stopped"));
                    seat.kill();
                    (killed, deadline) = (true, Instant::now() + KILL_TIME);
                    continue;
                }
                Err(error) => {
                    failure.get_or_insert_with(|| format!("cannot receive from the worker: {error}"));
                    break;
                }
            }
            let answer = match system::receive(answers, &mut buffer) {
                Ok((0, _)) => break,
                Ok((n, _)) => {
                    serde_json::from_slice::<Answer>(buffer.get(..n).unwrap_or_default()).map(|answer| (answer, n))
                }
                Err(error) => Err(serde_json::Error::io(error)),
            };
            let problem = match answer {
                // A child that was taken over can say this too: it only ends what is heard of it.
                Ok((Answer::Gone(how), _)) => {
                    if let Some(how) = how {
                        failure.get_or_insert(cut(how, MOST_TEXT / 2));
                    }
                    break;
                }
                Ok((Answer::Panic(why), _)) => Some(cut(why, MOST_TEXT / 2)),
                Ok((Answer::Spool, _)) if !spooled => {
                    spooled = true;
                    let file = self.spool();
                    let file: Vec<_> = file.iter().map(AsFd::as_fd).collect();
                    system::send(answers, b"spool", &file).err().map(|error| format!("no spool for it: {error}"))
                }
                Ok((answer, n)) if listening => assembly.take(answer, n).err().map(str::to_owned),
                Ok(_) => None,
                Err(error) => Some(format!("its response cannot be read: {error}")),
            };
            if assembly.finished() && problem.is_none() {
                break;
            }
            if let Some(problem) = problem {
                failure.get_or_insert(problem);
                listening = false;
                seat.kill();
                (killed, deadline) = (true, Instant::now() + KILL_TIME);
            }
        }
        BUFFER.set(buffer);
        if failure.is_none() && !assembly.finished() {
            failure = Some(if worker.is_none_or(|worker| worker.lost.load(Ordering::Acquire)) {
                if lost == Lost::TriedAgain {
                    return Ok(None);
                }
                "neither the worker nor the one before it responded".to_owned()
            } else {
                "the worker died".to_owned()
            });
        }
        let failed = failure.is_some();
        Ok(Some(Heard { analysis: assembly.conclude(failure.as_deref()), failed, slow }))
    }

    /// An unlinked file for parts that are too large for memory. Without one they are cut, which the report says.
    fn spool(&self) -> Option<OwnedFd> {
        let file = match &self.spool_folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        file.ok().map(OwnedFd::from)
    }
}

impl Worker {
    fn start(executable: &Path, arsenal: &Arsenal) -> Result<Self, EngineError> {
        let failed = |step| move |source| EngineError::Start { step, source };
        let (ours, theirs) = system::packet_pair().map_err(failed("a control socket"))?;
        let process = Command::new(executable)
            .arg0("lazaret")
            .arg(WORKER_ARGUMENT)
            .env_clear()
            .env(worker::MEMORY.0, worker::MEMORY.1)
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("running the executable again"))?;
        let mut worker = Self {
            control: ours,
            process: Mutex::new(process),
            lost: AtomicBool::new(false),
            rules: 0,
            missing: Vec::new(),
        };
        let empty = system::sealed(&[]).map_err(failed("a file in memory"))?;
        let (rules_file, rules) = arsenal.rules.as_ref().map_or((&empty, 0), |(file, len)| (file, *len));
        // The position of a descriptor is shared by everybody who holds it.
        rustix::fs::seek(rules_file, rustix::fs::SeekFrom::Start(0))
            .map_err(|e| failed("rewinding the rules")(e.into()))?;
        let order =
            Order::Start { rules, hash_lists: arsenal.hash_lists.len(), warm_up: arsenal.expected == Expected::Many };
        order_to(&worker.control, &order, &[rules_file.as_fd()]).map_err(failed("handing over the rules"))?;
        for list in &arsenal.hash_lists {
            let order = Order::HashList { name: list.name.clone(), bytes: list.len };
            order_to(&worker.control, &order, &[list.file.as_fd()]).map_err(failed("handing over the hash lists"))?;
        }
        if !wait(worker.control.as_fd(), Instant::now() + START_TIME).map_err(failed("waiting for it"))? {
            return Err(EngineError::Worker("it was not ready in time".to_owned()));
        }
        let mut buffer = vec![0; MOST_MESSAGE];
        let (n, _) = system::receive(worker.control.as_fd(), &mut buffer).map_err(failed("hearing from it"))?;
        match serde_json::from_slice(buffer.get(..n).unwrap_or_default()) {
            Ok(Report::Ready { rules, missing }) => {
                worker.rules = rules;
                worker.missing = missing;
                Ok(worker)
            }
            Ok(Report::Failed { why }) => Err(EngineError::Worker(why)),
            Ok(Report::Alive { .. }) | Err(_) => Err(EngineError::Worker("it ended before it was ready".to_owned())),
        }
    }

    /// Whether the zygote answers in time. One that is gone is not asked: whoever waits for it hears of that at once.
    pub(crate) fn answers(&self, number: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let Ok(order) = serde_json::to_vec(&Order::Ping { number }) else { return true };
        loop {
            match system::send_now(self.control.as_fd(), &order) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    std::thread::sleep(ASK_AGAIN);
                }
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        let mut buffer = vec![0; MOST_MESSAGE];
        loop {
            match wait(self.control.as_fd(), deadline) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(_) => return true,
            }
            match system::receive(self.control.as_fd(), &mut buffer) {
                Ok((0, _)) | Err(_) => return true,
                Ok((n, _)) => {
                    let report = serde_json::from_slice(buffer.get(..n).unwrap_or_default());
                    if matches!(report, Ok(Report::Alive { number: heard }) if heard == number) {
                        return true;
                    }
                }
            }
        }
    }

    /// Ends it, so that whoever waits for it is answered, and lets them try again.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn order_to(control: &OwnedFd, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(order)?;
    if bytes.len() > MOST_MESSAGE {
        return Err(io::Error::other("the passwords and names are longer than one message"));
    }
    system::send(control.as_fd(), &bytes, descriptors)
}

fn task_to(child: &OwnedFd, task: &Task, sample: &Handed) -> io::Result<()> {
    let bytes = serde_json::to_vec(task)?;
    if bytes.len() > MOST_MESSAGE {
        return Err(io::Error::other("the passwords and names are longer than one message"));
    }
    system::send(child.as_fd(), &bytes, &[sample.descriptor.as_fd()])
}

/// Whether there is something to read before the deadline. After it there is nothing, or who never stops talking could
/// never be stopped.
pub(crate) fn wait(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let mut watched = [PollFd::new(&socket, PollFlags::IN)];
        match poll(&mut watched, Some(&timeout)) {
            Ok(n) => return Ok(n > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
