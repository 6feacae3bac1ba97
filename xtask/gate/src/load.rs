//! Load: some clients at once, each asking again as soon as it has its answer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One client with its connection.
pub(crate) trait Client: Send {
    /// Asks once, and says how many bytes the body had. `number` is different each time.
    ///
    /// # Errors
    /// When the answer is not the one that an ordinary file gets.
    fn ask(&mut self, number: u64) -> Result<usize, String>;
}

/// What was measured, over any number of turns.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Seconds that each answer took.
    latencies: Vec<f64>,
    /// Bytes of the bodies.
    bytes: u64,
    /// Seconds of all turns.
    seconds: f64,
    /// Seconds of processor time that the load itself took.
    own: f64,
}

/// Numbers are never used twice, whoever is asked.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Figures {
    /// Lets the clients ask for some time, each at least once, and adds what came of it.
    ///
    /// # Errors
    /// What the first client says that fails.
    pub(crate) fn turn(&mut self, clients: &mut [Box<dyn Client>], time: Duration) -> Result<(), String> {
        let all = Mutex::new((Vec::<f64>::new(), 0_u64));
        let trouble = Mutex::new(None);
        let (start, before) = (Instant::now(), processor_seconds());
        std::thread::scope(|scope| {
            for client in clients {
                let (all, trouble) = (&all, &trouble);
                scope.spawn(move || {
                    let (mut latencies, mut bytes) = (Vec::new(), 0);
                    loop {
                        let asked = Instant::now();
                        match client.ask(NEXT.fetch_add(1, Ordering::Relaxed)) {
                            Ok(length) => bytes += length as u64,
                            Err(why) => {
                                trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(why);
                                break;
                            }
                        }
                        latencies.push(asked.elapsed().as_secs_f64());
                        if start.elapsed() >= time {
                            break;
                        }
                    }
                    let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    all.0.extend(latencies);
                    all.1 += bytes;
                });
            }
        });
        self.seconds += start.elapsed().as_secs_f64();
        self.own += processor_seconds() - before;
        if let Some(why) = trouble.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(why);
        }
        let (latencies, bytes) = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.latencies.extend(latencies);
        self.bytes += bytes;
        Ok(())
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// Bytes of bodies a second.
    pub(crate) fn throughput(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }

    /// Answers.
    pub(crate) fn number(&self) -> usize {
        self.latencies.len()
    }

    /// Seconds that this share of the answers (0 to 1) took at most.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
        sorted.get(at - 1).copied().unwrap_or(f64::NAN)
    }

    /// The load's own use of the processors: 1 for all of one.
    pub(crate) fn own_share(&self) -> f64 {
        self.own / self.seconds
    }
}

/// Seconds of processor time of this process, its threads included (proc(5), `stat`: the fields 14 and 15, in ticks of
/// 1/100 s on every Linux machine).
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field may have spaces; it ends with the last parenthesis.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Ordinary English words, enough for `bytes`, as the same for everybody.
pub(crate) fn words(bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 32] = [
        "the", "meeting", "is", "on", "Monday", "and", "every", "letter", "that", "was", "sent", "last", "week", "has",
        "found", "its", "way", "to", "our", "office", "where", "people", "read", "it", "with", "care", "before",
        "they", "answer", "in", "plain", "words",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let (mut out, mut line) = (Vec::with_capacity(bytes + 16), 0);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = WORDS[(state >> 59) as usize];
        out.extend_from_slice(word.as_bytes());
        line += word.len() + 1;
        out.push(if line > 72 { b'\n' } else { b' ' });
        if line > 72 {
            line = 0;
        }
    }
    out.truncate(bytes);
    out
}

/// A first line that no other body has: always as long.
pub(crate) fn first_line(number: u64) -> [u8; 32] {
    let mut line = *b"Letter number 0000000000000000.\n";
    line[14..30].copy_from_slice(format!("{number:016}").as_bytes());
    line
}
