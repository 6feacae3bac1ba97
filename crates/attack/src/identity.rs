//! Which feed, domain and release a bundle is, by its name, by what is in it, and by what was asked for.

use crate::AttackError;
use crate::bundle::{BYTE_ORDER_MARK, Frame, shortened};
use crate::names::{DOMAINS, Feed, Number, from_collection_name, from_file_name};
use crate::object::{Collection, Read};
use crate::options::ImportOptions;
use lazaret_store::{NewRelease, Version};

/// What objects say about their bundle: numbers and few words, however many objects there are.
#[derive(Default)]
pub(crate) struct Heard {
    objects: usize,
    stix_21: usize,
    /// How many objects have each of [`ODDITIES`].
    odd: [usize; ODDITIES.len()],
    /// The bundle's collection; of several the one that was changed last.
    collection: Option<Collection>,
    /// The domains that matrices are of, as [`DOMAINS`] has them.
    matrices: [bool; DOMAINS.len()],
    /// How many objects name each domain.
    votes: [usize; DOMAINS.len()],
    /// A domain that nobody knows.
    strange: Option<String>,
}

/// What can be odd about objects and is no reason to refuse them: the bit of their flags, and what a note says.
const ODDITIES: [(i64, &str); 6] = [
    (Version::UNDATED, "objects without `modified`"),
    (
        Version::ODD_STATUS,
        "objects whose `revoked`, `x_mitre_deprecated` or `x_mitre_is_subtechnique` is neither true nor false; \
            treated as false",
    ),
    (Version::ODD_FIELD, "objects with a field that should be a string or a list but is not; the field is ignored"),
    (Version::ODD_DATE, "objects with an invalid date"),
    (Version::ODD_ORDER, "objects modified before they were created"),
    (Version::ODD_BUNDLE, "nested bundles, which are ignored"),
];

/// A domain's place among [`DOMAINS`].
fn place(domain: &str) -> Option<usize> {
    DOMAINS.iter().position(|(id, _)| *id == domain)
}

/// The domain of a matrix, by its id. Before 11.2 that of ICS had a number.
fn matrix_domain(id: &str) -> Option<usize> {
    place(if id == "MA0010" { "ics-attack" } else { id })
}

/// The domain of a technique that names none, by its kill chain.
fn chain_domain(chain: &str) -> Option<usize> {
    match chain {
        "mitre-attack" => place("enterprise-attack"),
        other => place(other.strip_prefix("mitre-")?),
    }
}

impl Heard {
    /// Counts an object, by its flags.
    pub(crate) fn count(&mut self, flags: i64) {
        self.objects += 1;
        self.stix_21 += usize::from(flags & Version::STIX_21 != 0);
        for (count, (bit, _)) in self.odd.iter_mut().zip(ODDITIES) {
            *count += usize::from(flags & bit != 0);
        }
    }

    /// Remembers what an object says.
    pub(crate) fn hear(&mut self, read: &Read) {
        if let Some(collection) = &read.collection
            && self.collection.as_ref().is_none_or(|known| known.modified < collection.modified)
        {
            self.collection = Some(Collection {
                name: shortened(&collection.name),
                release: shortened(&collection.release),
                ..collection.clone()
            });
        }
        if let Some(own) = read.matrix.as_deref().and_then(matrix_domain) {
            self.matrices[own] = true;
        }
        let mut named = [false; DOMAINS.len()];
        for domain in &read.domains {
            match place(domain) {
                Some(at) => named[at] = true,
                None => self.strange = self.strange.take().or_else(|| Some(shortened(domain))),
            }
        }
        if read.domains.is_empty()
            && let Some(at) = read.chain.as_deref().and_then(chain_domain)
        {
            named[at] = true;
        }
        for (votes, named) in self.votes.iter_mut().zip(named) {
            *votes += usize::from(named);
        }
    }

    /// Which release this is, from its name, from what is in it, and from what was asked for: they must agree.
    ///
    /// # Errors
    /// When they do not, or nothing says what the bundle is.
    pub(crate) fn judge(
        &self,
        name: &str,
        frame: Frame,
        options: &ImportOptions,
    ) -> Result<(NewRelease, Vec<String>), AttackError> {
        let named = |reason: String| AttackError::Named(reason);
        let mut notes = Vec::new();
        // What the bundle says counts: an object that says something else was put into it as it was.
        let feed = match (frame.spec_version.as_deref(), self.stix_21) {
            (Some("2.0"), 0) => Feed::Stix20,
            (Some("2.0"), some) => {
                notes.push(format!("objects declared as STIX 2.1 in a STIX 2.0 bundle: {some}"));
                Feed::Stix20
            }
            (Some("2.1") | None, some) if some > 0 => Feed::Stix21,
            (None, _) => {
                return Err(named("neither the bundle nor its objects state their STIX version".to_owned()));
            }
            (Some(other), _) => {
                let other = shortened(other);
                return Err(named(format!(
                    "the bundle says that it is STIX `{other}`; ATT&CK is published as 2.0 and 2.1"
                )));
            }
        };
        if feed == Feed::Stix21 && self.stix_21 < self.objects {
            notes.push(format!("objects that do not state their STIX version: {}", self.objects - self.stix_21));
        }
        for (count, (_, what)) in self.odd.iter().zip(ODDITIES).filter(|(count, _)| **count > 0) {
            notes.push(format!("{what}: {count}"));
        }
        if frame.skeleton.starts_with(BYTE_ORDER_MARK) {
            notes.push("the bundle begins with a byte order mark, which is kept but ignored".to_owned());
        }
        let (named_domain, named_release) = from_file_name(name);
        let collection = self.collection.as_ref();
        let said_domain = collection.and_then(|collection| from_collection_name(&collection.name));
        let mut said_release: Option<Number> = collection.and_then(|collection| collection.release.parse().ok());
        // A beta's collection may have the number that the release was to have.
        let outer = options.release.or(named_release);
        if let (Some(outer), Some(said)) = (outer, said_release)
            && outer != said
            && outer == said.beta()
        {
            notes.push(format!("its collection says {said}; this is the beta of it, {outer}"));
            said_release = Some(outer);
        }
        let (source, domain) = agreed(
            "domain",
            &[
                ("`--domain`", options.domain.clone()),
                ("its collection", said_domain.map(str::to_owned)),
                ("its name", named_domain.map(str::to_owned)),
            ],
        )?;
        let (_, number) = agreed(
            "release",
            &[("`--release`", options.release), ("its collection", said_release), ("its name", named_release)],
        )?;
        self.domain_fits(source, &domain)?;
        let release = NewRelease {
            feed: feed.name().to_owned(),
            domain,
            name: number.to_string(),
            place: number.place(),
            sha256: crate::hex(&frame.sha256),
            bytes: i64::try_from(frame.bytes).unwrap_or(i64::MAX),
            bundle: frame.id,
            source: if options.source.is_empty() { shown_source(name) } else { options.source.clone() },
            notes: String::new(),
            skeleton: frame.skeleton,
        };
        Ok((release, notes))
    }

    /// STIX ids of the objects that the bundle's collection lists; empty for no list.
    pub(crate) fn contents(&self) -> Vec<String> {
        self.collection.as_ref().map(|collection| collection.contents.clone()).unwrap_or_default()
    }

    /// Whether what objects say is against a domain that `source` says. Matrices know best: ICS 11.0 has more objects that name
    /// Enterprise than objects that name ICS. The oldest releases have no matrix, but techniques.
    fn domain_fits(&self, source: &str, domain: &str) -> Result<(), AttackError> {
        let against = |who: &str| Err(AttackError::Named(format!("{source} says `{domain}`, and {who}")));
        let Some(own) = place(domain) else { return against("there is no such domain") };
        let id = |at: usize| DOMAINS.get(at).map_or("", |(id, _)| *id);
        if self.matrices.contains(&true) {
            if self.matrices.get(own) == Some(&true) {
                return Ok(());
            }
            let others: Vec<_> =
                (0..DOMAINS.len()).filter(|at| self.matrices.get(*at) == Some(&true)).map(id).collect();
            return against(&format!("its matrix is that of {}", others.join(" and ")));
        }
        let mine = self.votes.get(own).copied().unwrap_or(0);
        let (best, most) = self.votes.iter().enumerate().max_by_key(|(_, votes)| **votes).unwrap_or((own, &0));
        if mine < *most {
            return against(&format!("of its objects {most} say {}, {mine} say {domain}", id(best)));
        }
        match &self.strange {
            Some(strange) if mine == 0 => against(&format!("its objects say `{strange}`")),
            _ => Ok(()),
        }
    }
}

/// What several sources say, if they agree.
fn agreed<T: PartialEq + Clone + std::fmt::Display>(
    what: &str,
    said: &[(&'static str, Option<T>)],
) -> Result<(&'static str, T), AttackError> {
    let mut found: Option<(&'static str, &T)> = None;
    for (source, value) in said {
        let Some(value) = value else { continue };
        match found {
            Some((other, first)) if first != value => {
                return Err(AttackError::Named(format!(
                    "{other} says that the {what} is {first}, and {source} that it is {value}"
                )));
            }
            Some(_) => {}
            None => found = Some((source, value)),
        }
    }
    match found {
        Some((source, value)) => Ok((source, value.clone())),
        None => Err(AttackError::Named(format!(
            "neither its name, such as `enterprise-attack-17.1.json`, nor a collection in it states its {what}; use \
                `--{what}`"
        ))),
    }
}

/// A file's name without the folders of this machine.
fn shown_source(name: &str) -> String {
    match name.split_once("//") {
        Some((archive, inner)) => format!("{}//{inner}", archive.rsplit('/').next().unwrap_or(archive)),
        None => name.rsplit('/').next().unwrap_or(name).to_owned(),
    }
}
