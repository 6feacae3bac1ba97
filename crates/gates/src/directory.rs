//! Who asks: told by the network they ask from, by a name and password, or by a gateway that asked them; and the groups
//! they are in.

use crate::network::Network;
use crate::settings::PeopleSettings;
use crate::{Exchange, GateError, Pending};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// People's names and passwords, and where they signed in.
pub trait Accounts: Send + Sync {
    /// Whether this is somebody's name and password, tried from a machine.
    fn knows<'a>(&'a self, client: IpAddr, name: &'a str, password: &'a str) -> Pending<'a, bool>;

    /// Who signed in at the console from a machine, to use the web from there.
    fn at(&self, client: IpAddr) -> Pending<'_, Option<String>>;
}

/// What is known elsewhere about people's groups, such as what a sign-in provider said.
pub trait Memberships: Send + Sync + fmt::Debug {
    /// The groups of a person.
    fn groups(&self, person: &str) -> Vec<String>;
}

/// What networks, names and others say about people.
#[derive(Debug, Default)]
pub struct Directory {
    /// The narrowest first.
    networks: Vec<(Network, Option<String>, Vec<String>)>,
    groups: HashMap<String, Vec<String>>,
    memberships: Option<Arc<dyn Memberships>>,
}

impl Directory {
    /// The directory that is configured.
    ///
    /// # Errors
    /// When a network is none.
    pub fn new(settings: &PeopleSettings) -> Result<Self, GateError> {
        let mut networks = Vec::new();
        for entry in &settings.networks {
            let network: Network = entry.network.parse().map_err(|why| GateError::Setting {
                key: "people.networks",
                why: format!("`{}`: {why}", entry.network),
            })?;
            let person = Some(entry.person.clone()).filter(|person| !person.is_empty());
            networks.push((network, person, entry.groups.clone()));
        }
        networks.sort_by_key(|(network, ..)| std::cmp::Reverse(network.bits()));
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for (group, people) in &settings.groups {
            for person in people {
                groups.entry(person.clone()).or_default().push(group.clone());
            }
        }
        Ok(Self { networks, groups, memberships: None })
    }

    /// The same with what is known elsewhere about people's groups.
    #[must_use]
    pub fn with_memberships(mut self, memberships: Arc<dyn Memberships>) -> Self {
        self.memberships = Some(memberships);
        self
    }

    /// The person who uses an address.
    pub(crate) fn person_at(&self, address: IpAddr) -> Option<&str> {
        self.networks.iter().filter(|(network, ..)| network.has(address)).find_map(|(_, person, _)| person.as_deref())
    }

    /// Adds what is known about who asks.
    pub(crate) fn complete(&self, exchange: &mut Exchange) {
        if let Some(client) = exchange.client {
            if exchange.person.is_none() {
                exchange.person = self.person_at(client).map(str::to_owned);
            }
            for (_, _, groups) in self.networks.iter().filter(|(network, ..)| network.has(client)) {
                exchange.groups.extend(groups.iter().cloned());
            }
        }
        if let Some(groups) = exchange.person.as_ref().and_then(|person| self.groups.get(person)) {
            exchange.groups.extend(groups.iter().cloned());
        }
        if let (Some(memberships), Some(person)) = (&self.memberships, &exchange.person) {
            exchange.groups.extend(memberships.groups(person));
        }
        exchange.groups.sort();
        exchange.groups.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::NetworkSettings;
    use http::{HeaderMap, Method, Uri};
    use lazaret_model::Gate;

    #[test]
    fn the_narrowest_network_says_who_it_is_and_every_one_says_in_which_groups() {
        let network = |network: &str, person: &str, group: &str| NetworkSettings {
            network: network.to_owned(),
            person: person.to_owned(),
            groups: vec![group.to_owned()],
        };
        let settings = PeopleSettings {
            groups: [("finance".to_owned(), vec!["ada".to_owned()])].into(),
            networks: vec![network("192.0.2.0/24", "guest", "office"), network("192.0.2.7", "ada", "desk")],
        };
        let directory = Directory::new(&settings).unwrap();
        for (client, person, own, groups) in [
            ("192.0.2.7", None, Some("ada"), &["desk", "finance", "office"][..]),
            ("192.0.2.8", None, Some("guest"), &["office"]),
            ("192.0.2.8", Some("ada"), Some("ada"), &["finance", "office"]),
            ("198.51.100.1", None, None, &[]),
        ] {
            let client = Some(client.parse().unwrap());
            let mut exchange = Exchange::of(Gate::Proxy, client, Method::GET, Uri::default(), &HeaderMap::new());
            exchange.person = person.map(str::to_owned);
            directory.complete(&mut exchange);
            assert_eq!(
                (exchange.person.as_deref(), &exchange.groups[..]),
                (own, &groups.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
            );
        }
        #[derive(Debug)]
        struct Told;
        impl Memberships for Told {
            fn groups(&self, person: &str) -> Vec<String> {
                if person == "ada" { vec!["provided".to_owned(), "finance".to_owned()] } else { Vec::new() }
            }
        }
        let directory = directory.with_memberships(Arc::new(Told));
        for (client, groups) in [
            ("192.0.2.7", &["desk", "finance", "office", "provided"][..]),
            ("192.0.2.8", &["office"]),
            ("198.51.100.1", &[]),
        ] {
            let client = Some(client.parse().unwrap());
            let mut exchange = Exchange::of(Gate::Proxy, client, Method::GET, Uri::default(), &HeaderMap::new());
            directory.complete(&mut exchange);
            assert_eq!(exchange.groups, groups, "what a provider said of the person");
        }
        let wrong = PeopleSettings { networks: vec![network("192.0.2.0/40", "", "")], ..settings };
        assert!(Directory::new(&wrong).unwrap_err().to_string().contains("`192.0.2.0/40`"));
    }
}
