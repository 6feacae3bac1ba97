//! Sign-in through an OpenID Connect provider, which is a small one of our own that can be made to answer wrongly.

use crate::gate::people::{Staff, administrator};
use crate::gate::{LETTER, Served, Site, Talk, until};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "a secret: with / signs";
const NOT_VALID: &str = "sent an invalid response";

/// A key by which tokens are signed, with its name.
#[derive(Clone)]
struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    fn es256(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        Self { kid, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(pair.serialized_der()) }
    }

    fn rs256(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        // RFC 5958: the key proper (RFC 8017, A.1.2) stands behind 22 bytes of head and 4 of its own length.
        let der = pair.serialized_der();
        assert_eq!(&der[22..24], [0x04, 0x82], "the head of a key is another one than expected");
        Self { kid, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&der[26..]) }
    }

    /// Its public half, as providers publish it.
    fn published(&self) -> Value {
        let mut key = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        key["kid"] = json!(self.kid);
        key["use"] = json!("sig");
        key
    }
}

static RSA: LazyLock<Key> = LazyLock::new(|| Key::rs256("rsa-1"));

/// What the provider does.
struct Said {
    /// Who signs in there: claims, of which `null` stands for none.
    claims: Map<String, Value>,
    signs: Key,
    published: Vec<Value>,
    /// Nonce, challenge and redirection of codes that were not exchanged yet.
    codes: HashMap<String, (String, String, String)>,
}

struct Provider {
    site: Site,
    said: Arc<Mutex<Said>>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The fields of a form or a query.
fn fields(text: &str) -> HashMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, more)) = rest.split_first() {
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
                rest = &more[2..];
            } else {
                bytes.push(*first);
                rest = more;
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

impl Provider {
    fn start() -> Self {
        Self::at("127.0.0.1:0")
    }

    fn at(address: &str) -> Self {
        let site = Site::at(address, None);
        let said =
            Said { claims: Map::new(), signs: RSA.clone(), published: vec![RSA.published()], codes: HashMap::new() };
        let provider = Self { site, said: Arc::new(Mutex::new(said)) };
        provider.tells(json!({ "preferred_username": "ada", "sub": "ada-1", "groups": ["soc"] }));
        let (said, issuer) = (Arc::clone(&provider.said), provider.issuer());
        provider.site.on("*", move |head, stream| answer(&issuer, &mut said.lock().unwrap(), head, stream));
        provider
    }

    fn issuer(&self) -> String {
        self.site.url("")
    }

    /// From now on tokens say this beside what is usual, or instead of it.
    fn tells(&self, claims: Value) {
        self.said.lock().unwrap().claims = claims.as_object().unwrap().clone();
    }

    /// The configuration of a console that uses it.
    fn configuration(&self, folder: &Path, more: &str) -> String {
        configuration(&self.issuer(), folder, more)
    }
}

fn configuration(issuer: &str, folder: &Path, more: &str) -> String {
    std::fs::write(folder.join("client-secret"), format!("{SECRET}\n")).unwrap();
    format!(
        "[identity.oidc]\nissuer = \"{issuer}\"\nclient_id = \"lazaret\"\nclient_secret_file = \"client-secret\"\n\
         label = \"Sign in with Harbour\"\n{more}\n"
    )
}

fn answer(issuer: &str, said: &mut Said, head: &str, stream: &mut dyn Talk) {
    let target = head.split_whitespace().nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, body) = match path {
        "/.well-known/openid-configuration" => {
            let address = |path: &str| format!("{issuer}{path}");
            let document = json!({
                "issuer": issuer,
                "authorization_endpoint": address("/authorize"),
                "token_endpoint": address("/token"),
                "jwks_uri": address("/keys"),
                "authorization_response_iss_parameter_supported": true,
                "code_challenge_methods_supported": ["S256"],
            });
            (200, document)
        }
        "/keys" => (200, json!({ "keys": said.published })),
        "/authorize" => {
            let asked = fields(query);
            assert_eq!((&*asked["response_type"], &*asked["code_challenge_method"]), ("code", "S256"));
            let code = format!("code-{}", said.codes.len());
            let kept = (asked["nonce"].clone(), asked["code_challenge"].clone(), asked["redirect_uri"].clone());
            said.codes.insert(code.clone(), kept);
            let iss = issuer.replace(':', "%3A").replace('/', "%2F");
            let location = format!("{}?code={code}&state={}&iss={iss}", asked["redirect_uri"], asked["state"]);
            let _ = write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return;
        }
        "/token" => token(issuer, said, head, stream),
        _ => (404, json!({})),
    };
    let body = body.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// Exchanges a code as RFC 6749, 4.1.3, and RFC 7636, 4.6, have it.
fn token(issuer: &str, said: &mut Said, head: &str, stream: &mut dyn Talk) -> (u16, Value) {
    let field = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut body = vec![0; field("content-length").unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let asked = fields(std::str::from_utf8(&body).unwrap());
    let credentials = field("authorization").unwrap();
    let credentials = BASE64.decode(credentials.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
    let (name, secret) = std::str::from_utf8(&credentials).unwrap().split_once(':').unwrap();
    let pair = fields(&format!("name={name}&secret={secret}"));
    assert_eq!((&*pair["name"], &*pair["secret"]), ("lazaret", SECRET));
    let refused = (400, json!({ "error": "invalid_grant" }));
    let Some((nonce, challenge, redirect)) = said.codes.get_mut(&asked["code"]).map(std::mem::take) else {
        return refused;
    };
    let digest = HEXLOWER.decode(lazaret_store::fingerprint(&asked["code_verifier"]).as_bytes()).unwrap();
    if BASE64URL_NOPAD.encode(&digest) != challenge || asked["redirect_uri"] != redirect {
        return refused;
    }
    let mut claims = json!({
        "iss": issuer, "aud": "lazaret", "exp": now() + 300, "iat": now(), "nonce": nonce,
    });
    for (name, value) in &said.claims {
        claims[name.as_str()] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut header = Header::new(said.signs.algorithm);
    header.kid = Some(said.signs.kid.to_owned());
    let token = encode(&header, &claims, &said.signs.key).unwrap();
    (200, json!({ "access_token": "none", "token_type": "Bearer", "id_token": token }))
}

/// Where the console, and the provider after it, leads somebody: the address of the way back.
fn led_back(staff: &Staff<'_>) -> String {
    let led = |url: &str| staff.curl(&["-o", "/dev/null", "-w", "%{redirect_url}", url]);
    let there = led(&staff.url("/login/oidc"));
    assert!(there.contains("/authorize?"), "nobody is led to the provider: `{there}`");
    led(&there)
}

/// Signs in; what the console answers, with its status.
fn signs_in(staff: &Staff<'_>) -> String {
    let back = led_back(staff);
    staff.curl(&["-w", "%{http_code}", &back])
}

#[test]
fn whoever_signs_in_at_the_provider_has_the_role_and_the_groups_that_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "@id(\"finance\") @title(\"Finance gets everything\")\n\
                  permit (principal in Lazaret::Group::\"finance\", action == Lazaret::Action::\"deliver\", resource);";
    std::fs::write(folder.path().join("finance.cedar"), policy).unwrap();
    let provider = Provider::start();
    let more = "roles = { soc = \"analyst\", soc-lead = \"admin\" }\ngroups = { eu-money = \"finance\" }\n\
                [policy]\npolicies = [\"finance.cedar\"]\n\
                [people]\nnetworks = [{ network = \"127.0.0.1\", person = \"ada\" }]";
    let configuration = provider.configuration(folder.path(), more);
    let served = Served::in_folder(folder, &configuration);
    let admin = administrator(&served);
    assert!(admin.another().get("/login").contains("Sign in with Harbour"));
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let fetched = || served.curl(&[&site.url("/letter.txt")]).status;
    assert_eq!(fetched(), 403, "groups that nobody said");
    let ada = admin.another();
    provider.tells(json!({ "preferred_username": "ada", "sub": "ada-1", "groups": ["soc", "eu-money"] }));
    let page = signs_in(&ada);
    assert!(page.contains("url=/") && page.ends_with("200"), "{page}");
    assert_eq!((ada.status("/events"), ada.status("/users")), (200, 403), "an analyst is something else");
    assert_eq!(fetched(), 200, "the gates do not know the groups that the provider said");
    assert!(admin.get("/users").contains("Signs in through the organisation"));
    let audit = admin.get("/audit");
    assert!(audit.contains("at their first sign-in through the provider") && audit.contains(", through the provider"));
    // What changed at the provider counts from the next sign-in, for every session.
    provider.tells(json!({ "preferred_username": "ada-new-name", "sub": "ada-1", "groups": ["soc-lead"] }));
    assert!(signs_in(&ada.another()).ends_with("200"));
    assert_eq!(ada.status("/events"), 303, "a session outlives the role that it had");
    assert_eq!(fetched(), 403, "groups outlive their end at the provider");
    let ada = admin.another();
    assert!(signs_in(&ada).ends_with("200"));
    assert_eq!(ada.status("/users"), 200);
    assert!(!admin.get("/users").contains("ada-new-name"), "another name makes another person");
    // There is no password that would fit, anywhere.
    for password in ["", "x"] {
        assert!(admin.another().post("/login", &[("name", "ada"), ("password", password)]).ends_with("403"));
    }
    assert!(ada.post("/logout", &[("csrf", &ada.csrf())]).ends_with("303"));
    assert_eq!(ada.status("/users"), 303);
    // Shut out here is shut out, whatever the provider says.
    let form = [("csrf", &*admin.csrf()), ("role", "admin"), ("disabled", "yes")];
    assert!(admin.post("/users/ada", &form).ends_with("303"));
    let page = signs_in(&ada);
    assert!(page.contains("Your account here is disabled") && page.ends_with("403"), "{page}");
    assert_eq!(ada.status("/users"), 303);
}

#[test]
fn what_the_provider_did_not_say_of_this_sign_in_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let configuration = provider.configuration(folder.path(), "default_role = \"viewer\"");
    let served = Served::in_folder(folder, &configuration);
    let admin = administrator(&served);
    let ada = json!({ "preferred_username": "ada", "sub": "ada-1" });
    let with = |name: &str, value: Value| {
        let mut claims = ada.clone();
        claims[name] = value;
        claims
    };
    for (claims, sentence, logged) in [
        (with("nonce", json!("another")), NOT_VALID, "nonce belongs to another sign-in"),
        (with("nonce", Value::Null), NOT_VALID, "nonce belongs to another sign-in"),
        (with("aud", json!("another")), NOT_VALID, "for a different client"),
        (with("aud", json!(["lazaret", "another"])), NOT_VALID, "for a different client"),
        (with("exp", json!(now() - 3_600)), NOT_VALID, "it has expired"),
        (with("iss", json!("https://other.example")), NOT_VALID, "has a different issuer"),
        (with("sub", Value::Null), NOT_VALID, "it has no subject"),
        (with("preferred_username", Value::Null), "did not provide your name", "no claim `preferred_username`"),
        (with("preferred_username", json!("ada o'hara")), "cannot be used here", "cannot be used here"),
        (
            with("preferred_username", json!("anna")),
            "is already used by another account",
            "is already used by another \
            account",
        ),
    ] {
        let stranger = admin.another();
        provider.tells(claims.clone());
        let page = signs_in(&stranger);
        assert!(page.contains(sentence) && page.ends_with("403"), "{claims}: {page}");
        assert_eq!(stranger.status("/"), 303, "{claims}");
        until("the log says why", || served.log().contains(logged));
    }
    // Signed by whoever has another key of the same name.
    provider.tells(ada.clone());
    provider.said.lock().unwrap().signs = Key::rs256("rsa-1");
    let page = signs_in(&admin.another());
    assert!(page.contains(NOT_VALID) && page.ends_with("403"), "{page}");
    until("the log says why", || served.log().contains("its signature does not match any key of the provider"));
    provider.said.lock().unwrap().signs = RSA.clone();
    // What was used, what another browser began, and what nobody began.
    let (own, other) = (admin.another(), admin.another());
    let back = led_back(&own);
    let code = |staff: &Staff<'_>, url: &str| staff.curl(&["-w", "%{http_code}", url]);
    assert!(code(&other, &back).contains("was started elsewhere"), "a link signs strangers in");
    assert!(code(&own, &back).ends_with("200"), "a stranger can end what somebody began");
    assert!(code(&own, &back).contains("already used"));
    let back = led_back(&own);
    assert!(code(&own, &back.replace("&iss=http", "&iss=https")).contains(NOT_VALID), "RFC 9207 is not kept");
    let back = led_back(&own);
    assert!(code(&own, &back).ends_with("200"));
    let page = code(&own, &back);
    assert!(page.contains("was already used") && page.ends_with("403"), "{page}");
    assert!(code(&own, &own.url("/login/oidc/callback?code=x&state=y")).contains("was started elsewhere"));
    assert!(code(&own, &own.url("/login/oidc/callback")).contains("was started elsewhere"));
    assert!(admin.get("/audit").contains("through the provider: the ID token is not accepted"));
}

#[test]
fn new_keys_of_the_provider_are_taken_as_soon_as_they_sign() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let configuration = provider.configuration(folder.path(), "default_role = \"viewer\"");
    let served = Served::in_folder(folder, &configuration);
    let admin = administrator(&served);
    assert!(signs_in(&admin.another()).ends_with("200"));
    let new = Key::es256("ec-2");
    {
        let mut said = provider.said.lock().unwrap();
        said.published = vec![json!({ "kty": "unheard-of", "kid": "ec-2" }), new.published()];
        said.signs = new;
    }
    let page = signs_in(&admin.another());
    assert!(page.ends_with("200"), "{page}");
    let asked = provider.site.asked();
    let number = |path: &str| asked.iter().filter(|head| head.starts_with(&format!("GET {path}"))).count();
    assert_eq!(number("/keys"), 2, "keys are fetched when they are needed");
    assert_eq!(number("/.well-known/"), 1, "what is known is asked again");
}

#[test]
fn only_people_who_were_added_come_in_where_nobody_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let configuration = provider.configuration(folder.path(), "make_people = false\nsecond_factor = [\"mfa\"]");
    let served = Served::in_folder(folder, &configuration);
    let admin = administrator(&served);
    let with_factor = json!({ "preferred_username": "ada", "sub": "ada-1", "amr": ["pwd", "mfa"] });
    provider.tells(with_factor.clone());
    let page = signs_in(&admin.another());
    assert!(page.contains("There is no account for you here") && page.ends_with("403"), "{page}");
    let form = [("csrf", &*admin.csrf()), ("name", "ada"), ("password", ""), ("role", "viewer")];
    assert!(admin.post("/users", &form).ends_with("303"));
    provider.tells(json!({ "preferred_username": "ada", "sub": "ada-1", "amr": ["pwd"] }));
    let page = signs_in(&admin.another());
    assert!(page.contains("A second factor is required here") && page.ends_with("403"), "{page}");
    provider.tells(with_factor);
    let ada = admin.another();
    assert!(signs_in(&ada).ends_with("200"));
    assert_eq!((ada.status("/events"), ada.status("/users")), (200, 403));
    // The name is theirs now, and no other account's.
    provider.tells(json!({ "preferred_username": "ada", "sub": "somebody-else", "acr": "mfa" }));
    let page = signs_in(&admin.another());
    assert!(page.contains("is already used by another account") && page.ends_with("403"), "{page}");
    // Whoever has a password keeps their account for themselves, until an administrator says otherwise.
    let karl = admin.colleague("karl", "viewer");
    provider.tells(json!({ "preferred_username": "karl", "sub": "karl-1", "amr": ["mfa"] }));
    assert!(signs_in(&admin.another()).contains("is already used by another account"));
    assert!(karl.post("/users/karl/provider", &[("csrf", &karl.csrf())]).ends_with("403"));
    assert!(admin.post("/users/karl/provider", &[("csrf", &admin.csrf())]).ends_with("303"));
    assert_eq!(karl.status("/"), 303, "the session outlives the password");
    assert!(signs_in(&karl).ends_with("200"));
    let own = admin.post("/users/anna/provider", &[("csrf", &admin.csrf())]);
    assert!(own.contains("disable yourself"), "an administrator can lose the last password: {own}");
}

#[test]
fn a_provider_that_is_away_keeps_nobody_with_a_password_out() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let configuration = configuration(&format!("http://{address}"), folder.path(), "default_role = \"viewer\"");
    let served = Served::in_folder(folder, &configuration);
    let admin = administrator(&served);
    let ada = admin.another();
    let page = ada.curl(&["-w", "%{http_code}", &ada.url("/login/oidc")]);
    assert!(page.contains("sign-in service does not respond") && page.ends_with("503"), "{page}");
    assert!(ada.get("/login").contains("sign-in service did not respond"));
    let back = ada.get("/login/oidc?to=%2Fnetwork%2Fconfirm");
    assert!(back.contains("name=\"to\" value=\"/network/confirm\""), "where they wanted to go is forgotten: {back}");
    until("the log says so", || served.log().contains("sign-in through the provider does not work"));
    let again = admin.another();
    let form = [("name", "anna"), ("password", "correct horse battery")];
    assert!(again.post("/login", &form).ends_with("303"), "nor with a password");
    let _provider = Provider::at(&address);
    until("the provider is asked again", || {
        let there = ada.curl(&["-o", "/dev/null", "-w", "%{redirect_url}", &ada.url("/login/oidc")]);
        there.contains("/authorize?")
    });
    assert!(signs_in(&ada).ends_with("200"));
    assert!(!admin.another().get("/login").contains("did not respond"));
}
