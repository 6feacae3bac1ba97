//! Signing in through a provider: who somebody is here for whom it vouched.

use crate::attempts::Of;
use crate::oidc::{Account, Standing};
use crate::passwords::fit_name;
use crate::people::done;
use crate::{Admitted, Begun, Identity, IdentityError, OidcError, Place, Refusal, Returned, SignIn, told};
use lazaret_model::AuditAct;
use lazaret_store::{NewUser, User, Vouched};

/// Characters of a name that the provider says that are written down where it is nobody's here.
const MOST_NAME: usize = 64;

/// Single sign-on, as the sign-in page offers it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The button's label.
    pub label: String,
    /// Whether the provider's last response was unusable.
    pub is_away: bool,
}

/// A user who came back from the provider.
#[derive(Debug)]
pub struct Arrived {
    /// Whether they are signed in.
    pub signed: SignIn,
    /// The path that they requested.
    pub to: String,
}

impl Identity {
    /// Sign-in through a provider, if one is configured.
    pub fn offer(&self) -> Option<Offer> {
        let provider = self.provider.as_ref()?;
        Some(Offer { label: provider.settings().label.clone(), is_away: provider.is_away() })
    }

    /// Begins a sign-in through the provider, after which somebody wants to go to a path.
    ///
    /// # Errors
    /// When there is no provider, or it gives no usable answer.
    pub async fn begin_at_provider(&self, to: &str) -> Result<Begun, IdentityError> {
        let provider = self.provider.as_ref().ok_or(Refusal::NoProvider)?;
        let was_away = provider.is_away();
        let begun = provider.begin(to).await;
        // Anybody can ask: once for each time that it is away is enough.
        if let Err(error) = &begun
            && !was_away
        {
            tracing::warn!(%error, "sign-in through the provider does not work");
        }
        Ok(begun?)
    }

    /// Lets somebody in who came back from the provider. Failures are written down; nobody is made to wait for them, since nothing
    /// can be guessed here.
    ///
    /// # Errors
    /// Why they are not let in, or that the ledger is unavailable.
    pub async fn finish_at_provider(
        &self,
        place: &impl Place,
        returned: &Returned<'_>,
    ) -> Result<Arrived, IdentityError> {
        let provider = self.provider.as_ref().ok_or(Refusal::NoProvider)?;
        let account = match provider.finish(returned).await {
            Ok(account) => account,
            Err(error) => {
                self.not_let_in(place, None, &error.to_string(), error.of()).await?;
                return Err(error.into());
            }
        };
        let to = account.to.clone();
        let known = match self.recognised(&account).await {
            Ok(known) => known,
            Err(error) => return Err(self.refused(place, &account, error).await?),
        };
        let asks_here = known.as_ref().is_some_and(|user| !user.totp.is_empty()) && !account.second_factor;
        if let Some(user) = known.filter(|_| asks_here) {
            // Nothing is bound or changed before the code is right.
            return Ok(Arrived { signed: SignIn::Asked(self.ask(&user, Some(account))?), to });
        }
        if !account.second_factor && !provider.settings().second_factor.is_empty() {
            self.not_let_in(place, None, &OidcError::SecondFactor.to_string(), Of::Account).await?;
            return Err(OidcError::SecondFactor.into());
        }
        Ok(Arrived { signed: SignIn::In(self.admitted(place, &account).await?), to })
    }

    /// Somebody for whom a provider vouched, with the second factor that is needed, with the role and the groups that they have by now.
    pub(crate) async fn admitted(&self, place: &impl Place, account: &Account) -> Result<Admitted, IdentityError> {
        match self.person(account).await {
            Ok(user) => Ok(Admitted { user, until: account.until, provided: true }),
            Err(error) => Err(self.refused(place, account, error).await?),
        }
    }

    /// Writes down why somebody with an account at the provider is not let in.
    async fn refused(
        &self,
        place: &impl Place,
        account: &Account,
        error: IdentityError,
    ) -> Result<IdentityError, IdentityError> {
        if let IdentityError::Refused(why) = &error {
            let user = self.ledger.provided_user(&account.issuer, &account.subject).await?;
            let name: String = account.name.chars().take(MOST_NAME).collect();
            let detail = format!("`{}`: {why}", lazaret_model::plain(&name));
            self.not_let_in(place, user.as_ref(), &detail, Of::Account).await?;
        }
        Ok(error)
    }

    /// Who this is here, where they are known: by their account, or as the person of that name whom an administrator added without a
    /// password and nobody else is. Whoever has a password is not handed over to whoever has the same name elsewhere.
    async fn recognised(&self, account: &Account) -> Result<Option<User>, IdentityError> {
        let bound = self.ledger.provided_user(&account.issuer, &account.subject).await?;
        let has_role = account.standing != Standing::Nowhere;
        if let Some(user) = bound {
            if user.disabled {
                return Err(Refusal::Disabled.into());
            }
            if !has_role {
                self.without_role(&user).await?;
                return Err(Refusal::NoRole.into());
            }
            return Ok(Some(user));
        }
        // Who may not come in is told nothing about names.
        if !has_role {
            return Err(Refusal::NoRole.into());
        }
        match self.ledger.user(&account.name).await? {
            Some(user) if !user.password.is_empty() || self.ledger.is_bound(user.id).await? => {
                Err(Refusal::NameTaken.into())
            }
            Some(user) if user.disabled => Err(Refusal::Disabled.into()),
            Some(user) => Ok(Some(user)),
            None if account.may_be_made => Ok(None),
            None => Err(Refusal::NoAccount.into()),
        }
    }

    /// Ends what somebody has open who has no role any more.
    async fn without_role(&self, user: &User) -> Result<(), IdentityError> {
        if self.ledger.put_out(user.id).await? > 0 {
            let detail = format!(
                "{}: signed out everywhere and tokens revoked, since none of their groups at the provider has a role",
                user.name
            );
            self.ledger.note(&user.name, AuditAct::UserChanged, &detail).await?;
            self.groups.set(&user.name, &[]);
        }
        Ok(())
    }

    /// Who this is here, with the role and the groups that they have by now.
    async fn person(&self, account: &Account) -> Result<User, IdentityError> {
        let (issuer, subject) = (account.issuer.as_str(), account.subject.as_str());
        let user = match self.recognised(account).await? {
            Some(user) => {
                let is_bound = self.ledger.provided_user(issuer, subject).await?.is_some();
                if !is_bound && !self.ledger.bind_account(user.id, issuer, subject, account.at).await? {
                    // Not where they came twice at once.
                    let bound = self.ledger.provided_user(issuer, subject).await?;
                    bound.filter(|bound| bound.id == user.id).ok_or(Refusal::NameTaken)?;
                }
                user
            }
            None => self.made(account).await?,
        };
        let role = match account.standing {
            Standing::Always(role) => Some(role.name()),
            Standing::Nowhere | Standing::AtFirst(_) => None,
        };
        let said = Vouched { issuer, subject, at: account.at, role, groups: &account.groups };
        // Shut out meanwhile, or signed in once more with what the provider said later.
        done(self.ledger.vouched(user.id, &said).await?)?.ok_or(Refusal::Over)?;
        if let Some(role) = role.filter(|role| *role != user.role) {
            let detail =
                format!("{}: {role} instead of {}, because of their groups at the provider", user.name, user.role);
            self.ledger.note(&user.name, AuditAct::UserChanged, &detail).await?;
        }
        self.groups.set(&user.name, &account.groups);
        Ok(self.ledger.user(&user.name).await?.ok_or(Refusal::NoAccount)?)
    }

    /// Adds whoever is here for the first time.
    async fn made(&self, account: &Account) -> Result<User, IdentityError> {
        let (Standing::Always(role) | Standing::AtFirst(Some(role))) = account.standing else {
            return Err(Refusal::NoAccount.into());
        };
        fit_name(&account.name).map_err(|_| Refusal::ProvidedName)?;
        // With the first person the link by which an administrator with a password is made would be gone.
        if self.ledger.users().await?.is_empty() {
            return Err(Refusal::NotSetUp.into());
        }
        let (issuer, subject) = (account.issuer.as_str(), account.subject.as_str());
        let new = NewUser { name: account.name.clone(), password: String::new(), role: role.name().to_owned() };
        let is_new = self.ledger.add_provided_user(&new, issuer, subject, account.at).await?;
        // Not where they came twice at once.
        let user = self.ledger.provided_user(issuer, subject).await?.ok_or(Refusal::NameTaken)?;
        if is_new {
            let detail = format!("{} as {}, at their first sign-in through the provider", new.name, new.role);
            self.ledger.note(&new.name, AuditAct::UserAdded, &detail).await?;
        }
        Ok(user)
    }

    async fn not_let_in(
        &self,
        place: &impl Place,
        user: Option<&User>,
        why: &str,
        of: Of,
    ) -> Result<(), IdentityError> {
        // LIMIT: beyond so many in a minute failures are counted by nobody; none of an account is hidden by what anybody can send.
        if !self.attempts.is_provided_told(of) {
            return Ok(());
        }
        let client = told(place);
        tracing::info!(client, why, "a sign-in through the provider failed");
        // Where nothing came from the provider, nobody tried to be anybody.
        if of == Of::Account {
            self.note_failure(user, &format!("through the provider: {why}; from {client}")).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
