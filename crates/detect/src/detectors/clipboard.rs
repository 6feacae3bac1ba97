//! Commands that a site puts on the clipboard for people to paste and run, whole or in pieces.
//!
//! The words may stand in the page, the code that copies in a script of the site, and the command in data that the script
//! fetches. What one of them does says nothing against it; it is reported under fixed ids, of severity `info`, for the engine
//! to put together by site and client. Where one page or script does it all, that is a finding by itself.

pub(super) mod words;

use crate::spotter::Spotter;
use crate::text::{cut, decode, excerpt, excerpt_line, normalise, patterns, up_to};
use crate::{DetectError, Detector, Findings, Reads};
use data_encoding::{BASE64, HEXLOWER};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};
use std::borrow::Cow;
use std::sync::LazyLock;
pub(super) use words::{Lure, said};

const ID: &str = "clipboard";
/// A page or script that does it all.
pub(super) const CLICK_FIX: &str = "page.click-fix";
/// What a page or script shows, does or holds of it.
pub(crate) const LURE_WORDS: &str = "page.lure-words";
pub(crate) const WRITES_CLIPBOARD: &str = "page.writes-clipboard";
pub(crate) const COMMAND_TEXT: &str = "page.command-text";

/// Bytes of data that are searched; scripts are read whole.
const MOST_DATA: usize = 16 << 20;
/// Bytes of a text that is no more than a command with what belongs to it.
const SHORT_TEXT: usize = 4 << 10;
/// Bytes before a command within one value.
const LEAD: usize = 300;
/// Bytes of a path; Windows takes no more (`MAX_PATH`).
const PATH: usize = 260;

/// How words of commands look backwards: only then the whole code is turned around.
const TURNED: &[&str] = &[
    "llehsrewop",
    "hswp",
    "athsm",
    "exe.dmc",
    "c/ dmc",
    "k/ dmc",
    "lruc",
    "tegw",
    "xei",
    "cexeism",
    "23lldnur",
    "tsohnoc",
    "litutrec",
    "tpircsaso",
    "txetetirw",
    "draobpilc",
];

patterns! {
    LITERAL = r"[\x22'`>,]([A-Za-z0-9+/]{16,}={0,2})[\x22'`<]";
    SHORT_LITERAL = r"\(\s*[\x22'`]([A-Za-z0-9+/]{8,}={0,2})[\x22'`]\s*\)";
    // Texts as chains keep them: bytes in hexadecimal.
    HEX = r"[\x22'](?:0x)?((?:[0-9a-f]{2}){16,})[\x22']";
    PIECES = r#"["']\s*,\s*["']"#;
    CONCATENATED = r#"["']\s*\.\s*concat\s*\(\s*["']"#;
    PERCENT = r"(?:%[0-9a-f]{2}){4,}[^\x22'`\r\n]*";
    CODES = r"[\[(](?:\s*[0-9]{1,3}\s*,){8,}\s*[0-9]{1,3}\s*[\])]";

    // Names may stand in brackets: `clipboard["writetext"]`, `document["execcommand"]("copy")`.
    CLIPBOARD = r#"clipboard["'\s\])]*(?:\?\.\s*\[|\?\.|\.|\[)[\s"'(]*write(?:text)?\b|execcommand[^;{}\r\n]{0,60}?["'](?:copy|cut)\b|setdata["'\s\])]*\(\s*["'(\s]*text(?:/plain)?|clipboarddata["'\s\])]*[.\[][\s"'(]*setdata|new\s+clipboarditem"#;
    COMMAND = r#"(?:powershell|pwsh)(?:\.exe)?["']?\s+(?:[-/]\w|["'(&$]|\w*(?:iex|iwr|irm|echo|start|invoke)\b)|\bmshta(?:\.exe)?\s+["']?(?:https?:|vbscript:|javascript:|\\\\)|\bcmd(?:\.exe)?\s+/[ckv]|\biex\s*[("'(]+\s*(?:iwr|irm|curl|new-object|invoke-)|\b(?:irm|iwr)\s[^\r\n"']{1,160}\|\s*iex|\bmsiexec(?:\.exe)?\s+[^\r\n"']{0,40}https?:|\brundll32(?:\.exe)?\s+\\\\|\bosascript\s+-e|\bconhost(?:\.exe)?\s+|\bcertutil(?:\.exe)?\s+-|\bregsvr32(?:\.exe)?\s[^\r\n"']{0,40}https?:|\bbitsadmin(?:\.exe)?\s+/transfer|\b[wc]script(?:\.exe)?\s+\\\\|\bforfiles(?:\.exe)?\s+/|\bpcalua(?:\.exe)?\s+-a|\bwmic(?:\.exe)?\s+process\s+call|\bhh(?:\.exe)?\s+https?:|\bfinger(?:\.exe)?\s+[^\s@"']{0,60}@|\bssh(?:\.exe)?\s[^\r\n"']{0,80}proxycommand|base64\s+(?:-d|--decode)\s*\|\s*(?:/\S{0,20}/)?(?:ba|z)?sh\b|\bcurl(?:\.exe)?\s[^|\r\n]{1,240}&\s*(?:start\s+|call\s+)?["']?(?:%\w+%|[a-z]:|\.)?\\{1,2}[^\s"'&]{0,120}\.(?:bat|cmd|exe|vbs|jse?|hta|ps1|msi|scr)|\bnet(?:\.exe)?\s+use\s+\S{1,40}\s+(?:https?:|\\\\)[^\r\n]{0,160}&|\bsyncappvpublishingserver\b|\bset\s+\w+=[^&\r\n]{1,40}&[^\r\n]{0,120}\bcall\s+%\w+%%\w+%|\bnslookup(?:\.exe)?\s[^\r\n]{0,120}\|\s*(?:cmd|powershell|iex|findstr)|\bfor\s+/f\s[^\r\n]{0,120}nslookup|\b(?:schtasks(?:\.exe)?\s[^\r\n<]{0,60}/create\b|reg(?:\.exe)?\s+add\s[^\r\n<]{0,80}currentversion\\{1,4}run)[^\r\n<]{0,160}(?:https?:|\bmshta\b|%te?mp%|%(?:local)?appdata%|users\\{1,4}public)|\bwinget(?:\.exe)?\s+(?:install|configure)\s[^\r\n<>"']{0,160}["']?(?:https?:|%te?mp%|%(?:local)?appdata%|users\\{1,4}public)|\bcrontab\s+(?:(?:-\s*)?<\(|-l\b[^\r\n<"',]{0,40}[;&|][^\r\n<]{0,160}https?:)|\b(?:echo|curl|wget)\s[^\r\n|<]{0,120}https?:[^\r\n<]{0,160}\|\s*crontab\s+-"#;
    // A program on a share; apart, since paths that end with a program of the system look like one (`shared`).
    SHARED = r#"\\\\{1,3}[a-z0-9][a-z0-9.-]+(?:@[a-z0-9]+)*\\{1,2}[^\s"'<>|]{1,160}\.(?:exe|scr|cpl|msi|lnk|bat|cmd|vbs|jse?|hta|ps1)\b"#;
    UNIX = r"(?:curl|wget)\s[^|\r\n]{1,200}\|\s*(?:sudo\s+)?(?:/\S{0,20}/)?(?:ba|z)?sh\b|(?:ba|z)?sh\s+-c\s+.{0,3}\$\((?:curl|wget)[^\r\n]{0,120}";

    // What no manual offers: commands that start others from afar, that hide their window or what they are.
    HIDES = r#"\bcurl(?:\.exe)?\s[^|\r\n]{1,240}&\s*(?:start\s+|call\s+)?["']?(?:%\w+%|[a-z]:|\.)?\\{1,2}[^\s"'&]{0,120}\.(?:bat|cmd|exe|vbs|jse?|hta|ps1|msi|scr)|\bnet(?:\.exe)?\s+use\s+\S{1,40}\s+(?:https?:|\\\\)[^\r\n]{0,160}&|\bsyncappvpublishingserver\b|\bset\s+\w+=[^&\r\n]{1,40}&[^\r\n]{0,120}\bcall\s+%\w+%%\w+%|\bnslookup(?:\.exe)?\s[^\r\n]{0,120}\|\s*(?:cmd|powershell|iex|findstr)|\bfor\s+/f\s[^\r\n]{0,120}nslookup|\b(?:regsvr32|bitsadmin|forfiles|pcalua|wmic|finger|proxycommand|mshta|msiexec|rundll32|conhost|certutil|osascript|base64|frombase64string)\b|\s[-/]w\w*["']?\s+["']?(?:h|1)|\s[-/]e(?:c|nc?|ncod\w*)?["']?\s+["']?[a-z0-9+/]{16}|\b(?:schtasks(?:\.exe)?\s[^\r\n<]{0,60}/create\b|reg(?:\.exe)?\s+add\s[^\r\n<]{0,80}currentversion\\{1,4}run)[^\r\n<]{0,160}(?:https?:|\bmshta\b|%te?mp%|%(?:local)?appdata%|users\\{1,4}public)|\bwinget(?:\.exe)?\s+(?:install|configure)\s[^\r\n<>"']{0,160}["']?(?:https?:|%te?mp%|%(?:local)?appdata%|users\\{1,4}public)|\bcrontab\s+(?:(?:-\s*)?<\(|-l\b[^\r\n<"',]{0,40}[;&|][^\r\n<]{0,160}https?:)|\b(?:echo|curl|wget)\s[^\r\n|<]{0,120}https?:[^\r\n<]{0,160}\|\s*crontab\s+-"#;

    // What gets the rest of a command from elsewhere, or decodes it.
    AFAR = r#"https?:|\\[a-z0-9]|\b(?:iwr|irm|iex|curl|wget|invoke-\w+|download\w+|frombase64string|base64|finger|nslookup|proxycommand)\b|\s[-/]e(?:c|nc?|ncod\w*)?["']?\s+["']?[a-z0-9+/]{16}"#;

    // A word with marks in it that a shell of Windows drops.
    PARTED = r"[a-z]\^[a-z]{1,6}\^[a-z]|[a-z]`[a-z]{1,6}`[a-z]";

    // What may stand before a command in a value of its own: a byte of length, a path, other words of a command line, comments.
    BEFORE = r"(?s)\A.?(?:[\s(@&|;\\]|\\[nrt]|(?:#|::|rem\s)[^\n]*\n|\$\(|(?:start|sudo|call|nohup|exec|env|do|then)\s|/(?:min|b|wait|i|d)\s|-\w+\s|\w+=[^\s]*\s|echo\s[^\n&|;]*[&|;\n]|set\s[^\n&|;]*[&|;\n]|cd\s[^\n&|;]*[&|;\n]|[a-z]:[\\/][^\s]*[\\/]|%\w+%[\\/]?|[\\/][^\s]*[\\/])*\z";
}

/// Scripts, and data and texts that scripts of a page fetch.
pub(crate) struct Clipboard;

impl Detector for Clipboard {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "scripts that copy a command to the clipboard, and what of it stands in data that a page fetches"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        of_a_site(part) && (is_script(part) || is_data(part))
    }

    fn inspect(&self, part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let script = is_script(part);
        // LIMIT: data that a page fetches to show something is smaller; honest tables and logs are not to wait for this.
        let bytes = match bytes.get(..MOST_DATA) {
            _ if !script && offset > 0 => return Ok(()),
            Some(beginning) if !script => beginning,
            _ => bytes,
        };
        let text = decode(bytes);
        if !script && !may_hold_a_command(text.as_bytes()) {
            let lure = Lure::of_code(&text).filter(|lure| lure.sure);
            report(ID, lure.as_ref(), None, None, findings);
            return Ok(());
        }
        let code = Code::of(&text);
        let lure = Lure::of_code(&code.plain).filter(|lure| lure.sure);
        let writes = if script { code.writes() } else { None };
        let whole = part.kind.class == Class::Text && text.len() <= SHORT_TEXT;
        let command = if whole { code.command() } else { code.command_value() };
        if let (Some(lure), Some(_), Some(command)) = (&lure, &writes, &command) {
            let message = "the script talks people into pasting a command that it copies to the clipboard";
            let found = Finding::new(CLICK_FIX, ID, Severity::High, Family::Behaviour, message);
            let found = found.with("value", cut(command)).with("words", cut(&lure.words));
            findings.add(found.technique("T1204.004"));
        }
        report(ID, lure.as_ref(), writes, command, findings);
        Ok(())
    }
}

/// Whether data may hold a command or words about one: a word of theirs, or a run of letters and digits that may be one in
/// disguise. Prose and tables have neither, and are most of what there is.
fn may_hold_a_command(bytes: &[u8]) -> bool {
    const RUN: usize = 24;
    let (mut run, mut digit, mut letter) = (0_usize, false, false);
    let disguised = bytes.iter().any(|byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'%') {
            run += 1;
            digit |= byte.is_ascii_digit();
            letter |= byte.is_ascii_alphabetic();
        } else {
            (run, digit, letter) = (0, false, false);
        }
        run >= RUN && digit && letter
    });
    // Marks that a shell drops, in a word.
    let parted = || {
        memchr::memchr2_iter(b'`', b'^', bytes).any(|at| {
            let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
            letter(at.checked_sub(1)) && letter(at.checked_add(1))
        })
    };
    disguised || parted() || WORDS.spots(bytes).next().is_some()
}

/// Words of commands, of what copies them and of what says where they go.
static WORDS: LazyLock<Spotter> = LazyLock::new(|| {
    Spotter::new([
        "powershell",
        "pwsh",
        "mshta",
        "cmd",
        "iex",
        "irm ",
        "iwr ",
        "msiexec",
        "rundll32",
        "osascript",
        "conhost",
        "certutil",
        "regsvr32",
        "bitsadmin",
        "wscript",
        "cscript",
        "forfiles",
        "pcalua",
        "wmic",
        "finger",
        "proxycommand",
        "schtasks",
        "reg add",
        "winget",
        "crontab",
        "base64",
        "curl",
        "wget",
        "bash",
        "| sh",
        "|sh",
        "clipboard",
        "fromcharcode",
        "\\x",
        "\\u00",
        "[char]",
        "chr(",
        "\0",
        "\u{200b}",
        "\u{ad}",
    ])
});

/// Builds what is made of tables.
pub(super) fn build_tables() {
    LazyLock::force(&WORDS);
    words::build();
    words::build_tables();
}

/// Whether a part belongs to what a site shows, and is no file in an archive or a mail.
pub(super) fn of_a_site(part: &Part) -> bool {
    matches!(part.role, Role::Sample | Role::Script | Role::Embedded | Role::Payload | Role::Stream | Role::Appended)
}

fn is_script(part: &Part) -> bool {
    part.is("js") || part.is("js-embedded")
}

/// Whether a page's script would take the part for data or a text.
fn is_data(part: &Part) -> bool {
    part.kind.class == Class::Text || ["json", "ndjson", "css"].iter().any(|kind| part.is(kind))
}

/// Reports what is seen of it, each under an id of its own.
pub(super) fn report(
    detector: &'static str,
    lure: Option<&Lure>,
    writes: Option<String>,
    command: Option<String>,
    findings: &mut Findings,
) {
    let mut add = |id, message: &str, value: &str| {
        let found = Finding::new(id, detector, Severity::Info, Family::Behaviour, message);
        findings.add(found.with("value", cut(value)));
    };
    if let Some(lure) = lure.filter(|lure| lure.sure) {
        add(LURE_WORDS, "it asks people to paste something where it runs", &lure.words);
    }
    if let Some(value) = writes {
        add(WRITES_CLIPBOARD, "it copies something to the clipboard", &value);
    }
    if let Some(value) = command {
        add(COMMAND_TEXT, "it holds a command line as a value", &value);
    }
}

/// Code, normalised, with what it would make of texts that it keeps in disguise behind it.
pub(super) struct Code {
    plain: String,
}

impl Code {
    /// Of code or data as written.
    pub(super) fn of(text: &str) -> Self {
        // The marks of template literals are no escape characters here.
        let text = if text.contains('`') { Cow::Owned(text.replace('`', "\"")) } else { Cow::Borrowed(text) };
        let mut plain = normalise(&text);
        let mut hidden = Vec::new();
        let short = if plain.contains("atob") { Some(&SHORT_LITERAL) } else { None };
        for literal in short.into_iter().chain([&LITERAL]).flat_map(|pattern| pattern.captures_iter(&text)) {
            let literal = literal.get(1).map_or("", |literal| literal.as_str());
            hidden.extend(BASE64.decode(literal.as_bytes()));
        }
        for literal in HEX.captures_iter(&plain) {
            let literal = literal.get(1).map_or("", |literal| literal.as_str());
            hidden.extend(HEXLOWER.decode(literal.as_bytes()));
        }
        for bytes in hidden {
            // As values of their own; between texts in binary data stand bytes that are none.
            for text in decode(&bytes).split(|c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n')) {
                plain.push_str("\n\"");
                plain.push_str(&normalise(text));
                plain.push('"');
            }
        }
        unveil(&mut plain);
        Self { plain }
    }

    /// The code that writes to the clipboard.
    pub(super) fn writes(&self) -> Option<String> {
        // The names may come together by way of variables.
        let has = |word: &str| self.plain.contains(word);
        let named = || {
            let both = has("clipboard") && has("writetext") || has("execcommand") && (has("\"copy\"") || has("'copy'"));
            both.then(|| "the names of what copies, in pieces".to_owned())
        };
        excerpt(&CLIPBOARD, &self.plain).or_else(named)
    }

    /// A command line of Windows or macOS that no page has a reason to copy, wherever it stands.
    pub(super) fn of_windows(&self) -> Option<String> {
        excerpt_line(&COMMAND, &self.plain).or_else(|| shared_line(&self.plain))
    }

    /// A command line that manuals offer to copy, too.
    pub(super) fn of_manuals(&self) -> Option<String> {
        excerpt(&UNIX, &self.plain)
    }

    fn command(&self) -> Option<String> {
        self.of_windows().or_else(|| self.of_manuals())
    }

    /// A command line that is a value: a literal that begins with it, or all of the text.
    pub(super) fn command_value(&self) -> Option<String> {
        command_value(&self.plain)
    }
}

/// Programs on shares. Behind the letter of a drive there is a path of this machine, as literals write it; a share may follow it.
fn shared(text: &str) -> impl Iterator<Item = regex::Match<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = SHARED.find_at(text, at)?;
            let slashes = found.as_str().bytes().take_while(|byte| *byte == b'\\').count();
            if !of_a_drive(text.get(..found.start()).unwrap_or_default(), slashes) {
                at = found.end();
                return Some(found);
            }
            at = found.start() + slashes;
        }
    })
}

/// Whether so many backslashes go on with a path that began with the letter of a drive, and has as many between all its names.
fn of_a_drive(before: &str, slashes: usize) -> bool {
    // LIMIT: what goes on behind a longer path counts as a share.
    let near = before.floor_char_boundary(before.len().saturating_sub(PATH));
    let Some((start, path)) = before.get(near..).and_then(|near| near.rsplit_once(':')) else { return false };
    let start = start.as_bytes();
    let drive = matches!(start, [.., letter] if letter.is_ascii_alphabetic())
        && !matches!(start, [.., other, _] if other.is_ascii_alphanumeric());
    let named = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '(' | ')');
    let alike = || path.split(|c: char| c != '\\').all(|run| run.is_empty() || run.len() == slashes);
    let goes_on = || {
        path.starts_with('\\')
            && path.ends_with(named)
            && path.chars().all(|c| named(c) || matches!(c, ' ' | '\\'))
            && alike()
    };
    drive && (path.is_empty() || goes_on())
}

/// The line from the first of them on.
fn shared_line(text: &str) -> Option<String> {
    shared(text).next().map(|found| cut(up_to(text, found.start(), |c| matches!(c, '\r' | '\n'))))
}

/// A command line in text that people see.
pub(super) fn shown_command(markup: &str) -> Option<String> {
    excerpt_line(&COMMAND, markup).or_else(|| shared_line(markup)).or_else(|| excerpt(&UNIX, markup))
}

/// A command in text that people see, in lower case, that hides what it does and gets it from elsewhere, or a program on a share.
pub(super) fn shown_from_afar(text: &str) -> Option<String> {
    let line = |found: regex::Match<'_>| cut(up_to(text, found.start(), |c| matches!(c, '\r' | '\n')));
    let mut commands = COMMAND.find_iter(text).chain(UNIX.find_iter(text)).map(line);
    let hidden = commands.find(|command| hides(command) && AFAR.is_match(command));
    hidden.or_else(|| shared_line(text))
}

/// Whether a command is written as manuals write theirs: in full, and to be seen when it runs.
pub(super) fn plainly_offered(value: &str, code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    !HIDES.is_match(value) && !PARTED.is_match(&code) && (COMMAND.is_match(&code) || shared(&code).next().is_some())
}

/// Whether a command hides what it does, or starts others from afar.
pub(super) fn hides(command: &str) -> bool {
    HIDES.is_match(command)
}

/// A command line that is a value of its own in normalised code or in tags.
pub(super) fn command_value(plain: &str) -> Option<String> {
    let mut values = COMMAND.find_iter(plain).chain(shared(plain)).chain(UNIX.find_iter(plain));
    let found = values.find(|found| is_value(plain, found.start()))?;
    Some(cut(up_to(plain, found.start(), |c| matches!(c, '\r' | '\n'))))
}

/// Whether a literal, or the text itself, begins with what starts there.
fn is_value(text: &str, start: usize) -> bool {
    let mut from = start.saturating_sub(LEAD);
    while !text.is_char_boundary(from) {
        from = from.saturating_add(1);
    }
    let before = text.get(from..start).unwrap_or_default();
    match before.rsplit_once(['"', '\'']) {
        Some((_, lead)) => BEFORE.is_match(lead),
        None => from == 0 && BEFORE.is_match(before),
    }
}

/// Adds what the code would make of texts that are kept in percent codes, in numbers, backwards, or in pieces.
fn unveil(code: &mut String) {
    let mut more = String::new();
    for found in PERCENT.find_iter(code) {
        more.push_str("\n\"");
        more.push_str(&percent_decoded(found.as_str()));
    }
    for found in CODES.find_iter(code) {
        let numbers = found.as_str().split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u8>().ok());
        more.push_str("\n\"");
        more.extend(numbers.map(char::from));
    }
    if code.contains("reverse") && TURNED.iter().any(|word| code.contains(word)) {
        more.push('\n');
        more.extend(code.chars().rev());
    }
    if code.contains("join") {
        more.push('\n');
        more.push_str(&PIECES.replace_all(code, ""));
    }
    if CONCATENATED.is_match(code) {
        more.push('\n');
        more.push_str(&CONCATENATED.replace_all(code, ""));
    }
    code.push_str(&normalise(&more));
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
