//! One's own account: one-time passwords, tokens, and what programs may do with them.

use crate::described;
use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{Served, Site};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const PASSWORD: &str = "correct horse battery";

/// The one-time password (RFC 6238) some time steps from now.
fn code(secret: &str, ahead: u64) -> String {
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + ahead;
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0xf);
    let word = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("no `{before}` in {text}"));
    rest.split(after).next().unwrap().to_owned()
}

/// Signs in as far as the question for a code; the ticket.
fn asked(staff: &Staff<'_>, name: &str, password: &str) -> String {
    let page = staff.post("/login", &[("name", name), ("password", password)]);
    assert!(page.contains("One-time password") && page.ends_with("200"), "{page}");
    between(&page, "name=\"ticket\" value=\"", "\"")
}

#[test]
fn a_second_factor_is_set_up_asked_for_and_never_taken_twice() {
    let served = Served::with("");
    let staff = administrator(&served);
    let csrf = staff.csrf();
    let wrong = staff.post("/account/totp", &[("csrf", &csrf), ("password", "guess")]);
    assert!(wrong.contains("Wrong password"), "{wrong}");
    let page = staff.post("/account/totp", &[("csrf", &csrf), ("password", PASSWORD)]);
    let secret = between(&page, "<dt>Secret</dt><dd><code>", "<");
    assert!(page.contains("<svg class=\"code\"") && page.contains(&format!("secret={secret}")), "{page}");
    // Not confirmed is not switched on.
    let other = staff.another();
    assert!(other.post("/login", &[("name", "anna"), ("password", PASSWORD)]).ends_with("303"));
    let confirm = |code: &str| staff.post("/account/totp/confirm", &[("csrf", &csrf), ("code", code)]);
    assert!(confirm("000000").contains("Wrong code"));
    let page = confirm(&code(&secret, 0));
    let recovery = between(&page, "<pre>", "</pre>");
    let recovery: Vec<_> = recovery.split_whitespace().collect();
    assert_eq!(recovery.len(), 8, "{page}");
    // Signing in asks for a code, and takes one once.
    let other = staff.another();
    let ticket = asked(&other, "anna", PASSWORD);
    assert_eq!(other.status("/"), 303, "the password alone lets in");
    let answer =
        |staff: &Staff<'_>, ticket: &str, code: &str| staff.post("/login/code", &[("ticket", ticket), ("code", code)]);
    assert!(answer(&other, &ticket, &code(&secret, 0)).ends_with("403"), "the code of the enrolment is used");
    assert!(answer(&other, "guess", &code(&secret, 1)).ends_with("403"), "no password, no code");
    let next = code(&secret, 1);
    assert!(answer(&other, &ticket, &next).ends_with("303"));
    assert_eq!(other.status("/"), 200);
    assert!(answer(&staff.another(), &ticket, &next).ends_with("403"), "a ticket works twice");
    let third = staff.another();
    let ticket = asked(&third, "anna", PASSWORD);
    assert!(answer(&third, &ticket, &next).contains("it was already used"));
    assert!(answer(&third, &ticket, &recovery[0].to_uppercase()).ends_with("303"));
    assert!(third.get("/account").contains("Recovery codes left: 7"));
    let ticket = asked(&third, "anna", PASSWORD);
    assert!(answer(&third, &ticket, recovery[0]).ends_with("403"), "a recovery code works twice");
    // An administrator helps somebody who lost the device; others cannot.
    let viktor = staff.colleague("viktor", "viewer");
    let page = viktor.post("/account/totp", &[("csrf", &viktor.csrf()), ("password", "a long enough one")]);
    let secret = between(&page, "<dt>Secret</dt><dd><code>", "<");
    let page = viktor.post("/account/totp/confirm", &[("csrf", &viktor.csrf()), ("code", &code(&secret, 0))]);
    assert!(page.contains("Recovery codes"));
    let ticket = asked(&staff.another(), "viktor", "a long enough one");
    assert!(viktor.post("/users/anna/totp", &[("csrf", &viktor.csrf())]).ends_with("403"));
    // Codes cannot be guessed: none is taken for a while after a few.
    for _ in 0..5 {
        assert!(answer(&viktor, &ticket, "123456").ends_with("403"));
    }
    assert!(answer(&viktor, &ticket, &code(&secret, 1)).ends_with("429"), "no delay");
    assert!(answer(&staff.another(), &ticket, &code(&secret, 1)).ends_with("403"), "no lock elsewhere");
    assert!(staff.post("/users/viktor/totp", &[("csrf", &csrf)]).ends_with("303"));
    assert!(!staff.get("/users").contains("/users/viktor/totp"));
    let audit = staff.get("/audit");
    for what in ["one-time passwords on", "recovery code used", "one-time passwords reset", "locked"] {
        assert!(audit.contains(what), "{what}");
    }
    assert!(!audit.contains(&secret));
    // Off again.
    assert!(staff.post("/account/totp/off", &[("csrf", &csrf), ("password", PASSWORD)]).ends_with("303"));
    assert!(staff.another().post("/login", &[("name", "anna"), ("password", PASSWORD)]).ends_with("303"));
}

#[test]
fn a_copy_of_the_ledger_has_no_secret_and_without_the_key_nothing_starts() {
    let mut served = Served::with("");
    let secret = {
        let staff = administrator(&served);
        let csrf = staff.csrf();
        let page = staff.post("/account/totp", &[("csrf", &csrf), ("password", PASSWORD)]);
        let secret = between(&page, "<dt>Secret</dt><dd><code>", "<");
        let page = staff.post("/account/totp/confirm", &[("csrf", &csrf), ("code", &code(&secret, 0))]);
        assert!(page.contains("Recovery codes"), "{page}");
        secret
    };
    served.signal("TERM");
    served.ended();
    let data = served.folder.path().join("data");
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        let bytes = std::fs::read(data.join(name)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|piece| piece == secret.as_bytes()), "{name}");
    }
    let (key, aside) = (data.join("ledger.key"), data.join("aside"));
    std::fs::rename(&key, &aside).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .arg("serve")
        .env("LAZARET_CONFIG", served.folder.path().join("lazaret.toml"))
        .env("LAZARET_DATA", &data)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("ledger.key` is missing; restore it from a backup"), "{said}");
    assert!(!key.exists(), "a new key was made");
    std::fs::rename(&aside, &key).unwrap();
    let served = served.again();
    let staff = Staff { served: &served, jar: tempfile::NamedTempFile::new().unwrap() };
    let ticket = asked(&staff, "anna", PASSWORD);
    let answer = staff.post("/login/code", &[("ticket", &ticket), ("code", &code(&secret, 1))]);
    assert!(answer.ends_with("303"), "{answer}");
}

/// A token of somebody, made on the account page.
pub fn token(staff: &Staff<'_>, role: &str) -> String {
    let page = staff.post("/account/tokens", &[("csrf", &staff.csrf()), ("name", "script"), ("role", role)]);
    between(&page, "<pre>", "</pre>").trim().to_owned()
}

/// Status, media type and JSON of an answer of the API.
pub fn api(served: &Served, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, String, Value) {
    let stranger = Staff { served, jar: tempfile::NamedTempFile::new().unwrap() };
    let authorization = format!("Authorization: Bearer {token}");
    let mut arguments = vec!["-X", method, "-w", "\n%{http_code} %{content_type}"];
    if !token.is_empty() {
        arguments.extend(["-H", &authorization]);
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    if !body.is_empty() {
        arguments.extend(["-H", "Content-Type: application/json", "-d", &body]);
    }
    let url = stranger.url(path);
    arguments.push(&url);
    let output = stranger.curl(&arguments);
    let (text, end) = output.rsplit_once('\n').unwrap();
    let (status, media_type) = end.split_once(' ').unwrap();
    described::check(method, path, status.parse().unwrap(), media_type, text);
    (status.parse().unwrap(), media_type.to_owned(), serde_json::from_str(text).unwrap_or_default())
}

#[test]
fn programs_do_with_a_token_what_its_role_may() {
    let served = Served::in_folder(crate::shelf::filled(), "");
    let staff = administrator(&served);
    let site = Site::plain();
    site.page("/invoice.exe", "Content-Type: application/octet-stream\r\n", b"MZ no program".to_vec());
    site.page("/data.bin", "Content-Type: application/octet-stream\r\n", vec![0x9b; 5_000]);
    let reference = |path: &str| {
        let stopped = served.curl(&[&site.url(path)]);
        assert_eq!(stopped.status, 403, "{path}");
        let text = stopped.text();
        text.split("/ask/").nth(1).unwrap().chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect::<String>()
    };
    let reference = reference("/data.bin");
    let admin = token(&staff, "admin");
    let viktor = staff.colleague("viktor", "viewer");
    let above = viktor.post("/account/tokens", &[("csrf", &viktor.csrf()), ("name", "x"), ("role", "admin")]);
    assert!(above.contains("cannot have a higher role than your own"), "{above}");
    let viewer = token(&viktor, "viewer");
    // The description is true: without a token nothing answers but itself, and problems are documents.
    let (status, _, described) = api(&served, "GET", "/api/v1/openapi.json", "", None);
    assert_eq!(status, 200);
    for (template, item) in described["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let is_library = template.starts_with("/api/v1/attack/");
            let is_entry = template.starts_with("/api/v1/attack/objects/");
            let path = template
                .replace("{reference}", &reference)
                .replace("{id}", if is_entry { "T9001" } else { "999" })
                .replace("{domain}", if is_library { "enterprise-attack" } else { "none.example" })
                .replace("{feed}", "stix-2.0")
                .replace("{release}", "2.0")
                .replace("{stix_id}", corpus::attack::TECHNIQUE)
                .replace("{deed}", "submit");
            let operation = &item[method];
            let method = method.to_uppercase();
            // Open to all: no security at all, or none as one of the choices.
            let security = operation["security"].as_array();
            let open = security.is_some_and(|all| all.is_empty() || all.iter().any(|one| *one == json!({})));
            assert_eq!(
                open,
                path.ends_with("openapi.json") || (is_library && !path.contains("/takes")),
                "{method} {path}"
            );
            let (status, media_type, problem) = api(&served, &method, &path, "", None);
            if open {
                assert!(operation["responses"][status.to_string()].is_object(), "{method} {path}: {status} {problem}");
                assert_ne!(status, 401, "{method} {path}");
            } else {
                assert_eq!(status, 401, "{method} {path}");
                assert_eq!((media_type.as_str(), &problem["status"]), ("application/problem+json", &json!(401)));
            }
            // With one, there is an answer that the description knows.
            let (status, media_type, answer) = api(&served, &method, &path, &admin, None);
            assert!(operation["responses"][status.to_string()].is_object(), "{method} {path}: {status} {answer}");
            assert_eq!(media_type == "application/problem+json", status >= 400, "{method} {path}: {media_type}");
        }
    }
    for token in ["guess", &format!("{admin}0")] {
        assert_eq!(api(&served, "GET", "/api/v1/events", token, None).0, 401);
    }
    for (path, expected) in [
        ("/api/v1/none", 404),
        ("/api/v2/events", 404),
        ("/api/v1/events?limit=0", 400),
        ("/api/v1/events?before=x", 400),
        ("/api/v1/events/NONE", 404),
    ] {
        let (status, media_type, problem) = api(&served, "GET", path, &viewer, None);
        assert_eq!((status, media_type.as_str()), (expected, "application/problem+json"), "{path}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    assert_eq!(api(&served, "DELETE", "/api/v1/events", &admin, None).0, 405);
    // Events.
    let (_, _, events) = api(&served, "GET", "/api/v1/events?decision=stopped", &viewer, None);
    assert_eq!((events["events"][0]["reference"].as_str(), &events["next"]), (Some(&*reference), &Value::Null));
    let required = described["components"]["schemas"]["Event"]["required"].as_array().unwrap();
    for key in required {
        assert!(!events["events"][0][key.as_str().unwrap()].is_null(), "{key}");
    }
    let (_, _, event) = api(&served, "GET", &format!("/api/v1/events/{reference}"), &viewer, None);
    assert_eq!(
        (event["decision"].as_str(), event["report"]["schema"].as_str()),
        (Some("hold"), Some("lazaret.scan/1"))
    );
    let (_, _, authorities) = api(&served, "GET", "/api/v1/authorities", &viewer, None);
    assert_eq!(authorities["authorities"][0]["role"], "present", "{authorities}");
    let (_, _, known) = api(&served, "GET", "/api/v1/sites/127.0.0.1", &viewer, None);
    assert_eq!(known["number"], 1, "{known}");
    // Requests.
    let asking = staff.another();
    assert!(asking.post(&format!("/ask/{reference}"), &[("name", "Maria"), ("reason", "work")]).ends_with("303"));
    let (_, _, requests) = api(&served, "GET", "/api/v1/requests", &viewer, None);
    let id = requests["requests"][0]["id"].as_i64().unwrap();
    let path = format!("/api/v1/requests/{id}");
    assert_eq!(api(&served, "POST", &format!("{path}/approve"), &viewer, None).0, 403);
    assert_eq!(api(&served, "POST", &format!("{path}/deny"), &admin, None).0, 400, "denied without a reason");
    let (status, _, request) =
        api(&served, "POST", &format!("{path}/approve"), &admin, Some(&json!({ "answer": "fine" })));
    assert_eq!(
        (status, request["state"].as_str(), request["decided_by"].as_str()),
        (200, Some("approved"), Some("anna"))
    );
    assert_eq!(api(&served, "POST", &format!("{path}/approve"), &admin, None).0, 409);
    // Policies.
    let (_, _, now) = api(&served, "GET", "/api/v1/policies", &viewer, None);
    assert_eq!((&now["version"], &now["built_in"]), (&json!(0), &json!(true)));
    let put = |token: &str, version: i64, text: &str| {
        let change = json!({ "version": version, "text": text, "note": "through the API" });
        api(&served, "PUT", "/api/v1/policies", token, Some(&change))
    };
    let text = now["text"].as_str().unwrap();
    assert_eq!(put(&viewer, 0, text).0, 403);
    let (status, _, problem) = put(&admin, 0, "permit (principal");
    assert_eq!((status, &problem["errors"][0]["line"]), (422, &json!(1)), "{problem}");
    assert_eq!(put(&admin, 0, text).2["version"], 1);
    assert_eq!(put(&admin, 0, text).0, 409);
    assert!(staff.get("/policies/history").contains("through the API"));
    // Whoever may less than the token says, may less with it; and what is revoked is nothing.
    let karl = staff.colleague("karl", "approver");
    let decider = token(&karl, "approver");
    assert_eq!(api(&served, "POST", &format!("{path}/approve"), &decider, None).0, 409);
    assert!(staff.post("/users/karl", &[("csrf", &staff.csrf()), ("role", "viewer")]).ends_with("303"));
    assert_eq!(api(&served, "POST", &format!("{path}/approve"), &decider, None).0, 403);
    assert_eq!(api(&served, "GET", "/api/v1/events", &decider, None).0, 200);
    let page = viktor.get("/account");
    let id = between(&page, "action=\"/account/tokens/", "\"");
    assert!(!page.contains(&viewer), "the secret is shown again");
    assert!(
        staff.post(&format!("/account/tokens/{id}"), &[("csrf", &staff.csrf())]).ends_with("404"),
        "somebody else's"
    );
    assert!(viktor.post(&format!("/account/tokens/{id}"), &[("csrf", "0000")]).ends_with("403"));
    assert!(viktor.post(&format!("/account/tokens/{id}"), &[("csrf", &viktor.csrf())]).ends_with("303"));
    assert_eq!(api(&served, "GET", "/api/v1/events", &viewer, None).0, 401);
    // A token ends by itself, and with the password.
    for days in ["0", "366", "x"] {
        let form = [("csrf", &*viktor.csrf()), ("name", "x"), ("role", "viewer"), ("days", days)];
        assert!(viktor.post("/account/tokens", &form).contains("1 to 365 days"), "{days}");
    }
    let form = [("csrf", &*viktor.csrf()), ("name", "year"), ("role", "viewer"), ("days", "365")];
    let viewer = between(&viktor.post("/account/tokens", &form), "<pre>", "</pre>").trim().to_owned();
    assert_eq!(api(&served, "GET", "/api/v1/events", &viewer, None).0, 200);
    let (old, new) = ("a long enough one", "another long enough one");
    assert!(viktor.post("/account", &[("csrf", &viktor.csrf()), ("old", old), ("new", new)]).ends_with("303"));
    assert_eq!(api(&served, "GET", "/api/v1/events", &viewer, None).0, 401);
    let audit = staff.get("/audit");
    for what in ["token made", "token used", "year as viewer, for 365 days", "1 token revoked", "signed in"] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
}

#[test]
fn whoever_finds_a_session_open_cannot_guess_its_password_there() {
    let served = Served::with("");
    let staff = administrator(&served);
    let csrf = staff.csrf();
    let change =
        |old: &str| staff.post("/account", &[("csrf", &csrf), ("old", old), ("new", "another long enough one")]);
    let later = "Too many failed attempts";
    for at in 0..5 {
        let page = change("guess");
        assert!(page.ends_with("200") && page.contains("Wrong password") && !page.contains(later), "{at}: {page}");
    }
    assert!(change("guess").contains(later));
    // The right one is not found out either, on whichever form of the page.
    assert!(change(PASSWORD).contains(later));
    for form in ["/account/totp", "/account/totp/off"] {
        let page = staff.post(form, &[("csrf", &csrf), ("password", PASSWORD)]);
        assert!(page.contains(later), "{form}: {page}");
    }
    assert!(staff.get("/audit").contains("on the account page"));
}

#[test]
fn the_pages_of_the_account_work_in_a_browser() {
    let served = Served::with("");
    let staff = administrator(&served);
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(&served, downloads.path());
    browser.go(&staff.url("/login"));
    browser.fill("#name", "anna");
    browser.fill("#password", PASSWORD);
    browser.click("main button");
    browser.sees("Sign out");
    browser.go(&staff.url("/account"));
    browser.fill("#on", PASSWORD);
    browser.click("form[action='/account/totp'] button");
    browser.sees("Secret");
    let text = browser.text();
    let secret = text.lines().skip_while(|line| *line != "Secret").nth(1).unwrap().trim().to_owned();
    browser.picture("enrol");
    browser.fill("#code", &code(&secret, 0));
    browser.click("main button");
    browser.sees("Recovery codes");
    browser.picture("recovery");
    browser.go(&staff.url("/account"));
    browser.fill("#token", "dashboard");
    browser.click("form[action='/account/tokens'] button");
    browser.sees("lazaret_");
    browser.picture("token");
    browser.go(&staff.url("/account"));
    browser.picture("account-with-token");
    browser.go(&staff.url("/settings"));
    browser.sees("patience_seconds");
    browser.picture("settings");
    browser.click("header form button");
    browser.fill("#name", "anna");
    browser.fill("#password", PASSWORD);
    browser.click("main button");
    browser.picture("code");
    browser.fill("#code", &code(&secret, 1));
    browser.click("main button");
    browser.sees("The last two weeks");
}
