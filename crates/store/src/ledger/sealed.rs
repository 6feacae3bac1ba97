//! What the ledger keeps encrypted, and what it signs.

use super::Ledger;
use super::people::User;
use crate::StoreError;
use crate::key::Key;
use sqlx::Row;
use std::path::Path;
use std::sync::Arc;

impl Ledger {
    /// This ledger with the key in a file, which is made where nothing was encrypted yet. Secrets that an older version kept as
    /// they are, are encrypted.
    ///
    /// # Errors
    /// When the key is missing, cannot be used, or is not the one that secrets were encrypted with; when the ledger does
    /// not answer.
    pub async fn with_key(mut self, path: &Path) -> Result<Self, StoreError> {
        let rows = sqlx::query("SELECT id, totp FROM users WHERE totp <> ''").fetch_all(&self.write).await?;
        let mut secrets: Vec<(i64, String)> = Vec::new();
        for row in &rows {
            secrets.push((row.try_get("id")?, row.try_get("totp")?));
        }
        let (sealed, plain): (Vec<_>, Vec<_>) = secrets.into_iter().partition(|(_, secret)| Key::is_sealed(secret));
        let key = match Key::read(path)? {
            Some(key) => key,
            None if sealed.is_empty() => Key::make(path)?,
            None => return Err(StoreError::KeyMissing { path: path.to_owned() }),
        };
        if sealed.iter().any(|(user, secret)| key.unseal(&owner(*user), secret).is_none()) {
            return Err(StoreError::KeyWrong { path: path.to_owned() });
        }
        self.key = Some(Arc::new(key));
        if !plain.is_empty() {
            self.seal_all(&plain).await?;
        }
        Ok(self)
    }

    /// Encrypts secrets that are kept as they are, and has SQLite overwrite what they were.
    async fn seal_all(&self, plain: &[(i64, String)]) -> Result<(), StoreError> {
        // For SQLite the write pool is one connection.
        if self.sqlite {
            sqlx::query("PRAGMA secure_delete = ON").execute(&self.write).await?;
        }
        for (user, secret) in plain {
            // Somebody may have changed it since, through another process.
            sqlx::query("UPDATE users SET totp = $1 WHERE id = $2 AND totp = $3")
                .bind(self.sealed(*user, secret)?)
                .bind(*user)
                .bind(secret.clone())
                .execute(&self.write)
                .await?;
        }
        if self.sqlite {
            sqlx::query("PRAGMA secure_delete = OFF").execute(&self.write).await?;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.write).await?;
        }
        Ok(())
    }

    /// A secret of a person as it is to be kept.
    pub(super) fn sealed(&self, user: i64, secret: &str) -> Result<String, StoreError> {
        match &self.key {
            Some(key) if !secret.is_empty() => key.seal(&owner(user), secret),
            _ => Ok(secret.to_owned()),
        }
    }

    /// The secret of a person's one-time passwords (RFC 6238), in Base32; empty for none.
    ///
    /// # Errors
    /// When it is encrypted and this ledger was opened without its key.
    pub fn totp_secret(&self, user: &User) -> Result<String, StoreError> {
        if !Key::is_sealed(&user.totp) {
            return Ok(user.totp.clone());
        }
        let opened = self.key.as_ref().and_then(|key| key.unseal(&owner(user.id), &user.totp));
        opened.ok_or(StoreError::Sealed)
    }

    /// What shows later that a text came from here; empty where there is no key.
    pub fn sign(&self, text: &str) -> String {
        self.key.as_ref().map(|key| key.sign(text)).unwrap_or_default()
    }

    /// Whether a text came from here; never where there is no key.
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.is_signed(text, signature))
    }
}

/// What a person's secret is bound to.
fn owner(user: i64) -> String {
    format!("totp of {user}")
}
