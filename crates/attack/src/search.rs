//! Searching for entries by name, id, alias and text, with mistakes in typing forgiven. The index is tantivy's; it is made of the
//! newest version of every object, dead ones included, and made anew when other releases are there.

mod gather;

use crate::AttackError;
use crate::catalog::Catalog;
use crate::gone::Gone;
use crate::spelling::{meant, squeezed};
use gather::{Entry, gather};
use lazaret_store::Release;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TEXT, TantivyDocument, Value as _};
use tantivy::snippet::SnippetGenerator;
use tantivy::{Index, IndexReader, Term};

/// Changes when the index has other fields: older ones are made anew.
const FORM: u8 = 3;
/// Bytes of memory of the indexer.
const INDEXER: usize = 48 << 20;
/// Words of a question that are looked for.
const MOST_WORDS: usize = 12;
/// Characters of a piece of text around what was found.
const SNIPPET: usize = 220;

/// What somebody looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// Words, an id, or the beginning of one.
    pub words: String,
    /// Only this section (`techniques`); empty for all.
    pub section: String,
    /// Only this domain (`enterprise-attack`); empty for all.
    pub domain: String,
    /// Only this platform; empty for all.
    pub platform: String,
    /// Only what serves this tactic, by its short name; empty for all.
    pub tactic: String,
    /// `live`, `revoked`, `deprecated` or `gone`; empty for all.
    pub status: String,
    /// Only names, ids and aliases, the last word being only begun: what is suggested while somebody types.
    pub begun: bool,
    /// How many hits come before the first one that is wanted.
    pub skip: usize,
    /// How many are wanted.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Answer {
    /// How many entries there are.
    pub total: usize,
    /// No entry has all the words; these have some of them.
    pub loose: bool,
    /// The best ones.
    pub hits: Vec<Hit>,
}

/// An entry that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// STIX id.
    pub id: String,
    /// ATT&CK id, empty for none.
    pub attack_id: String,
    /// Name.
    pub name: String,
    /// Section of the library.
    pub section: String,
    /// Its address in the library.
    pub path: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// `live`, `revoked`, `deprecated`, or `gone` for what would be live if the newest release had it.
    pub status: String,
    /// Where the newest release does not have it.
    #[serde(default)]
    pub gone: Option<Gone>,
    /// The domains that ever had it.
    pub domains: Vec<String>,
    /// The last release that has it.
    pub release: String,
    /// The feed of that release.
    pub feed: String,
    /// A piece of its text.
    #[serde(default)]
    pub text: String,
}

impl Hit {
    /// What is not live about it, for people: `revoked`, `not in 18.1; last in 8.0`; empty for nothing.
    pub fn told(&self) -> String {
        match (&self.gone, self.status.as_str()) {
            (Some(gone), "gone") => gone.told(),
            (Some(gone), status) => format!("{status}, {}", gone.told()),
            (None, "live") => String::new(),
            (None, status) => format!("{status}, last in {}", self.release),
        }
    }
}

/// The search.
pub struct Search {
    /// Where indexes are kept; none for memory alone.
    folder: Option<PathBuf>,
    open: Mutex<Option<Arc<Opened>>>,
    making: tokio::sync::Mutex<()>,
}

struct Opened {
    name: String,
    reader: IndexReader,
    columns: Columns,
}

#[derive(Clone, Copy)]
struct Columns {
    id: Field,
    whole: Field,
    name: Field,
    alias: Field,
    body: Field,
    section: Field,
    domain: Field,
    platform: Field,
    tactic: Field,
    status: Field,
    hit: Field,
}

fn schema() -> (Schema, Columns) {
    let mut builder = Schema::builder();
    let columns = Columns {
        id: builder.add_text_field("id", STRING),
        whole: builder.add_text_field("whole", STRING),
        name: builder.add_text_field("name", TEXT),
        alias: builder.add_text_field("alias", TEXT),
        body: builder.add_text_field("body", TEXT | STORED),
        section: builder.add_text_field("section", STRING),
        domain: builder.add_text_field("domain", STRING),
        platform: builder.add_text_field("platform", STRING),
        tactic: builder.add_text_field("tactic", STRING),
        status: builder.add_text_field("status", STRING),
        hit: builder.add_text_field("hit", STORED),
    };
    (builder.build(), columns)
}

impl Search {
    /// A search that keeps its indexes in a folder, or in memory.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, open: Mutex::new(None), making: tokio::sync::Mutex::new(()) }
    }

    /// Looks for entries, the best first.
    ///
    /// # Errors
    /// When the index cannot be made or read.
    pub async fn search(&self, catalog: &Catalog, question: &Question) -> Result<Answer, AttackError> {
        let opened = self.opened(catalog).await?;
        let question = question.clone();
        let shown = self.folder.clone().unwrap_or_default();
        let asked = tokio::task::spawn_blocking(move || opened.ask(&question));
        asked.await.map_err(|_| AttackError::Stopped)?.map_err(|reason| wrong(&shown, reason))
    }

    /// Makes the index now, so that the first one who searches need not wait.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn prepare(&self, catalog: &Catalog) -> Result<(), AttackError> {
        self.opened(catalog).await.map(drop)
    }

    async fn opened(&self, catalog: &Catalog) -> Result<Arc<Opened>, AttackError> {
        let (_, releases) = catalog.releases().await?;
        let name = fingerprint(&releases);
        let current = || {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.as_ref().filter(|open| open.name == name).cloned()
        };
        if let Some(open) = current() {
            return Ok(open);
        }
        let _making = self.making.lock().await;
        if let Some(open) = current() {
            return Ok(open);
        }
        let place = self.folder.as_ref().map(|folder| folder.join(&name));
        let opened =
            match place.as_deref().filter(|place| place.join("meta.json").exists()).map(|place| open(place, &name)) {
                Some(Ok(opened)) => opened,
                // None, or one that cannot be read.
                _ => self.make(catalog, &releases, &name).await?,
            };
        let opened = Arc::new(opened);
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(opened)
    }

    async fn make(&self, catalog: &Catalog, releases: &[Release], name: &str) -> Result<Opened, AttackError> {
        let entries = gather(catalog, releases).await?;
        let (folder, name) = (self.folder.clone(), name.to_owned());
        let shown = folder.clone().unwrap_or_default();
        let made = tokio::task::spawn_blocking(move || match folder {
            None => {
                let (schema, columns) = schema();
                let index = Index::create_in_ram(schema);
                fill(&index, columns, entries)?;
                opened(index, columns, &name)
            }
            Some(folder) => {
                std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
                let (schema, columns) = schema();
                // Under another name until it is whole: somebody else may be making the same.
                let made =
                    tempfile::Builder::new().prefix("new-").tempdir_in(&folder).map_err(|error| error.to_string())?;
                let index = Index::create_in_dir(made.path(), schema).map_err(|error| error.to_string())?;
                fill(&index, columns, entries)?;
                drop(index);
                let place = folder.join(&name);
                let _ = std::fs::remove_dir_all(&place);
                if std::fs::rename(made.path(), &place).is_err() && !place.join("meta.json").exists() {
                    return Err(format!("`{}` cannot be written", place.display()));
                }
                clear(&folder, &name);
                open(&place, &name)
            }
        });
        made.await.map_err(|_| AttackError::Stopped)?.map_err(|reason| wrong(&shown, reason))
    }
}

fn wrong(folder: &Path, reason: String) -> AttackError {
    AttackError::Search { path: folder.display().to_string(), reason }
}

/// A name for what the index is made of.
fn fingerprint(releases: &[Release]) -> String {
    let mut hash = Sha256::new();
    hash.update([FORM]);
    for release in releases {
        hash.update(format!("{} {} {} {}\n", release.feed, release.domain, release.name, release.sha256));
    }
    crate::hex(&hash.finalize()[..8])
}

/// Removes indexes of other releases.
fn clear(folder: &Path, name: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name();
        let other = other.to_string_lossy();
        let is_index = other.len() == 16 && other.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_index && other != name {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn open(place: &Path, name: &str) -> Result<Opened, String> {
    let index = Index::open_in_dir(place).map_err(|error| error.to_string())?;
    let (wanted, columns) = schema();
    if index.schema() != wanted {
        return Err("it has other fields".to_owned());
    }
    opened(index, columns, name)
}

fn opened(index: Index, columns: Columns, name: &str) -> Result<Opened, String> {
    let reader = index.reader().map_err(|error| error.to_string())?;
    Ok(Opened { name: name.to_owned(), reader, columns })
}

fn fill(index: &Index, columns: Columns, entries: Vec<Entry>) -> Result<(), String> {
    let told = |error: tantivy::TantivyError| error.to_string();
    let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, INDEXER).map_err(told)?;
    for entry in entries {
        let Entry { hit, platforms, tactics, body } = entry;
        let mut document = TantivyDocument::default();
        for id in [&hit.id, &hit.attack_id].into_iter().filter(|id| !id.is_empty()) {
            document.add_text(columns.id, id.to_lowercase());
        }
        document.add_text(columns.whole, hit.name.to_lowercase());
        document.add_text(columns.whole, squeezed(&hit.name));
        document.add_text(columns.name, &hit.name);
        for alias in &hit.aliases {
            document.add_text(columns.whole, alias.to_lowercase());
            document.add_text(columns.whole, squeezed(alias));
            document.add_text(columns.alias, alias);
        }
        document.add_text(columns.body, &body);
        document.add_text(columns.section, &hit.section);
        document.add_text(columns.status, &hit.status);
        for (column, values) in
            [(columns.domain, &hit.domains), (columns.platform, &platforms), (columns.tactic, &tactics)]
        {
            for value in values {
                document.add_text(column, value.to_lowercase());
            }
        }
        document.add_text(columns.hit, serde_json::to_string(&hit).map_err(|error| error.to_string())?);
        writer.add_document(document).map_err(told)?;
    }
    writer.commit().map_err(told)?;
    writer.wait_merging_threads().map_err(told)
}

type Clause = (Occur, Box<dyn Query>);

impl Opened {
    fn ask(&self, question: &Question) -> Result<Answer, String> {
        let strict = self.answer(question, Occur::Must)?;
        // Suggestions are few and right; a search rather shows something.
        if strict.total > 0 || question.begun || words(&question.words).len() < 2 {
            return Ok(strict);
        }
        Ok(Answer { loose: true, ..self.answer(question, Occur::Should)? })
    }

    fn answer(&self, question: &Question, each: Occur) -> Result<Answer, String> {
        let told = |error: tantivy::TantivyError| error.to_string();
        let searcher = self.reader.searcher();
        let query = self.query(question, each);
        let top = TopDocs::with_limit(question.limit.max(1)).and_offset(question.skip).order_by_score();
        let (found, total) = searcher.search(&query, &(top, Count)).map_err(told)?;
        let snippets = if question.begun {
            None
        } else {
            let mut generator = SnippetGenerator::create(&searcher, &*query, self.columns.body).map_err(told)?;
            generator.set_max_num_chars(SNIPPET);
            Some(generator)
        };
        let mut hits = Vec::with_capacity(found.len());
        for (_, address) in found.into_iter().take(question.limit) {
            let document: TantivyDocument = searcher.doc(address).map_err(told)?;
            let text = |column: Field| document.get_first(column).and_then(|value| value.as_str()).unwrap_or_default();
            let mut hit: Hit = serde_json::from_str(text(self.columns.hit)).map_err(|error| error.to_string())?;
            if let Some(generator) = &snippets {
                let snippet = generator.snippet_from_doc(&document);
                hit.text = match snippet.fragment() {
                    "" => text(self.columns.body).chars().take(SNIPPET).collect(),
                    fragment => fragment.to_owned(),
                };
            }
            hits.push(hit);
        }
        Ok(Answer { total, loose: false, hits })
    }

    fn query(&self, question: &Question, each: Occur) -> Box<dyn Query> {
        let columns = self.columns;
        let mut clauses: Vec<Clause> = Vec::new();
        for (column, value) in [
            (columns.section, &question.section),
            (columns.domain, &question.domain),
            (columns.platform, &question.platform),
            (columns.tactic, &question.tactic),
            (columns.status, &question.status),
        ] {
            if !value.is_empty() {
                clauses.push((Occur::Must, exactly(column, &value.to_lowercase(), 0.0)));
            }
        }
        let words = words(&question.words);
        let whole = question.words.trim().to_lowercase();
        let mut wanted: Vec<Clause> = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let is_last = place + 1 == words.len();
            wanted.push((each, self.word(word, is_last, question.begun)));
        }
        // An id has a full stop in it, and words have none.
        let ids = vec![
            (Occur::Should, exactly(columns.id, &whole, 100.0)),
            (Occur::Should, exactly(columns.whole, &whole, 60.0)),
            (Occur::Should, begins(columns.id, &whole, 12.0)),
        ];
        let mut either = ids;
        // `APT 29` is APT29, `T1204.2` is T1204.002, and 1204 is T1204 before it is G1204 or AN1204.
        let (tight, meant) = (squeezed(&whole), meant(&whole));
        if !tight.is_empty() && tight != whole {
            either.push((Occur::Should, exactly(columns.whole, &tight, 55.0)));
        }
        for (id, place) in meant.iter().zip(0_u8..) {
            either.push((Occur::Should, exactly(columns.id, &id.to_lowercase(), 90.0 - 4.0 * f32::from(place))));
        }
        if !wanted.is_empty() {
            either.push((Occur::Should, Box::new(BooleanQuery::new(wanted))));
        }
        if !whole.is_empty() {
            clauses.push((Occur::Must, Box::new(BooleanQuery::new(either))));
        }
        // What is live comes before what is not, where both are called alike.
        clauses.push((Occur::Should, exactly(columns.status, "live", 12.0)));
        // And of two of one name that of Enterprise.
        clauses.push((Occur::Should, exactly(columns.domain, "enterprise-attack", 4.0)));
        if whole.is_empty() && clauses.len() == 2 {
            return Box::new(tantivy::query::AllQuery);
        }
        Box::new(BooleanQuery::new(clauses))
    }

    /// One word: as it is, begun, or written wrongly.
    fn word(&self, word: &str, is_last: bool, begun: bool) -> Box<dyn Query> {
        let columns = self.columns;
        let letters = word.chars().count();
        let mut ways: Vec<Clause> = Vec::new();
        for (column, weight) in [(columns.name, 8.0), (columns.alias, 6.0)] {
            ways.push((Occur::Should, scored(column, word, weight)));
            if letters >= 2 || is_last {
                ways.push((Occur::Should, begins(column, word, weight / 2.0)));
            }
            let mistakes = if letters >= 8 { 2 } else { u8::from(letters >= 4) };
            if mistakes > 0 {
                let term = Term::from_field_text(column, word);
                let query = FuzzyTermQuery::new(term, mistakes, true);
                ways.push((Occur::Should, constant(Box::new(query), weight / 4.0)));
            }
        }
        ways.push((Occur::Should, begins(columns.id, word, 4.0)));
        if !begun {
            ways.push((Occur::Should, scored(columns.body, word, 1.0)));
            if letters >= 5 {
                let term = Term::from_field_text(columns.body, word);
                ways.push((Occur::Should, constant(Box::new(FuzzyTermQuery::new(term, 1, true)), 0.2)));
            }
        }
        Box::new(BooleanQuery::new(ways))
    }

    /// Every value of a column that lists can be narrowed by, in alphabetical order.
    fn values(&self, column: Field) -> Result<Vec<String>, String> {
        let searcher = self.reader.searcher();
        let mut values = Vec::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(column).map_err(|error| error.to_string())?;
            let mut terms = index.terms().stream().map_err(|error| error.to_string())?;
            while terms.advance() {
                values.push(String::from_utf8_lossy(terms.key()).into_owned());
            }
        }
        values.sort();
        values.dedup();
        Ok(values)
    }
}

impl Search {
    /// Platforms and tactics that entries have, in lower case.
    ///
    /// # Errors
    /// When the index cannot be made or read.
    pub async fn choices(&self, catalog: &Catalog) -> Result<(Vec<String>, Vec<String>), AttackError> {
        let opened = self.opened(catalog).await?;
        let columns = opened.columns;
        let shown = self.folder.clone().unwrap_or_default();
        let both =
            opened.values(columns.platform).and_then(|platforms| Ok((platforms, opened.values(columns.tactic)?)));
        both.map_err(|reason| wrong(&shown, reason))
    }
}

/// A word that is there, scored by how seldom it is.
fn scored(column: Field, word: &str, weight: f32) -> Box<dyn Query> {
    let query = TermQuery::new(Term::from_field_text(column, word), IndexRecordOption::WithFreqs);
    Box::new(BoostQuery::new(Box::new(query), weight))
}

fn exactly(column: Field, text: &str, weight: f32) -> Box<dyn Query> {
    constant(Box::new(TermQuery::new(Term::from_field_text(column, text), IndexRecordOption::Basic)), weight)
}

fn begins(column: Field, text: &str, weight: f32) -> Box<dyn Query> {
    constant(Box::new(FuzzyTermQuery::new_prefix(Term::from_field_text(column, text), 0, true)), weight)
}

fn constant(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, weight))
}

/// Words as the index has them: letters and digits, in lower case.
fn words(text: &str) -> Vec<String> {
    let words =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty() && word.len() <= 40);
    words.take(MOST_WORDS).map(str::to_lowercase).collect()
}
