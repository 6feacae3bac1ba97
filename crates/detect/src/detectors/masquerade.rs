//! Names and declared types that hide what a file is.

mod paths;

use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};

/// Compares a part's name and declared type with what it is.
pub(crate) struct Masquerade;

const ID: &str = "masquerade";

/// Last extensions of files that Windows, macOS or a Linux desktop runs when they are opened.
const RUNS: &[&str] = &[
    "exe",
    "scr",
    "pif",
    "com",
    "cpl",
    "dll",
    "js",
    "jse",
    "vbs",
    "vbe",
    "wsf",
    "wsh",
    "hta",
    "ps1",
    "bat",
    "cmd",
    "lnk",
    "msi",
    "msix",
    "msp",
    "appx",
    "jar",
    "iso",
    "img",
    "vhd",
    "vhdx",
    "url",
    "scf",
    "sct",
    "chm",
    "xll",
    "desktop",
    "command",
    "settingcontent-ms",
    "library-ms",
    "search-ms",
    "application",
    "appref-ms",
    "gadget",
    "msc",
    "mcpb",
    "dxt",
    "oxt",
    "vsix",
    "crx",
    "xpi",
];
const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "docm", "dot", "dotx", "xls", "xlsx", "xlsm", "xlsb", "ppt", "pptx", "pptm", "pps", "ppsx",
    "rtf", "odt", "ods", "odp", "epub", "xps", "eml", "msg", "pub", "one",
];
const IMAGES: &[&str] =
    &["jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "ico", "heic", "heif", "avif", "svg", "psd", "jp2"];
const AUDIO: &[&str] = &["mp3", "wav", "flac", "ogg", "m4a", "aac", "wma", "opus", "mid"];
const VIDEO: &[&str] = &["mp4", "avi", "mkv", "mov", "wmv", "webm", "mpg", "mpeg", "m4v", "flv", "3gp"];
/// Prose and data people take for harmless; extensions that scripts commonly bear are handled apart.
const TEXTS: &[&str] = &["txt", "md", "log", "csv", "tsv", "ini", "cfg", "conf", "json", "xml", "yaml", "yml", "srt"];
const ARCHIVES: &[&str] = &["zip", "rar", "7z", "gz", "tgz", "bz2", "xz", "zst", "tar", "cab"];
/// Not `fon`: Windows bitmap fonts are libraries.
const FONTS: &[&str] = &["ttf", "otf", "woff", "woff2", "ttc", "eot"];
/// Kinds told by few bytes, which other content may begin with by chance.
const WEAK: &[&str] = &["com", "prg", "coff-object", "llvm-bitcode", "interpreted", "awk", "inf", "slk", "iqy"];

impl Detector for Masquerade {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "names and declared types that hide what a file is: double extensions, bidi controls, padding, look-alikes"
    }

    fn reads(&self) -> Reads {
        Reads::Beginning
    }

    fn wants(&self, part: &Part) -> bool {
        part.named || part.role == Role::Sample || part.declared_type.is_some()
    }

    fn inspect(&self, part: &Part, _: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if offset != 0 {
            return Ok(());
        }
        let base = part.name.rsplit(['/', '\\']).next().unwrap_or_default();
        // A name made up by an opener says nothing.
        if !part.named && part.role != Role::Sample {
            declared_type(part, base, findings);
            return Ok(());
        }
        double_extension(part, base, findings);
        bidi(base, findings);
        padding(base, findings);
        trailing(base, findings);
        homoglyph(base, findings);
        if !content(part, base, findings) {
            declared_type(part, base, findings);
        }
        if part.role == Role::Member && part.depth > 0 {
            paths::look(part, findings);
        }
        Ok(())
    }
}

fn finding(id: &'static str, severity: Severity, technique: &'static str, name: &str, message: String) -> Finding {
    Finding::new(id, ID, severity, Family::Masquerade, message).technique(technique).with("name", printable(name))
}

/// The name with what cannot be seen written out, and bounded.
fn printable(name: &str) -> String {
    let mut out = String::new();
    // LIMIT: evidence for people.
    for c in name.chars().take(300) {
        if c.is_control() || is_bidi(c) || (is_blank(c) && c != ' ') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

fn runs(extension: &str) -> bool {
    RUNS.contains(&extension)
}

/// What people take such an extension for.
fn claims(extension: &str) -> Option<Class> {
    let groups = [
        (DOCUMENTS, Class::Document),
        (IMAGES, Class::Image),
        (AUDIO, Class::Audio),
        (VIDEO, Class::Video),
        (TEXTS, Class::Text),
        (ARCHIVES, Class::Archive),
        (FONTS, Class::Font),
    ];
    groups.into_iter().find(|(list, _)| list.contains(&extension)).map(|(_, class)| class)
}

/// The name as Windows keeps it: without trailing dots and spaces.
fn kept(base: &str) -> &str {
    base.trim_end_matches([' ', '.', '\t', '\u{a0}'])
}

/// Stem and lower-case last extension.
fn split(base: &str) -> Option<(&str, String)> {
    let (stem, extension) = base.rsplit_once('.')?;
    let extension: String = extension.chars().filter(|c| !is_bidi(*c)).collect();
    Some((stem, extension.trim().to_lowercase()))
}

fn double_extension(part: &Part, base: &str, findings: &mut Findings) {
    let Some((stem, last)) = split(kept(base)) else { return };
    let Some((front, inner)) = stem.rsplit_once('.') else { return };
    // A quote may end a name early in a header; no system keeps one in a name that people see.
    let written = inner.trim_matches(|c| is_blank(c) || is_bidi(c) || matches!(c, '_' | '"' | '\''));
    let inner = written.to_lowercase();
    let pages = ["html", "htm"];
    if front.is_empty() || !runs(&last) || (claims(&inner).is_none() && !pages.contains(&inner.as_str())) {
        return;
    }
    let inside = part.role == Role::Member;
    // Build tools write `logo.png.js`, and libraries are called after what they handle: `Ionic.Zip.dll`.
    let office = DOCUMENTS.contains(&inner.as_str());
    let title_case = written.chars().next().is_some_and(char::is_uppercase) && written != written.to_uppercase();
    let severity = match last.as_str() {
        "dll" | "jar" if inside => return,
        // A page's own pieces are called so; who opens one is stopped because it is a script.
        "js" if (inside || part.role == Role::Sample) && !office => return,
        "iso" | "img" | "vhd" | "vhdx" if !office && !IMAGES.contains(&inner.as_str()) => return,
        // Saved bookmarks are called after the page's title.
        "url" | "dll" | "jar" | "application" => Severity::Medium,
        _ if title_case && !front.contains(' ') && part.kind.class.runs() => Severity::Medium,
        _ => Severity::High,
    };
    let what = if part.kind.class.runs() { "a program" } else { "something to run" };
    let message = format!("the name ends in .{inner}.{last}: {what} dressed as {}", dressed(&inner));
    findings.add(
        finding("masquerade.double-extension", severity, "T1036.007", base, message)
            .with("shown", inner.clone())
            .with("extension", last),
    );
}

fn dressed(inner: &str) -> String {
    match claims(inner) {
        Some(Class::Document) if inner == "pdf" => "a PDF".to_owned(),
        Some(Class::Document) => "a document".to_owned(),
        Some(Class::Image) => "a picture".to_owned(),
        Some(Class::Audio) => "a sound".to_owned(),
        Some(Class::Video) => "a film".to_owned(),
        Some(Class::Archive) => "an archive".to_owned(),
        Some(Class::Font) => "a font".to_owned(),
        Some(Class::Text) => "a text".to_owned(),
        _ => "a web page".to_owned(),
    }
}

const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Whether such a character takes up space, or none, without showing.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2000}'..='\u{200d}'
            | '\u{202f}' | '\u{205f}'..='\u{2064}' | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
    )
}

fn bidi(base: &str, findings: &mut Findings) {
    if !base.chars().any(is_bidi) {
        return;
    }
    let (shown, extension) = (shown(base), split(kept(base)).map(|(_, e)| e).unwrap_or_default());
    let (mut open, mut at_dot, mut after_dot) = (0_u32, false, false);
    for c in base.chars() {
        match c {
            '\u{202b}' | '\u{202e}' | '\u{2067}' => open += 1,
            '\u{202c}' | '\u{2069}' => open = open.saturating_sub(1),
            '.' => (at_dot, after_dot) = (open > 0, false),
            _ => {}
        }
        // A mark or an end at the very end changes nothing; a start or mark inside the extension does.
        after_dot |= c != '.' && is_bidi(c) && !matches!(c, '\u{202c}' | '\u{2069}');
    }
    let overrides = base.contains('\u{202e}');
    let ends_with_mark = base.ends_with(['\u{200e}', '\u{200f}', '\u{61c}']);
    let severity = if overrides || (runs(&extension) && (at_dot || after_dot)) {
        Severity::High
    } else if (after_dot && !ends_with_mark) && base.contains('.') && claims(&extension).is_some() {
        Severity::Medium
    } else {
        return;
    };
    let message = if overrides {
        format!("the name turns the writing direction round, so that it reads `{shown}` and ends in .{extension}")
    } else {
        format!("the name holds invisible direction controls around its extension .{extension}")
    };
    findings.add(
        finding("masquerade.bidi", severity, "T1036.002", base, message)
            .with("shown", shown)
            .with("extension", extension),
    );
}

/// The name about as it is drawn: what follows an override is reversed up to its end.
fn shown(base: &str) -> String {
    let (mut out, mut reversed, mut inside) = (String::new(), Vec::new(), false);
    // LIMIT: evidence for people.
    for c in base.chars().take(300) {
        match c {
            '\u{202e}' => inside = true,
            '\u{202c}' => {
                inside = false;
                out.extend(reversed.drain(..).rev());
            }
            c if is_bidi(c) => {}
            c if inside => reversed.push(c),
            c => out.push(c),
        }
    }
    out.extend(reversed.into_iter().rev());
    out
}

fn padding(base: &str, findings: &mut Findings) {
    let Some((stem, extension)) = split(base) else { return };
    let (mut run, mut longest) = (0_u32, 0);
    for c in stem.chars() {
        run = if is_blank(c) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    // A row of underscores or dots hides an extension as well, but is ordinary before one that only shows.
    if longest < 8 || extension.is_empty() {
        return;
    }
    let severity = match () {
        () if runs(&extension) => Severity::High,
        // Words set apart in a name hide nothing; what stands before them must look like the end of a name of another kind.
        () if ends_before_blanks(stem).is_some_and(|shown| shown != extension) => Severity::Medium,
        // Right before the extension they push it out of sight, unless it is one that only shows something.
        () if run >= 8 && (extension == "svg" || claims(&extension).is_none_or(packs)) => Severity::Medium,
        () => return,
    };
    let message = format!("{longest} invisible characters push the extension .{extension} out of sight");
    findings.add(
        finding("masquerade.padding", severity, "T1036", base, message)
            .with("blanks", longest)
            .with("extension", extension),
    );
}

const fn packs(class: Class) -> bool {
    matches!(class, Class::Archive)
}

/// The extension in which a name seems to end where a row of blanks begins.
fn ends_before_blanks(stem: &str) -> Option<String> {
    let blanks = stem.char_indices().filter(|(_, c)| is_blank(*c)).map(|(at, _)| at);
    blanks
        .filter_map(|at| split(stem.get(..at)?))
        .map(|(_, extension)| extension)
        .find(|extension| claims(extension).is_some())
}

fn trailing(base: &str, findings: &mut Findings) {
    let lower = base.to_lowercase();
    let (cut, what) = if let Some((front, _)) = lower.split_once('\0') {
        (front.to_owned(), "a NUL character ends the name early")
    } else if let Some((front, _)) = lower.split_once("%00") {
        (front.to_owned(), "an encoded NUL (%00) ends the name early")
    } else if let Some((front, _)) = lower.split_once("::$data") {
        (front.to_owned(), "the name ends in ::$DATA, which Windows drops")
    } else if let Some(at) = lower.rfind(['\u{ff0e}', '\u{2024}', '\u{fe52}']) {
        let dotted: String =
            lower.chars().map(|c| if matches!(c, '\u{ff0e}' | '\u{2024}' | '\u{fe52}') { '.' } else { c }).collect();
        // In the middle of a name it is punctuation: only where an extension of the name follows.
        let tail = lower.get(at..).unwrap_or_default().chars().skip(1).collect::<String>();
        let first = tail.split('.').next().unwrap_or_default();
        if !(runs(first) || claims(first).is_some()) {
            return;
        }
        (dotted, "a character that only looks like a dot comes before the extension")
    } else if kept(base) != base {
        (kept(&lower).to_owned(), "the name ends in dots or spaces, which Windows drops")
    } else {
        return;
    };
    let extension = split(kept(&cut)).map(|(_, e)| e).unwrap_or_default();
    let dropped = what.contains("dots or spaces");
    let severity = match () {
        () if runs(&extension) => Severity::High,
        // "Notes by Smith et al." is a name like any other.
        () if dropped && claims(&extension).is_none() => return,
        () if dropped => Severity::Low,
        () => Severity::Medium,
    };
    let message = format!("{what}, leaving the extension .{extension}");
    findings.add(finding("masquerade.trailing", severity, "T1036", base, message).with("extension", extension));
}

fn homoglyph(base: &str, findings: &mut Findings) {
    let Some((_, extension)) = split(kept(base)) else { return };
    if extension.is_ascii() {
        return;
    }
    let plain: String = extension.chars().filter(|c| !is_blank(*c)).map(latin).collect();
    if !runs(&plain) {
        return;
    }
    let message = format!("the extension only looks like .{plain}: it is written with letters of another script");
    findings.add(
        finding("masquerade.homoglyph", Severity::Medium, "T1036", base, message)
            .with("extension", extension)
            .with("reads", plain),
    );
}

/// The Latin letter that such a lower-case letter looks like.
fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' => 'e',
        'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' | 'μ' => 'm',
        'ո' | 'η' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'ᴢ' => 'z',
        // Full-width letters stand at a fixed distance from their plain form.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    }
}

/// Judges content by the name, or by the declared type where the name says nothing; says whether it lies.
fn content(part: &Part, base: &str, findings: &mut Findings) -> bool {
    let extension = split(kept(base)).map(|(_, e)| e).unwrap_or_default();
    let kind = part.kind.id.as_ref();
    let declared = declared(part);
    let declared = declared.as_str();
    // In transit the name is an address, which may end in anything; whoever declares the truth does not pretend.
    if part.role == Role::Sample
        && matches!(part.kind.class, Class::Web | Class::Script)
        && truthful(kind, declared, part)
    {
        return false;
    }
    let by_name = claims(&extension);
    let by_type = match declared.split_once('/') {
        Some(("image", _)) => Some(Class::Image),
        Some(("audio", _)) => Some(Class::Audio),
        // TypeScript is declared so as well, after the letters its name ends in.
        Some(("video", minor)) if minor != "mp2t" => Some(Class::Video),
        Some(("font", _)) => Some(Class::Font),
        Some(("application", "pdf" | "msword")) => Some(Class::Document),
        // Servers that know no better call anything text; only a name that says nothing lets it count.
        Some(("text", "plain")) if by_name.is_none() && !runs(&extension) && !extension.is_empty() => Some(Class::Text),
        _ => None,
    };
    let (claim, claimed) = match (by_name, by_type) {
        (Some(class), _) => (class, format!(".{extension}")),
        (None, Some(class)) => (class, declared.to_owned()),
        (None, None) => return false,
    };
    let severity = match part.kind.class {
        _ if WEAK.contains(&kind) => return false,
        Class::Executable | Class::Library | Class::Installer if claim == Class::Archive => {
            // A JAR, a wheel or an add-on is a ZIP, and is often called so.
            let native = ["pe", "elf-", "macho", "cpl", "xll", "sys", "ne-exe", "dos-exe"];
            if !native.iter().any(|prefix| kind.starts_with(prefix)) {
                return false;
            }
            Severity::High
        }
        Class::Executable | Class::Library | Class::Installer => Severity::High,
        Class::Shortcut if kind == "lnk" || kind == "pif" => Severity::High,
        Class::Shortcut | Class::Script if claim == Class::Text => return false,
        Class::Shortcut => Severity::Medium,
        // Message catalogues of Tcl programs are Tcl sources called .msg.
        Class::Script if kind == "tcl" && extension == "msg" => return false,
        // Old manuals are plain text called .doc, and may begin as a script does.
        Class::Script if matches!(extension.as_str(), "doc" | "dot" | "pub" | "one" | "msg") => Severity::Medium,
        Class::Script => Severity::High,
        Class::Web if kind == "html" => match extension.as_str() {
            "pdf" | "docx" | "xlsx" | "pptx" | "rtf" => Severity::Medium,
            // Web applications export pages as .doc and .xls.
            "doc" => Severity::Low,
            "" if declared == "application/pdf" => Severity::Medium,
            _ => return false,
        },
        // Packages of documents are archives of their own kinds; a plain one under such a name is a wrapping.
        Class::Archive | Class::DiskImage
            if matches!(kind, "zip" | "rar4" | "rar5" | "7z" | "cab" | "iso9660")
                && (matches!(claim, Class::Image | Class::Audio | Class::Video | Class::Font)
                    || matches!(extension.as_str(), "pdf" | "rtf" | "doc" | "xls" | "ppt")) =>
        {
            Severity::Medium
        }
        _ => return false,
    };
    let message = format!("the content is of the kind {kind}, while {claimed} claims {}", dressed_class(claim));
    findings.add(
        finding("masquerade.content", severity, "T1036.008", base, message)
            .with("kind", kind.to_owned())
            .with("claims", claimed),
    );
    true
}

/// The essence of the declared type, in lower case.
fn declared(part: &Part) -> String {
    let declared = part.declared_type.as_deref().unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// What is declared as something that only shows, sounds or styles, and is something to run or to unpack: browsers keep it unread, and
/// a script finds it in their cache.
fn declared_type(part: &Part, base: &str, findings: &mut Findings) {
    let (kind, declared) = (part.kind.id.as_ref(), declared(part));
    let (major, minor) = declared.split_once('/').unwrap_or_default();
    let style = declared == "text/css";
    if !matches!(major, "image" | "audio" | "video" | "font") && !style || WEAK.contains(&kind) {
        return;
    }
    let severity = match part.kind.class {
        Class::Executable | Class::Library | Class::Installer => Severity::High,
        // How old mails pack what they attach: what is in it is judged.
        Class::Archive if matches!(kind, "uuencode" | "yenc" | "binhex") => return,
        // Compressed drawings are drawings; TypeScript is called after the same letters as a film's stream.
        Class::Archive if minor.starts_with("svg") && kind == "gzip" => return,
        Class::Script | Class::Shortcut if minor == "mp2t" => return,
        // Words of style sheets are those of scripts; what only Windows or a shell runs is none.
        Class::Script
            if style && !matches!(kind, "ps1" | "vbs" | "bat" | "hta" | "wsf" | "sh" | "php" | "command-line") =>
        {
            return;
        }
        // Playlists are declared as sound.
        Class::Shortcut if major != "image" => return,
        Class::Script | Class::Shortcut | Class::Archive | Class::DiskImage => Severity::Medium,
        // Servers answer with a page where a picture is missing.
        Class::Web if kind == "html" && !minor.starts_with("svg") => Severity::Low,
        _ => return,
    };
    let message = format!("the content is of the kind {kind}, while its declared type is {declared}");
    findings.add(
        finding("masquerade.declared-type", severity, "T1036.008", base, message)
            .with("kind", kind.to_owned())
            .with("claims", declared),
    );
}

fn truthful(kind: &str, declared: &str, part: &Part) -> bool {
    match kind {
        // RFC 9239: many names for one thing.
        "js" => declared.ends_with("/javascript") || declared.ends_with("/x-javascript"),
        "html" => matches!(declared, "text/html" | "application/xhtml+xml"),
        _ => declared == part.kind.media_type,
    }
}

const fn dressed_class(class: Class) -> &'static str {
    match class {
        Class::Document => "a document",
        Class::Image => "a picture",
        Class::Audio => "a sound",
        Class::Video => "a film",
        Class::Archive => "an archive",
        Class::Font => "a font",
        _ => "a text",
    }
}

#[cfg(test)]
mod tests;
