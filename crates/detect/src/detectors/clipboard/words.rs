//! Words that talk people into pasting something and running it, by one table (`content/lure-words.txt`).

use crate::spotter::Spotter;
use crate::text::{cut, patterns, without_entities};
use regex::Regex;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../../content/lure-words.txt");
/// Bytes within which words of two groups belong together: a paragraph or two, or one list of steps.
const NEAR: usize = 2_000;
/// Letters on each side of its root that hold the rest of any phrase, whatever stands between two words counted as one.
const PHRASE: usize = 160;

patterns! {
    // What a browser takes for a tag: a letter follows the bracket (WHATWG HTML, 13.2.5.6).
    TAG = r"</?[A-Za-z!][^<>]*>";
    TURNED = r"(?i)bidi-override|isolate-override|<bdo\b|\x{202e}";
    // Line ends and tabs in the literals of a script.
    ESCAPED = r"\\[nrt]";
}

/// What some words are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    Place,
    Opens,
    Keys,
    Paste,
    Pretext,
    Report,
}

/// Words of a text that talk people into pasting something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::detectors) struct Lure {
    /// The words, for people.
    pub(in crate::detectors) words: String,
    /// They are said to be a verification or a repair.
    pub(in crate::detectors) pretext: bool,
    /// They name keys that paste.
    pub(in crate::detectors) keys: bool,
    /// They ask to paste where a command runs: manuals say so seldom.
    pub(in crate::detectors) sure: bool,
    /// Something of the kind is said: enough beside a command that is copied on the same page.
    pub(in crate::detectors) any: bool,
    /// In one place they give a reason, say where and say to paste: enough beside a command that is only shown.
    pub(in crate::detectors) told: bool,
    /// They are said of others: somebody writes about such pages.
    pub(in crate::detectors) reported: bool,
}

impl Lure {
    /// What a text says, tags and entities included; `None` for nothing of the kind.
    pub(in crate::detectors) fn of(text: &str) -> Option<Self> {
        let mut found = Self::default();
        let text = without_entities(text);
        let text = if text.contains('\\') { ESCAPED.replace_all(&text, " ").into_owned() } else { text };
        // A tag stands between two words, or within one that is not to be found.
        found.read(&simplified(&TAG.replace_all(&text, " ")));
        if !found.told && text.contains('<') {
            found.read(&simplified(&TAG.replace_all(&text, "")));
        }
        // What is written backwards and shown the other way round (CSS Writing Modes, 2.2; HTML, `bdo`; Unicode, UAX #9).
        if !found.sure && TURNED.is_match(&text) {
            let turned: String = TAG.replace_all(&text, " ").chars().rev().collect();
            found.read(&simplified(&turned));
        }
        found.any.then_some(found)
    }

    /// What sentences say: where nothing parts or disguises their letters, one pass tells most of them apart.
    pub(in crate::detectors) fn of_prose(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let parted = || memchr::memchr3(b'<', b'&', b'\\', bytes).is_some() || TURNED.is_match(text);
        let plain = text.is_ascii() && !parted();
        if plain && !may_ask(text) { None } else { Self::of(text) }
    }

    /// What code or data says in its literals: one pass tells most of them apart, since no tag parts their words.
    pub(in crate::detectors) fn of_code(text: &str) -> Option<Self> {
        // Escapes, entities and characters that nobody sees may part a word.
        const PARTS: [&str; 9] = ["&#", "\\u", "\\x", "<", "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{ad}"];
        let parted = PARTS.iter().any(|part| memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some());
        if parted || may_ask(text) { Self::of(text) } else { None }
    }

    /// Adds what a simplified text says.
    fn read(&mut self, text: &str) {
        let mut last: HashMap<Group, usize> = HashMap::new();
        let mut words: Vec<&str> = Vec::new();
        let (mut known, mut reports) = (HashSet::new(), HashSet::new());
        for found in PHRASES.0.find_iter(text) {
            let before = text.get(..found.start()).and_then(|text| text.chars().next_back());
            let after = text.get(found.end()..).and_then(|text| text.chars().next());
            let whole = |c: Option<char>| c.is_none_or(|c| c == ' ' || c == '+');
            let Some(group) = PHRASES.1.get(found.as_str()).filter(|_| whole(before) && whole(after)) else { continue };
            if *group == Group::Report {
                reports.insert(found.as_str());
                continue;
            }
            let at = found.start();
            last.insert(*group, at);
            let near = |other: Group| last.get(&other).is_some_and(|seen| at.abs_diff(*seen) <= NEAR);
            self.pretext |= *group == Group::Pretext;
            self.keys |= *group == Group::Keys;
            self.sure |= *group == Group::Place
                || near(Group::Keys) && (near(Group::Opens) || near(Group::Pretext))
                || near(Group::Pretext) && near(Group::Opens) && near(Group::Paste);
            self.any |=
                self.sure || matches!(*group, Group::Pretext | Group::Keys) || near(Group::Opens) && near(Group::Paste);
            self.told |= near(Group::Pretext)
                && (near(Group::Place) && (near(Group::Keys) || near(Group::Paste))
                    || near(Group::Opens) && near(Group::Keys));
            if known.insert(found.as_str()) {
                words.push(found.as_str());
            }
        }
        // One such word is in many a pretext.
        self.reported |= reports.len() > 1;
        if self.words.is_empty() {
            self.words = cut(&words.join(", "));
        }
    }
}

/// Whether a text that nothing parts may ask for enough to be sure of it: phrases of groups that are enough together, told around
/// the roots of phrases.
fn may_ask(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    // A line end or a tab in a literal is a letter behind a backslash.
    let escape = |at: usize| {
        let pair = at.checked_sub(2).and_then(|from| bytes.get(from..at));
        matches!(pair, Some([b'\\', b'n' | b'r' | b't']))
    };
    let mut said: HashSet<Group> = HashSet::new();
    let mut done = 0..0;
    for (start, end) in ROOTS.spots(bytes) {
        if done.contains(&start) && end <= done.end
            || letter(Some(end))
            || letter(start.checked_sub(1)) && !escape(start)
        {
            continue;
        }
        let before = reach(bytes, (0..start).rev(), PHRASE);
        let behind = reach(bytes, end..bytes.len(), PHRASE);
        let around = text.floor_char_boundary(start.saturating_sub(before))..text.ceil_char_boundary(end + behind);
        // What begins that much later is read whole with this.
        done = start..end + reach(bytes, end..bytes.len(), PHRASE / 2);
        let around = simplified(&ESCAPED.replace_all(text.get(around).unwrap_or_default(), " "));
        said.extend(PHRASES.0.find_iter(&around).filter_map(|found| PHRASES.1.get(found.as_str())));
        let has = |group: Group| said.contains(&group);
        let enough = has(Group::Place)
            || has(Group::Keys) && (has(Group::Opens) || has(Group::Pretext))
            || has(Group::Pretext) && has(Group::Opens) && has(Group::Paste);
        if enough {
            return true;
        }
    }
    false
}

/// How many of these places so many letters take, with whatever parts two words counted as one.
fn reach(bytes: &[u8], places: impl Iterator<Item = usize>, most: usize) -> usize {
    let parts = |at: usize| match bytes.get(at) {
        Some(b'n' | b'r' | b't') => at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\'),
        Some(byte) => byte.is_ascii() && !byte.is_ascii_alphanumeric(),
        None => true,
    };
    let (mut left, mut parted) = (most, false);
    let within = |at: &usize| {
        let before = std::mem::replace(&mut parted, parts(*at));
        left = left.saturating_sub(usize::from(!(before && parted)));
        left > 0
    };
    places.take_while(within).count()
}

/// What a page or text says, in lower case and without punctuation, a blank between two words.
pub(in crate::detectors) fn said(text: &str) -> String {
    simplified(&TAG.replace_all(&without_entities(text), " ")).trim_end().to_owned()
}

/// Words in lower case with single blanks between them, nothing else but `+`.
fn simplified(text: &str) -> String {
    let (mut out, mut alike) = (String::with_capacity(text.len()), false);
    let mut rest = text;
    // Most of any text is ASCII, of which a byte is a letter.
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (plain, after) = rest.split_at_checked(ascii).unwrap_or((rest, ""));
        for byte in plain.bytes() {
            match byte {
                b'+' => plus(&mut out),
                byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte.to_ascii_lowercase())),
                _ => apart(&mut out),
            }
        }
        rest = after;
        let Some(c) = rest.chars().next() else { break };
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            // Characters that nobody sees.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {}
            '⌘' => {
                apart(&mut out);
                out.push_str("cmd+");
            }
            // The mark on the key, where its name does not follow.
            '⊞' | '❖' if rest.trim_start().starts_with(['+', '＋']) => {
                apart(&mut out);
                out.push_str("win");
            }
            '＋' => plus(&mut out),
            c if c.is_alphanumeric() => match styled(c) {
                Some(plain) => out.push(plain),
                None => {
                    // Greek, Cyrillic and Armenian.
                    alike |= matches!(c, '\u{370}'..='\u{58f}');
                    out.extend(c.to_lowercase());
                }
            },
            _ => apart(&mut out),
        }
    }
    if alike {
        out = out.split_inclusive([' ', '+']).map(without_lookalikes).collect();
    }
    if out.contains(" plus ") { out.replace(" plus ", "+") } else { out }
}

/// A letter or digit in another style: of full width, or for formulas (Unicode, "Mathematical Alphanumeric Symbols").
fn styled(c: char) -> Option<char> {
    let code = u32::from(c);
    let letter = |number: u32| char::from_digit(number % 26 + 10, 36);
    match code {
        0xff10..=0xff19 => char::from_digit(code - 0xff10, 10),
        0xff21..=0xff3a => letter(code - 0xff21),
        0xff41..=0xff5a => letter(code - 0xff41),
        0x1_d400..=0x1_d6a3 => letter(code - 0x1_d400),
        0x1_d7ce..=0x1_d7ff => char::from_digit((code - 0x1_d7ce) % 10, 10),
        _ => None,
    }
}

/// A word in which letters of other scripts stand for those that they look like: without those of one's own, it is a word of theirs.
fn without_lookalikes(word: &str) -> Cow<'_, str> {
    if word.is_ascii() || !word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.chars().map(|c| if c.is_ascii() { c } else { plain_like(c).unwrap_or(c) }).collect())
}

/// The Latin letter that one of another script looks like (Unicode, UTS #39, "confusables").
fn plain_like(c: char) -> Option<char> {
    const ALIKE: [(&str, char); 19] = [
        ("аАαΑ", 'a'),
        ("Вв", 'b'),
        ("сСϲ", 'c'),
        ("ԁ", 'd'),
        ("еЕёΕ", 'e'),
        ("һНнΗ", 'h'),
        ("іІїιΙ", 'i'),
        ("јЈ", 'j'),
        ("кКκΚ", 'k'),
        ("мМΜ", 'm'),
        ("пոΝ", 'n'),
        ("оОοΟօ", 'o'),
        ("рРρΡ", 'p'),
        ("ѕЅ", 's'),
        ("тТτΤ", 't'),
        ("υս", 'u'),
        ("νѵ", 'v'),
        ("хХχΧ", 'x'),
        ("уУγΥ", 'y'),
    ];
    ALIKE.iter().find(|(letters, _)| letters.contains(c)).map(|(_, plain)| *plain)
}

fn apart(out: &mut String) {
    if !matches!(out.as_bytes().last(), None | Some(b' ' | b'+')) {
        out.push(' ');
    }
}

fn plus(out: &mut String) {
    if out.ends_with(' ') {
        out.pop();
    }
    if !out.ends_with('+') {
        out.push('+');
    }
}

/// The phrases of the table as one pattern, the longest first, and the group of each.
static PHRASES: LazyLock<(Regex, HashMap<String, Group>)> = LazyLock::new(|| {
    let rows: Vec<(Group, String)> = table().filter_map(read).flatten().collect();
    let mut phrases: Vec<String> = rows.iter().map(|(_, phrase)| regex::escape(phrase)).collect();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    (crate::text::compiled(&phrases.join("|")), rows.into_iter().map(|(group, phrase)| (phrase, group)).collect())
});

/// The longest run of plain letters in every phrase, whatever their size.
static ROOTS: LazyLock<Spotter> = LazyLock::new(|| {
    // Letters beyond ASCII are of several sizes: where a phrase has nothing else, each of them that may begin it is looked for.
    let mut words = HashSet::new();
    for (phrase, _) in PHRASES.1.iter().filter(|(_, group)| **group != Group::Report) {
        // "and" is in every text, and the words beside it are not.
        let parts = phrase.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| *part != "and");
        let plain = parts.max_by_key(|part| part.len()).unwrap_or_default();
        if plain.len() > 1 {
            words.insert(plain.to_owned());
        } else if let Some(first) = phrase.chars().next() {
            let rest = phrase.get(first.len_utf8()..).unwrap_or_default().split([' ', '+']).next().unwrap_or_default();
            words.extend([format!("{first}{rest}"), format!("{}{rest}", first.to_uppercase()), phrase.to_uppercase()]);
        }
    }
    Spotter::new(words)
});

/// Builds what is made of the table of phrases.
pub(super) fn build_tables() {
    LazyLock::force(&PHRASES);
    LazyLock::force(&ROOTS);
}

fn table() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read(line: &'static str) -> Option<impl Iterator<Item = (Group, String)>> {
    let (group, phrases) = line.split_once(" | ")?;
    let group = match group.trim() {
        "place" => Group::Place,
        "opens" => Group::Opens,
        "keys" => Group::Keys,
        "paste" => Group::Paste,
        "pretext" => Group::Pretext,
        "report" => Group::Report,
        _ => return None,
    };
    Some(phrases.split(';').map(move |phrase| (group, simplified(phrase.trim()))))
}

#[cfg(test)]
mod tests {
    use super::{Lure, PHRASES, read, simplified, table};

    #[test]
    fn every_row_of_the_table_is_read() {
        let mut phrases = 0;
        for line in table() {
            let row = read(line).unwrap_or_else(|| panic!("no group: {line}"));
            phrases += row.inspect(|(_, phrase)| assert!(phrase.len() > 2, "{line}")).count();
        }
        assert_eq!(PHRASES.1.len(), phrases, "no phrase stands twice");
        for line in table() {
            for phrase in line.split_once(" | ").unwrap().1.split(';') {
                assert_eq!(simplified(phrase.trim()), phrase.trim(), "as it is looked for");
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let said = Lure::of(text).map_or("", |lure| if lure.sure { "sure" } else { "any" });
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn what_is_looked_at_closely_is_whatever_could_be_sure() {
        // Every phrase in every size, in the middle of prose, alone and beside each other one that makes it sure.
        let prose = "people open letters and copy them to the right place, ".repeat(3);
        let phrases: Vec<&String> = PHRASES.1.keys().collect();
        for (number, phrase) in phrases.iter().enumerate() {
            let other = phrases[(number * 7 + 3) % phrases.len()];
            for text in [
                format!("{prose}{phrase}{prose}{other}, {prose}"),
                format!("{prose}\\n{}\\t. {prose} {}.", phrase.to_uppercase(), other.to_uppercase()),
            ] {
                let close = Lure::of(&text).filter(|lure| lure.sure);
                assert_eq!(Lure::of_code(&text).filter(|lure| lure.sure), close, "{text}");
            }
        }
        assert!(!super::may_ask(&prose), "prose is looked at closely");
    }

    #[test]
    fn however_much_stands_between_two_words_they_are_one_phrase() {
        for gap in [" ".repeat(400), "\\n".repeat(200), "\n".repeat(400), "- ".repeat(200)] {
            let text = format!("Verify you are human. Press Win{gap}+{gap}R, then Ctrl{gap}+ V");
            let said = Lure::of(&text);
            assert!(said.as_ref().is_some_and(|lure| lure.sure && lure.told), "{text}");
            assert_eq!(Lure::of_code(&text), said, "{text}");
            assert_eq!(Lure::of_prose(&text), said, "{text}");
        }
    }

    #[test]
    fn words_that_ask_to_paste_and_run_are_told() {
        for text in [
            "Press Win + R",
            "Press <b>Win</b>&nbsp;+&nbsp;<b>R</b>",
            "press <kbd>⊞ Windows</kbd> <kbd>R</kbd>",
            "Press W<i></i>in&plus;R",
            "Press Windows key plus R",
            "Press W\u{200b}in+R",
            "Drücken Sie die Windows-Taste + R",
            "Appuyez sur la touche Windows + R",
            "Pulse la tecla Windows + R",
            "Premi il tasto Windows + R",
            "Press ⊞ + R",
            "Windows キーと R を押してください",
            "Windows 키 + R 을 누르고",
            "Druk op Windows-toets + R",
            "Windows tuşu + R",
            "Я не робот: нажмите Ctrl + V",
            "Press Alt + F2 and run it",
            "Paste it into the File Explorer's address bar",
            "Verify you are human: hold &#67;trl and press V, that is Ctrl + V",
            "Bestätigen Sie, dass Sie ein Mensch sind. Strg + V, Eingabetaste",
            "Open Terminal, press ⌘V",
            "Open File Explorer, choose the address bar, press Ctrl+V",
            "Je ne suis pas un robot: ouvrez le terminal, collez",
            "t('Press\\nWin+R')",
            "Prеss Wіn+R",
            "Press Ｗｉｎ＋Ｒ",
            "Press 𝐖𝐢𝐧 + 𝐑",
            "<p style='unicode-bidi:bidi-override;direction:rtl'>R+niW sserP</p>",
            "Tôi không phải là robot: mở Terminal, nhấn Ctrl+V",
            "Nejsem robot: Ctrl+V",
            "أنا لست روبوتا: Ctrl+V",
        ] {
            check(text, "sure");
        }
    }

    #[test]
    fn a_reason_a_place_and_what_to_do_there_are_enough_together_and_told_of_others_they_are_a_report() {
        let apart = format!("Verify you are human. {} Press Win+R, Ctrl+V", "word ".repeat(1_000));
        for (text, told, reported) in [
            ("To verify you are human press Win+R and paste it", true, false),
            ("Verify you are human. Open Terminal, press Cmd+V", true, false),
            ("Verify you are human. Pr<b>ess Win</b>+<i>R, Ct</i>rl+V", true, false),
            ("Press Win+R and paste it", false, false),
            ("Verify you are human. Press Win+R", false, false),
            (apart.as_str(), false, false),
            ("Attackers have their victims verify you are human with Win+R and Ctrl+V", true, true),
            ("ClickFix, told by its victims", false, false),
        ] {
            let lure = Lure::of(text).unwrap_or_default();
            assert_eq!((lure.told, lure.reported), (told, reported), "{text}");
        }
    }

    #[test]
    fn words_of_manuals_are_not_sure() {
        for (text, expected) in [
            ("Open a terminal and paste the following command, then press Enter", "any"),
            ("I'm not a robot", "any"),
            ("Je ne suis pas un robot: collez le code", "any"),
            ("On Windows run it. For Windows R is there.", ""),
            ("Copy with Ctrl+C, paste with Ctrl+V", "any"),
            ("Run this in your terminal", ""),
            ("Нажмите Win, R", ""),
            ("R+niW is written backwards", ""),
            ("Press any key. Darwin+R is no key.", ""),
            ("Paste the link in an email and press enter", ""),
        ] {
            check(text, expected);
        }
        let apart = format!("Open Terminal {} Ctrl+V", "word ".repeat(1_000));
        check(&apart, "any");
    }
}
