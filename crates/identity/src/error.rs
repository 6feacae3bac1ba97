//! What can go wrong with people.

use crate::OidcError;
use lazaret_store::StoreError;
use thiserror::Error;

/// Why something about a person could not be done.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The ledger does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    Hashing(String),
    /// A sign-in through a provider came to nothing.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// It may not be, and they are told why.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why something is refused, as whoever asked for it is told: sentences of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Too many attempts failed.
    #[error("Too many failed attempts; try again in {seconds} seconds.")]
    Later {
        /// How long to wait.
        seconds: u64,
    },
    /// This cannot be a name.
    #[error("A name may contain letters, digits and . - _ @ + ', at most 64 characters.")]
    Name,
    /// This cannot be a password.
    #[error("A password needs at least 15 characters; several words are fine.")]
    Password,
    /// One's own password was asked for, and another was given.
    #[error("Wrong password.")]
    Vouching,
    /// One's own password was asked for, and there is none.
    #[error("You sign in through your organisation and have no password here.")]
    NoPassword,
    /// The name is another person's.
    #[error("That name is already taken.")]
    Taken,
    /// Nobody takes their own rights away by mistake.
    #[error("You cannot change your own role or disable yourself; another administrator can.")]
    Oneself,
    /// Somebody must be able to come in whatever becomes of a provider.
    #[error("This is the last administrator with a password; add another one first.")]
    LastAdministrator,
    /// There is a second factor.
    #[error("One-time passwords are already in use; turn them off first.")]
    FactorOn,
    /// What was begun is over.
    #[error("That took too long; start again.")]
    Over,
    /// The person is shut out.
    #[error("Your account here is disabled; ask an administrator.")]
    Disabled,
    /// Whoever is not known is not added.
    #[error("There is no account for you here; ask an administrator for one.")]
    NoAccount,
    /// None of the person's groups has a role.
    #[error("None of your groups has access here; ask an administrator.")]
    NoRole,
    /// Somebody else has the name that the provider says.
    #[error("Your name is already used by another account here; ask an administrator.")]
    NameTaken,
    /// The provider's name for somebody cannot be a name here.
    #[error("The name that your organisation's sign-in provides cannot be used here. Tell an administrator.")]
    ProvidedName,
    /// Nobody set this up yet.
    #[error("The first administrator has not been created yet; the startup log contains a link for that.")]
    NotSetUp,
    /// Nobody can tell from which machine somebody asks.
    #[error("It cannot be told which machine you use.")]
    NoMachine,
    /// There is no provider.
    #[error("Sign-in through an organisation is not configured.")]
    NoProvider,
    /// This cannot be the name of a token.
    #[error("A token needs a name of at most 60 characters.")]
    TokenName,
    /// The role is above the owner's, or none.
    #[error("A token cannot have a higher role than your own.")]
    TokenRole,
    /// There are too many tokens.
    #[error("You have too many tokens; revoke some first.")]
    TokenNumber,
    /// This is no time for a token.
    #[error("A token can be valid for 1 to 365 days.")]
    TokenDays,
}
