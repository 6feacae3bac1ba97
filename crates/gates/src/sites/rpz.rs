//! Response policy zones (draft-vixie-dnsop-dns-rpz): names and addresses that a resolver would refuse, from a zone file
//! (RFC 1035, 5).

use super::entries::{Entries, Reach};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads a zone.
pub(super) fn read(text: &str, entries: &mut Entries) {
    let mut apex = String::new();
    let mut owner = String::new();
    // Bytes within parentheses continue the record across lines.
    let mut record = String::new();
    let mut depth = 0_usize;
    let mut continues = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default();
        if depth == 0 {
            continues = line.starts_with([' ', '\t']);
            record.clear();
        }
        depth = depth.saturating_add(line.matches('(').count()).saturating_sub(line.matches(')').count());
        record.push_str(&line.replace(['(', ')'], " "));
        record.push(' ');
        if depth > 0 {
            continue;
        }
        let mut words: Vec<&str> = record.split_ascii_whitespace().collect();
        match words.first() {
            None => continue,
            Some(word) if word.eq_ignore_ascii_case("$origin") => {
                apex = words.get(1).unwrap_or(&"").trim_end_matches('.').to_ascii_lowercase();
                continue;
            }
            Some(word) if word.starts_with('$') => continue,
            Some(_) => {}
        }
        if !continues {
            owner = words.remove(0).to_ascii_lowercase();
        }
        // A time to live and a class may stand before the type, in either order.
        while words.first().is_some_and(|word| is_time(word) || word.eq_ignore_ascii_case("in")) {
            words.remove(0);
        }
        let (Some(kind), target) = (words.first(), words.get(1).copied().unwrap_or_default()) else { continue };
        if kind.eq_ignore_ascii_case("soa") {
            if apex.is_empty() && owner.ends_with('.') {
                apex = owner.trim_end_matches('.').to_owned();
            }
            continue;
        }
        let spares = target.eq_ignore_ascii_case("rpz-passthru.");
        let acts = ["cname", "a", "aaaa", "dname", "txt"].iter().any(|known| kind.eq_ignore_ascii_case(known));
        if !acts || owner == "@" {
            continue;
        }
        let trigger = match owner.strip_suffix('.') {
            Some(whole) => whole.strip_suffix(&apex).map_or(whole, |rest| rest.trim_end_matches('.')),
            None => owner.as_str(),
        };
        if let Err(why) = add(entries, trigger, spares) {
            entries.leave_out(number + 1, trigger, why);
        }
    }
}

fn add(entries: &mut Entries, trigger: &str, spares: bool) -> Result<(), &'static str> {
    if let Some(network) = trigger.strip_suffix(".rpz-ip") {
        let (address, bits) = network_of(network).ok_or("not a network")?;
        return if spares { Ok(()) } else { entries.address(address, Some(bits)) };
    }
    if [".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip"].iter().any(|other| trigger.ends_with(other)) {
        return Err("only triggers on names and addresses of sites are supported");
    }
    let (name, reach) = match trigger.strip_prefix("*.") {
        Some(name) => (name, Reach::Below),
        None => (trigger, Reach::Itself),
    };
    if spares { entries.spare(name, reach) } else { entries.add(name, reach) }
}

/// A network written backwards behind its length: `24.0.2.0.192`, `48.zz.db8.2001`.
fn network_of(text: &str) -> Option<(IpAddr, u8)> {
    let (bits, rest) = text.split_once('.')?;
    let bits = bits.parse().ok()?;
    let mut labels: Vec<&str> = rest.split('.').collect();
    labels.reverse();
    let decimal: Option<Vec<u8>> = labels.iter().map(|label| label.parse().ok()).collect();
    if let (4, Some(bytes)) = (labels.len(), decimal) {
        let bytes: [u8; 4] = bytes.try_into().ok()?;
        return Some((IpAddr::V4(Ipv4Addr::from(bytes)), bits));
    }
    let joined = labels.join(":");
    // `zz` stands for the run of zeros that `::` stands for.
    let written = match joined.split_once("zz") {
        Some((before, after)) => format!("{}::{}", before.trim_end_matches(':'), after.trim_start_matches(':')),
        None => joined,
    };
    Some((IpAddr::V6(written.parse::<Ipv6Addr>().ok()?), bits))
}

fn is_time(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(|b| b.is_ascii_digit() || b"smhdwSMHDW".contains(&b))
}
