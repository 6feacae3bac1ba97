//! Rows of an import that are written at once.

use super::NewVersion;
use crate::StoreError;
use sqlx::Transaction;
use sqlx::any::Any;

/// Some rows.
#[derive(Default)]
pub(super) struct Batch {
    /// Objects that nobody had met: number, STIX ID, and the version that later ones are packed against; 0 for none.
    pub(super) objects: Vec<(i64, String, i64)>,
    /// Versions.
    pub(super) versions: Vec<VersionRow>,
    /// Texts: version, the version that they are packed against, and what differs.
    pub(super) bodies: Vec<(i64, i64, Vec<u8>)>,
    /// Objects that were there, whose later versions are packed against another one from here on.
    pub(super) rooted: Vec<(i64, i64)>,
}

/// A version without its text.
pub(super) struct VersionRow {
    pub(super) id: i64,
    pub(super) object: i64,
    /// For relationships the objects at both ends, else 0.
    pub(super) ends: (i64, i64),
    /// The text's length.
    pub(super) bytes: i64,
    pub(super) new: NewVersion,
}

impl Batch {
    /// Writes the rows and gives the transaction back.
    ///
    /// # Errors
    /// When the database refuses them.
    pub(super) async fn write(
        self,
        mut transaction: Transaction<'static, Any>,
        sqlite: bool,
    ) -> Result<Transaction<'static, Any>, StoreError> {
        let connection = &mut *transaction;
        if !self.objects.is_empty() {
            let statement = insertion(sqlite, "attack_objects", "id, stix_id, root", self.objects.len());
            let mut insert = sqlx::query(sqlx::AssertSqlSafe(statement));
            for (id, stix_id, root) in self.objects {
                insert = insert.bind(id).bind(stix_id).bind(root);
            }
            insert.execute(&mut *connection).await?;
        }
        if self.versions.is_empty() {
            return Ok(transaction);
        }
        let statement = insertion(
            sqlite,
            "attack_versions",
            "id, object, raw, source, canonical, bytes, attack_id, name, version, created, modified, flags, platforms, tactics, \
             relation, from_object, to_object",
            self.versions.len(),
        );
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(statement));
        for VersionRow { id, object, ends: (from, to), bytes, new } in self.versions {
            insert = insert
                .bind(id)
                .bind(object)
                .bind(new.raw.to_vec())
                .bind(new.source.to_vec())
                .bind(new.canonical.to_vec())
                .bind(bytes)
                .bind(new.attack_id)
                .bind(new.name)
                .bind(new.version)
                .bind(new.created)
                .bind(new.modified)
                .bind(new.flags)
                .bind(new.platforms)
                .bind(new.tactics)
                .bind(new.relation.map(|relation| relation.kind).unwrap_or_default())
                .bind(from)
                .bind(to);
        }
        insert.execute(&mut *connection).await?;
        let statement = insertion(sqlite, "attack_bodies", "version, root, body", self.bodies.len());
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (id, root, body) in self.bodies {
            insert = insert.bind(id).bind(root).bind(body);
        }
        insert.execute(&mut *connection).await?;
        for (object, root) in self.rooted {
            sqlx::query("UPDATE attack_objects SET root = $1 WHERE id = $2")
                .bind(root)
                .bind(object)
                .execute(&mut *connection)
                .await?;
        }
        Ok(transaction)
    }
}

/// A statement that inserts several rows. PostgreSQL knows numbered parameters alone; SQLite looks for each of those by name,
/// which takes the longer the more there are.
fn insertion(sqlite: bool, table: &str, columns: &str, rows: usize) -> String {
    let width = columns.split(',').count();
    let mut statement = format!("INSERT INTO {table} ({columns}) VALUES ");
    for row in 0..rows {
        statement.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=width {
            if column > 1 {
                statement.push_str(", ");
            }
            if sqlite {
                statement.push('?');
            } else {
                statement.push_str(&format!("${}", row * width + column));
            }
        }
        statement.push(')');
    }
    statement
}
