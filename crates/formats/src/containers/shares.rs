//! Places outside of a file, names of shares (UNC, [MS-DTYP] 2.2.57) and addresses of files: on which machine they lie.

use super::decode;
use lazaret_model::on_this_machine;

/// Whether opening the target leaves this machine: a URL, a share, a file elsewhere, a script moniker.
pub(super) fn is_remote(target: &str) -> bool {
    if on_this_machine(target) {
        return false;
    }
    let lower = target.trim().to_ascii_lowercase();
    let schemes = ["http:", "https:", "ftp:", "file:", "mhtml:", "script:", "ms-", "search-ms:", "x-usc:", "ldap:"];
    lower.starts_with("\\\\") || lower.starts_with("//") || schemes.iter().any(|scheme| lower.starts_with(scheme))
}

/// Whether a place is a file on another machine, which whoever opens it signs in to.
pub(super) fn is_share(target: &str) -> bool {
    let lower = target.trim().to_ascii_lowercase();
    is_remote(target) && (lower.starts_with("\\\\") || lower.starts_with("//") || lower.starts_with("file:"))
}

/// Whether a place is a file on a machine outside of the house, as far as its name says: those of a house have names without a dot, and
/// nobody reaches them by a number or over the web.
pub(super) fn leaves_house(place: &str) -> bool {
    is_share(place) && host(place).is_some_and(|host| is_far(&host))
}

/// Whether the name of a machine has a dot, or is a number, or says how it is reached (`host@ssl`, `host@80`).
fn is_far(host: &str) -> bool {
    let number = host.strip_prefix("0x").map_or_else(
        || host.bytes().all(|byte| byte.is_ascii_digit()),
        |hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
    );
    number || host.contains(['.', ':', '@', '['])
}

/// The machine that a share is on, in small letters.
fn host(place: &str) -> Option<String> {
    let plain = String::from_utf8_lossy(&decode::percent(place.trim().as_bytes())).to_ascii_lowercase();
    let plain = plain.replace('\\', "/");
    let rest = plain.strip_prefix("file:").unwrap_or(&plain).trim_start_matches('/');
    // A share as Windows' own functions take it.
    let rest = rest.strip_prefix("?/unc/").or_else(|| rest.strip_prefix("./unc/")).unwrap_or(rest);
    let host = rest.split('/').next().unwrap_or_default();
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::leaves_house;

    #[test]
    fn shares_of_the_house_are_told_from_others() {
        for far in [
            r"\\203.0.113.5\s\a.wav",
            r"\\host.invalid\s",
            r"\\host.invalid@80\s\a",
            r"\\host@ssl\davwwwroot\a",
            "//host.invalid/a",
            "file://host.invalid/a",
            r"file:///\\host.invalid\a",
            "file:////host.invalid/a",
            "file:///%5C%5Chost.invalid%5Ca",
            r"\\?\UNC\host.invalid\a",
            r"\\3405803781\s",
            r"\\0xcb007105\s",
        ] {
            assert!(leaves_house(far), "{far}");
        }
        for near in [
            r"\\server\team\a.xlsx",
            r"\\server01\team",
            "file://server/a",
            r"C:\Windows\a.wav",
            "file:///C:/a.b",
            "https://host.invalid/a",
            "reminder.wav",
            "a.b/c",
            "",
        ] {
            assert!(!leaves_house(near), "{near}");
        }
    }
}
