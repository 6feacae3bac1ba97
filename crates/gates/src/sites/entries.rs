//! What a list holds, and the formats that are lines: hosts files, names, addresses, URLhaus CSV.

use crate::exchange::normal_host;
use crate::network::Network;
use http::Uri;
use percent_encoding::percent_decode_str;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use url::{Position, Url};

/// Characters of a line that is told as left out.
const MOST_SHOWN: usize = 80;

/// How far an entry for a name reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Itself,
    Below,
    Both,
}

/// The entries of one list.
#[derive(Debug, Default)]
pub(super) struct Entries {
    names: HashMap<Box<str>, Reach>,
    /// Names that are never on it, whatever else it says.
    except: HashMap<Box<str>, Reach>,
    addresses: HashSet<IpAddr>,
    networks: Vec<Network>,
    /// Addresses of single files: host, port where it is not the usual one, path and query.
    urls: HashSet<Box<str>>,
    /// Lines or objects that could not be used.
    pub(super) left_out: usize,
    /// The first of them, and why.
    pub(super) left_out_first: Option<String>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.names.len() + self.addresses.len() + self.networks.len() + self.urls.len()
    }

    /// Whether a host as a whole is on the list.
    pub(super) fn has_host(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.has_address(address),
            Err(_) => !reaches(&self.except, host) && reaches(&self.names, host),
        }
    }

    /// Whether an IP address is on the list.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses.contains(&address) || self.networks.iter().any(|network| network.has(address))
    }

    /// Whether a host, or an address on it, is on the list.
    pub(super) fn has(&self, host: &str, uri: &Uri) -> bool {
        if self.has_host(host) {
            return true;
        }
        if host.parse::<IpAddr>().is_err() && reaches(&self.except, host) {
            return false;
        }
        !self.urls.is_empty() && url_key(uri).is_some_and(|key| self.urls.contains(key.as_str()))
    }

    /// A name with how far it reaches; an address or network; or the address of a file.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn add(&mut self, entry: &str, reach: Reach) -> Result<(), &'static str> {
        if entry.contains("://") {
            let uri: Uri = entry.parse().map_err(|_| "not a URL")?;
            self.urls.insert(url_key(&uri).ok_or("the URL has no host")?.into());
            return Ok(());
        }
        if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let own = address.is_unspecified() || address.is_loopback();
            return if own { Err("not the URL of a site") } else { self.address(address, None) };
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let bits = bits.parse().map_err(|_| "neither a name nor a network")?;
            return self.address(address.parse().map_err(|_| "neither a name nor a network")?, Some(bits));
        }
        let (name, reach) = match entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
            Some(name) if entry.starts_with('*') => (name, Reach::Below),
            Some(name) => (name, Reach::Both),
            None => (entry, reach),
        };
        let name = name_of(name)?;
        widen(&mut self.names, name, reach);
        Ok(())
    }

    /// An address, or all that share its first `bits`.
    pub(super) fn address(&mut self, address: IpAddr, bits: Option<u8>) -> Result<(), &'static str> {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(whole) {
            bits if bits == whole => {
                self.addresses.insert(address.to_canonical());
            }
            // Less would be a large part of the net, and is a mistake.
            bits if bits < 8 => return Err("the network is too large"),
            bits => self.networks.push(Network::new(address, bits).ok_or("not a network")?),
        }
        Ok(())
    }

    /// A name that is never on the list.
    pub(super) fn spare(&mut self, name: &str, reach: Reach) -> Result<(), &'static str> {
        widen(&mut self.except, name_of(name)?, reach);
        Ok(())
    }

    /// Counts what could not be used.
    pub(super) fn leave_out(&mut self, line: usize, entry: &str, why: &str) {
        self.left_out += 1;
        if self.left_out_first.is_none() {
            let shown: String = entry.chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect();
            self.left_out_first = Some(format!("line {line}, `{shown}`: {why}"));
        }
    }

    /// One entry a line, or an address and names as in `hosts(5)`.
    pub(super) fn lines(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with(['!', ';']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            let names: Vec<_> = words.collect();
            let entries = if names.is_empty() { vec![first] } else { names };
            if entries != [first] && first.parse::<IpAddr>().is_err() {
                self.leave_out(number + 1, line, "neither a single entry nor an address with names");
                continue;
            }
            for entry in entries {
                // Every hosts file names the machine itself.
                if first != entry && (!entry.contains('.') || entry.parse::<IpAddr>().is_ok()) {
                    continue;
                }
                if let Err(why) = self.add(entry, Reach::Both) {
                    self.leave_out(number + 1, entry, why);
                }
            }
        }
    }

    /// URLhaus's CSV: the third column is the address of a file.
    pub(super) fn csv(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match fields(line).get(2) {
                Some(url) if url.contains("://") => {
                    if let Err(why) = self.add(url, Reach::Both) {
                        self.leave_out(number + 1, url, why);
                    }
                }
                _ => self.leave_out(number + 1, line, "its third column is not a URL"),
            }
        }
    }
}

/// A name as it is kept: lower case, as in the DNS.
fn name_of(name: &str) -> Result<String, &'static str> {
    let name = idna::domain_to_ascii(name.trim_end_matches('.')).map_err(|_| "not a host name")?;
    let good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(good) || !name.contains('.') {
        return Err("not a host name");
    }
    // Whoever lists one lists everybody below it, and means somebody else.
    if psl::suffix_str(&name) == Some(name.as_str()) {
        return Err("this is a public suffix");
    }
    Ok(name)
}

fn widen(names: &mut HashMap<Box<str>, Reach>, name: String, reach: Reach) {
    let known = names.entry(name.into()).or_insert(reach);
    if *known != reach {
        *known = Reach::Both;
    }
}

/// Whether an entry for a host, or for a name above it, reaches that host.
fn reaches(names: &HashMap<Box<str>, Reach>, host: &str) -> bool {
    if names.is_empty() {
        return false;
    }
    if names.get(host).is_some_and(|reach| *reach != Reach::Below) {
        return true;
    }
    let mut above = host;
    while let Some((_, rest)) = above.split_once('.') {
        above = rest;
        if names.get(above).is_some_and(|reach| *reach != Reach::Itself) {
            return true;
        }
    }
    false
}

/// An address without what makes no difference to which file it is: scheme and usual ports.
fn url_key(uri: &Uri) -> Option<String> {
    let host = normal_host(uri.host()?);
    let port =
        uri.port_u16().filter(|port| !matches!(port, 80 | 443)).map(|port| format!(":{port}")).unwrap_or_default();
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // Sites take `%61` for `a` and `/./` for `/`, and so may lists (RFC 3986, 6.2.2).
    let usual = Url::parse(&format!("http://host{path}")).ok();
    let path = usual.as_ref().map_or(path, |usual| &usual[Position::BeforePath..Position::AfterQuery]);
    Some(format!("{host}{port}{}", percent_decode_str(path).decode_utf8_lossy()))
}

/// The fields of a line of CSV (RFC 4180, 2).
fn fields(line: &str) -> Vec<String> {
    let (mut found, mut field) = (Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    found.push(field);
    found
}
