//! What can go wrong with people.

use crate::OidcError;
use lazaret_store::StoreError;
use thiserror::Error;

/// Why an operation on a user failed.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The ledger is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    Hashing(String),
    /// A sign-in through a provider failed.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// It is refused, with a reason for the user.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why something is refused, in complete sentences for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Too many failed attempts.
    #[error("Too many failed attempts; try again in {seconds} seconds.")]
    Later {
        /// How long to wait.
        seconds: u64,
    },
    /// The name is invalid.
    #[error("A name may contain letters, digits and . - _ @ + ', at most 64 characters.")]
    Name,
    /// The password is invalid.
    #[error("A password needs at least 15 characters; several words are fine.")]
    Password,
    /// The current password is wrong.
    #[error("Wrong password.")]
    Vouching,
    /// The current password was required, and there is none.
    #[error("You sign in through your organisation and have no password here.")]
    NoPassword,
    /// The name is taken.
    #[error("That name is already taken.")]
    Taken,
    /// Users cannot remove their own rights by mistake.
    #[error("You cannot change your own role or disable yourself; another administrator can.")]
    Oneself,
    /// Someone must be able to sign in without the provider.
    #[error("This is the last administrator with a password; add another one first.")]
    LastAdministrator,
    /// A second factor is already enabled.
    #[error("One-time passwords are already in use; turn them off first.")]
    FactorOn,
    /// The operation has expired.
    #[error("That took too long; start again.")]
    Over,
    /// The user is disabled.
    #[error("Your account here is disabled; ask an administrator.")]
    Disabled,
    /// Unknown users are not created.
    #[error("There is no account for you here; ask an administrator for one.")]
    NoAccount,
    /// None of the user's groups has a role.
    #[error("None of your groups has access here; ask an administrator.")]
    NoRole,
    /// The name that the provider reports belongs to another user.
    #[error("Your name is already used by another account here; ask an administrator.")]
    NameTaken,
    /// The name that the provider reports is invalid here.
    #[error("The name that your organisation's sign-in provides cannot be used here. Tell an administrator.")]
    ProvidedName,
    /// Lazaret has not been set up yet.
    #[error("The first administrator has not been created yet; the startup log contains a link for that.")]
    NotSetUp,
    /// The client's IP address is unknown.
    #[error("It cannot be told which machine you use.")]
    NoMachine,
    /// No provider is configured.
    #[error("Sign-in through an organisation is not configured.")]
    NoProvider,
    /// The token's name is invalid.
    #[error("A token needs a name of at most 60 characters.")]
    TokenName,
    /// The role exceeds the owner's, or does not exist.
    #[error("A token cannot have a higher role than your own.")]
    TokenRole,
    /// There are too many tokens.
    #[error("You have too many tokens; revoke some first.")]
    TokenNumber,
    /// The token's lifetime is invalid.
    #[error("A token can be valid for 1 to 365 days.")]
    TokenDays,
}
