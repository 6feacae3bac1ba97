//! Incidents: opened, worked on and closed. What is done about one is in force at every gate of this ledger until it is undone.

use super::journal::noted;
use super::{Ledger, SERVER_PATIENCE};
use crate::{StoreError, now};
use lazaret_model::{
    Act, ActKind, AuditAct, Deed, Incident, IncidentChange, IncidentError, IncidentState, Measure, Note, ScopeEntry,
    Subject, SubjectKind, incident_reference,
};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// Things that one incident is about, at the most.
const MOST_SUBJECTS: i64 = 200;
/// Acts of one incident, and notes about it, at the most.
const MOST_ACTS: i64 = 1_000;
const MOST_NOTES: i64 = 1_000;
/// Characters of a title, and of a note or a conclusion.
const MOST_TITLE: usize = 200;
const MOST_TEXT: usize = 10_000;

/// An incident to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewIncident {
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub scope: Vec<Subject>,
    /// Who opens it.
    pub who: String,
}

/// An incident with everything that is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentFile {
    /// The incident.
    #[serde(flatten)]
    pub incident: Incident,
    /// What it is about, in the order in which that was said.
    pub scope: Vec<ScopeEntry>,
    /// What was done about it, the oldest first.
    pub acts: Vec<Deed>,
    /// What was written about it, the oldest first.
    pub notes: Vec<Note>,
}

const COLUMNS: &str = "id, reference, title, state, opened_at, opened_by, closed_at, closed_by, conclusion";

impl Ledger {
    /// Opens an incident, and notes that in the audit.
    ///
    /// # Errors
    /// When it has no title or is about too much, or the ledger does not answer.
    pub async fn open_incident(&self, new: &NewIncident) -> Result<Incident, StoreError> {
        let (title, reference) = (said("title", &new.title, MOST_TITLE)?, incident_reference());
        let mut transaction = self.write.begin().await?;
        let row = sqlx::query(
            "INSERT INTO incidents (reference, title, state, opened_at, opened_by, closed_at, closed_by, conclusion) \
             VALUES ($1, $2, 'open', $3, $4, 0, '', '') RETURNING id",
        )
        .bind(reference.clone())
        .bind(title.clone())
        .bind(now())
        .bind(new.who.clone())
        .fetch_one(&mut *transaction)
        .await?;
        let id: i64 = row.try_get("id")?;
        noted(&mut *transaction, &new.who, AuditAct::IncidentOpened, &format!("{reference}: {title}")).await?;
        widen(&mut transaction, id, &reference, &new.scope, &new.who).await?;
        transaction.commit().await?;
        self.incident_row(&reference).await
    }

    /// Incidents in a state, or in any, the newest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn incidents(&self, state: Option<IncidentState>, most: i64) -> Result<Vec<Incident>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM incidents WHERE state = $1 OR $1 = '' ORDER BY id DESC LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(state.map(IncidentState::name).unwrap_or_default().to_owned())
            .bind(most)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(incident).collect()
    }

    async fn incident_row(&self, reference: &str) -> Result<Incident, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM incidents WHERE reference = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(reference.to_owned()).fetch_optional(&self.read).await?;
        let row = row.ok_or_else(|| StoreError::NoIncident { reference: reference.to_owned() })?;
        incident(&row)
    }

    /// The incident with a reference, whole.
    ///
    /// # Errors
    /// When there is none, or the ledger does not answer.
    pub async fn incident(&self, reference: &str) -> Result<IncidentFile, StoreError> {
        let found = self.incident_row(&reference.trim().to_uppercase()).await?;
        let scope =
            sqlx::query("SELECT kind, value, at, who FROM incident_scope WHERE incident = $1 ORDER BY at, kind, value")
                .bind(found.id)
                .fetch_all(&self.read)
                .await?;
        let acts = sqlx::query(
            "SELECT id, kind, value, at, who, undone_at, undone_by FROM incident_acts WHERE incident = $1 ORDER BY id",
        )
        .bind(found.id)
        .fetch_all(&self.read)
        .await?;
        let notes = sqlx::query("SELECT at, who, text FROM incident_notes WHERE incident = $1 ORDER BY id")
            .bind(found.id)
            .fetch_all(&self.read)
            .await?;
        Ok(IncidentFile {
            incident: found,
            scope: scope.iter().filter_map(|row| entry(row).transpose()).collect::<Result<_, _>>()?,
            acts: acts.iter().filter_map(|row| deed(row).transpose()).collect::<Result<_, _>>()?,
            notes: notes.iter().map(note).collect::<Result<_, _>>()?,
        })
    }

    /// Says what else an incident is about, and notes that in the audit.
    ///
    /// # Errors
    /// When there is no such incident, it is closed or is about too much, or the ledger does not answer.
    pub async fn widen_incident(&self, reference: &str, scope: &[Subject], who: &str) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        let (id, reference) = changing(&mut transaction, reference, IncidentChange::Scope).await?;
        widen(&mut transaction, id, &reference, scope, who).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Writes something down about an incident, and that somebody did in the audit.
    ///
    /// # Errors
    /// When there is no such incident, it is closed, nothing or too much was written, or the ledger does not answer.
    pub async fn note_incident(&self, reference: &str, text: &str, who: &str) -> Result<(), StoreError> {
        let text = said("note", text, MOST_TEXT)?;
        let mut transaction = self.write.begin().await?;
        let (id, reference) = changing(&mut transaction, reference, IncidentChange::Note).await?;
        let number = count(&mut transaction, "SELECT COUNT(*) AS number FROM incident_notes WHERE incident = $1", id);
        bounded(number.await? + 1, MOST_NOTES)?;
        sqlx::query("INSERT INTO incident_notes (incident, at, who, text) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(now())
            .bind(who.to_owned())
            .bind(text)
            .execute(&mut *transaction)
            .await?;
        noted(&mut *transaction, who, AuditAct::IncidentNoted, &reference).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Does something about an incident, and notes that in the audit. The act's number; what is in force already is not done
    /// again.
    ///
    /// # Errors
    /// When there is no such incident, it is closed or too much was done about it, or the ledger does not answer.
    pub async fn act(&self, reference: &str, act: &Act, who: &str) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let (id, reference) = changing(&mut transaction, reference, IncidentChange::Act).await?;
        let there = sqlx::query(
            "SELECT id FROM incident_acts WHERE incident = $1 AND kind = $2 AND value = $3 AND undone_at = 0",
        )
        .bind(id)
        .bind(act.kind.name().to_owned())
        .bind(act.value.clone())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = there {
            return Ok(row.try_get("id")?);
        }
        let number = count(&mut transaction, "SELECT COUNT(*) AS number FROM incident_acts WHERE incident = $1", id);
        bounded(number.await? + 1, MOST_ACTS)?;
        let row = sqlx::query(
            "INSERT INTO incident_acts (incident, kind, value, at, who, undone_at, undone_by) \
             VALUES ($1, $2, $3, $4, $5, 0, '') RETURNING id",
        )
        .bind(id)
        .bind(act.kind.name().to_owned())
        .bind(act.value.clone())
        .bind(now())
        .bind(who.to_owned())
        .fetch_one(&mut *transaction)
        .await?;
        noted(&mut *transaction, who, AuditAct::IncidentActed, &format!("{reference}: {act}")).await?;
        transaction.commit().await?;
        Ok(row.try_get("id")?)
    }

    /// Undoes an act, and notes that in the audit.
    ///
    /// # Errors
    /// When there is no such incident, no such act of it is in force, or the ledger does not answer.
    pub async fn undo_act(&self, reference: &str, act: i64, who: &str) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        let (id, reference) = changing(&mut transaction, reference, IncidentChange::Undo).await?;
        let row = sqlx::query(
            "UPDATE incident_acts SET undone_at = $1, undone_by = $2 \
             WHERE id = $3 AND incident = $4 AND undone_at = 0 RETURNING kind, value",
        )
        .bind(now())
        .bind(who.to_owned())
        .bind(act)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let row = row.ok_or(IncidentError::NotInForce(act))?;
        let (kind, value): (String, String) = (row.try_get("kind")?, row.try_get("value")?);
        noted(&mut *transaction, who, AuditAct::IncidentUndone, &format!("{reference}: {kind} {value}")).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Closes an incident with what came of it, and notes that in the audit. What was done about it stays in force.
    ///
    /// # Errors
    /// When there is no such incident, it is closed already, nothing or too much was said, or the ledger does not answer.
    pub async fn close_incident(&self, reference: &str, conclusion: &str, who: &str) -> Result<(), StoreError> {
        let conclusion = said("conclusion", conclusion, MOST_TEXT)?;
        let mut transaction = self.write.begin().await?;
        let (id, reference) = changing(&mut transaction, reference, IncidentChange::Close).await?;
        sqlx::query(
            "UPDATE incidents SET state = 'closed', closed_at = $1, closed_by = $2, conclusion = $3 WHERE id = $4",
        )
        .bind(now())
        .bind(who.to_owned())
        .bind(conclusion)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        noted(&mut *transaction, who, AuditAct::IncidentClosed, &reference).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Everything that is in force, of every incident, in the order in which it was done.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn measures(&self) -> Result<Vec<Measure>, StoreError> {
        let asked = sqlx::query(
            "SELECT incidents.reference AS incident, incident_acts.kind AS kind, incident_acts.value AS value \
             FROM incident_acts JOIN incidents ON incidents.id = incident_acts.incident \
             WHERE undone_at = 0 ORDER BY incident_acts.id",
        )
        .fetch_all(&self.read);
        // A connection that is dead and does not say so must not keep the next question from being asked.
        let asked = tokio::time::timeout(SERVER_PATIENCE * 2, asked).await;
        let rows = asked.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        let mut measures = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(act) = act_of(row)? else { continue };
            measures.push(Measure { incident: row.try_get("incident")?, act });
        }
        Ok(measures)
    }
}

/// The number of an incident that may be changed so, and its reference in the usual spelling. Nobody else changes it meanwhile.
async fn changing(
    transaction: &mut Transaction<'_, Any>,
    reference: &str,
    change: IncidentChange,
) -> Result<(i64, String), StoreError> {
    let reference = reference.trim().to_uppercase();
    // An update takes the lock that a look would not.
    let row = sqlx::query("UPDATE incidents SET title = title WHERE reference = $1 RETURNING id, state")
        .bind(reference.clone())
        .fetch_optional(&mut **transaction)
        .await?;
    let row = row.ok_or_else(|| StoreError::NoIncident { reference: reference.clone() })?;
    state(&row)?.permits(change)?;
    Ok((row.try_get("id")?, reference))
}

async fn widen(
    transaction: &mut Transaction<'_, Any>,
    id: i64,
    reference: &str,
    scope: &[Subject],
    who: &str,
) -> Result<(), StoreError> {
    for subject in scope {
        let added = sqlx::query(
            "INSERT INTO incident_scope (incident, kind, value, at, who) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (incident, kind, value) DO NOTHING",
        )
        .bind(id)
        .bind(subject.kind.name().to_owned())
        .bind(subject.value.clone())
        .bind(now())
        .bind(who.to_owned())
        .execute(&mut **transaction)
        .await?;
        if added.rows_affected() > 0 {
            let detail = format!("{reference}: {} {}", subject.kind.name(), subject.value);
            noted(&mut **transaction, who, AuditAct::IncidentScope, &detail).await?;
        }
    }
    let number = count(transaction, "SELECT COUNT(*) AS number FROM incident_scope WHERE incident = $1", id).await?;
    // Where it is too much, the transaction is dropped, and with it what was added.
    bounded(number, MOST_SUBJECTS)
}

async fn count(transaction: &mut Transaction<'_, Any>, sql: &'static str, id: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query(sql).bind(id).fetch_one(&mut **transaction).await?.try_get("number")?)
}

/// Refuses more than there may be.
fn bounded(number: i64, most: i64) -> Result<(), StoreError> {
    if number > most {
        return Err(IncidentError::Full(usize::try_from(most).unwrap_or(usize::MAX)).into());
    }
    Ok(())
}

/// What somebody wrote, where it is something and not too much.
fn said(what: &'static str, text: &str, most: usize) -> Result<String, IncidentError> {
    // PostgreSQL keeps no zeros in texts.
    let text = text.replace('\0', "");
    let text = text.trim();
    if text.is_empty() {
        return Err(IncidentError::Empty(what));
    }
    if text.chars().count() > most {
        return Err(IncidentError::TooLong { what, most });
    }
    Ok(text.to_owned())
}

fn state(row: &AnyRow) -> Result<IncidentState, StoreError> {
    let name: String = row.try_get("state")?;
    // What is not known can still be undone, and nothing else.
    Ok(IncidentState::of(&name).unwrap_or(IncidentState::Closed))
}

fn incident(row: &AnyRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.try_get("id")?,
        reference: row.try_get("reference")?,
        title: row.try_get("title")?,
        state: state(row)?,
        opened_at: row.try_get("opened_at")?,
        opened_by: row.try_get("opened_by")?,
        closed_at: row.try_get("closed_at")?,
        closed_by: row.try_get("closed_by")?,
        conclusion: row.try_get("conclusion")?,
    })
}

/// What stands in a row; nothing of a kind that this version does not know.
fn entry(row: &AnyRow) -> Result<Option<ScopeEntry>, StoreError> {
    let name: String = row.try_get("kind")?;
    let Some(kind) = SubjectKind::of(&name) else { return Ok(None) };
    let subject = Subject { kind, value: row.try_get("value")? };
    Ok(Some(ScopeEntry { subject, at: row.try_get("at")?, who: row.try_get("who")? }))
}

fn act_of(row: &AnyRow) -> Result<Option<Act>, StoreError> {
    let name: String = row.try_get("kind")?;
    let Some(kind) = ActKind::of(&name) else { return Ok(None) };
    Ok(Some(Act { kind, value: row.try_get("value")? }))
}

fn deed(row: &AnyRow) -> Result<Option<Deed>, StoreError> {
    let Some(act) = act_of(row)? else { return Ok(None) };
    Ok(Some(Deed {
        id: row.try_get("id")?,
        act,
        at: row.try_get("at")?,
        who: row.try_get("who")?,
        undone_at: row.try_get("undone_at")?,
        undone_by: row.try_get("undone_by")?,
    }))
}

fn note(row: &AnyRow) -> Result<Note, StoreError> {
    Ok(Note { at: row.try_get("at")?, who: row.try_get("who")?, text: row.try_get("text")? })
}

#[cfg(test)]
pub(super) mod tests;
