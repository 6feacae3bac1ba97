//! Who may send what to the console: every address that takes something refuses everybody else.

use crate::gate::Served;
use crate::gate::people::{Staff, administrator};
use lazaret_console::{Sender, form_routes};
use lazaret_policy::Permissions;
use std::collections::BTreeSet;

const ROLES: [&str; 5] = ["person", "viewer", "analyst", "approver", "admin"];

/// The fields of a form but `csrf`, so that it is refused for its sender and not for what it lacks.
fn fields(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/setup" => &[("token", "0000"), ("name", "mallory"), ("password", "a long enough one")],
        "/login" => &[("name", "mallory"), ("password", "a long enough one")],
        "/login/code" => &[("ticket", "0000"), ("code", "123456")],
        "/ask/{reference}" => &[("name", "mallory"), ("reason", "none")],
        "/unlock/{reference}" => &[("password", "1234")],
        "/account" => &[("old", "wrong"), ("new", "a long enough one")],
        "/account/totp" | "/account/totp/off" => &[("password", "wrong")],
        "/account/totp/confirm" => &[("code", "123456")],
        "/account/tokens" => &[("name", "a token"), ("role", "viewer")],
        "/users" => &[("name", "mallory"), ("password", "a long enough one"), ("role", "admin")],
        "/users/{name}" => &[("role", "admin"), ("disabled", "")],
        "/requests/{id}" => &[("decision", "approve"), ("answer", "")],
        "/policies/edit" => &[("text", ""), ("note", "none"), ("base", "0"), ("do", "save")],
        "/policies/history/{id}" => &[("base", "0")],
        "/sites/refusals" => &[("host", "nobody.example"), ("do", "pass")],
        "/quarantine/{blob}" => &[("reference", "none")],
        "/attack/layers" => &[("layer", "{}"), ("do", "show")],
        "/attack/takes/new" => &[("text", ""), ("id", "T9001")],
        "/attack/takes/{id}" => &[("do", "submit"), ("revision", "1"), ("note", "")],
        "/logout"
        | "/asked/{token}"
        | "/account/tokens/{id}"
        | "/events/{reference}/sample.zip"
        | "/users/{name}/totp" => &[],
        other => panic!("`{other}` is new: what does it take?"),
    }
}

/// An address with something in the place of what differs.
fn filled_in(path: &str) -> String {
    let mut out = String::new();
    for (place, piece) in path.split(['{', '}']).enumerate() {
        match (place % 2, piece) {
            (0, text) => out.push_str(text),
            (_, "id") => out.push('1'),
            (_, "name") => out.push_str("nobody"),
            (_, "deed") => out.push_str("publish"),
            (_, "blob") => out.push_str(&"0".repeat(64)),
            (_, _) => out.push_str("AAAA-AAAA-AAAA"),
        }
    }
    out
}

/// The status of a form that is sent.
fn status(staff: &Staff<'_>, path: &str, csrf: &str, more: &[&str]) -> u16 {
    let mut arguments = vec!["-o".to_owned(), "/dev/null".to_owned(), "-w".to_owned(), "%{http_code}".to_owned()];
    for (name, value) in [("csrf", csrf)].iter().chain(fields(path)) {
        arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
    }
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments.push(staff.url(&filled_in(path)));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    staff.curl(&arguments).parse().unwrap()
}

/// The secret of somebody's own forms.
fn secret(staff: &Staff<'_>) -> String {
    let page = staff.get("/account");
    page.split("name=\"csrf\" value=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("{page}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn every_form_is_refused_without_a_session_with_a_wrong_secret_and_with_a_wrong_role() {
    let served = Served::with("[console]\npublic_library = false\n");
    let admin = administrator(&served);
    let stranger = admin.another();
    let staff: Vec<_> = ROLES[..4].iter().map(|role| (*role, admin.colleague(&format!("karl-{role}"), role))).collect();
    let staff: Vec<(&str, &Staff<'_>)> =
        staff.iter().map(|(role, staff)| (*role, staff)).chain([("admin", &admin)]).collect();
    let secrets: Vec<String> = staff.iter().map(|(_, staff)| secret(staff)).collect();
    let permissions = Permissions::built_in().unwrap();
    let foreign = ["-H", "Sec-Fetch-Site: cross-site"];
    let mut walked = BTreeSet::new();
    for route in form_routes() {
        let path = route.path;
        walked.insert(path);
        let needed: &[&str] = match route.sender {
            Sender::Anybody(what) => {
                assert!(!what.is_empty(), "{path}: why may anybody send it?");
                &[]
            }
            Sender::SignedIn | Sender::Reader => &[],
            Sender::May(needed) => needed,
        };
        if !matches!(route.sender, Sender::Anybody(_)) {
            assert_eq!(status(&stranger, path, "", &[]), 303, "{path} by a stranger");
        }
        for ((role, staff), secret) in staff.iter().zip(&secrets) {
            assert_eq!(status(staff, path, secret, &foreign), 403, "{path} by {role} from another site");
            if matches!(route.sender, Sender::May(_) | Sender::SignedIn) {
                assert_eq!(status(staff, path, "0000", &[]), 403, "{path} by {role} with a wrong secret");
            }
            let may = permissions.of(role);
            if !needed.is_empty() && !needed.iter().any(|permission| may.contains(*permission)) {
                assert_eq!(status(staff, path, secret, &[]), 403, "{path} by {role}, who may not");
            } else if matches!(route.sender, Sender::May(_)) {
                // The same form from somebody who may: refused for something else, if at all.
                let answer = status(staff, path, secret, &[]);
                assert!(answer != 403 && answer < 500, "{path} by {role}, who may: {answer}");
            }
        }
    }
    assert!(walked.len() > 20, "{walked:?}");
}

#[test]
fn every_address_for_programs_that_changes_something_wants_a_token_of_the_right_role() {
    let served = Served::with("[console]\npublic_library = false\n");
    let admin = administrator(&served);
    let viewer = admin.colleague("karl", "viewer");
    let made =
        viewer.post("/account/tokens", &[("csrf", &secret(&viewer)), ("name", "looks only"), ("role", "viewer")]);
    let token =
        made.split("<pre>").nth(1).unwrap_or_else(|| panic!("no token: {made}")).split('<').next().unwrap().trim();
    let description: serde_json::Value =
        serde_json::from_str(&admin.get("/api/v1/openapi.json")).expect("the description is JSON");
    let mut walked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in ["post", "put", "delete", "patch"].iter().filter(|method| item[**method].is_object()) {
            let url = admin.url(&filled_in(path));
            let method = method.to_uppercase();
            let ask = |authorization: &str| {
                let form =
                    ["-o", "/dev/null", "-w", "%{http_code}", "-X", &method, "-d", "{}", "-H", authorization, &url];
                admin.another().curl(&form).parse::<u16>().unwrap()
            };
            assert_eq!(ask("Accept: */*"), 401, "{method} {path} without a token");
            assert_eq!(ask("Authorization: Bearer 0000"), 401, "{method} {path} with a wrong token");
            // Bringing a layer up to date changes nothing, and whoever may look may do that.
            if path != "/api/v1/attack/layers" {
                assert_eq!(
                    ask(&format!("Authorization: Bearer {token}")),
                    403,
                    "{method} {path} with a viewer's token"
                );
            }
            walked += 1;
        }
    }
    assert!(walked >= 7, "only {walked} were walked");
}
