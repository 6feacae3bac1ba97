//! What must hold for every stand-in: padding or wrapping what is stopped never gets it through, and no damage to a file loses
//! its answer or gets it through unseen.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Rows whose stand-ins are small; the others prove limits by their size.
const ROWS: &[&str] = &[
    "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A17",
    "A18", "A19", "A21", "A22", "A23", "A26", "A27", "A30", "B1", "B2", "B3", "C1", "C2", "C3", "C4", "C6", "C10",
    "C14", "C15", "C16", "C17", "C19", "C20", "C21", "C23", "C24", "C28",
];
/// Bytes of a stand-in that is padded and wrapped.
const MOST: usize = 48 << 10;
/// Files that are damaged and scanned where nothing else is said; `LAZARET_TEST_MUTATIONS` says it.
const MUTATIONS: usize = 3_000;

/// A stand-in that is stopped.
struct Stopped {
    row: &'static str,
    name: String,
    bytes: Vec<u8>,
}

fn stopped() -> Vec<Stopped> {
    let standins = ROWS.iter().flat_map(|row| corpus::of_row(row));
    let is_stopped = |standin: &corpus::Standin| {
        standin
            .expect
            .iter()
            .any(|expect| matches!(expect, corpus::Expect::Decision(decision) if *decision != "deliver"))
    };
    let found: Vec<_> = standins
        .filter(|standin| is_stopped(standin) && standin.bytes.len() <= MOST)
        .map(|standin| Stopped { row: standin.row, name: standin.name, bytes: standin.bytes })
        .collect();
    assert!(found.len() > 150, "only {} stand-ins", found.len());
    found
}

/// Writes files below folders of their own, scans them, and gives what was said of each, by the number of the folder.
fn scan(files: &[(String, Vec<u8>)]) -> BTreeMap<usize, Value> {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, bytes)) in files.iter().enumerate() {
        let own = folder.path().join("in").join(number.to_string());
        std::fs::create_dir_all(&own).unwrap();
        // A name may hold what no file system takes.
        let name: String = name.chars().map(|c| if matches!(c, '/' | '\0') { '_' } else { c }).collect();
        std::fs::write(own.join(name), bytes).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "--json", "--recursive", "in"])
        .current_dir(folder.path())
        .env_remove("LAZARET_CONFIG")
        .env("LAZARET_DATA", folder.path().join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let path = report["path"].as_str().unwrap().to_owned();
        let number = Path::new(&path).components().nth(1).unwrap().as_os_str().to_string_lossy().parse().unwrap();
        assert!(found.insert(number, report).is_none(), "{path} was answered twice");
    }
    assert_eq!(found.len(), files.len(), "{}", String::from_utf8_lossy(&output.stderr));
    found
}

/// Scans what was made of the stopped stand-ins, and gives those that would be delivered.
fn delivered(made: Vec<(String, String, Vec<u8>)>) -> Vec<String> {
    let (what, files): (Vec<_>, Vec<_>) = made.into_iter().map(|(what, name, bytes)| (what, (name, bytes))).unzip();
    let found = scan(&files);
    let through = found.iter().filter(|(_, report)| report["decision"] == "deliver");
    through.map(|(number, report)| format!("{}: {}", what[*number], report["kind"]["id"])).collect()
}

/// Whether every way is tried for every stand-in, which takes minutes; what is tried otherwise changes from one to the next.
fn everything() -> bool {
    std::env::var_os("LAZARET_TEST_EVERYTHING").is_some()
}

fn wrapped(name: &str, bytes: &[u8]) -> Vec<(&'static str, String, Vec<u8>)> {
    use corpus::build::{archive, mail, zip};
    let base: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    let base = if base.is_empty() { "file".to_owned() } else { base };
    let zipped = zip::of(&[("decoy.txt", b"see the other file"), (&base, bytes)]);
    let tar = archive::tar(&[("decoy.txt", b"see the other file"), (&base, bytes)]);
    let mailed = mail::with_attachment("See the file.", &base, bytes);
    vec![
        ("in a ZIP", "a.zip".into(), zipped.clone()),
        ("in a ZIP in a ZIP", "a.zip".into(), zip::of(&[("b.zip", &zipped)])),
        ("in a tar", "a.tar".into(), tar.clone()),
        ("in a packed tar", "a.tar.gz".into(), archive::gzip("a.tar", &tar)),
        ("packed with xz", format!("{base}.xz"), archive::xz(bytes)),
        ("in a mail", "a.eml".into(), mailed.clone()),
        ("in a mail in a ZIP", "a.zip".into(), zip::of(&[("a.eml", &mailed)])),
        ("in a cabinet", "a.cab".into(), archive::cab(&[&[("decoy.txt", b"see the other file"), (&base, bytes)]])),
        (
            "behind a ZIP behind a 7z",
            "a.7z".into(),
            [archive::seven_zip(&[("readme.txt", b"hello")], Vec::new(), false), zipped].concat(),
        ),
    ]
}

#[test]
fn wrapping_what_is_stopped_never_gets_it_through() {
    let own = stopped();
    let made = own.iter().enumerate().flat_map(|(number, own)| {
        let told = format!("{} `{}`", own.row, own.name);
        let all = wrapped(&own.name, &own.bytes).into_iter().enumerate();
        // Three ways each, other ones for the next.
        let some = all.filter(move |(way, _)| everything() || (way + number).is_multiple_of(3));
        some.map(move |(_, (how, name, bytes))| (format!("{told} {how}"), name, bytes))
    });
    let through = delivered(made.collect());
    assert!(through.is_empty(), "{} are delivered:\n{}", through.len(), through.join("\n"));
}

/// The bytes with a filler of their own format in front, in between or behind, as often as any list here is long.
fn padded(name: &str, bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let before = |filler: &[u8], count: usize| [filler.repeat(count), bytes.to_vec()].concat();
    let behind = |filler: &[u8], count: usize| [bytes.to_vec(), filler.repeat(count)].concat();
    let within = |mark: &[u8], filler: &[u8], count: usize| {
        let at = bytes.windows(mark.len()).position(|window| window == mark)? + mark.len();
        Some([&bytes[..at], &filler.repeat(count)[..], &bytes[at..]].concat())
    };
    let lines = |filler: &[u8]| vec![("lines before", before(filler, 6_000)), ("lines behind", behind(filler, 6_000))];
    match &*extension {
        "html" | "htm" | "hta" | "xhtml" => vec![
            ("comments before", before(b"<!-- a comment -->\n", 5_000)),
            ("comments behind", behind(b"<!-- a comment -->\n", 5_000)),
            (
                "paragraphs within",
                within(b"<body>", b"<p>words, and more words</p>\n", 5_000).unwrap_or(before(b"<p>x</p>", 5_000)),
            ),
            (
                "small scripts within",
                within(b"<body>", b"<script>a(atob('YWFhYWFhYWE='))</script>", 300)
                    .unwrap_or(before(b"<p>x</p>", 5_000)),
            ),
            (
                "links within",
                within(b"<body>", b"<a href='https://host.invalid/'>x</a>", 400).unwrap_or(before(b"<p>x</p>", 5_000)),
            ),
        ],
        "svg" => vec![
            ("comments behind", behind(b"<!-- a comment -->\n", 5_000)),
            ("comments before", before(b"<!-- a comment -->\n", 5_000)),
        ],
        "js" | "wsh" if bytes.is_ascii() && !bytes.starts_with(b"[") => {
            lines(b"// a line of words that says nothing\r\n")
        }
        "vbs" => lines(b"' a line of words that says nothing\r\n").into_iter().filter(|_| bytes.is_ascii()).collect(),
        "bat" | "cmd" => lines(b"rem a line of words that says nothing\r\n"),
        "ps1" | "py" | "sh" | "desktop" => {
            vec![("lines behind", behind(b"# a line of words that says nothing\n", 6_000))]
        }
        "url" | "inf" | "scf" => lines(b"; a line of words that says nothing\r\n"),
        "rtf" => vec![(
            "groups within",
            within(b"\\rtf1", b"{\\*\\unknown a}", 5_000).unwrap_or_else(|| behind(b" ", 5_000)),
        )],
        "pdf" => vec![
            ("objects within", within(b"\n", b"900000 0 obj null endobj\n", 3_000).unwrap_or_default()),
            ("objects behind", behind(b"900000 0 obj null endobj\n", 3_000)),
            ("a comment before", before(b"%\n", 400)),
        ],
        "eml" => vec![
            ("fields before", before(b"X-Filler: words that say nothing\r\n", 500)),
            (
                "a long field before",
                [
                    b"To: ".to_vec(),
                    b"someone@host.invalid,\r\n ".repeat(4_500),
                    b"a@host.invalid\r\n".to_vec(),
                    bytes.to_vec(),
                ]
                .concat(),
            ),
            ("lines behind", behind(b"words that say nothing\r\n", 5_000)),
        ],
        _ => vec![
            ("zeros behind", behind(&[0; 1024], 300)),
            ("words behind", behind(b"words that say nothing. ", 5_000)),
        ],
    }
}

#[test]
fn padding_what_is_stopped_never_gets_it_through() {
    // The test file is none with anything behind it; Brotli has no end and no mark, and is not read then; and a filler is a format's
    // own only where the name is true.
    let own = stopped().into_iter().filter(|own| !matches!(own.row, "A23" | "C15" | "B1" | "B2" | "B3"));
    let made = own.enumerate().flat_map(|(number, own)| {
        let variants = padded(&own.name, &own.bytes).into_iter().filter(|(_, bytes)| !bytes.is_empty());
        let some = variants.enumerate().filter(|(way, _)| everything() || (way + number).is_multiple_of(2));
        let told = format!("{} `{}`", own.row, own.name);
        let all: Vec<_> =
            some.map(|(_, (how, bytes))| (format!("{told} with {how}"), own.name.clone(), bytes)).collect();
        all
    });
    let through = delivered(made.collect());
    assert!(through.is_empty(), "{} are delivered:\n{}", through.len(), through.join("\n"));
}

/// Numbers drawn by lot, the same ones for the same seed (Marsaglia's xorshift).
struct Lots(u64);

impl Lots {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most.max(1) as u64).unwrap()
    }
}

fn damaged(bytes: &[u8], lots: &mut Lots) -> Vec<u8> {
    const VALUES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'<', b'\n'];
    let mut out = bytes.to_vec();
    for _ in 0..=lots.below(4) {
        let at = lots.below(out.len());
        match lots.below(7) {
            0 => out.truncate(at),
            1 => out.extend_from_within(at..),
            2 => drop(out.drain(at..(at + 1 + lots.below(16)).min(bytes.len().max(at)).min(out.len()).max(at))),
            3 => out.splice(at..at, std::iter::repeat_n(VALUES[lots.below(8)], 1 + lots.below(300))).for_each(drop),
            4 => {
                let number = [0, 1, u32::MAX, 0x8000_0000, 0x7fff_ffff, 0xffff][lots.below(6)];
                let end = (at + 4).min(out.len());
                out[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
            _ => {
                if let Some(byte) = out.get_mut(at) {
                    *byte = if lots.below(2) == 0 { VALUES[lots.below(8)] } else { *byte ^ (1 << lots.below(8)) };
                }
            }
        }
        if out.is_empty() {
            break;
        }
    }
    out
}

#[test]
fn no_damage_loses_an_answer_or_gets_a_file_through_unseen() {
    let seed = std::env::var("LAZARET_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed_u64);
    let count = std::env::var("LAZARET_TEST_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(MUTATIONS);
    println!("LAZARET_TEST_SEED={seed} LAZARET_TEST_MUTATIONS={count}");
    let mut lots = Lots(seed.max(1));
    let rows: Vec<_> = ROWS.iter().chain(&["H", "C5", "C7", "C8", "C9", "C11", "C18"]).collect();
    let seeds: Vec<_> =
        rows.iter().flat_map(|row| corpus::of_row(row)).filter(|own| (1..=MOST).contains(&own.bytes.len())).collect();
    let mut through = Vec::new();
    // A few thousand at a time, so that the folder stays small.
    for _ in 0..count.div_ceil(2_000) {
        let files: Vec<_> = (0..count.min(2_000))
            .map(|_| {
                let own = &seeds[lots.below(seeds.len())];
                (own.name.clone(), damaged(&own.bytes, &mut lots))
            })
            .collect();
        for (number, report) in scan(&files) {
            assert!(
                ["deliver", "ask", "hold", "block"].iter().any(|decision| report["decision"] == *decision),
                "{report}"
            );
            let died = report["findings"].as_array().unwrap().iter().any(|finding| finding["id"] == "analysis-failed");
            if died || report["decision"] == "deliver" && (report["complete"] != true || report["verdict"] != "benign")
            {
                through.push(format!("{}: {report}", files[number].0));
            }
        }
    }
    assert!(through.is_empty(), "{} of them:\n{}", through.len(), through.join("\n"));
}
