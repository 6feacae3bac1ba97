//! Files that a page or a script makes itself and hands to the browser as a download: out of texts that it holds, or out of
//! pieces that it fetches. No gate meets such a file.

use super::{Page, finding};
use crate::Findings;
use crate::text::{excerpt, patterns};
use lazaret_model::Severity;
use std::collections::HashSet;

/// Code beyond which a page is taken to carry libraries, which hold every pattern sooner or later.
pub(super) const SMALL: usize = 64 << 10;
/// Characters of Base64 that are a file and not a token.
const LARGE: usize = 1 << 10;
/// Characters of Base64 in pieces that are a file and not tokens.
const MANY: usize = 4 << 10;

patterns! {
    LITERAL = r"[\x22'`>,]([A-Za-z0-9+/]{16,}={0,2})[\x22'`<]";
    // Values of attributes, and texts between tags, that are nothing but Base64. Tokens and digests are shorter.
    HIDDEN = r#"(?:=\s*["']|>)\s*([A-Za-z0-9+/]{32,}[A-Za-z0-9+/\s]*={0,2})\s*["'<]"#;
    NUMBERS = r"[\[(](?:\s*(?:0x[0-9a-fA-F]{1,2}|-?[0-9]{1,3})\s*,){64,}";

    BLOB = r"new\s+blob\s*\(|new\s+file\s*\(|createobjecturl|mssaveblob|mssaveoropenblob|showsavefilepicker";
    HAND_OVER = r"mssaveblob|mssaveoropenblob|\.download\s*=|setattribute\s*\(\s*.download|\.click\s*\(|location(?:\.href)?\s*=|createobjecturl|saveas\s*\(|showsavefilepicker";
    DECODES = r"\batob\s*\(|u?int(?:8|16|32|64)array|charcodeat|fromcharcode|\.frombase64\b";
    ADDRESS_DECODES = r#"(?:data:(?P<type>[a-z0-9.+/-]*)[^"'\s,]{0,60})?;base64,"#;
    PROGRAM_DATA = r#"data:application/(?:octet-stream|zip|x-msdownload|x-msdos-program|x-zip-compressed|x-7z-compressed|x-rar[a-z-]*|vnd\.rar|x-iso9660-image|hta|java-archive|vnd\.ms-[a-z.-]*macro[a-z.0-9]*|x-ms[a-z-]*|x-dosexec)[^"'\s,]{0,60}[,]"#;
    DOWNLOAD_DATA = r#"(?is)<a\b[^<>]*(?:\sdownload\b[^<>]*href\s*=\s*["']?\s*data:(?:application|text/html|image/svg)|href\s*=\s*["']?\s*data:application/[^<>]*\sdownload\b)"#;

    // How a script gets bytes: of an answer, or out of a picture.
    FETCHES = r#"\.arraybuffer\s*\(|\.blob\s*\(|\.bytes\s*\(|responsetype\s*=\s*["'](?:arraybuffer|blob)|overridemimetype\s*\(|getimagedata\s*\(|binarytype\s*=\s*["']"#;
    FROM_PICTURE = r"getimagedata\s*\(";
    TO_PICTURE = r"toblob\s*\(|todataurl\s*\(|putimagedata\s*\(";
    // What nobody does with bytes to save them as they came: XOR, a head of its own, pieces put behind each other.
    VEILED = r"(?i)[\w$\])]\[[^\]\r\n]{1,40}\]\s*\^=|\[[^\]\r\n]{1,40}\]\s*=\s*[^;=\r\n]{0,60}\^|charcodeat\s*\([^)\r\n]{0,60}\)\s*\^|\.map\s*\(\s*\(?\s*[\w$]+\s*(?:,[^)=]{0,20})?\)?\s*=>\s*[^)\r\n]{0,40}\^";
    HEAD = r#"[=(,]\s*\[\s*(?:(?:77|0x4d)(?:\s*,\s*(?:90|0x5a))?|(?:80|0x50)\s*,\s*(?:75|0x4b)|(?:82|0x52)\s*,\s*(?:97|0x61)|(?:55|0x37)\s*,\s*(?:122|0x7a)|(?:208|0xd0)(?:\s*,\s*(?:207|0xcf))?)\s*\]|blob\s*\(\s*\[\s*["'](?:mz?|pk?|ra?r?!?|7z?)["']\s*,"#;
    JOINED = r"new\s+(?:blob|file)\s*\(\s*\[\s*(?:new\s+uint8array[^,]{0,60}|[a-z_$][\w$.\[\]]*)\s*,\s*[a-z_$.]";

    // Names under which a file is saved, of kinds that run when they are opened or that carry such past the mark of the web.
    NAMED = r#"(?:\bdownload["'\])\s]*[=,]\s*|\bsuggestedname["']?\s*:\s*|(?:mssaveblob|mssaveoropenblob|saveas|new\s+file)\s*\([^;\r\n]{0,200}?,\s*)["'][^"'\r\n]{0,120}\.(?:exe|scr|com|pif|cpl|dll|xll|js|jse|vbs|vbe|wsf|wsh|hta|lnk|url|iso|img|vhd|vhdx|msi|msix|appx|appinstaller|bat|cmd|ps1|jar|reg|chm|dmg|pkg|command|sh|apk|deb|rpm)["']"#;
    NAMED_IN_TAG = r#"<a\b[^<>]*\sdownload\s*=\s*["']?[^"'<>\r\n]{0,120}\.(?:exe|scr|com|pif|cpl|dll|xll|js|jse|vbs|vbe|wsf|wsh|hta|lnk|url|iso|img|vhd|vhdx|msi|msix|appx|appinstaller|bat|cmd|ps1|jar|reg|chm|dmg|pkg|command|sh|apk|deb|rpm)["'\s>]"#;
    KEPT_NAME = r#"\b(?P<name>[a-z_$][\w$]*)["']?\s*[=:]\s*["'][^"'\r\n]{0,120}\.(?:exe|scr|com|pif|cpl|dll|xll|js|jse|vbs|vbe|wsf|wsh|hta|lnk|url|iso|img|vhd|vhdx|msi|msix|appx|appinstaller|bat|cmd|ps1|jar|reg|chm|dmg|pkg|command|sh|apk|deb|rpm)["']"#;
    GIVEN_NAME = r#"\bdownload["'\])\s]*[=,]\s*(?:[a-z_$][\w$]*\.)*(?P<name>[a-z_$][\w$]*)"#;
    HARMLESS_NAME = r#"\bdownload["'\])\s]*[=,]\s*["'][^"'\r\n]{0,120}\.(?:csv|tsv|txt|json|geojson|png|jpg|jpeg|webp|gif|pdf|ics|vcf|md|gpx|kml|wav|mp3|ogg|m4a|mp4|webm)["']"#;
    ANY_NAME = r#"\bdownload["'\])\s]*(?:=[^=]|,)|mssaveblob|mssaveoropenblob|\bsaveas\s*\(|showsavefilepicker|new\s+file\s*\("#;
    // A file that is dragged out of the page (`DataTransfer`, "DownloadURL": type, name and address): a program, or one that stands in it.
    DRAGGED = r#"downloadurl["']\s*,\s*["'](?:[^"':]{0,60}:[^"':]{1,120}\.(?:exe|scr|com|pif|cpl|dll|xll|js|jse|vbs|vbe|wsf|wsh|hta|lnk|url|iso|img|vhd|vhdx|msi|msix|appx|appinstaller|bat|cmd|ps1|jar|reg|chm|dmg|pkg|command|sh|apk|deb|rpm):|[^"']{0,200}?:data:(?:application|text/html))"#;
    // Numbers of more bytes than one.
    WIDE = r"(?i)u?int(?:16|32|64)array\s*(?:\.of\s*\(|\(\s*\[)\s*(?P<first>0x[0-9a-f]{1,16}|[0-9]{1,20})n?\s*,";
}

/// A file that the page makes and hands to the browser as a download.
pub(super) fn smuggles(page: &Page, findings: &mut Findings) {
    if let Some(value) = excerpt(&DRAGGED, &page.plain) {
        report(Severity::High, "for people to drag to their desktop", &value, findings);
        return;
    }
    let hands_over = HAND_OVER.is_match(&page.plain);
    let program_data = excerpt(&PROGRAM_DATA, &page.plain).filter(|_| hands_over);
    if let Some(value) = excerpt(&DOWNLOAD_DATA, &page.tags).or(program_data) {
        report(Severity::High, "out of its own text", &value, findings);
        return;
    }
    if !hands_over || !BLOB.is_match(&page.plain) {
        return;
    }
    let held = held(page).map(|held| named(page, held));
    let fetched = fetched(page);
    let (severity, how, value) = match (held, fetched) {
        (Some(held), Some(fetched)) if fetched.0 > held.0 => (fetched.0, "out of what it fetches", fetched.1),
        (Some(held), _) => (held.0, "out of its own text", held.1),
        (None, Some(fetched)) => (fetched.0, "out of what it fetches", fetched.1),
        (None, None) => match names_program(page) {
            Some(value) => (weigh_name(page, &value), "under the name of a program", value),
            None => return,
        },
    };
    report(severity, how, &value, findings);
}

fn report(severity: Severity, how: &str, value: &str, findings: &mut Findings) {
    let message = format!("the page makes a file {how} and hands it over as a download");
    findings.add(finding("page.html-smuggling", severity, &message, value).technique("T1027.006"));
}

/// Whether the file is made of texts that the page holds.
fn held(page: &Page) -> Option<(Severity, String)> {
    let of_address = |found: regex::Captures<'_>| !shown_as_it_is(found.name("type").map_or("", |kind| kind.as_str()));
    if !DECODES.is_match(&page.plain) && !ADDRESS_DECODES.captures_iter(&page.plain).any(of_address) {
        return None;
    }
    let in_code = LITERAL.captures_iter(&page.code).filter_map(|found| found.get(1)).map(|literal| literal.as_str());
    // Outside scripts only what begins as a file does, or is too long for a token, counts.
    let hidden = HIDDEN.captures_iter(&page.shown).filter_map(|found| found.get(1)).map(|text| text.as_str().trim());
    let hidden = hidden.filter(|text| text.len() >= LARGE || starts_as_file(text));
    // Pages keep their pictures and fonts so.
    let literals: Vec<&str> = in_code.chain(hidden).filter(|literal| !starts_as_picture(literal)).collect();
    let value = excerpt(&HAND_OVER, &page.plain).unwrap_or_default();
    if let Some(program) = literals.iter().find(|literal| starts_as_file(literal)) {
        return Some((Severity::High, (*program).to_owned()));
    }
    let longest = literals.iter().map(|literal| literal.len()).max().unwrap_or(0);
    let all = literals.iter().fold(0_usize, |all, literal| all.saturating_add(literal.len()));
    // A digest or a token is not what a table is made of that is saved.
    let token = literals.iter().any(|literal| literal.len() >= 40 && literal.len() % 4 == 0) && !saves_as_usual(page);
    let small = page.code.len() < SMALL.saturating_add(longest);
    let words = small
        && WIDE
            .captures_iter(&page.code)
            .any(|found| found.name("first").is_some_and(|first| starts_as_words(first.as_str())));
    let sure = words || small && (token || longest >= LARGE || all >= MANY || NUMBERS.is_match(&page.code));
    Some((if sure { Severity::High } else { Severity::Low }, value))
}

/// What is made of texts, with the name under which it is saved: whoever calls it a program means to save one, whatever letters it is
/// written in.
fn named(page: &Page, held: (Severity, String)) -> (Severity, String) {
    match names_program(page).filter(|_| held.0 < Severity::High) {
        Some(name) if is_no_text(&name) => (Severity::High, name),
        Some(name) => (held.0.max(Severity::Medium), name),
        None => held,
    }
}

/// How much the name of a program counts where nothing is known to be decoded: much, where the code holds what nobody writes or reads.
fn weigh_name(page: &Page, name: &str) -> Severity {
    // Without blanks and quotes, as data is and code is not.
    let data = page.code.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'));
    // LIMIT: larger pages carry libraries, in which the name weighs less.
    let long = page.code.len() < SMALL.saturating_mul(4) && data.map(str::len).max().unwrap_or(0) >= LARGE;
    if long && is_no_text(name) { Severity::High } else { Severity::Medium }
}

/// Whether a name is of a program that is no text. Texts such as `.bat`, `.reg` and `.sh` are what generators of settings save.
fn is_no_text(name: &str) -> bool {
    const TEXTS: &[&str] = &["bat", "cmd", "ps1", "reg", "sh", "command", "js", "url"];
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    name.rsplit_once('.').is_some_and(|(_, extension)| !TEXTS.contains(&&*extension.to_ascii_lowercase()))
}

/// Whether the file is made of bytes that the page fetches, and what is odd about that.
fn fetched(page: &Page) -> Option<(Severity, String)> {
    let value = excerpt(&FETCHES, &page.plain)?;
    if page.code.len() >= SMALL {
        return Some((Severity::Low, value));
    }
    let extracted = || {
        let extracts = FROM_PICTURE.is_match(&page.plain) && !TO_PICTURE.is_match(&page.plain);
        extracts.then(|| value.clone())
    };
    let odd = names_program(page)
        .or_else(|| excerpt(&VEILED, &page.code))
        .or_else(|| excerpt(&HEAD, &page.plain))
        .or_else(|| excerpt(&JOINED, &page.plain).filter(|_| !saves_as_usual(page)))
        .or_else(extracted);
    Some(odd.map_or((Severity::Low, value.clone()), |odd| (Severity::High, odd)))
}

/// The name of a program under which the page saves something.
fn names_program(page: &Page) -> Option<String> {
    let kept = || {
        let names = |pattern: &'static regex::Regex| {
            pattern.captures_iter(&page.plain).filter_map(|found| found.name("name")).map(|name| name.as_str())
        };
        let given: HashSet<&str> = names(&GIVEN_NAME).collect();
        names(&KEPT_NAME).find(|name| given.contains(name)).map(str::to_owned)
    };
    excerpt(&NAMED, &page.plain).or_else(|| excerpt(&NAMED_IN_TAG, &page.tags)).or_else(kept)
}

/// Whether everything that is saved has a name that runs nowhere.
fn saves_as_usual(page: &Page) -> bool {
    let harmless = HARMLESS_NAME.find_iter(&page.plain).count();
    harmless > 0 && harmless == ANY_NAME.find_iter(&page.plain).count()
}

/// Whether what is declared as this media type is shown and not saved.
fn shown_as_it_is(media_type: &str) -> bool {
    let kind = media_type.split('/').next().unwrap_or_default();
    matches!(kind, "image" | "font" | "audio" | "video") && !media_type.contains("svg")
        || media_type.starts_with("application/font")
        || media_type.starts_with("application/x-font")
        || media_type == "application/vnd.ms-fontobject"
}

/// How programs, archives and other carriers begin in Base64.
fn starts_as_file(text: &str) -> bool {
    let files = [
        "TVqQ", "TVpQ", "TVoA", "TVpA", "UEsDB", "UmFyI", "N3q8", "0M8R4KG", "TVNDRg", "WDVPIVAl", "AQAAAA8A",
        "TAAAAAEU",
    ];
    files.iter().any(|start| text.starts_with(start))
}

/// Whether a number of several bytes, the lowest first, is how a program, a ZIP, RAR or 7z archive or a compound file begins.
fn starts_as_words(number: &str) -> bool {
    let value = match number.get(..2) {
        Some("0x" | "0X") => u64::from_str_radix(number.get(2..).unwrap_or_default(), 16),
        _ => number.parse(),
    };
    value.is_ok_and(|value| {
        let half = value & 0xffff_ffff;
        matches!(half, 0x0403_4b50 | 0x2172_6152 | 0xafbc_7a37 | 0xe011_cfd0)
            || half & 0xffff == 0x5a4d && half >> 16 != 0
            || matches!(value, 0x5a4d | 0x4b50)
    })
}

/// How pictures and fonts begin in Base64: PNG, JPEG, GIF, WebP, ICO, WOFF, TrueType and OpenType.
fn starts_as_picture(text: &str) -> bool {
    let pictures =
        ["iVBORw0KGgo", "/9j/", "R0lGODdh", "R0lGODlh", "UklGR", "AAABAA", "d09GRg", "d09GMg", "AAEAAAA", "T1RUTw"];
    pictures.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::super::Pages;
    use crate::detectors::test_part::check;

    const SMUGGLES: &[&str] = &["page.html-smuggling high"];
    const LOW: &[&str] = &["page.html-smuggling low"];
    const SAVE: &str = "a.href = URL.createObjectURL(b); a.click();";

    #[track_caller]
    fn both(code: &str, expected: &[&str]) {
        check(&Pages, "html", &format!("<html><body><script>{code}</script></body></html>"), expected);
        check(&Pages, "js", code, expected);
    }

    #[test]
    fn files_that_are_fetched_and_saved_as_programs_are_told() {
        let get = "fetch('/a.txt').then(r => r.arrayBuffer()).then(d => {";
        for code in [
            format!("{get} const b = new Blob([d]); a.download = 'invoice.js'; {SAVE} }})"),
            format!(
                "{get} const b = new Blob([d]); const name = 'in' + 'voice.' + 'iso'; a.download = name; {SAVE} }})"
            ),
            format!("{get} const b = new Blob([d]); a.setAttribute('download', 'invoice.hta'); {SAVE} }})"),
            format!("{get} const b = new File([d], 'invoice.vbs'); {SAVE} }})"),
            format!(
                "{get} const u = new Uint8Array(d); for (let i = 0; i < u.length; i++) u[i] ^= 90; const b = new Blob([u]); a.download = n; {SAVE} }})"
            ),
            format!("{get} const b = new Blob([new Uint8Array([77]), d]); a.download = n; {SAVE} }})"),
            format!("{get} const b = new Blob([head, d]); a.download = n; {SAVE} }})"),
            format!(
                "x = new XMLHttpRequest(); x.responseType = 'blob'; x.onload = () => {{ const b = x.response; a.download = 'a.msi'; {SAVE} }}"
            ),
            format!(
                "c.drawImage(i, 0, 0); const p = c.getImageData(0, 0, 9, 9).data; const b = new Blob([p.filter((v, n) => n % 4)]); a.download = n; {SAVE}"
            ),
        ] {
            both(&code, SMUGGLES);
        }
        let link =
            format!("<a id=a download=\"invoice.lnk\"></a><script>{get} const b = new Blob([d]); {SAVE} }})</script>");
        check(&Pages, "html", &link, SMUGGLES);
        both(
            &format!("const b = new Blob([text.value]); a.download = 'set.bat'; {SAVE}"),
            &["page.html-smuggling medium"],
        );
    }

    #[test]
    fn a_file_in_letters_that_nobody_knows_is_told_by_the_name_of_a_program() {
        let letters = "3f%9a~(".repeat(300);
        for code in [
            format!(
                "const b = own(\"{letters}\", 'zyxw'); a.download = 'invoice.exe'; const c = new Blob([b]); {SAVE}"
            ),
            format!(
                "let t = ''; for (const c of s) t += String.fromCharCode(c.codePointAt(0) - 7); const b = new Blob([t]); a.download = 'invoice.vbs'; {SAVE}"
            ),
            format!("const b = new Blob([atob(style.content)]); a.download = 'invoice.exe'; {SAVE}"),
        ] {
            both(&code, SMUGGLES);
        }
    }

    #[test]
    fn settings_that_a_page_makes_of_what_people_enter_are_weighed_less() {
        for code in [
            format!(
                "const u = new Uint8Array([239, 187, 191]); const b = new Blob([u, text]); a.download = 'hosts.bat'; {SAVE}"
            ),
            format!("const b = new Blob([rows.join(nl)]); a.download = 'settings.reg'; {SAVE}"),
        ] {
            both(&code, &["page.html-smuggling medium"]);
        }
    }

    #[test]
    fn buttons_that_save_are_honest() {
        let picture = format!("iVBORw0KGgo{}", "A".repeat(4_001));
        for (code, expected) in [
            (
                format!(
                    "var logo = \"data:image/png;base64,{picture}\"; const b = new Blob([table.innerText], {{type: 'text/csv'}}); a.download = 'table.csv'; {SAVE}"
                ),
                &[][..],
            ),
            (
                format!(
                    "var logo = \"{picture}\"; atob(logo); const b = new Blob([rows]); a.download = 'table.csv'; {SAVE}"
                ),
                LOW,
            ),
            (
                format!(
                    "const token = '{}'; const u = new Uint8Array(9); const b = new Blob([u]); a.download = 'chart.png'; {SAVE}",
                    "0123456789abcdef".repeat(4)
                ),
                LOW,
            ),
            (
                format!(
                    "fetch('/a').then(r => r.blob()).then(b => {{ if (/^[a-z]+$/.test(n)) t[9] = x; a.download = 'a.png'; {SAVE} }})"
                ),
                LOW,
            ),
            (format!("const b = new Blob(['\\ufeff', csv]); a.download = name; {SAVE}"), &[]),
            (format!("fetch('/report').then(r => r.blob()).then(b => {{ a.download = 'report.pdf'; {SAVE} }})"), LOW),
            (format!("canvas.toBlob(b => {{ a.download = 'chart.png'; {SAVE} }})"), &[]),
            (format!("const b = new Blob([JSON.stringify(data)]); a.download = `data.json`; {SAVE}"), &[]),
            ("import('./app.js'); fetch('a.js').then(r => r.text())".to_owned(), &[]),
        ] {
            both(&code, expected);
        }
    }

    #[test]
    fn files_that_are_dragged_out_or_written_in_wide_numbers_are_told() {
        let drag = |value: &str| format!("e.dataTransfer.setData('DownloadURL', '{value}')");
        both(&drag("application/octet-stream:invoice.exe:https://host.invalid/a"), SMUGGLES);
        both(&drag("application/zip:invoice.zip:data:application/zip;base64,UEsDBA=="), SMUGGLES);
        both(&drag("image/png:chart.png:https://host.invalid/a.png"), &[]);
        both("e.dataTransfer.setData('DownloadURL', file.type + ':' + file.name + ':' + file.url)", &[]);
        let numbers = "4259840,655360,1852375040,1667854198".repeat(9);
        let wide = |first: &str| {
            format!("const u = new Uint32Array([{first},{numbers}]); const b = new Blob([u]); a.download = n; {SAVE}")
        };
        both(&wide("67324752"), SMUGGLES);
        both(&wide("0x905a4d"), SMUGGLES);
        // A table for checksums, as whatever makes archives has it.
        both(&wide("0,1996959894"), LOW);
    }

    #[test]
    fn what_a_table_is_saved_beside_is_still_a_file() {
        let file = format!("{}WDVPIVAl", "QUJD".repeat(400));
        let code =
            format!("const b = new Blob([Uint8Array.from(atob('{file}'), c => c)]); a.download = 'table.csv'; {SAVE}");
        both(&code, SMUGGLES);
        let named = format!(
            "a.download = 'table.csv'; const b = new Blob([atob('{}')]); z.download = n; {SAVE}",
            "QUJD".repeat(12)
        );
        both(&named, SMUGGLES);
    }
}
