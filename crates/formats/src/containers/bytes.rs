//! Integers and texts at offsets of a slice; `None` where the slice ends.

/// The two bytes at `at`, least significant first.
pub(crate) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// The four bytes at `at`, least significant first.
pub(crate) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// The eight bytes at `at`, least significant first.
pub(crate) fn u64_le(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// `N` bytes at `at`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The bytes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}

/// UTF-16, least significant byte first, up to a NUL; lone surrogates become U+FFFD.
pub(crate) fn utf16_le(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Code page 437, which names in old archives are written in.
pub(crate) fn cp437(bytes: &[u8]) -> String {
    const HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    let high: Vec<char> = HIGH.chars().collect();
    bytes
        .iter()
        .map(|b| match b.checked_sub(128) {
            None => char::from(*b),
            Some(index) => high.get(usize::from(index)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        })
        .collect()
}

/// UTF-8 where it is valid, else code page 437.
pub(crate) fn utf8_or_cp437(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| cp437(bytes), str::to_owned)
}

/// Whether a link named `name` that points to `target` leaves the folder it is unpacked in.
pub(crate) fn link_escapes(name: &str, target: &str) -> bool {
    let target = target.replace('\\', "/");
    if target.starts_with('/') || target.get(1..2) == Some(":") {
        return true;
    }
    let name = name.replace('\\', "/");
    let mut depth = name.split('/').filter(|c| !c.is_empty() && *c != ".").count().saturating_sub(1);
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// Whether a link gives a file a name by which it is run, which it does not have itself: nobody else looks at that name. Names that only
/// programs of Unix are called by, such as of hosts (`.com`), are links' own in every system's files.
pub(crate) fn link_renames(name: &str, target: &str) -> bool {
    let ending = lazaret_model::extension(name);
    RUNS.contains(&&*ending) && lazaret_model::extension(target) != ending
}

/// Endings by which Windows or macOS run a file, and which mean nothing else.
pub(crate) const RUNS: [&str; 24] = [
    "exe",
    "scr",
    "pif",
    "cpl",
    "msi",
    "msp",
    "bat",
    "cmd",
    "jse",
    "vbs",
    "vbe",
    "wsf",
    "wsh",
    "hta",
    "ps1",
    "lnk",
    "url",
    "scf",
    "sct",
    "msc",
    "chm",
    "settingcontent-ms",
    "library-ms",
    "command",
];

/// Reports a link that leaves the folder it is unpacked in.
pub(crate) fn link_finding(detector: &'static str, name: &str, target: &str) -> lazaret_model::Finding {
    use lazaret_model::{Family, Finding, Severity};
    Finding::new(
        "archive.link-escapes",
        detector,
        Severity::Medium,
        Family::Structure,
        format!("the link `{name}` points outside the archive, to `{target}`"),
    )
    .technique("T1027")
    .with("name", name)
    .with("target", target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_are_told_from_links_that_stay() {
        for (name, target, leaves) in [
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("b", "/etc/passwd", true),
            ("b", "c/../../d", true),
            ("a/b", "c/../../d", false),
            ("b", "C:\\x", true),
        ] {
            assert_eq!(link_escapes(name, target), leaves, "{name} -> {target}");
        }
    }

    #[test]
    fn code_page_437_has_its_high_half() {
        assert_eq!(cp437(&[b'a', 0x81, 0xff]), "aü\u{a0}");
    }
}
