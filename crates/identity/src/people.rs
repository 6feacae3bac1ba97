//! Who there is, as what, and who changed it.

use crate::passwords::{fit_name, fit_password};
use crate::{Admitted, Identity, IdentityError, Refusal, Role};
use lazaret_model::AuditAct;
use lazaret_store::{Changed, NewUser, User, now};

/// For how long a set-up link may be used, in milliseconds.
const SETUP_TIME: i64 = 86_400_000;

impl Identity {
    /// A secret by which the first administrator is made, for a day; `None` when there is somebody already.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn setup_secret(&self) -> Result<Option<String>, IdentityError> {
        let at = now();
        Ok(self.ledger.setup_secret(at, at.saturating_add(SETUP_TIME)).await?)
    }

    /// Whether a secret allows creating the first administrator.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn is_setup_secret(&self, secret: &str) -> Result<bool, IdentityError> {
        Ok(self.ledger.is_setup_secret(secret, now()).await?)
    }

    /// Makes the first administrator; `None` when the secret is none, or not any more.
    ///
    /// # Errors
    /// When name or password will not do, or the ledger is unavailable.
    pub async fn set_up(&self, secret: &str, name: &str, password: String) -> Result<Option<Admitted>, IdentityError> {
        if !self.is_setup_secret(secret).await? {
            return Ok(None);
        }
        // Whoever is the first must be able to come in whatever becomes of a provider.
        fit_password(&password)?;
        let added = self.new_user(name, password, Role::Admin).await?;
        if !self.ledger.add_first_user(&added, secret, now()).await? {
            return Ok(None);
        }
        self.ledger.note(name, AuditAct::SetUp, "the first administrator").await?;
        Ok(self.ledger.user(name).await?.map(Admitted::with_password))
    }

    /// All users, by name.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn people(&self) -> Result<Vec<User>, IdentityError> {
        Ok(self.ledger.users().await?)
    }

    /// Adds a person, on somebody's behalf. Where there is a provider they need no password: who has none signs in there, under
    /// this name.
    ///
    /// # Errors
    /// When name or password will not do or the name is taken, or the ledger is unavailable.
    pub async fn add(&self, by: &User, name: &str, password: String, role: Role) -> Result<(), IdentityError> {
        let user = self.new_user(name, password, role).await?;
        if !self.ledger.add_user(&user).await? {
            return Err(Refusal::Taken.into());
        }
        Ok(self.ledger.note(&by.name, AuditAct::UserAdded, &format!("{name} as {}", role.name())).await?)
    }

    async fn new_user(&self, name: &str, password: String, role: Role) -> Result<NewUser, IdentityError> {
        fit_name(name)?;
        let password = if password.is_empty() && self.provider.is_some() {
            password
        } else {
            fit_password(&password)?;
            self.passwords.hashed(password).await?
        };
        Ok(NewUser { name: name.to_owned(), password, role: role.name().to_owned() })
    }

    /// Gives a person another role, disables them or enables them again; false when there is nobody of that name.
    ///
    /// # Errors
    /// When it is oneself, or the ledger is unavailable.
    pub async fn change(&self, by: &User, name: &str, role: Role, disabled: bool) -> Result<bool, IdentityError> {
        let Some(user) = self.ledger.user(name).await? else { return Ok(false) };
        if user.id == by.id {
            return Err(Refusal::Oneself.into());
        }
        let change = |user: &mut User| {
            (user.role, user.disabled) = (role.name().to_owned(), disabled);
            true
        };
        let Some(withdrawn) = done(self.ledger.change_user(user.id, change).await?)? else { return Ok(false) };
        let state = if disabled { ", disabled" } else { "" };
        let tokens = if withdrawn > 0 { format!("; {}", withdrawn_tokens(withdrawn)) } else { String::new() };
        let detail = format!("{name}: {}{state}{tokens}", role.name());
        self.ledger.note(&by.name, AuditAct::UserChanged, &detail).await?;
        self.read_groups().await?;
        Ok(true)
    }

    /// Takes somebody's password away, so that they sign in through the provider alone; or where they have none, forgets their account
    /// there, so that whoever has their name there next is they. False when there is nobody of that name, or no provider. Their
    /// one-time passwords stay.
    ///
    /// # Errors
    /// When it is oneself or the last administrator with a password, or the ledger is unavailable.
    pub async fn without_password(&self, by: &User, name: &str) -> Result<bool, IdentityError> {
        let Some(user) = self.ledger.user(name).await?.filter(|_| self.provider.is_some()) else {
            return Ok(false);
        };
        if user.id == by.id {
            return Err(Refusal::Oneself.into());
        }
        if user.password.is_empty() {
            self.ledger.forget_account(user.id).await?;
            self.ledger.put_out(user.id).await?;
            let detail = format!("{name}: unlinked from their account at the provider and signed out everywhere");
            self.ledger.note(&by.name, AuditAct::UserChanged, &detail).await?;
            self.read_groups().await?;
            return Ok(true);
        }
        let change = |user: &mut User| {
            user.password.clear();
            true
        };
        let Some(withdrawn) = done(self.ledger.change_user(user.id, change).await?)? else { return Ok(false) };
        let tokens = if withdrawn > 0 { format!("; {}", withdrawn_tokens(withdrawn)) } else { String::new() };
        let detail = format!("{name}: signs in through the provider, without a password{tokens}");
        self.ledger.note(&by.name, AuditAct::UserChanged, &detail).await?;
        Ok(true)
    }

    /// Disables the one-time passwords of a user who lost the device; `false` if there is no such user.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn reset_factor(&self, by: &User, name: &str) -> Result<bool, IdentityError> {
        let Some(user) = self.ledger.user(name).await? else { return Ok(false) };
        self.ledger.set_totp(user.id, "", 0, &[]).await?;
        self.ledger.note(&by.name, AuditAct::FactorReset, name).await?;
        Ok(true)
    }
}

/// How many tokens were withdrawn with a change that was done; none where it was not.
pub(crate) fn done(changed: Changed) -> Result<Option<u64>, Refusal> {
    match changed {
        Changed::Done { tokens } => Ok(Some(tokens)),
        Changed::Not => Ok(None),
        Changed::LastAdministrator => Err(Refusal::LastAdministrator),
    }
}

/// What the audit says about tokens that went together with something else.
pub(crate) fn withdrawn_tokens(number: u64) -> String {
    match number {
        0 => String::new(),
        1 => "1 token revoked".to_owned(),
        number => format!("{number} tokens revoked"),
    }
}
