use super::*;
use corpus::build::archive::{gzip, tar, tar_member, xz, zstd};

/// What a process would write, and how it would end.
struct Wrote<'a>(&'a [u8]);

impl Read for Wrote<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Unpacking for Wrote<'_> {
    fn ended(&mut self) -> String {
        "it was killed".to_owned()
    }
}

/// Keeps what it is told, in words.
#[derive(Default)]
struct Kept {
    told: Vec<String>,
    /// Bundles are read only so far.
    most: Option<u64>,
}

impl Sink for Kept {
    fn bundle(&mut self, name: &str, reader: &mut dyn Read) -> Result<(), AttackError> {
        let mut bytes = Vec::new();
        let read = reader.take(self.most.unwrap_or(u64::MAX)).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.told.push(match read {
            Ok(_) => format!("{name} is {text}"),
            Err(error) => format!("{name} is broken: {error}"),
        });
        Ok(())
    }

    fn skipped(&mut self, name: &str, reason: &'static str) -> Result<(), AttackError> {
        self.told.push(format!("{name} is skipped: {reason}"));
        Ok(())
    }

    fn refused(&mut self, name: &str, error: AttackError) -> Result<(), AttackError> {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.told.push(format!("{name} is refused: {error}{cause}"));
        Ok(())
    }
}

fn written(file: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    unpack_into(file, &mut stream).unwrap();
    stream
}

fn received(stream: &[u8], most: Option<u64>) -> (Vec<String>, u64) {
    let (mut kept, read) = (Kept { most, ..Kept::default() }, AtomicU64::new(0));
    receive("file", &mut Wrote(stream), &read, &mut kept).unwrap();
    (kept.told, read.load(Ordering::Relaxed))
}

fn check(file: &[u8], told: &[&str]) {
    assert_eq!(received(&written(file), None).0, told);
}

/// One frame.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&[kind][..], &length.to_le_bytes(), payload].concat()
}

const NONSENSE: &str = "file is refused: the process that unpacks `file` failed: it wrote what it should not have";
const KILLED: &str = "file is refused: the process that unpacks `file` failed: it was killed";

#[test]
fn whatever_it_is_packed_in_comes_out() {
    for packed in [b"{}".to_vec(), zstd(b"{}"), gzip("a", b"{}"), xz(b"{}"), zstd(&gzip("a", &xz(b"{}")))] {
        check(&packed, &["file is {}"]);
    }
    let archive = tar(&[
        ("a/enterprise-attack-1.0.json", b"{1}"),
        ("README.md", b"no"),
        ("enterprise-attack-2.0.json.zst", &zstd(b"{2}")),
        ("enterprise-attack-3.0.json.zst", b"\x28\xb5\x2f\xfd and nothing else"),
        ("more.tar.gz", &gzip("", &tar(&[("ics-attack-4.0.json", b"{4}")]))),
        ("none.tar", &tar(&[("README.md", b"no")])),
    ]);
    let (told, _) = received(&written(&xz(&archive)), None);
    let said = |place: usize| told.get(place).map_or("", String::as_str);
    assert_eq!(said(0), "file//a/enterprise-attack-1.0.json is {1}");
    assert_eq!(said(1), "file//README.md is skipped: its name is not that of a bundle");
    assert_eq!(said(2), "file//enterprise-attack-2.0.json.zst is {2}");
    let third =
        "file//enterprise-attack-3.0.json.zst is refused: `file//enterprise-attack-3.0.json.zst` cannot be read: ";
    assert!(said(3).starts_with(third), "{told:#?}");
    assert_eq!(said(4), "file//more.tar.gz//ics-attack-4.0.json is {4}");
    assert!(said(5).starts_with("file//none.tar//README.md is skipped"), "{told:#?}");
    assert!(said(6).starts_with("file//none.tar is refused: nothing in this archive is named"), "{told:#?}");
    assert_eq!(told.len(), 7, "{told:#?}");
}

#[test]
fn how_much_of_the_file_was_read_is_counted() {
    let file = vec![b' '; 3 * CHUNK + 7];
    assert_eq!(received(&written(&file), None).1, file.len() as u64);
}

#[test]
fn a_reader_that_had_enough_is_followed_by_the_next_member() {
    let archive = tar(&[("ics-attack-1.0.json", &[b'x'; 200_000]), ("ics-attack-2.0.json", b"{2}")]);
    let (told, _) = received(&written(&archive), Some(3));
    assert_eq!(told, ["file//ics-attack-1.0.json is xxx", "file//ics-attack-2.0.json is {2}"]);
}

#[test]
fn a_file_that_is_cut_is_told_as_such() {
    let archive = tar(&[("ics-attack-1.0.json", b"{1}"), ("ics-attack-2.0.json", &[b'x'; 2_000])]);
    let (told, _) = received(&written(&archive[..2_600]), None);
    assert_eq!(told.first().map(String::as_str), Some("file//ics-attack-1.0.json is {1}"));
    assert!(told.last().unwrap().starts_with("file is refused: the archive `file` cannot be read any further"));
    let packed = zstd(&corpus::build::noise(100_000));
    let (told, _) = received(&written(&packed[..50_000]), None);
    assert!(told.len() == 1 && told.iter().all(|one| one.starts_with("file is ")), "{told:?}");
    assert!(told.iter().all(|one| one.contains("broken") || one.contains("cannot be read")), "{told:?}");
}

/// Wherever a process is killed, that is told, and nothing that was cut counts as whole.
#[test]
fn a_stream_that_ends_anywhere_is_an_error() {
    let archive = tar(&[("ics-attack-1.0.json", b"{1}"), ("README.md", b"no"), ("ics-attack-2.0.json", b"{2}")]);
    let whole = written(&archive);
    for end in 0..whole.len() {
        let (told, _) = received(&whole[..end], None);
        assert_eq!(told.last().map(String::as_str), Some(KILLED), "{end}: {told:?}");
        for one in &told {
            assert!(!one.contains(" is {") || one.ends_with('}'), "{end}: {told:?}");
        }
    }
    // Where the file is the bundle, it is told once.
    let whole = written(b"{}");
    for end in 0..whole.len() {
        let told = received(&whole[..end], None).0;
        let broken = "file is broken: the process that unpacks it failed: it was killed";
        assert!(told == [broken] || told == [KILLED] || told == ["file is {}", KILLED], "{end}: {told:?}");
    }
}

#[test]
fn what_a_process_should_not_write_is_refused() {
    let name = b"//ics-attack-1.0.json";
    let begun = frame(BEGIN, name);
    let refused =
        |how: u8, length: u16, rest: &[u8]| frame(REFUSED, &[&[how][..], &length.to_le_bytes(), rest].concat());
    for stream in [
        frame(b'?', b""),
        frame(DATA, b"{}"),
        frame(END, b""),
        frame(BROKEN, b"why"),
        frame(BEGIN, b"/etc/passwd"),
        frame(BEGIN, b"//\xff"),
        frame(BEGIN, &[b'/'; MOST_TEXT + 1]),
        frame(SKIPPED, b""),
        frame(SKIPPED, &[&[2][..], name].concat()),
        refused(FILE, 200, name),
        frame(REFUSED, b"\0\0"),
        frame(READ, b"123"),
        frame(DONE, b"more"),
        [&[DATA][..], &u32::MAX.to_le_bytes()].concat(),
    ] {
        assert_eq!(received(&stream, None).0, [NONSENSE], "{stream:?}");
    }
    for inside in [frame(DATA, b""), frame(DATA, &vec![0; CHUNK + 1]), begun.clone(), frame(DONE, b"")] {
        let told = received(&[begun.as_slice(), &inside].concat(), None).0;
        assert!(told.len() == 2 && told[0].contains("broken") && told[1] == NONSENSE, "{told:?}");
    }
}

/// A process that was taken over can write anything: every byte of a good stream as another one.
#[test]
fn no_other_byte_does_harm() {
    let archive = tar(&[("ics-attack-1.0.json", b"{1}"), ("README.md", b"no"), ("none.tar", &tar(&[]))]);
    let whole = written(&archive);
    for place in 0..whole.len() {
        for other in [0, 1, 0x2e, 0x42, 0x44, 0x45, 0x50, 0x52, 0x53, 0x58, 0x7f, 0xff] {
            let mut stream = whole.clone();
            stream[place] = other;
            let (told, _) = received(&stream, None);
            assert!(told.iter().all(|one| one.starts_with("file")), "{place}: {told:?}");
        }
    }
}

#[test]
fn more_than_fits_is_refused() {
    let unread = AtomicU64::new(0);
    let bytes = [frame(BEGIN, b""), frame(DATA, b"{}"), frame(END, b""), frame(DONE, b"")].concat();
    for (most, members, told) in
        [(bytes.len() as u64, 1, None), (20, 1, Some("more than 16 GiB")), (1 << 20, 0, Some("more than a million"))]
    {
        let mut process = Wrote(&bytes);
        let process: &mut dyn Unpacking = &mut process;
        let process = BufReader::new(process);
        let mut stream = Stream { process, read: &unread, bytes: most, members, failure: None };
        let mut frames = std::iter::from_fn(|| match stream.next() {
            Ok(Frame::Done) => None,
            // Whoever reads what was begun takes its bytes.
            Ok(Frame::Data(length)) => Some(stream.fill(&mut vec![0; length])),
            other => Some(other.map(drop)),
        });
        let found = frames.find_map(Result::err);
        assert_eq!(found.is_some(), told.is_some(), "{found:?}");
        assert!(told.is_none_or(|told| found.unwrap_or_default().contains(told)));
    }
}

#[test]
fn long_names_and_reasons_are_shortened() {
    let name = format!("//{}/ics-attack-1.0.json", "ä".repeat(5_000));
    let short = short_name(&name);
    assert!(short.len() <= MOST_NAME + 2 && short.starts_with("//") && short.ends_with("/ics-attack-1.0.json"));
    assert_eq!(short_reason(&"ä".repeat(5_000)).chars().count(), MOST_REASON);
    let archive = [tar_member("ics-attack-1.0.json", b"{1}", b'0'), vec![0; 1_024]].concat();
    check(&archive, &["file//ics-attack-1.0.json is {1}"]);
}
