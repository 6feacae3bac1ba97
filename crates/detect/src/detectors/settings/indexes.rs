//! Indexes that packages come from without TLS: whoever is on the way may send others. What stays on the machine or in the house is
//! left alone, and so are proxies, which are asked so for everything.

/// How an address without TLS begins.
const PLAIN: &str = "http://";
/// Names that only a house's own machines have (RFC 6762, RFC 8375, RFC 9476, and what is usual).
const OF_A_HOUSE: [&str; 12] = [
    "local",
    "lan",
    "internal",
    "corp",
    "home",
    "intranet",
    "private",
    "test",
    "localhost",
    "localdomain",
    "arpa",
    "svc",
];

/// Whether a value has the name of a machine outside of the house behind `mark`, or where none is given, such an address.
pub(super) fn without_tls(value: &str, mark: &str) -> bool {
    let mark = if mark.is_empty() { PLAIN } else { mark };
    // What follows a blank and a sign of comments is one.
    let value = value.split(" #").next().unwrap_or_default().to_ascii_lowercase();
    value.match_indices(&mark.to_ascii_lowercase()).any(|(at, found)| {
        let before = value.get(..at).unwrap_or_default();
        let behind = value.get(at + found.len()..).unwrap_or_default();
        !before.contains("proxy") && is_outside(behind.trim_start_matches([' ', '\t', '=', ':', '"', '\'']))
    })
}

/// Whether an address that begins so is that of a machine outside: its name has a dot and is none of a house, or it is a number that
/// routers pass on.
fn is_outside(address: &str) -> bool {
    let end = address.find(|c: char| !(c.is_ascii_alphanumeric() || "-._@:%[]".contains(c))).unwrap_or(address.len());
    let authority = address.get(..end).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    if let Ok(number) = host.parse::<std::net::Ipv4Addr>() {
        return !(number.is_loopback() || number.is_private() || number.is_link_local() || number.is_unspecified());
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && !OF_A_HOUSE.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::without_tls;

    #[test]
    fn addresses_without_tls_outside_of_the_house_are_told_from_others() {
        for (value, mark) in [
            ("--index-url http://host.invalid/simple", ""),
            ("-i HTTP://a:b@203.0.113.5:8080/simple", ""),
            ("sparse+http://host.invalid/", ""),
            ("--trusted-host host.invalid", "--trusted-host"),
            ("trusted-host = host.invalid", "trusted-host"),
            ("http\\://host.invalid/gradle.zip", "http\\://"),
        ] {
            assert!(without_tls(value, mark), "{value}");
        }
        for (value, mark) in [
            ("--index-url https://host.invalid/simple", ""),
            ("--index-url http://localhost:3141/root", ""),
            ("--index-url http://127.0.0.1:3141/", ""),
            ("--index-url http://nexus/simple", ""),
            ("--index-url http://nexus.corp/simple", ""),
            ("--index-url http://10.0.0.5/simple", ""),
            ("flask==3.0 # http://host.invalid/", ""),
            ("proxy = http://host.invalid:3128", ""),
            ("--trusted-host localhost", "--trusted-host"),
            ("http://[::1]/", ""),
            ("", ""),
        ] {
            assert!(!without_tls(value, mark), "{value}");
        }
    }
}
