//! What analysts say about objects, with every step from draft to publication. The documents mean nothing here.

use super::Library;
use crate::{StoreError, now};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Takes that a list has.
const MOST: i64 = 1_000;

/// The state of a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TakeState {
    /// A draft.
    Draft,
    /// Waiting for review.
    Pending,
    /// Shown to readers, as long as its source is the current one.
    Published,
    /// It was published, and its source is another one now.
    Stale,
    /// Withdrawn.
    Withdrawn,
}

impl TakeState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Pending, Self::Published, Self::Stale, Self::Withdrawn];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pending => "pending",
            Self::Published => "published",
            Self::Stale => "stale",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn of(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| StoreError::DamagedLibrary("a take has an unknown state".to_owned()))
    }
}

/// A take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Take {
    /// Its number.
    pub id: i64,
    /// STIX ID of the object that it is about.
    pub object: String,
    /// The feed that was read.
    pub feed: String,
    /// The domain that was read.
    pub domain: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: TakeState,
    /// Increases with every change; changes must state the revision that they are based on.
    pub revision: i64,
    /// Who wrote it.
    pub author: String,
    /// Who reviewed and published it; empty if nobody has.
    pub reviewer: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was changed last.
    pub changed_at: i64,
    /// The document, as JSON.
    pub document: String,
}

/// A step of a take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TakeStep {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What they did.
    pub what: String,
    /// Their comment.
    pub note: String,
    /// The document that they left, where it is another one; empty for the same.
    pub document: String,
    /// They wrote what the document says, or some of it.
    #[serde(skip)]
    pub wrote: bool,
    /// They vouched for it to readers.
    #[serde(skip)]
    pub published: bool,
}

/// What a take becomes with a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeChange {
    /// The revision that was seen.
    pub revision: i64,
    /// Where it stands now.
    pub state: TakeState,
    /// The reviewer; empty for nobody.
    pub reviewer: String,
    /// Another title and document.
    pub document: Option<(String, String)>,
    /// The step.
    pub step: TakeStep,
}

/// A published take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedTake {
    /// Its number.
    pub id: i64,
    /// Its revision.
    pub revision: i64,
    /// An event says that this revision became stale.
    pub is_told: bool,
}

/// A new take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTake {
    /// See [`Take`].
    pub object: String,
    /// See [`Take`].
    pub feed: String,
    /// See [`Take`].
    pub domain: String,
    /// See [`Take`].
    pub title: String,
    /// See [`Take`].
    pub author: String,
    /// See [`Take`].
    pub document: String,
}

const COLUMNS: &str =
    "id, stix_id, feed, domain, title, state, revision, author, reviewer, created_at, changed_at, document";

impl Library {
    /// Creates a draft; returns its number.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn add_take(&self, new: &NewTake) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let at = now();
        let row = sqlx::query(
            "INSERT INTO attack_takes (stix_id, feed, domain, title, state, revision, author, reviewer, created_at, changed_at, \
             document) VALUES ($1, $2, $3, $4, 'draft', 1, $5, '', $6, $6, $7) RETURNING id",
        )
        .bind(new.object.clone())
        .bind(new.feed.clone())
        .bind(new.domain.clone())
        .bind(new.title.clone())
        .bind(new.author.clone())
        .bind(at)
        .bind(new.document.clone())
        .fetch_one(&mut *transaction)
        .await?;
        let id: i64 = row.try_get(0)?;
        let step = TakeStep {
            at,
            who: new.author.clone(),
            what: "begun".to_owned(),
            note: String::new(),
            document: new.document.clone(),
            wrote: true,
            published: false,
        };
        add_step(&mut transaction, id, &step).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Changes a take; `false` when somebody has changed it since the revision that was seen, or there is none.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn change_take(&self, id: i64, change: &TakeChange) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        let at = now();
        let done = sqlx::query(
            "UPDATE attack_takes SET state = $1, reviewer = $2, revision = revision + 1, changed_at = $3 \
             WHERE id = $4 AND revision = $5",
        )
        .bind(change.state.name())
        .bind(change.reviewer.clone())
        .bind(at)
        .bind(id)
        .bind(change.revision)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let mut step = TakeStep { at, document: String::new(), ..change.step.clone() };
        if let Some((title, document)) = &change.document {
            sqlx::query("UPDATE attack_takes SET title = $1, document = $2 WHERE id = $3")
                .bind(title.clone())
                .bind(document.clone())
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            step.document.clone_from(document);
        }
        add_step(&mut transaction, id, &step).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A take.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn take(&self, id: i64) -> Result<Option<Take>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM attack_takes WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(take).transpose()
    }

    /// Takes, those that were changed last first; about one object, where its STIX ID is given.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn takes(&self, object: Option<&str>) -> Result<Vec<Take>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM attack_takes WHERE $1 = '' OR stix_id = $1 ORDER BY changed_at DESC, id DESC LIMIT {MOST}"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(object.unwrap_or_default().to_owned());
        statement.fetch_all(&self.read).await?.iter().map(take).collect()
    }

    /// Every take that is published, whether it still holds or not.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn published_takes(&self) -> Result<Vec<PublishedTake>, StoreError> {
        let statement = "SELECT id, revision, told FROM attack_takes WHERE state = 'published' ORDER BY id";
        let rows = sqlx::query(statement).fetch_all(&self.read).await?;
        let published = |row: &AnyRow| {
            let (revision, told): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(PublishedTake { id: row.try_get(0)?, revision, is_told: told == revision })
        };
        rows.iter().map(published).collect()
    }

    /// Takes it on to say in an event that a revision of a take became stale; `false` where somebody does that already, or the
    /// revision is another one now. Of several processes only one is told `true`.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn tell_stale(&self, id: i64, revision: i64) -> Result<bool, StoreError> {
        let statement = "UPDATE attack_takes SET told = revision WHERE id = $1 AND revision = $2 AND told <> revision";
        let done = sqlx::query(statement).bind(id).bind(revision).execute(&self.write).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The event was not written after all, or the take holds again.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn forget_stale(&self, id: i64, revision: i64) -> Result<(), StoreError> {
        let statement = "UPDATE attack_takes SET told = 0 WHERE id = $1 AND told = $2";
        sqlx::query(statement).bind(id).bind(revision).execute(&self.write).await?;
        Ok(())
    }

    /// The steps of a take, the first one first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn take_steps(&self, id: i64) -> Result<Vec<TakeStep>, StoreError> {
        let rows = sqlx::query(
            "SELECT at, who, what, note, document, wrote, published FROM attack_take_steps WHERE take = $1 ORDER BY id",
        )
        .bind(id)
        .fetch_all(&self.read)
        .await?;
        let step = |row: &AnyRow| {
            Ok(TakeStep {
                at: row.try_get(0)?,
                who: row.try_get(1)?,
                what: row.try_get(2)?,
                note: row.try_get(3)?,
                document: row.try_get(4)?,
                wrote: row.try_get::<i64, _>(5)? != 0,
                published: row.try_get::<i64, _>(6)? != 0,
            })
        };
        rows.iter().map(step).collect()
    }
}

async fn add_step(
    transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
    take: i64,
    step: &TakeStep,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attack_take_steps (take, at, who, what, note, document, wrote, published) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(take)
    .bind(step.at)
    .bind(step.who.clone())
    .bind(step.what.clone())
    .bind(step.note.clone())
    .bind(step.document.clone())
    .bind(i64::from(step.wrote))
    .bind(i64::from(step.published))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn take(row: &AnyRow) -> Result<Take, StoreError> {
    let state: String = row.try_get(5)?;
    Ok(Take {
        id: row.try_get(0)?,
        object: row.try_get(1)?,
        feed: row.try_get(2)?,
        domain: row.try_get(3)?,
        title: row.try_get(4)?,
        state: TakeState::of(&state)?,
        revision: row.try_get(6)?,
        author: row.try_get(7)?,
        reviewer: row.try_get(8)?,
        created_at: row.try_get(9)?,
        changed_at: row.try_get(10)?,
        document: row.try_get(11)?,
    })
}
