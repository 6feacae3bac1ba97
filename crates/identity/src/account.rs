//! What people do about themselves: password, one-time passwords, tokens of the API.

use crate::passwords::fit_password;
use crate::people::{done, withdrawn_tokens};
use crate::{Identity, IdentityError, Place, Refusal, Role, factor};
use lazaret_model::{AuditAct, DAY};
use lazaret_store::{ApiToken, User, now};
use std::sync::PoisonError;

/// Milliseconds within which a new secret must be confirmed.
const CONFIRMED_WITHIN: i64 = 15 * 60_000;
/// Tokens that one person may have, and characters of a token's name.
const MOST_TOKENS: usize = 50;
const MOST_NAME: usize = 60;
/// Days for which a token is good at most.
const MOST_DAYS: i64 = 365;

/// The result of confirming a new one-time password secret.
#[derive(Debug)]
pub enum Enrolment {
    /// One-time passwords are enabled; these are the recovery codes, which are never shown again.
    On(Vec<String>),
    /// The code is wrong.
    Wrong {
        /// The secret, in Base32.
        secret: String,
    },
}

impl Identity {
    /// Changes one's own password. That ends all one's sessions and withdraws one's tokens.
    ///
    /// # Errors
    /// When the old one is not right or the new one will not do, or the ledger is unavailable.
    pub async fn change_password(
        &self,
        place: &impl Place,
        user: &User,
        old: String,
        new: String,
    ) -> Result<(), IdentityError> {
        self.vouched(place, user, old).await?;
        fit_password(&new)?;
        let hash = self.passwords.hashed(new).await?;
        // Hashing took its time: whoever has another password by then, or is shut out, gets none by this.
        let change = |present: &mut User| {
            let is_same = present.password == user.password && !present.disabled;
            if is_same {
                present.password = hash;
            }
            is_same
        };
        let tokens = done(self.ledger.change_user(user.id, change).await?)?.ok_or(Refusal::Vouching)?;
        Ok(self.ledger.note(&user.name, AuditAct::PasswordChanged, &withdrawn_tokens(tokens)).await?)
    }

    /// Begins an enrolment: a new secret, in Base32, to be confirmed.
    ///
    /// # Errors
    /// When one-time passwords are on or the password is not right, or the ledger is unavailable.
    pub async fn enrol(&self, place: &impl Place, user: &User, password: String) -> Result<String, IdentityError> {
        if !user.totp.is_empty() {
            return Err(Refusal::FactorOn.into());
        }
        self.vouched(place, user, password).await?;
        let secret = factor::new_secret()?;
        let mut enrolling = self.enrolling.lock().unwrap_or_else(PoisonError::into_inner);
        enrolling.retain(|_, (_, until)| *until > now());
        enrolling.insert(user.id, (secret.clone(), now() + CONFIRMED_WITHIN));
        Ok(secret)
    }

    /// The address that authenticators take for a secret, as a link or in a QR code.
    pub fn factor_address(user: &User, secret: &str) -> String {
        factor::address(&user.name, secret)
    }

    /// Confirms a secret by a code.
    ///
    /// # Errors
    /// If there is nothing to confirm any more, or the ledger is unavailable.
    pub async fn confirm(&self, user: &User, typed: &str) -> Result<Enrolment, IdentityError> {
        let enrolling = self.enrolling.lock().unwrap_or_else(PoisonError::into_inner).get(&user.id).cloned();
        let (secret, _) = enrolling.filter(|(_, until)| *until > now()).ok_or(Refusal::Over)?;
        let Some(step) = factor::step_of(&secret, typed, now()) else { return Ok(Enrolment::Wrong { secret }) };
        let codes = factor::new_codes()?;
        let kept: Vec<_> = codes.iter().filter_map(|code| factor::recovery_code(code)).collect();
        self.ledger.set_totp(user.id, &secret, step, &kept).await?;
        self.enrolling.lock().unwrap_or_else(PoisonError::into_inner).remove(&user.id);
        self.ledger.note(&user.name, AuditAct::FactorOn, "").await?;
        Ok(Enrolment::On(codes))
    }

    /// Disables one's own one-time passwords.
    ///
    /// # Errors
    /// When the password is not right, or the ledger is unavailable.
    pub async fn factor_off(&self, place: &impl Place, user: &User, password: String) -> Result<(), IdentityError> {
        self.vouched(place, user, password).await?;
        self.ledger.set_totp(user.id, "", 0, &[]).await?;
        Ok(self.ledger.note(&user.name, AuditAct::FactorOff, "").await?)
    }

    /// How many recovery codes a person has left.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn recovery_codes(&self, user: &User) -> Result<i64, IdentityError> {
        Ok(self.ledger.recovery_codes(user.id).await?)
    }

    /// The tokens of a person, the newest first.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn tokens(&self, user: &User) -> Result<Vec<ApiToken>, IdentityError> {
        Ok(self.ledger.tokens(user.id).await?)
    }

    /// Makes a token that speaks with a role, at most with the owner's, for some days; its secret. No role and no days are
    /// those that were not understood.
    ///
    /// # Errors
    /// When one of the three will not do or there are too many tokens, or the ledger is unavailable.
    pub async fn make_token(
        &self,
        user: &User,
        name: &str,
        role: Option<Role>,
        days: Option<i64>,
    ) -> Result<String, IdentityError> {
        if name.is_empty() || name.chars().count() > MOST_NAME {
            return Err(Refusal::TokenName.into());
        }
        let own = Role::of(&user.role);
        let role = role.filter(|role| Some(*role) <= own).ok_or(Refusal::TokenRole)?;
        if self.ledger.tokens(user.id).await?.len() >= MOST_TOKENS {
            return Err(Refusal::TokenNumber.into());
        }
        let days = days.filter(|days| (1..=MOST_DAYS).contains(days)).ok_or(Refusal::TokenDays)?;
        let secret = self.ledger.add_token(user.id, name, role.name(), now() + days * DAY).await?;
        let detail = format!("{name} as {}, for {days} days", role.name());
        self.ledger.note(&user.name, AuditAct::TokenMade, &detail).await?;
        Ok(secret)
    }

    /// Revokes one of one's own tokens; `false` if there is none with that number.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn revoke_token(&self, user: &User, id: i64) -> Result<bool, IdentityError> {
        if !self.ledger.revoke_token(user.id, id).await? {
            return Ok(false);
        }
        self.ledger.note(&user.name, AuditAct::TokenRevoked, &id.to_string()).await?;
        Ok(true)
    }
}
