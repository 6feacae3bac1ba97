//! Lists of sites: what others say about where something comes from, kept fresh and matched against addresses.

mod entries;
mod fetch;
mod lists;
mod rpz;
mod stix;

use crate::exchange::{normal_host, registered_domain};
use crate::proxy::{Asker, Upstream};
use crate::settings::{ListFormat, ProxySettings, SiteList, SiteSettings};
use crate::{Exchange, GateError};
use entries::Entries;
use fetch::{Fetched, Kept};
use http::Uri;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use thiserror::Error;
use tokio::sync::watch;

/// How often files are looked at for changes.
const FILE_TIME: Duration = Duration::from_secs(10);
/// How soon a fetch that failed is tried again, at the most.
const RETRY_TIME: Duration = Duration::from_secs(300);
/// How long the start waits for lists that were never fetched before.
const START_TIME: Duration = Duration::from_secs(10);

/// Why nothing can be said about a text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// It cannot be the name of a host.
    #[error("`{0}` is not a host name")]
    NoName(String),
    /// It cannot be an address either.
    #[error("`{0}` is neither a host nor a URL")]
    NoAddress(String),
    /// It is an address without a host.
    #[error("`{0}` does not name a host")]
    NoHost(String),
}

/// The lists in use.
pub struct Sites {
    lists: Vec<Listed>,
    upstream: Upstream,
}

/// What lists say about one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The host in question.
    pub host: String,
    /// Its registered domain; an address has none.
    pub domain: Option<String>,
    /// Names of the lists that it is on, in the order of the configuration.
    pub lists: Vec<String>,
    /// One of them is a list of suspicious sites.
    pub suspicious: bool,
}

/// How a list is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListState {
    /// Entries in use.
    pub entries: usize,
    /// Lines or objects that could not be used.
    pub left_out: usize,
    /// The first of them, and why.
    pub left_out_first: Option<String>,
    /// When the text in use was read or fetched, or was last said to be unchanged.
    pub checked: Option<SystemTime>,
    /// Why it could not be read or fetched the last time.
    pub problem: Option<String>,
}

struct Listed {
    settings: SiteList,
    /// Where the text of an address is kept.
    kept: Kept,
    entries: RwLock<Arc<Entries>>,
    state: Mutex<ListState>,
}

impl Sites {
    /// Reads the files, and what was kept of addresses below `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// When a setting makes no sense, or a file cannot be read or understood.
    pub fn open(settings: &SiteSettings, proxy: &ProxySettings, folder: &Path) -> Result<Self, GateError> {
        let wrong = |name: &str, why: String| GateError::List { name: name.to_owned(), why };
        let mut lists: Vec<Listed> = Vec::new();
        for list in &settings.lists {
            let name = &list.name;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(wrong(name, "a name must consist of letters, digits, `-` and `_`".to_owned()));
            }
            if lists.iter().any(|other| other.settings.name == *name) {
                return Err(wrong(name, "two lists have this name".to_owned()));
            }
            let listed = Listed {
                settings: list.clone(),
                kept: Kept::new(folder, name),
                entries: RwLock::default(),
                state: Mutex::default(),
            };
            if list.is_address() {
                let made = std::fs::create_dir_all(folder);
                made.map_err(|error| wrong(name, format!("`{}`: {error}", folder.display())))?;
                // What was kept is better than nothing; if it is broken it will be fetched again.
                if let Some((text, at)) = listed.kept.read()
                    && let Err(why) = listed.take(&text, at)
                {
                    listed.complain(why);
                }
            } else {
                let (text, at) = fetch::file(Path::new(&list.source)).map_err(|why| wrong(name, why))?;
                listed.take(&text, at).map_err(|why| wrong(name, why))?;
            }
            lists.push(listed);
        }
        for name in &proxy.bypass_lists {
            let wrong = |why: &str| GateError::Setting { key: "proxy.bypass_lists", why: format!("`{name}`: {why}") };
            match settings.lists.iter().find(|list| list.name == *name) {
                None => return Err(wrong("`sites.lists` has no list with this name")),
                Some(list) if list.suspicious => {
                    return Err(wrong("this is a list of suspicious sites; set `suspicious = false` for it"));
                }
                Some(_) => {}
            }
        }
        Ok(Self { lists, upstream: Upstream::new(proxy)? })
    }

    /// What the lists say about an address.
    pub fn standing(&self, uri: &Uri) -> Standing {
        self.standing_at(uri, None)
    }

    /// The same where the machine that `uri` led to is known, which may be on a list for itself.
    fn standing_at(&self, uri: &Uri, server: Option<IpAddr>) -> Standing {
        let host = normal_host(uri.host().unwrap_or_default());
        let domain = registered_domain(&host);
        let mut standing = Standing { host: host.clone(), domain, ..Standing::default() };
        for list in &self.lists {
            let entries = Arc::clone(&list.entries.read().unwrap_or_else(PoisonError::into_inner));
            if entries.has(&host, uri) || server.is_some_and(|server| entries.has_address(server)) {
                standing.lists.push(list.settings.name.clone());
                standing.suspicious |= list.settings.suspicious;
            }
        }
        standing
    }

    /// Whether a host as a whole is on one of the lists with these names.
    pub(crate) fn has_host(&self, host: &str, names: &[String]) -> bool {
        self.lists.iter().filter(|list| names.contains(&list.settings.name)).any(|list| {
            let entries = Arc::clone(&list.entries.read().unwrap_or_else(PoisonError::into_inner));
            entries.has_host(host)
        })
    }

    /// What the lists say about a host name, an IP address, or the address of a file.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn look_up(&self, text: &str) -> Result<Standing, HostError> {
        let address = if text.contains("://") {
            text.to_owned()
        } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("http://[{text}]/")
        } else {
            let host = idna::domain_to_ascii(text).map_err(|_| HostError::NoName(text.to_owned()))?;
            format!("http://{host}/")
        };
        let uri: Uri = address.parse().map_err(|_| HostError::NoAddress(text.to_owned()))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(HostError::NoHost(text.to_owned()));
        }
        Ok(self.standing(&uri))
    }

    /// The standing of what an exchange asks for.
    pub(crate) fn of(&self, exchange: &Exchange) -> Standing {
        self.standing_at(&exchange.uri, exchange.server)
    }

    /// Every list with its state.
    pub fn states(&self) -> Vec<(SiteList, ListState)> {
        let state =
            |list: &Listed| (list.settings.clone(), list.state.lock().unwrap_or_else(PoisonError::into_inner).clone());
        self.lists.iter().map(state).collect()
    }

    /// Fetches what was never fetched, for a bounded time: nothing should pass before the lists are there.
    pub async fn prepare(&self) {
        let missing = self.lists.iter().filter(|list| list.settings.is_address() && list.is_empty());
        let fetches = missing.map(|list| self.refresh(list));
        if tokio::time::timeout(START_TIME, futures_util::future::join_all(fetches)).await.is_err() {
            tracing::warn!("fetching a list of sites takes long; the gates start without it");
        }
    }

    /// Keeps the lists fresh until `closing` turns true.
    pub async fn keep_fresh(self: Arc<Self>, mut closing: watch::Receiver<bool>) {
        let all = async {
            let loops = (0..self.lists.len()).map(|at| {
                let sites = Arc::clone(&self);
                async move {
                    let Some(list) = sites.lists.get(at) else { return };
                    let fresh = Duration::from_secs(u64::from(list.settings.refresh_minutes.max(1)) * 60);
                    let mut wait = if list.settings.is_address() { sites.age_left(list, fresh) } else { FILE_TIME };
                    loop {
                        tokio::time::sleep(wait).await;
                        let good = sites.refresh(list).await;
                        wait = match (list.settings.is_address(), good) {
                            (false, _) => FILE_TIME,
                            (true, true) => fresh,
                            (true, false) => fresh.min(RETRY_TIME),
                        };
                    }
                }
            });
            futures_util::future::join_all(loops).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = all => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// How long what is kept is still fresh.
    fn age_left(&self, list: &Listed, fresh: Duration) -> Duration {
        let checked = list.state.lock().unwrap_or_else(PoisonError::into_inner).checked;
        let age = checked.and_then(|checked| checked.elapsed().ok());
        age.map_or(Duration::ZERO, |age| fresh.saturating_sub(age))
    }

    /// Looks for a new text; whether that went well.
    async fn refresh(&self, list: &Listed) -> bool {
        let source = &list.settings.source;
        let fetched = if list.settings.is_address() {
            fetch::address(&self.upstream, Asker::Here, source, &list.kept).await
        } else {
            let (path, checked) = (PathBuf::from(source), list.checked());
            tokio::task::spawn_blocking(move || fetch::changed_file(&path, checked))
                .await
                .unwrap_or_else(|error| Err(error.to_string()))
        };
        let taken = match fetched {
            Ok(Fetched::Same) => {
                let mut state = list.state.lock().unwrap_or_else(PoisonError::into_inner);
                if list.settings.is_address() {
                    state.checked = Some(SystemTime::now());
                }
                state.problem = None;
                return true;
            }
            Ok(Fetched::New { text, at, validators }) => list.take(&text, at).and_then(|()| {
                // Only what was understood is worth keeping.
                if list.settings.is_address() { list.kept.write(&text, &validators) } else { Ok(()) }
            }),
            Err(why) => Err(why),
        };
        match taken {
            Ok(()) => {
                let entries = list.state.lock().unwrap_or_else(PoisonError::into_inner).entries;
                tracing::info!(list = %list.settings.name, entries, "loaded a list of sites");
                true
            }
            Err(why) => {
                list.complain(why);
                false
            }
        }
    }
}

impl Listed {
    fn is_empty(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).checked.is_none()
    }

    fn checked(&self) -> Option<SystemTime> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).checked
    }

    /// Puts a text in place of the one in use, if it is a list.
    fn take(&self, text: &str, at: SystemTime) -> Result<(), String> {
        let entries = Entries::parse(text, self.settings.format)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == 0 && state.entries > 0 {
            return Err(format!(
                "it is now empty, but had {} entries before; if that is correct, remove it from the configuration",
                state.entries
            ));
        }
        *state = ListState {
            entries: entries.len(),
            left_out: entries.left_out,
            left_out_first: entries.left_out_first.clone(),
            checked: Some(at),
            problem: None,
        };
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
        Ok(())
    }

    /// Says what went wrong; what was read before stays in use.
    fn complain(&self, why: String) {
        tracing::warn!(list = %self.settings.name, %why, "cannot read a list of sites; using the previous version");
        self.state.lock().unwrap_or_else(PoisonError::into_inner).problem = Some(why);
    }
}

impl SiteList {
    /// Whether it is fetched, as opposed to read from a file.
    pub fn is_address(&self) -> bool {
        self.source.starts_with("http://") || self.source.starts_with("https://")
    }
}

impl ListFormat {
    /// What a text looks like.
    fn of(text: &str) -> Self {
        if text.trim_start().starts_with('{') {
            return Self::Stix;
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let zone = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            words
                .next()
                .is_some_and(|first| first.starts_with('$') || words.any(|word| word.eq_ignore_ascii_case("soa")))
        };
        let first = lines.clone().find(|line| !line.starts_with(['#', ';']));
        if first.is_some_and(zone) {
            Self::Rpz
        } else if lines.any(|line| line.trim_start_matches(['#', ' ']).starts_with("id,dateadded,url"))
            || first.is_some_and(|line| line.starts_with('"') && line.contains("\",\"http"))
        {
            Self::Urlhaus
        } else {
            Self::Domains
        }
    }
}

#[cfg(test)]
mod tests;
