//! Layers of the ATT&CK Navigator that are kept by name, with every version of each. The documents mean nothing here.

use super::Library;
use crate::{StoreError, now};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A stored layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredLayer {
    /// Its number.
    pub id: i64,
    /// Its unique name.
    pub name: String,
    /// Its domain, such as `enterprise-attack`.
    pub domain: String,
    /// Increases with every change; changes must state the revision that they are based on.
    pub revision: i64,
    /// Who created it.
    pub author: String,
    /// Who changed it last.
    pub changed_by: String,
    /// When, in milliseconds since 1970.
    pub changed_at: i64,
    /// The layer, as JSON; empty in lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document: String,
}

/// A version of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerVersion {
    /// Its number.
    pub revision: i64,
    /// When it was saved, in milliseconds since 1970.
    pub at: i64,
    /// Who saved it.
    pub who: String,
}

/// What a layer becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewLayer {
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Who saves it.
    pub who: String,
    /// The layer, as JSON.
    pub document: String,
}

impl Library {
    /// Keeps a layer. Its number; none where another one has its name.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn add_layer(&self, new: &NewLayer) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.write.begin().await?;
        let at = now();
        let row = sqlx::query(
            "INSERT INTO attack_layers (name, domain, revision, author, changed_by, changed_at, document) \
             VALUES ($1, $2, 1, $3, $3, $4, $5) ON CONFLICT (name) DO NOTHING RETURNING id",
        )
        .bind(new.name.clone())
        .bind(new.domain.clone())
        .bind(new.who.clone())
        .bind(at)
        .bind(new.document.clone())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id: i64 = row.try_get(0)?;
        add_version(&mut transaction, id, 1, at, new).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// Changes a layer; `false` when somebody has changed it since the revision that was seen, there is none, or another one has the
    /// name.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn change_layer(&self, id: i64, revision: i64, new: &NewLayer) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        let at = now();
        let done = sqlx::query(
            "UPDATE attack_layers SET name = $1, domain = $2, revision = revision + 1, changed_by = $3, changed_at = $4, \
             document = $5 WHERE id = $6 AND revision = $7 \
             AND NOT EXISTS (SELECT 1 FROM attack_layers AS other WHERE other.name = $1 AND other.id <> $6)",
        )
        .bind(new.name.clone())
        .bind(new.domain.clone())
        .bind(new.who.clone())
        .bind(at)
        .bind(new.document.clone())
        .bind(id)
        .bind(revision)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        add_version(&mut transaction, id, revision + 1, at, new).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a layer with all its versions; `false` when somebody has changed it since the revision that was seen, or there is none.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn remove_layer(&self, id: i64, revision: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "DELETE FROM attack_layer_versions WHERE layer = $1 \
             AND EXISTS (SELECT 1 FROM attack_layers WHERE id = $1 AND revision = $2)",
        )
        .bind(id)
        .bind(revision)
        .execute(&mut *transaction)
        .await?;
        let done = sqlx::query("DELETE FROM attack_layers WHERE id = $1 AND revision = $2")
            .bind(id)
            .bind(revision)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Stored layers, by name, without their documents.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn layers(&self) -> Result<Vec<StoredLayer>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, domain, revision, author, changed_by, changed_at, '' AS document FROM attack_layers \
             ORDER BY name",
        )
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(layer).collect()
    }

    /// A layer.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn layer(&self, id: i64) -> Result<Option<StoredLayer>, StoreError> {
        let row = sqlx::query(
            "SELECT id, name, domain, revision, author, changed_by, changed_at, document FROM attack_layers WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(layer).transpose()
    }

    /// Versions of a layer, the newest first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn layer_versions(&self, id: i64) -> Result<Vec<LayerVersion>, StoreError> {
        let rows =
            sqlx::query("SELECT revision, at, who FROM attack_layer_versions WHERE layer = $1 ORDER BY revision DESC")
                .bind(id)
                .fetch_all(&self.read)
                .await?;
        let version =
            |row: &AnyRow| Ok(LayerVersion { revision: row.try_get(0)?, at: row.try_get(1)?, who: row.try_get(2)? });
        rows.iter().map(version).collect()
    }

    /// What a version of a layer said.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn layer_document(&self, id: i64, revision: i64) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT document FROM attack_layer_versions WHERE layer = $1 AND revision = $2")
            .bind(id)
            .bind(revision)
            .fetch_optional(&self.read)
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }
}

async fn add_version(
    transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
    id: i64,
    revision: i64,
    at: i64,
    new: &NewLayer,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO attack_layer_versions (layer, revision, at, who, document) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(revision)
        .bind(at)
        .bind(new.who.clone())
        .bind(new.document.clone())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn layer(row: &AnyRow) -> Result<StoredLayer, StoreError> {
    Ok(StoredLayer {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        domain: row.try_get(2)?,
        revision: row.try_get(3)?,
        author: row.try_get(4)?,
        changed_by: row.try_get(5)?,
        changed_at: row.try_get(6)?,
        document: row.try_get(7)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What both databases must do.
    pub(in crate::library) async fn suite(library: &Library) {
        let new = |name: &str, document: &str| NewLayer {
            name: name.to_owned(),
            domain: "enterprise-attack".to_owned(),
            who: "karl".to_owned(),
            document: document.to_owned(),
        };
        let id = library.add_layer(&new("mine", "{\"a\":1}")).await.unwrap().unwrap();
        assert_eq!(library.add_layer(&new("mine", "{}")).await.unwrap(), None, "a name is one layer's");
        let other = library.add_layer(&new("other", "{}")).await.unwrap().unwrap();
        assert!(library.change_layer(id, 1, &new("mine", "{\"a\":2}")).await.unwrap());
        assert!(!library.change_layer(id, 1, &new("mine", "{\"a\":3}")).await.unwrap(), "somebody was quicker");
        assert!(!library.change_layer(id, 2, &new("other", "{}")).await.unwrap(), "the name is taken");
        let now = library.layer(id).await.unwrap().unwrap();
        assert_eq!((now.revision, now.document.as_str(), now.author.as_str()), (2, "{\"a\":2}", "karl"));
        let versions: Vec<i64> = library.layer_versions(id).await.unwrap().iter().map(|one| one.revision).collect();
        assert_eq!(versions, [2, 1]);
        assert_eq!(library.layer_document(id, 1).await.unwrap().as_deref(), Some("{\"a\":1}"));
        let names: Vec<String> = library.layers().await.unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["mine", "other"]);
        assert!(!library.remove_layer(id, 1).await.unwrap() && library.layer_versions(id).await.unwrap().len() == 2);
        assert!(library.remove_layer(id, 2).await.unwrap() && library.layer(id).await.unwrap().is_none());
        assert!(library.layer_versions(id).await.unwrap().is_empty());
        assert!(library.remove_layer(other, 1).await.unwrap());
    }
}
