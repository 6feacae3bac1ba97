//! What an administrator can set about sign-in through a provider.

use crate::Role;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// Minutes after which every session ends.
const MOST_MINUTES: u32 = 720;

lazaret_model::settings! {
    /// Sign-in at the console through an OpenID Connect provider (Keycloak, Entra ID, Google and others), in
    /// addition to names and passwords. Register the redirect URI CONSOLE/login/oidc/callback with the provider,
    /// where CONSOLE is `console.public_url`.
    pub struct OidcSettings {
        /// The provider's issuer, exactly as in its metadata, such as "https://login.example.com/realms/staff".
        /// Empty: no provider.
        pub issuer: String = String::new();
        /// The client ID of the console at the provider.
        pub client_id: String = String::new();
        /// File with the client secret. Empty: a public client, without a secret.
        pub client_secret_file: PathBuf = PathBuf::new();
        /// Scopes to request; they must include `openid`.
        pub scopes: Vec<String> = ["openid", "profile", "email"].map(str::to_owned).to_vec();
        /// The ID token claim that provides the user's name. Returning users are recognised by `sub`, which never
        /// changes.
        pub name_claim: String = "preferred_username".to_owned();
        /// The claim with the user's groups; use dots for nested claims. Empty: none. Policies see these groups like
        /// those of `people.groups`.
        pub groups_claim: String = "groups".to_owned();
        /// Names that the provider's groups have in policies, if different: groups = { "5e1c-77" = "finance" }
        pub groups: BTreeMap<String, String> = BTreeMap::new();
        /// Roles by the provider's groups, applied at every sign-in; the highest one counts: roles = { "soc" =
        /// "analyst", "soc-lead" = "admin" }.
        /// Empty: new users get `default_role`, which an administrator can change.
        pub roles: BTreeMap<String, String> = BTreeMap::new();
        /// The role of users in none of those groups: person, viewer, analyst, approver or admin. Empty: they are
        /// refused.
        pub default_role: String = Role::Person.name().to_owned();
        /// Create users when they first sign in. Otherwise an administrator must add them, without a password.
        pub make_people: bool = true;
        /// Values of `amr` or `acr` that indicate a second factor, such as "mfa". Users who sign in without one are
        /// asked for their one-time password here, and refused if they have none. Empty: the provider's sign-in is
        /// enough, except for users with one-time passwords here.
        pub second_factor: Vec<String> = Vec::new();
        /// Minutes after which such a session ends, whether in use or not; at most as long as the provider's own,
        /// and at most 720.
        pub session_minutes: u32 = 480;
        /// Label of the sign-in button.
        pub label: String = "Sign in with your organisation".to_owned();
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`identity.oidc.{key}`: {why}")]
pub struct SettingError {
    /// Its key.
    pub key: &'static str,
    /// Why.
    pub why: String,
}

impl OidcSettings {
    /// Whether there is a provider.
    pub fn is_set(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Looks at every setting, without asking the provider.
    ///
    /// # Errors
    /// Which one cannot be used.
    pub fn check(&self) -> Result<(), SettingError> {
        let wrong = |key, why: String| Err(SettingError { key, why });
        if !is_protected(&self.issuer) {
            return wrong("issuer", format!("`{}` is not an https URL", self.issuer));
        }
        // OpenID Connect Discovery 1.0, 3: neither a query nor a fragment. In braces stands what an address is made of.
        if self.issuer.contains(['?', '#', '{', '}']) {
            return wrong(
                "issuer",
                format!("`{}` is not for a single issuer; for Entra ID, it names your tenant", self.issuer),
            );
        }
        if self.client_id.is_empty() {
            return wrong("client_id", "must be set; the provider assigned one".to_owned());
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return wrong("scopes", "`openid` is missing; sign-in needs it".to_owned());
        }
        if self.name_claim.is_empty() {
            return wrong("name_claim", "must be set; nobody would have a name".to_owned());
        }
        for role in self.roles.values() {
            if Role::of(role).is_none() {
                return wrong("roles", format!("there is no role `{role}`; {}", known()));
            }
        }
        if !self.roles.is_empty() && self.groups_claim.is_empty() {
            return wrong("roles", "`groups_claim` is empty, so nobody is in any of these groups".to_owned());
        }
        if !self.default_role.is_empty() && Role::of(&self.default_role).is_none() {
            return wrong("default_role", format!("there is no role `{}`; {}", self.default_role, known()));
        }
        if !(1..=MOST_MINUTES).contains(&self.session_minutes) {
            return wrong("session_minutes", format!("`{}` is not 1 to {MOST_MINUTES}", self.session_minutes));
        }
        Ok(())
    }
}

fn known() -> String {
    format!("roles are {}", Role::ALL.map(Role::name).join(", "))
}

/// Whether nobody on the way to an address can read along (OpenID Connect Core 1.0, 16.17), or it is on this machine.
pub(super) fn is_protected(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match scheme {
        "https" => true,
        "http" => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_over_tls_or_on_this_machine_alone() {
        for (address, protected) in [
            ("https://login.example/realms/staff", true),
            ("http://127.0.0.1:8081", true),
            ("http://[::1]:8081/x", true),
            ("http://localhost", true),
            ("http://login.example", false),
            ("http://localhost.example", false),
            ("http://localhost@login.example", false),
            ("http://127.0.0.1@login.example/", false),
            ("ftp://login.example", false),
            ("https://", false),
            ("https://login.example/a b", false),
            ("", false),
        ] {
            assert_eq!(is_protected(address), protected, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let usual = OidcSettings {
            issuer: "https://login.example".to_owned(),
            client_id: "lazaret".to_owned(),
            ..OidcSettings::default()
        };
        assert_eq!(usual.check(), Ok(()));
        let cases = [
            ("issuer", OidcSettings { issuer: "login.example".to_owned(), ..usual.clone() }),
            ("issuer", OidcSettings { issuer: "https://login.example/{tenantid}/v2.0".to_owned(), ..usual.clone() }),
            ("issuer", OidcSettings { issuer: "https://login.example/?a=b".to_owned(), ..usual.clone() }),
            ("client_id", OidcSettings { client_id: String::new(), ..usual.clone() }),
            ("scopes", OidcSettings { scopes: vec!["email".to_owned()], ..usual.clone() }),
            ("name_claim", OidcSettings { name_claim: String::new(), ..usual.clone() }),
            ("roles", OidcSettings { roles: [("soc".to_owned(), "boss".to_owned())].into(), ..usual.clone() }),
            (
                "roles",
                OidcSettings {
                    roles: [("soc".to_owned(), "admin".to_owned())].into(),
                    groups_claim: String::new(),
                    ..usual.clone()
                },
            ),
            ("default_role", OidcSettings { default_role: "boss".to_owned(), ..usual.clone() }),
            ("session_minutes", OidcSettings { session_minutes: 0, ..usual.clone() }),
            ("session_minutes", OidcSettings { session_minutes: MOST_MINUTES + 1, ..usual }),
        ];
        for (key, settings) in cases {
            assert_eq!(settings.check().unwrap_err().key, key);
        }
    }
}
