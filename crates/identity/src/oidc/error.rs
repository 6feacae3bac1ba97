//! Why a sign-in through a provider came to nothing: for the log, and in a sentence for whoever tried.

use crate::attempts::Of;
use thiserror::Error;

/// Why a sign-in through a provider came to nothing.
#[derive(Debug, Error)]
pub enum OidcError {
    /// The provider does not answer.
    #[error("the provider does not respond: {0}")]
    Away(String),
    /// What the provider says about itself cannot be used.
    #[error("the provider's metadata cannot be used: {0}")]
    Metadata(String),
    /// There is no such sign-in under way in this browser.
    #[error("this sign-in was not started in this browser, is too old, or was already used")]
    Unknown,
    /// The answer is another provider's (RFC 9207).
    #[error("the response did not come from this provider")]
    Mixed,
    /// The provider, or the person there, said no.
    #[error("the provider refused: `{0}`")]
    Denied(String),
    /// The provider did not take its own code.
    #[error("the provider did not accept the code: {0}")]
    Code(String),
    /// The ID token is not what it should be.
    #[error("the ID token is not accepted: {0}")]
    Token(#[from] TokenFlaw),
    /// The claim that is the person's name is missing.
    #[error("the ID token has no claim `{0}`")]
    NoClaim(String),
    /// The address of mail that is to be the name was not confirmed.
    #[error("the email address in the ID token is not verified (`email_verified`)")]
    Unconfirmed,
    /// The person is in more groups than the token, or this, can hold.
    #[error(
        "the person is in too many groups for the claim `{0}`, or in one whose name is too long; have the provider \
            send only assigned groups"
    )]
    Groups(String),
    /// A second factor is wanted, and nothing says that there was one.
    #[error("neither `amr` nor `acr` in the ID token indicates a second factor")]
    SecondFactor,
    /// There are no random numbers.
    #[error("{0}")]
    Random(String),
}

/// What is wrong with an ID token (OpenID Connect Core 1.0, 3.1.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenFlaw {
    /// It cannot be read.
    #[error("it is not a readable signed token")]
    Form,
    /// It is signed with an algorithm that is not taken, or with none.
    #[error("its signature algorithm is not accepted")]
    Algorithm,
    /// No key of the provider made the signature.
    #[error("its signature does not match any key of the provider")]
    Signature,
    /// It is from somebody else.
    #[error("it has a different issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for a different client")]
    Audience,
    /// It has expired, or does not say when it does.
    #[error("it has expired")]
    Expired,
    /// It is from the future, or does not say when it was made.
    #[error("it is not valid yet; are the clocks correct?")]
    Early,
    /// It was made for another sign-in.
    #[error("its nonce belongs to another sign-in")]
    Nonce,
    /// It is about nobody.
    #[error("it has no subject")]
    Subject,
}

impl OidcError {
    /// Whose failure it is: whoever brought an ID token has an account there, everything else can be sent by anybody.
    pub(crate) const fn of(&self) -> Of {
        match self {
            Self::Token(_) | Self::NoClaim(_) | Self::Unconfirmed | Self::Groups(_) | Self::SecondFactor => Of::Account,
            Self::Away(_)
            | Self::Metadata(_)
            | Self::Unknown
            | Self::Mixed
            | Self::Denied(_)
            | Self::Code(_)
            | Self::Random(_) => Of::Anybody,
        }
    }

    /// What whoever tried is told: what to do, and nothing that helps an attacker.
    pub fn sentence(&self) -> String {
        match self {
            Self::Away(_) | Self::Metadata(_) | Self::Random(_) => {
                "Your organisation's sign-in service does not respond. Try again later, or use your password here if \
                    you have one."
                    .to_owned()
            }
            Self::Unknown => "This sign-in was started elsewhere, took too long, or was already used. Start \
                again."
                .to_owned(),
            Self::Mixed | Self::Code(_) | Self::Token(_) => {
                "Your organisation's sign-in sent an invalid response. Start again; if that does not help, tell an \
                    administrator: details are in the log."
                    .to_owned()
            }
            Self::Denied(_) => "Your organisation's sign-in refused you.".to_owned(),
            Self::NoClaim(claim) => {
                format!("Your organisation's sign-in did not provide your name (`{claim}`). Tell an administrator.")
            }
            Self::Unconfirmed => "Your email address is not verified at your organisation's sign-in.".to_owned(),
            Self::Groups(_) => {
                "You are in too many groups for your organisation's sign-in. Tell an administrator.".to_owned()
            }
            Self::SecondFactor => {
                "A second factor is required here, and your organisation's sign-in did not ask for one.".to_owned()
            }
        }
    }
}
