/// Whether a place that a file names lies on the disk of whoever opens the file: a path with a drive's letter, or a `file:` address
/// without a host (RFC 8089, 2 and appendices E and F). A share, `\\host\folder` or `file://host/folder`, does not.
pub fn on_this_machine(place: &str) -> bool {
    let backslashes = place.trim().to_ascii_lowercase().replace("%5c", "\\");
    let mut place = backslashes.replace('\\', "/");
    for (code, letter) in [("%5c", "/"), ("%2f", "/"), ("%3a", ":"), ("%7c", "|")] {
        place = place.replace(code, letter);
    }
    let Some(rest) = place.strip_prefix("file:") else {
        // A path as Windows' own functions take it.
        let path = place.strip_prefix("//?/").or_else(|| place.strip_prefix("//./")).unwrap_or(&place);
        return has_drive(path);
    };
    let path = rest.trim_start_matches('/');
    match rest.len() - path.len() {
        0..=3 if has_drive(path) => true,
        // Behind whatever slashes an address has, two backslashes begin the name of a share.
        1 | 3 if is_share(&backslashes) => false,
        0 | 1 | 3 => true,
        2 => path == "localhost" || path.starts_with("localhost/") || path.starts_with("127.0.0.1/"),
        _ => false,
    }
}

/// Whether the path of an address, in small letters, is the name of a share.
fn is_share(address: &str) -> bool {
    let path = address.strip_prefix("file:").unwrap_or(address).trim_start_matches('/');
    path.strip_prefix("\\\\").is_some_and(|host| !host.starts_with(['\\', '/']) && !host.is_empty())
}

/// `C:` or, as old browsers wrote it, `C|`, and then a path.
fn has_drive(path: &str) -> bool {
    let mut letters = path.chars();
    matches!((letters.next(), letters.next(), letters.next()), (Some('a'..='z'), Some(':' | '|'), None | Some('/')))
}

#[cfg(test)]
mod tests {
    use super::on_this_machine;

    #[test]
    fn a_disk_is_told_from_a_share() {
        for here in [
            r"file:///C:\Users\a\Letterhead.dotx",
            "file:///c:/a%20b.dot",
            "file:///I|/a",
            "file:C:/a",
            r"D:\a.xlsx",
            "file:///home/a/b.ott",
            "file:/home/a",
            "file://localhost/c:/a",
            "file:///%43:/a",
            "file:a.pdf",
            r"\\?\C:\a",
            r"file:/\\C:\a",
            r"file:\a\b",
        ] {
            assert!(on_this_machine(here), "{here}");
        }
        for elsewhere in [
            r"\\host.invalid\share\a",
            r"\\?\UNC\host.invalid\a",
            "//host.invalid/a",
            "file://host.invalid/a.dotx",
            "file:////host.invalid/a",
            "file://///host.invalid/a",
            r"file:///\\host.invalid\a",
            r"file:/\\host.invalid\a",
            "file:/%5C%5Chost.invalid/a",
            "file:///%5C%5Chost.invalid/a",
            "file://host.invalid@8080/c:/a",
            "http://host.invalid/c:/a",
            "https:C:/a",
            "mhtml:file:///c:/a!x",
            "letter.dotx",
            "",
        ] {
            assert!(!on_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
