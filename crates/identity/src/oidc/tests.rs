use super::*;
use serde_json::json;
use std::sync::Arc;

/// A provider that says these things about itself and answers nothing else.
struct Said(Option<Value>);

impl Fetch for Said {
    fn get<'a>(&'a self, address: &'a str) -> Pending<'a, Vec<u8>> {
        let answer = self.0.as_ref().filter(|_| address.ends_with("/.well-known/openid-configuration"));
        let answer = answer.map(|said| said.to_string().into_bytes()).ok_or(FetchError("it is away".to_owned()));
        Box::pin(async move { answer })
    }

    fn post<'a>(&'a self, _: &'a str, _: Option<String>, _: String) -> Pending<'a, (u16, Vec<u8>)> {
        Box::pin(async { Ok((400, br#"{"error":"invalid_grant"}"#.to_vec())) })
    }
}

fn settings() -> OidcSettings {
    OidcSettings {
        issuer: "https://login.example".to_owned(),
        client_id: "lazaret".to_owned(),
        ..OidcSettings::default()
    }
}

fn provider(settings: OidcSettings, said: Option<Value>) -> Provider {
    let redirect = "https://console.example/login/oidc/callback".to_owned();
    Provider::new(settings, Some("secret".to_owned()), redirect, Box::new(Said(said))).unwrap()
}

fn document() -> Value {
    json!({
        "issuer": "https://login.example",
        "authorization_endpoint": "https://login.example/authorize?tenant=a",
        "token_endpoint": "https://login.example/token",
        "jwks_uri": "https://login.example/keys",
        "authorization_response_iss_parameter_supported": true,
    })
}

fn field(address: &str, name: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn a_sign_in_is_finished_once_by_the_browser_that_began_it() {
    let provider = provider(settings(), Some(document()));
    let begun = provider.begin("/events").await.unwrap();
    assert!(begun.address.starts_with("https://login.example/authorize?tenant=a&response_type=code&"), "{begun:?}");
    assert_eq!(field(&begun.address, "redirect_uri"), "https://console.example/login/oidc/callback");
    assert_eq!(field(&begun.address, "scope"), "openid profile email");
    assert_eq!(field(&begun.address, "code_challenge_method"), "S256");
    let (state, iss) = (field(&begun.address, "state"), "https://login.example");
    let stranger = Returned { state: &state, code: "c", iss, browser: "another", ..Returned::default() };
    assert!(matches!(provider.finish(&stranger).await, Err(OidcError::Unknown)), "another's browser");
    let own = Returned { browser: &begun.browser, ..stranger };
    assert!(matches!(provider.finish(&own).await, Err(OidcError::Code(_))), "a stranger can end another's sign-in");
    assert!(matches!(provider.finish(&own).await, Err(OidcError::Unknown)), "a state was taken twice");
    for (changes, told) in [
        (Returned { iss: "https://other.example", code: "c", ..Returned::default() }, "not come from this provider"),
        (Returned { iss: "", code: "c", ..Returned::default() }, "not come from this provider"),
        (Returned { iss, error: "access_denied", ..Returned::default() }, "`access_denied`"),
        (Returned { iss, code: "c", ..Returned::default() }, "`invalid_grant`"),
    ] {
        let begun = provider.begin("/").await.unwrap();
        let state = field(&begun.address, "state");
        let returned = Returned { state: &state, browser: &begun.browser, ..changes };
        let error = provider.finish(&returned).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn whoever_begins_and_never_ends_crowds_nobody_out() {
    let provider = provider(settings(), Some(document()));
    let begun = provider.begin("/").await.unwrap();
    for _ in 0..20_000 {
        provider.begin("/").await.unwrap();
    }
    let (state, iss) = (field(&begun.address, "state"), "https://login.example");
    let returned = Returned { state: &state, code: "c", iss, browser: &begun.browser, ..Returned::default() };
    assert!(matches!(provider.finish(&returned).await, Err(OidcError::Code(_))));
    // Another process at the same ledger can end it as well.
    let other = self::provider(settings(), Some(document()));
    assert!(matches!(other.finish(&returned).await, Err(OidcError::Code(_))));
}

#[tokio::test]
async fn a_provider_that_is_away_or_says_something_else_about_itself_is_not_asked_for_anybody() {
    let away = provider(settings(), None);
    assert!(!away.is_away());
    assert!(matches!(away.begin("/").await, Err(OidcError::Away(_))));
    assert!(away.is_away());
    for (key, value) in [
        ("issuer", json!("https://login.example/")),
        ("token_endpoint", json!("http://login.example/token")),
        ("jwks_uri", json!("ftp://login.example/keys")),
        // Nothing on this machine is asked because somebody elsewhere says so.
        ("token_endpoint", json!("http://127.0.0.1:9000/token")),
        ("issuer", json!("https://login.example/{tenantid}/v2.0")),
        ("code_challenge_methods_supported", json!(["plain"])),
    ] {
        let mut said = document();
        said[key] = value;
        assert!(matches!(provider(settings(), Some(said)).begin("/").await, Err(OidcError::Metadata(_))), "{key}");
    }
}

#[test]
fn nobody_is_led_elsewhere_after_signing_in() {
    for path in ["/", "/events?decision=hold", "/techniques/T1204/002"] {
        assert_eq!(own_path(path), path);
    }
    for path in
        ["", "//other.example", "/\\other.example", "https://other.example", "events", "/a b", "/\r\nX: y", "/\"x"]
    {
        assert_eq!(own_path(path), "/", "{path}");
    }
    let long = format!("/{}", "a".repeat(500));
    assert_eq!(own_path(&long), "/");
}

#[test]
fn groups_become_roles_and_groups_of_policies() {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let settings = OidcSettings {
        groups_claim: "realm_access.groups".to_owned(),
        groups: map(&[("eu-finance", "finance")]),
        roles: map(&[("soc", "analyst"), ("soc-lead", "admin")]),
        default_role: String::new(),
        second_factor: vec!["mfa".to_owned()],
        ..settings()
    };
    let provider = provider(settings, None);
    let account = |claims: Value| provider.account(claims.as_object().unwrap(), 0, "/".to_owned());
    let told = json!({
        "sub": "7", "preferred_username": "ada", "amr": ["pwd", "mfa"],
        "realm_access": { "groups": ["soc", "eu-finance", "soc-lead", "soc"] },
    });
    let ada = account(told.clone()).unwrap();
    assert_eq!((ada.standing, ada.second_factor), (Standing::Always(Role::Admin), true));
    assert_eq!(ada.groups, ["finance", "soc", "soc-lead"]);
    let nobody = account(json!({ "sub": "8", "preferred_username": "bob", "acr": "1" })).unwrap();
    assert_eq!((nobody.standing, nobody.second_factor), (Standing::Nowhere, false));
    let missing = account(json!({ "sub": "8" }));
    assert!(matches!(missing, Err(OidcError::NoClaim(claim)) if claim == "preferred_username"));
    let mut many = told.clone();
    many["realm_access"]["groups"] = (0..=MOST_GROUPS).map(|number| json!(format!("g{number}"))).collect();
    assert!(matches!(account(many), Err(OidcError::Groups(_))), "some groups were dropped silently");
    let mut elsewhere = told;
    for name in ["realm_access.groups", "realm_access"] {
        elsewhere["_claim_names"] = json!({ name: "src1" });
        assert!(matches!(account(elsewhere.clone()), Err(OidcError::Groups(_))), "groups elsewhere count as none");
    }
    let place = format!("CN=soc,{}", "OU=x,".repeat(100));
    let long =
        account(json!({ "sub": "9", "preferred_username": "eve", "realm_access": { "groups": [place.clone()] } }));
    assert_eq!(long.unwrap().groups, [place], "a group's place in a directory is too long");
}

#[test]
fn an_address_that_nobody_confirmed_is_nobodys_name() {
    let provider = provider(OidcSettings { name_claim: "email".to_owned(), ..settings() }, None);
    for (confirmed, fine) in [(json!(true), true), (json!("true"), true), (json!(false), false), (json!("no"), false)] {
        let claims = json!({ "sub": "7", "email": "ada@example.com", "email_verified": confirmed });
        assert_eq!(provider.account(claims.as_object().unwrap(), 0, String::new()).is_ok(), fine, "{claims}");
    }
}

/// What a provider was asked about a code: who asked, and the form.
type Asked = (Option<String>, String);

/// A provider that answers codes as it is told, and keeps what it was asked.
struct Tokens {
    said: Value,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: fn(Option<&str>, &str) -> (u16, Value),
}

impl Fetch for Tokens {
    fn get<'a>(&'a self, _: &'a str) -> Pending<'a, Vec<u8>> {
        let said = self.said.to_string().into_bytes();
        Box::pin(async move { Ok(said) })
    }

    fn post<'a>(&'a self, _: &'a str, credentials: Option<String>, form: String) -> Pending<'a, (u16, Vec<u8>)> {
        let (status, answer) = (self.answers)(credentials.as_deref(), &form);
        self.asked.lock().unwrap().push((credentials, form));
        Box::pin(async move { Ok((status, answer.to_string().into_bytes())) })
    }
}

/// What comes of a code, and what the provider was asked about it.
async fn exchanged(
    methods: Value,
    answers: fn(Option<&str>, &str) -> (u16, Value),
) -> (Result<Account, OidcError>, Vec<Asked>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut said = document();
    said["token_endpoint_auth_methods_supported"] = methods;
    let tokens = Tokens { said, asked: Arc::clone(&asked), answers };
    let settings = OidcSettings { client_id: "5e1c-77.apps_x".to_owned(), ..settings() };
    let provider =
        Provider::new(settings, Some("s~e.c-r_e t".to_owned()), "https://c.example/x".to_owned(), Box::new(tokens));
    let provider = provider.unwrap();
    let begun = provider.begin("/").await.unwrap();
    let state = field(&begun.address, "state");
    let iss = "https://login.example";
    let returned = Returned { state: &state, code: "c", iss, browser: &begun.browser, ..Returned::default() };
    let account = provider.finish(&returned).await;
    let asked = asked.lock().unwrap().clone();
    (account, asked)
}

#[tokio::test]
async fn a_client_is_known_to_providers_that_decode_no_credentials_and_to_those_that_want_them_in_the_form() {
    let known = |_: Option<&str>, _: &str| (200, json!({ "id_token": "" }));
    let (_, asked) = exchanged(Value::Null, known).await;
    let [(Some(credentials), form)] = &asked[..] else { panic!("{asked:?}") };
    let pair = BASE64.decode(credentials.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
    assert_eq!(pair, b"5e1c-77.apps_x:s%7Ee.c-r_e%20t", "letters that forms leave as they are were encoded");
    assert!(!form.contains("client_id"), "{form}");
    let (_, asked) = exchanged(json!(["client_secret_post"]), known).await;
    assert!(asked.len() == 1 && asked[0].0.is_none(), "{asked:?}");
    assert!(asked[0].1.ends_with("&client_id=5e1c-77.apps_x&client_secret=s%7Ee.c-r_e%20t"), "{asked:?}");
    // Told to use the form, although it says that it takes both.
    let in_form = |credentials: Option<&str>, _: &str| match credentials {
        Some(_) => (401, json!({ "error": "invalid_client" })),
        None => (200, json!({ "id_token": "" })),
    };
    let (account, asked) = exchanged(json!(["client_secret_basic", "client_secret_post"]), in_form).await;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(matches!(account, Err(OidcError::Token(TokenFlaw::Form))), "{account:?}");
    // Another trouble is not tried again, with a code that may be used up.
    let used = |_: Option<&str>, _: &str| (400, json!({ "error": "invalid_grant" }));
    let (account, asked) = exchanged(json!(["client_secret_basic", "client_secret_post"]), used).await;
    assert!(matches!(account, Err(OidcError::Code(_))) && asked.len() == 1, "{asked:?}");
}

#[tokio::test]
async fn what_providers_write_otherwise_keeps_nobody_out() {
    for (written, read) in [
        (json!(1_800), Some(1_800)),
        (json!("1800"), Some(1_800)),
        (json!(1_800.5), Some(1_800)),
        (json!("soon"), None),
        (Value::Null, None),
    ] {
        assert_eq!(seconds(&written), read, "{written}");
    }
    let odd = |_: Option<&str>, _: &str| (200, json!({ "id_token": null, "error": null, "refresh_expires_in": "x" }));
    let (account, _) = exchanged(Value::Null, odd).await;
    assert!(matches!(account, Err(OidcError::Token(TokenFlaw::Form))), "the answer was not read: {account:?}");
}

/// A key by its name and a number that stands in it.
fn key(kid: Option<&str>, number: u8) -> Value {
    let mut key = json!({ "kty": "RSA", "n": data_encoding::BASE64URL_NOPAD.encode(&[number; 256]), "e": "AQAB" });
    if let Some(kid) = kid {
        key["kid"] = json!(kid);
    }
    key
}

/// A provider whose keys change under its hands.
struct Turning(Arc<Mutex<(Value, usize)>>);

impl Fetch for Turning {
    fn get<'a>(&'a self, address: &'a str) -> Pending<'a, Vec<u8>> {
        let mut kept = self.0.lock().unwrap();
        let answer = if address.ends_with("/keys") {
            kept.1 += 1;
            kept.0.clone()
        } else {
            document()
        };
        Box::pin(async move { Ok(answer.to_string().into_bytes()) })
    }

    fn post<'a>(&'a self, _: &'a str, _: Option<String>, _: String) -> Pending<'a, (u16, Vec<u8>)> {
        Box::pin(async { Ok((400, Vec::new())) })
    }
}

#[tokio::test]
async fn new_keys_are_found_under_old_names_and_without_names() {
    let kept = Arc::new(Mutex::new((json!({ "keys": [key(None, 1)] }), 0)));
    let metadata = Metadata::new("https://login.example".to_owned(), Box::new(Turning(Arc::clone(&kept))));
    assert_eq!(metadata.keys(Some("named")).await.unwrap().len(), 1, "a key without a name is no key");
    assert_eq!(metadata.keys(None).await.unwrap().len(), 1);
    assert_eq!(kept.lock().unwrap().1, 1, "what is known is asked again");
    kept.lock().unwrap().0 = json!({ "keys": [key(Some("a"), 2), key(Some("b"), 3)] });
    assert!(!metadata.forget_keys().await, "keys are fetched at every turn");
    metadata.age_keys().await;
    assert!(metadata.forget_keys().await, "an hour passes before new keys are found");
    assert_eq!(metadata.keys(Some("b")).await.unwrap().len(), 1);
    assert_eq!(metadata.keys(None).await.unwrap().len(), 2);
    assert_eq!(kept.lock().unwrap().1, 2);
}
