//! ID tokens: the signature (RFC 7515) and what must be in them (OpenID Connect Core 1.0, 3.1.3.7).

use super::TokenFlaw;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Header, crypto, decode_header};
use serde_json::{Map, Value};

/// Algorithms that are taken: those with a public key. With a shared secret, whoever knows it could make tokens.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// The name of the key that a token says it is signed with.
pub(super) fn key_id(token: &str) -> Result<Option<String>, TokenFlaw> {
    header(token).map(|header| header.kid)
}

fn header(token: &str) -> Result<Header, TokenFlaw> {
    let header = decode_header(token).map_err(|_| TokenFlaw::Form)?;
    // RFC 7515, 4.1.11: what must be understood and is not.
    if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(TokenFlaw::Algorithm);
    }
    Ok(header)
}

/// The claims of a token that one of these keys signed and that was made for us, now.
pub(super) fn verified(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Map<String, Value>, TokenFlaw> {
    let header = header(token)?;
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFlaw::Form)?;
    let (_, payload) = message.split_once('.').ok_or(TokenFlaw::Form)?;
    let made_by = |key: &Jwk| {
        // A key that says what it is for is for nothing else.
        let fits = key.common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(header.alg));
        let key = DecodingKey::from_jwk(key).ok().filter(|_| fits);
        key.is_some_and(|key| crypto::verify(signature, message.as_bytes(), &key, header.alg).unwrap_or(false))
    };
    if !keys.iter().any(made_by) {
        return Err(TokenFlaw::Signature);
    }
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).map_err(|_| TokenFlaw::Form)?;
    let claims: Map<String, Value> = serde_json::from_slice(&payload).map_err(|_| TokenFlaw::Form)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenFlaw> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenFlaw::Issuer);
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // For several it must say whose it is, and then it is ours.
    let party = text("azp");
    let is_ours = audience.contains(&expected.client)
        && party.is_none_or(|party| party == expected.client)
        && (audience.len() == 1 || party.is_some());
    if !is_ours {
        return Err(TokenFlaw::Audience);
    }
    // RFC 7519, 2: seconds, perhaps with a fraction.
    let time =
        |name: &str| claims.get(name).and_then(|time| time.as_i64().or_else(|| time.as_f64().map(|time| time as i64)));
    if time("exp").is_none_or(|end| end.saturating_add(LEEWAY) <= expected.now) {
        return Err(TokenFlaw::Expired);
    }
    let later = expected.now + LEEWAY;
    if time("iat").is_none_or(|made| made > later) || time("nbf").is_some_and(|begin| begin > later) {
        return Err(TokenFlaw::Early);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenFlaw::Nonce);
    }
    // OpenID Connect Core 1.0, 2: at most 255 characters of ASCII.
    if !text("sub").is_some_and(|subject| !subject.is_empty() && subject.is_ascii() && subject.len() <= 255) {
        return Err(TokenFlaw::Subject);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_counts_for_us_now_and_for_this_sign_in_alone() {
        let expected = Expected { issuer: "https://login.example", client: "lazaret", nonce: "n1", now: 1_000_000 };
        let right = json!({
            "iss": "https://login.example", "aud": "lazaret", "exp": 1_000_300, "iat": 1_000_000, "nonce": "n1", "sub": "7",
        });
        let checked = |changes: Value| {
            let mut claims = right.as_object().unwrap().clone();
            for (name, value) in changes.as_object().unwrap() {
                if value.is_null() {
                    claims.remove(name);
                } else {
                    claims.insert(name.clone(), value.clone());
                }
            }
            check(&claims, &expected)
        };
        for (changes, answer) in [
            (json!({}), Ok(())),
            (json!({ "aud": ["lazaret"] }), Ok(())),
            (json!({ "aud": ["lazaret", "other"], "azp": "lazaret" }), Ok(())),
            (json!({ "exp": 999_941 }), Ok(())),
            (json!({ "exp": 1_000_300.5 }), Ok(())),
            (json!({ "iss": "https://login.example/" }), Err(TokenFlaw::Issuer)),
            (json!({ "iss": null }), Err(TokenFlaw::Issuer)),
            (json!({ "aud": "other" }), Err(TokenFlaw::Audience)),
            (json!({ "aud": null }), Err(TokenFlaw::Audience)),
            (json!({ "aud": ["lazaret", "other"] }), Err(TokenFlaw::Audience)),
            (json!({ "azp": "other" }), Err(TokenFlaw::Audience)),
            (json!({ "exp": 999_940 }), Err(TokenFlaw::Expired)),
            (json!({ "exp": null }), Err(TokenFlaw::Expired)),
            (json!({ "exp": "1000300" }), Err(TokenFlaw::Expired)),
            (json!({ "iat": 1_000_061 }), Err(TokenFlaw::Early)),
            (json!({ "iat": null }), Err(TokenFlaw::Early)),
            (json!({ "nbf": 1_000_061 }), Err(TokenFlaw::Early)),
            (json!({ "nonce": "n2" }), Err(TokenFlaw::Nonce)),
            (json!({ "nonce": null }), Err(TokenFlaw::Nonce)),
            (json!({ "sub": "" }), Err(TokenFlaw::Subject)),
            (json!({ "sub": null }), Err(TokenFlaw::Subject)),
        ] {
            assert_eq!(checked(changes.clone()), answer, "{changes}");
        }
    }

    #[test]
    fn a_token_without_a_signature_or_with_a_shared_secret_is_none() {
        let encoded = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        for (head, flaw) in [
            (r#"{"alg":"none"}"#, TokenFlaw::Form),
            (r#"{"alg":"HS256"}"#, TokenFlaw::Algorithm),
            (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, TokenFlaw::Algorithm),
        ] {
            let token = format!("{}.{}.", encoded(head), encoded("{}"));
            assert_eq!(key_id(&token), Err(flaw), "{head}");
        }
        assert_eq!(key_id("a.b"), Err(TokenFlaw::Form));
        assert_eq!(key_id(""), Err(TokenFlaw::Form));
    }
}
