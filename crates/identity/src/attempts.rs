//! Attempts to sign in, counted: by machine and name, and by machine. Whoever fails waits longer each time; nobody else does, so
//! that no stranger can lock somebody out. A browser in which somebody signed in before is counted by itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one source at one name, and of one machine at any names, before there is a delay.
const FREE: u32 = 4;
const FREE_ANY: u32 = 30;
/// The first delay, which doubles with every failure, and the longest.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// The longest for a machine at any names: behind one address there may be a whole office.
const LONGEST_ANY: Duration = Duration::from_secs(60);
/// After how long without a failure all of them are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3_600);
/// Sources, and machines, that are remembered; beyond them the oldest are forgotten.
const MOST: usize = 10_000;
/// How often failures of one source at one name are written down, and how many failures are in a minute at most.
const TOLD_EVERY: Duration = Duration::from_secs(60);
const MOST_TOLD: u32 = 60;
/// Characters of a name; nobody has a longer one.
const MOST_NAME: usize = 64;

/// Where an attempt comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A machine.
    Machine(IpAddr),
    /// A browser in which the person of that name signed in before, by what is signed in its cookie.
    Browser(String),
}

/// Whose failure through a provider it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Somebody's who has an account there.
    Account,
    /// Anybody's: nothing came from the provider.
    Anybody,
}

/// Attempts to sign in, at the console and at the proxy.
pub(crate) struct Attempts {
    /// How long this has been running.
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    /// By source and name.
    pairs: HashMap<String, Failures>,
    /// By machine.
    machines: HashMap<String, Failures>,
    /// When the minute began in which so many failures were written down.
    told: (Duration, u32),
    /// The same for failures through a provider, so that those cannot hide others.
    told_provided: (Duration, u32),
    told_anybody: (Duration, u32),
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    number: u32,
    last: Duration,
    told: Option<Duration>,
}

/// An attempt under way: counted as a failure unless it turns out otherwise.
#[must_use]
pub(crate) struct Attempt<'a> {
    attempts: &'a Attempts,
    pair: String,
    machine: Option<String>,
}

impl Attempts {
    /// None so far.
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || start.elapsed())
    }

    fn with_clock(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), tables: Mutex::default() }
    }

    /// Begins an attempt; or says how long to wait before the next one. What is begun counts at once, so that attempts made
    /// at the same time are all counted.
    pub(crate) fn begin(&self, source: &Source, name: &str) -> Result<Attempt<'_>, Duration> {
        let (pair, machine) = (pair_of(source, name), machine_of(source));
        let now = (self.clock)();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = wait(tables.pairs.get(&pair), FREE, LONGEST, now);
        let waits_any = machine.as_ref().and_then(|machine| tables.machines.get(machine));
        let waits = waits.max(wait(waits_any, FREE_ANY, LONGEST_ANY, now));
        if !waits.is_zero() {
            return Err(waits);
        }
        count(&mut tables.pairs, &pair, now);
        if let Some(machine) = &machine {
            count(&mut tables.machines, machine, now);
        }
        Ok(Attempt { attempts: self, pair, machine })
    }

    /// Whether one more failure through a provider is to be written down in this minute: those of accounts there are counted apart
    /// from what anybody can send.
    pub(crate) fn is_provided_told(&self, of: Of) -> bool {
        let now = (self.clock)();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match of {
            Of::Account => &mut tables.told_provided,
            Of::Anybody => &mut tables.told_anybody,
        };
        let (minute, number) = *told;
        let number = if now.saturating_sub(minute) < TOLD_EVERY { number } else { 0 };
        if number >= MOST_TOLD {
            return false;
        }
        *told = (if number == 0 { now } else { minute }, number + 1);
        true
    }

    /// Whether a failure is to be written down: enough have been, where somebody fails all the time.
    pub(crate) fn is_told(&self, source: &Source, name: &str) -> bool {
        let pair = pair_of(source, name);
        let now = (self.clock)();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (minute, number) = tables.told;
        let number = if now.saturating_sub(minute) < TOLD_EVERY { number } else { 0 };
        let Some(failures) = tables.pairs.get_mut(&pair) else { return false };
        if number >= MOST_TOLD || failures.told.is_some_and(|told| now.saturating_sub(told) < TOLD_EVERY) {
            return false;
        }
        failures.told = Some(now);
        tables.told = (if number == 0 { now } else { minute }, number + 1);
        true
    }
}

impl Attempt<'_> {
    /// It was right: what failed before is forgiven.
    pub(crate) fn right(self) {
        let mut tables = self.attempts.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.pairs.remove(&self.pair);
        self.take_back(&mut tables);
    }

    /// It decided nothing: something more is asked for. What failed before still counts.
    pub(crate) fn undecided(self) {
        let mut tables = self.attempts.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failures) = tables.pairs.get_mut(&self.pair) {
            failures.number = failures.number.saturating_sub(1);
        }
        self.take_back(&mut tables);
    }

    fn take_back(&self, tables: &mut Tables) {
        if let Some(machine) = &self.machine
            && let Some(failures) = tables.machines.get_mut(machine)
        {
            failures.number = failures.number.saturating_sub(1);
        }
    }
}

/// How much longer to wait after failures.
fn wait(failures: Option<&Failures>, free: u32, longest: Duration, now: Duration) -> Duration {
    let Some(failures) = failures else { return Duration::ZERO };
    let beyond = failures.number.saturating_sub(free);
    if beyond == 0 || now.saturating_sub(failures.last) >= FORGOTTEN {
        return Duration::ZERO;
    }
    let delay = FIRST.saturating_mul(1 << (beyond - 1).min(16)).min(longest);
    (failures.last + delay).saturating_sub(now)
}

fn count(table: &mut HashMap<String, Failures>, key: &str, now: Duration) {
    if table.len() >= MOST && !table.contains_key(key) {
        table.retain(|_, failures| now.saturating_sub(failures.last) < FORGOTTEN);
        if table.len() >= MOST
            && let Some(oldest) = table.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone())
        {
            table.remove(&oldest);
        }
    }
    let failures = table.entry(key.to_owned()).or_default();
    if now.saturating_sub(failures.last) >= FORGOTTEN {
        failures.number = 0;
    }
    failures.number = failures.number.saturating_add(1);
    failures.last = now;
}

fn pair_of(source: &Source, name: &str) -> String {
    let name: String = name.chars().take(MOST_NAME).collect();
    match source {
        Source::Machine(address) => format!("{} {name}", machine(*address)),
        Source::Browser(browser) => format!("browser {browser} {name}"),
    }
}

fn machine_of(source: &Source) -> Option<String> {
    match source {
        Source::Machine(address) => Some(machine(*address)),
        // Whoever sits at it is not to wait for what others at the same address do.
        Source::Browser(_) => None,
    }
}

/// A machine by its address. With IPv6 everybody has the addresses of a network of 64 bits (RFC 4291, 2.5.4).
fn machine(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Attempts with a clock that is set by hand, in seconds.
    fn attempts() -> (Attempts, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&clock);
        (Attempts::with_clock(move || Duration::from_secs(seconds.load(Ordering::Relaxed))), clock)
    }

    fn from(address: &str) -> Source {
        Source::Machine(address.parse().unwrap())
    }

    /// Fails as often as is possible at once; how often that was.
    fn fails(attempts: &Attempts, source: &Source, name: &str) -> u32 {
        (0..1_000).take_while(|_| attempts.begin(source, name).is_ok()).count() as u32
    }

    #[test]
    fn who_fails_waits_longer_each_time_and_nobody_else_waits() {
        let (attempts, clock) = attempts();
        let stranger = from("192.0.2.7");
        assert_eq!(fails(&attempts, &stranger, "anna"), FREE + 1);
        for seconds in [10, 20, 40, 80, 160, 320, 640, 900, 900] {
            let wait = attempts.begin(&stranger, "anna").err();
            assert_eq!(wait, Some(Duration::from_secs(seconds)));
            clock.fetch_add(seconds - 1, Ordering::Relaxed);
            assert_eq!(attempts.begin(&stranger, "anna").err(), Some(Duration::from_secs(1)));
            clock.fetch_add(1, Ordering::Relaxed);
            assert_eq!(fails(&attempts, &stranger, "anna"), 1);
        }
        for (source, name) in
            [(from("192.0.2.8"), "anna"), (stranger.clone(), "karl"), (Source::Browser("x".to_owned()), "anna")]
        {
            attempts.begin(&source, name).expect("somebody else waits").right();
        }
        clock.fetch_add(3_600, Ordering::Relaxed);
        assert_eq!(fails(&attempts, &stranger, "anna"), FREE + 1, "forgotten after an hour");
    }

    #[test]
    fn one_machine_cannot_try_many_names_and_a_known_browser_there_can_go_on() {
        let (attempts, clock) = attempts();
        let tried = (0..1_000).take_while(|number| attempts.begin(&from("2001:db8::1"), &format!("n{number}")).is_ok());
        assert_eq!(tried.count() as u32, FREE_ANY + 1);
        assert!(attempts.begin(&from("2001:db8::2:3"), "other").is_err(), "the same network of 64 bits");
        assert!(attempts.begin(&from("2001:db8:0:1::1"), "other").is_ok());
        attempts.begin(&Source::Browser("x".to_owned()), "anna").expect("a known browser waits").right();
        clock.fetch_add(LONGEST_ANY.as_secs(), Ordering::Relaxed);
        assert!(attempts.begin(&from("2001:db8::1"), "other").is_ok(), "an office waits for a minute at most");
        // A known browser may not guess either.
        assert_eq!(fails(&attempts, &Source::Browser("x".to_owned()), "anna"), FREE + 1);
    }

    #[test]
    fn success_forgives_and_half_of_one_does_not() {
        let (attempts, _) = attempts();
        let here = from("192.0.2.7");
        for _ in 0..3 {
            let _ = attempts.begin(&here, "anna");
        }
        for _ in 0..100 {
            attempts.begin(&here, "anna").expect("a right password counts").undecided();
        }
        assert_eq!(fails(&attempts, &here, "anna"), FREE + 1 - 3);
        let (attempts, _) = self::attempts();
        for _ in 0..100 {
            let _ = attempts.begin(&here, "anna");
            attempts.begin(&here, "anna").expect("forgiven").right();
            attempts.tables.lock().unwrap().machines.clear();
        }
    }

    #[test]
    fn tables_are_bounded_and_the_oldest_go_first() {
        let (attempts, clock) = attempts();
        for number in 0..u32::try_from(MOST).unwrap() + 10 {
            clock.store(u64::from(number) / 10, Ordering::Relaxed);
            let _ = attempts.begin(&Source::Machine(IpAddr::from(number.to_be_bytes())), "anna");
        }
        let tables = attempts.tables.lock().unwrap();
        assert_eq!((tables.pairs.len(), tables.machines.len()), (MOST, MOST));
        assert!(!tables.machines.contains_key("0.0.0.0") && tables.machines.contains_key("0.0.39.16"));
    }

    #[test]
    fn failures_are_written_down_once_a_minute() {
        let (attempts, clock) = attempts();
        let here = from("192.0.2.7");
        assert!(!attempts.is_told(&here, "anna"), "nothing failed");
        let _ = attempts.begin(&here, "anna");
        assert!(attempts.is_told(&here, "anna") && !attempts.is_told(&here, "anna"));
        clock.fetch_add(60, Ordering::Relaxed);
        assert!(attempts.is_told(&here, "anna"));
        clock.fetch_add(60, Ordering::Relaxed);
        let told = (0..200u8).filter(|number| {
            let source = Source::Machine(IpAddr::from([198, 51, 100, *number]));
            let _ = attempts.begin(&source, "anna");
            attempts.is_told(&source, "anna")
        });
        assert_eq!(told.count() as u32, MOST_TOLD);
    }

    #[test]
    fn what_anybody_can_send_to_the_way_back_hides_no_failure_of_an_account() {
        let (attempts, clock) = attempts();
        assert_eq!((0..200).filter(|_| attempts.is_provided_told(Of::Anybody)).count() as u32, MOST_TOLD);
        assert_eq!((0..200).filter(|_| attempts.is_provided_told(Of::Account)).count() as u32, MOST_TOLD);
        assert!(!attempts.is_provided_told(Of::Account));
        clock.fetch_add(60, Ordering::Relaxed);
        assert!(attempts.is_provided_told(Of::Account) && attempts.is_provided_told(Of::Anybody));
    }
}
