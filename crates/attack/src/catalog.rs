//! The library as those see it who read from it: releases in memory as far as they are in use, and entries by every id and
//! address that they ever had.

use crate::addresses::{Shadowed, best};
use crate::choice::{Choice, rank};
use crate::gone::{Gone, gone, standing};
use crate::names::DOMAINS;
use crate::spelling::spelled;
use crate::{AttackError, Section, View, Words, object};
use lazaret_store::{Library, Release, Span, Version};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Releases that are kept in memory, each of about 15 MB.
const VIEWS: usize = 8;
/// For how long what is remembered counts without asking whether somebody imported something.
const TRUST_TIME: Duration = Duration::from_millis(500);
/// How often something is read again because somebody imported something meanwhile.
const TRIES: usize = 3;
/// Comparisons of releases that are made at once, each of up to 200 MB; others wait.
const COMPARISONS: usize = 2;
/// Relationships whose texts are read at once.
const BATCH: usize = 2_000;

/// The library, to read from. Share it: it remembers.
pub struct Catalog {
    library: Library,
    remembered: Mutex<Remembered>,
    comparing: Semaphore,
    /// For how long what is remembered counts.
    trust: Duration,
}

struct Remembered {
    generation: i64,
    /// When the database was last asked whether it is another one.
    looked_at: Option<Instant>,
    releases: Arc<Vec<Release>>,
    /// Releases in memory, the one that was used last at the end.
    views: Vec<Arc<View>>,
    /// What tracks ever had, by track.
    tracks: HashMap<i64, Arc<Ever>>,
    /// What relationships of the newest releases say, by version.
    words: HashMap<i64, Arc<Words>>,
    /// Who shares an id with another one.
    shadowed: Option<Arc<Shadowed>>,
}

/// What a track ever had, in its newest versions.
pub struct Ever {
    /// Everything but relationships, by object.
    nouns: HashMap<i64, Version>,
    relations: Vec<Version>,
    /// Places in `relations`, by the object at either end.
    by_end: HashMap<i64, Vec<usize>>,
    /// Releases in a row that have them, of relationships that some release in between has not.
    interrupted: HashMap<i64, Vec<(i64, i64)>>,
}

impl Ever {
    async fn load(library: &Library, track: i64, shadowed: &Shadowed) -> Result<Self, AttackError> {
        let mut nouns = library.newest(track).await?;
        nouns.iter_mut().for_each(|noun| shadowed.mark(noun));
        let relations = library.relations_ever(track).await?;
        let interrupted = library.interrupted(track).await?;
        let mut by_end: HashMap<i64, Vec<usize>> = HashMap::new();
        for (place, relation) in relations.iter().enumerate() {
            by_end.entry(relation.from_object).or_default().push(place);
            if relation.to_object != relation.from_object {
                by_end.entry(relation.to_object).or_default().push(place);
            }
        }
        Ok(Self { nouns: nouns.into_iter().map(|noun| (noun.object, noun)).collect(), relations, by_end, interrupted })
    }

    /// An object in the newest version that the track had.
    pub fn noun(&self, object: i64) -> Option<&Version> {
        self.nouns.get(&object)
    }

    /// Every relationship that ever touched an object.
    pub fn relations(&self, object: i64) -> impl Iterator<Item = &Version> {
        let places = self.by_end.get(&object).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.relations.get(*place))
    }

    /// Releases in a row that have a relationship, by the places of the first and the last of each row.
    pub fn runs(&self, relation: &Version) -> Vec<(i64, i64)> {
        self.interrupted.get(&relation.object).cloned().unwrap_or_else(|| vec![(relation.first, relation.last)])
    }

    /// The same for the relationships that some release between their first and their last one has not, by object.
    pub fn interrupted(&self) -> impl Iterator<Item = (i64, &[(i64, i64)])> {
        self.interrupted.iter().map(|(object, runs)| (*object, runs.as_slice()))
    }
}

/// An object that was found, in one release.
#[derive(Clone)]
pub struct Found {
    /// The release.
    pub view: Arc<View>,
    /// The object's version in it.
    pub version: Arc<Version>,
    /// Every track that ever had the object.
    pub spans: Vec<Span>,
    /// Other objects that have, or had, the same id.
    pub namesakes: Vec<Version>,
    /// The release that was asked for and does not have the object; what is shown is the last one that does.
    pub missing_in: Option<String>,
    /// The newest release of the domain does not have the object.
    pub gone: Option<Gone>,
}

impl Found {
    /// Its status in one word, `gone` included.
    pub fn standing(&self) -> &'static str {
        standing(&self.version, self.gone.as_ref())
    }
}

impl Remembered {
    fn of(generation: i64, releases: Arc<Vec<Release>>) -> Self {
        let (views, tracks, words, shadowed) = Default::default();
        Self { generation, looked_at: Some(Instant::now()), releases, views, tracks, words, shadowed }
    }
}

impl Catalog {
    /// A catalogue of a library.
    pub fn new(library: Library) -> Self {
        let remembered = Mutex::new(Remembered { looked_at: None, ..Remembered::of(-1, Arc::default()) });
        Self { library, remembered, comparing: Semaphore::new(COMPARISONS), trust: TRUST_TIME }
    }

    /// The catalogue that asks the database whether somebody imported something after this time, instead of half a second.
    #[must_use]
    pub fn trusting(mut self, time: Duration) -> Self {
        self.trust = time;
        self
    }

    /// The library itself.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Asks the database next time whether somebody imported something, however shortly ago it was asked.
    pub fn look_again(&self) {
        self.remembered().looked_at = None;
    }

    /// Every release, by feed, domain and place, and the generation that they belong to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn releases(&self) -> Result<(i64, Arc<Vec<Release>>), AttackError> {
        {
            let remembered = self.remembered();
            if remembered.looked_at.is_some_and(|at| at.elapsed() < self.trust) {
                return Ok((remembered.generation, Arc::clone(&remembered.releases)));
            }
        }
        let generation = self.library.generation().await?;
        {
            let mut remembered = self.remembered();
            if remembered.generation == generation {
                remembered.looked_at = Some(Instant::now());
                return Ok((generation, Arc::clone(&remembered.releases)));
            }
        }
        let releases = Arc::new(self.library.releases().await?);
        let mut remembered = self.remembered();
        // First and last releases of objects may be other ones now.
        *remembered = Remembered::of(generation, Arc::clone(&releases));
        Ok((generation, releases))
    }

    /// Waits until another comparison may be made; it may as long as the answer is kept.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, AttackError> {
        self.comparing.acquire().await.map_err(|_| AttackError::Stopped)
    }

    /// A release in memory, as it is now: where somebody imported something since, first and last releases are read again.
    ///
    /// # Errors
    /// When the release was taken out, or the database does not answer.
    pub async fn view(&self, release: &Release) -> Result<Arc<View>, AttackError> {
        // Forgets what is old.
        self.releases().await?;
        {
            let mut remembered = self.remembered();
            if let Some(place) = remembered.views.iter().position(|view| view.release == *release) {
                let view = remembered.views.remove(place);
                remembered.views.push(Arc::clone(&view));
                return Ok(view);
            }
        }
        let mut tries = 0;
        loop {
            let generation = self.library.generation().await?;
            let others = {
                let remembered = self.remembered();
                if remembered.generation == generation { remembered.views.clone() } else { Vec::new() }
            };
            let shadowed = self.shadowed().await?;
            let view = Arc::new(View::load(&self.library, release, &others, &shadowed).await?);
            tries += 1;
            let is_settled = self.library.generation().await? == generation;
            if !is_settled && tries < TRIES {
                continue;
            }
            if i64::try_from(view.entries().count()) != Ok(release.objects) {
                return Err(AttackError::Unknown(format!("release {} was removed from the library", release.name)));
            }
            let mut remembered = self.remembered();
            if is_settled && remembered.generation == generation {
                if remembered.views.len() >= VIEWS {
                    remembered.views.remove(0);
                }
                remembered.views.push(Arc::clone(&view));
            }
            return Ok(view);
        }
    }

    /// What a track ever had.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ever(&self, track: i64) -> Result<Arc<Ever>, AttackError> {
        self.releases().await?;
        if let Some(ever) = self.remembered().tracks.get(&track) {
            return Ok(Arc::clone(ever));
        }
        let mut tries = 0;
        loop {
            let generation = self.library.generation().await?;
            let shadowed = self.shadowed().await?;
            let ever = Arc::new(Ever::load(&self.library, track, &shadowed).await?);
            tries += 1;
            let is_settled = self.library.generation().await? == generation;
            if !is_settled && tries < TRIES {
                continue;
            }
            let mut remembered = self.remembered();
            if is_settled && remembered.generation == generation {
                remembered.tracks.insert(track, Arc::clone(&ever));
            }
            return Ok(ever);
        }
    }

    /// Who shares an ATT&CK id with another one, which is what the id leads to.
    pub(crate) async fn shadowed(&self) -> Result<Arc<Shadowed>, AttackError> {
        let (generation, _) = self.releases().await?;
        if let Some(shadowed) = &self.remembered().shadowed {
            return Ok(Arc::clone(shadowed));
        }
        let shadowed = Arc::new(Shadowed::load(&self.library).await?);
        let mut remembered = self.remembered();
        if remembered.generation == generation {
            remembered.shadowed = Some(Arc::clone(&shadowed));
        }
        Ok(shadowed)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What relationships say, by their versions' numbers.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn words(&self, versions: &[i64]) -> Result<HashMap<i64, Arc<Words>>, AttackError> {
        let mut found = HashMap::with_capacity(versions.len());
        let mut missing = Vec::new();
        {
            let remembered = self.remembered();
            for id in versions {
                match remembered.words.get(id) {
                    Some(words) => drop(found.insert(*id, Arc::clone(words))),
                    None => missing.push(*id),
                }
            }
        }
        for some in missing.chunks(BATCH) {
            for (id, text) in self.library.bodies(some).await? {
                found.insert(id, Arc::new(Words::of(&fields(&text)?)));
            }
        }
        Ok(found)
    }

    /// Reads into memory what pages of the newest release of each domain are made of, so that readers need not wait.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn prepare(&self) -> Result<(), AttackError> {
        let (generation, releases) = self.releases().await?;
        for (domain, _) in DOMAINS.iter().rev() {
            let choice = Choice { domain: Some((*domain).to_owned()), ..Choice::default() };
            let Ok(newest) = self.release(&choice).await else { continue };
            let view = self.view(&newest).await?;
            let relations = view.entries().filter(|entry| !entry.relation.is_empty());
            let words = self.words(&relations.map(|relation| relation.id).collect::<Vec<_>>()).await?;
            view.prepare(&self.library).await?;
            let mut remembered = self.remembered();
            if remembered.generation == generation {
                remembered.words.extend(words);
            }
        }
        let mut tracks: Vec<i64> = releases.iter().map(|release| release.track).collect();
        tracks.dedup();
        for track in tracks {
            self.ever(track).await?;
        }
        Ok(())
    }

    /// The release that a choice names, of those of a domain where it names none: the newest one, STIX 2.1 where both feeds
    /// have it, Enterprise where several domains do.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub async fn release(&self, choice: &Choice) -> Result<Release, AttackError> {
        let (_, releases) = self.releases().await?;
        let fits = |release: &&Release| {
            choice.feed.is_none_or(|feed| feed.name() == release.feed)
                && choice.domain.as_ref().is_none_or(|domain| *domain == release.domain)
                && choice.release.is_none_or(|number| number.place() == release.place)
        };
        let best = releases.iter().filter(fits).max_by_key(|release| {
            // The newest of Enterprise comes before a newer one of another domain.
            (std::cmp::Reverse(rank(&release.domain)), release.place, release.feed.clone())
        });
        best.cloned().ok_or_else(|| AttackError::Unknown(missing(&releases, choice)))
    }

    /// Finds an object by its ATT&CK id or its STIX id, whatever release last had it. With a section, only there.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub async fn find(&self, section: Option<&Section>, id: &str, choice: &Choice) -> Result<Found, AttackError> {
        let (_, releases) = self.releases().await?;
        let mut wanted = as_attack_id(section, id);
        let objects = if id.contains("--") {
            let exact = self.library.object(id).await?;
            let found = if exact.is_some() { exact } else { self.library.object(&id.to_ascii_lowercase()).await? };
            found.into_iter().collect()
        } else {
            let mut found = self.library.objects_with_attack_id(&wanted).await?;
            // `T1204.2` and `t-1204` are ids as people write them.
            if let (true, Some(other)) = (found.is_empty(), spelled(id)) {
                found = self.library.objects_with_attack_id(&other).await?;
                wanted = other;
            }
            found
        };
        let standings = self.library.standings(&objects).await?;
        let Some(best) = best(&standings, section, &wanted, choice, &releases) else {
            return Err(AttackError::Unknown(nothing(section, id, choice)));
        };
        let (object, span) = (best.version.object, best.span.clone());
        let in_track =
            |place: i64| releases.iter().find(|release| release.track == span.track && release.place == place);
        let last = in_track(span.last).ok_or(AttackError::Stopped)?;
        let (mut spans, mut namesakes): (Vec<Span>, Vec<Version>) = Default::default();
        let shadowed = self.shadowed().await?;
        for mut standing in standings {
            shadowed.mark(&mut standing.version);
            if standing.version.object == object {
                spans.push(standing.span);
            } else if !namesakes.iter().any(|known| known.object == standing.version.object) {
                namesakes.push(standing.version);
            }
        }
        let asked = choice.release.map(|number| (number, in_track(number.place())));
        let (view, missing_in) = match asked {
            None => (self.view(last).await?, None),
            Some((number, None)) => {
                return Err(AttackError::Unknown(format!(
                    "there is no release {number} of {} in {}; `lazaret library releases` lists the imported ones",
                    crate::domain_title(&span.domain),
                    span.feed
                )));
            }
            Some((number, Some(release))) => {
                let view = self.view(release).await?;
                if view.object(object).is_some() {
                    (view, None)
                } else {
                    (self.view(last).await?, Some(number.to_string()))
                }
            }
        };
        let version = view.shared(object).ok_or(AttackError::Stopped)?;
        let gone = gone(&releases, &spans, &span.domain, choice);
        Ok(Found { view, version, spans, namesakes, missing_in, gone })
    }

    /// The fields of a version, in source order.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn fields(&self, version: &Version) -> Result<Map<String, Value>, AttackError> {
        fields(&self.raw(version).await?)
    }

    /// The exact bytes of a version.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn raw(&self, version: &Version) -> Result<Vec<u8>, AttackError> {
        let text = self.library.body(version.id).await?;
        text.ok_or_else(|| damaged(format!("version {} is missing", version.id)))
    }
}

/// The fields of an object's text.
pub(crate) fn fields(text: &[u8]) -> Result<Map<String, Value>, AttackError> {
    match object::parse_exactly(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(damaged("an object's text is invalid".to_owned())),
    }
}

pub(crate) fn damaged(reason: String) -> AttackError {
    AttackError::Store(lazaret_store::StoreError::DamagedLibrary(reason))
}

/// Ids as releases write them: upper case, and matrices by their domains.
fn as_attack_id(section: Option<&Section>, id: &str) -> String {
    if section.is_some_and(|section| section.path == "matrices") {
        return crate::domain_named(id).map_or_else(|| id.to_owned(), str::to_owned);
    }
    if DOMAINS.iter().any(|(domain, _)| *domain == id) { id.to_owned() } else { id.to_ascii_uppercase() }
}

fn nothing(section: Option<&Section>, id: &str, choice: &Choice) -> String {
    let id = crate::bundle::shortened(id);
    let what = section.map_or("entry", |section| section.one).to_lowercase();
    let mut place = String::new();
    if let Some(domain) = &choice.domain {
        place.push_str(&format!(" of {}", crate::domain_title(domain)));
    }
    if let Some(feed) = choice.feed {
        place.push_str(&format!(" in {feed}"));
    }
    format!("no {what}{place} has the ID `{id}` in any imported release")
}

fn missing(releases: &[Release], choice: &Choice) -> String {
    if releases.is_empty() {
        return "the library is empty; import releases with `lazaret library import`".to_owned();
    }
    let mut asked = Vec::new();
    asked.extend(choice.domain.as_ref().map(|domain| crate::domain_title(domain).to_owned()));
    asked.extend(choice.release.map(|number| number.to_string()));
    asked.extend(choice.feed.map(|feed| format!("in {feed}")));
    format!("release {} has not been imported; `lazaret library releases` lists the imported ones", asked.join(" "))
}

/// Whether a text looks like an id rather than like words.
pub fn looks_like_an_id(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &text[letters.min(text.len())..];
    let digits = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && rest.len() >= 4;
    text.contains("--") || ((1..=3).contains(&letters) && digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_comparisons_are_made_at_once_and_the_others_wait() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("library.sqlite").display());
        let catalog = Catalog::new(Library::open(&address).await.unwrap());
        let first = catalog.turn().await.unwrap();
        let _second = catalog.turn().await.unwrap();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, catalog.turn()).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(soon, catalog.turn()).await.is_ok());
    }
}
