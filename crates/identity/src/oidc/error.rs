//! Why a sign-in through a provider came to nothing: for the log, and in a sentence for whoever tried.

use crate::attempts::Of;
use thiserror::Error;

/// Why a sign-in through a provider failed.
#[derive(Debug, Error)]
pub enum OidcError {
    /// The provider does not respond.
    #[error("the provider does not respond: {0}")]
    Away(String),
    /// The provider's metadata is invalid.
    #[error("the provider's metadata cannot be used: {0}")]
    Metadata(String),
    /// No such sign-in is in progress in this browser.
    #[error("this sign-in was not started in this browser, is too old, or was already used")]
    Unknown,
    /// The response is from another provider (RFC 9207).
    #[error("the response did not come from this provider")]
    Mixed,
    /// The provider, or the user there, refused.
    #[error("the provider refused: `{0}`")]
    Denied(String),
    /// The provider rejected its own code.
    #[error("the provider did not accept the code: {0}")]
    Code(String),
    /// The ID token is invalid.
    #[error("the ID token is not accepted: {0}")]
    Token(#[from] TokenFlaw),
    /// The claim with the user's name is missing.
    #[error("the ID token has no claim `{0}`")]
    NoClaim(String),
    /// The e-mail address that should be the name is not verified.
    #[error("the email address in the ID token is not verified (`email_verified`)")]
    Unconfirmed,
    /// The person is in more groups than the token, or this, can hold.
    #[error(
        "the person is in too many groups for the claim `{0}`, or in one whose name is too long; have the provider \
            send only assigned groups"
    )]
    Groups(String),
    /// A second factor is required, and the provider does not confirm one.
    #[error("neither `amr` nor `acr` in the ID token indicates a second factor")]
    SecondFactor,
    /// No random numbers are available.
    #[error("{0}")]
    Random(String),
}

/// What is wrong with an ID token (OpenID Connect Core 1.0, 3.1.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenFlaw {
    /// It cannot be read.
    #[error("it is not a readable signed token")]
    Form,
    /// It is unsigned, or signed with an unsupported algorithm.
    #[error("its signature algorithm is not accepted")]
    Algorithm,
    /// The signature matches none of the provider's keys.
    #[error("its signature does not match any key of the provider")]
    Signature,
    /// It has another issuer.
    #[error("it has a different issuer")]
    Issuer,
    /// It has another audience.
    #[error("it is for a different client")]
    Audience,
    /// It has expired, or has no expiry.
    #[error("it has expired")]
    Expired,
    /// It is from the future, or has no issue time.
    #[error("it is not valid yet; are the clocks correct?")]
    Early,
    /// It was issued for another sign-in.
    #[error("its nonce belongs to another sign-in")]
    Nonce,
    /// It has no subject.
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

    /// The message for the user: what to do, and nothing that helps an attacker.
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
