//! Who may send what to the console, and see what there: every address refuses everybody else.

use crate::gate::Served;
use crate::gate::people::{Staff, administrator};
use lazaret_console::{Sender, form_routes, page_routes};
use lazaret_policy::Permissions;
use std::collections::BTreeSet;

const ROLES: [&str; 5] = ["person", "viewer", "analyst", "approver", "admin"];

/// A console of which nothing is open to everybody.
const CLOSED: &str = "[console]\npublic_library = false\n";

/// Somebody of each role.
fn one_of_each(admin: Staff<'_>) -> Vec<(&'static str, Staff<'_>)> {
    let others = ROLES[..4].iter().map(|role| (*role, admin.colleague(&format!("karl-{role}"), role)));
    let others: Vec<_> = others.collect();
    others.into_iter().chain([("admin", admin)]).collect()
}

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
        "/incident" => &[("text", "none"), ("reference", "")],
        "/incidents" => &[("title", "none")],
        "/incidents/{reference}/scope" => &[("kind", "site"), ("value", "nobody.example")],
        "/incidents/{reference}/notes" | "/incidents/{reference}/close" => &[("text", "none")],
        "/incidents/{reference}/acts" => &[("kind", "block-site"), ("value", "nobody.example")],
        "/attack/layers" => &[("layer", "{}"), ("do", "show")],
        "/attack/layers/saved" => &[("layer", ""), ("name", "none")],
        "/attack/layers/saved/{id}" => &[("do", "save"), ("revision", "1"), ("name", "none")],
        "/attack/takes/new" => &[("text", ""), ("id", "T9001")],
        "/attack/takes/{id}" => &[("do", "submit"), ("revision", "1"), ("note", "")],
        "/network" => &[("to", "")],
        "/logout"
        | "/network/leave"
        | "/asked/{token}"
        | "/account/tokens/{id}"
        | "/events/{reference}/sample.zip"
        | "/incident/reports/{id}"
        | "/incidents/{reference}/acts/{id}"
        | "/incidents/{reference}/export"
        | "/users/{name}/provider"
        | "/users/{name}/totp" => &[],
        other => panic!("`{other}` is new: what does it take?"),
    }
}

/// An address with something in the place of what differs.
pub fn filled_in(path: &str) -> String {
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

#[test]
fn every_form_is_refused_without_a_session_with_a_wrong_secret_and_with_a_wrong_role() {
    let served = Served::with(CLOSED);
    let staff = one_of_each(administrator(&served));
    let stranger = staff.first().unwrap().1.another();
    let secrets: Vec<String> = staff.iter().map(|(_, staff)| staff.csrf_on("/account")).collect();
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

/// The status of a page. Its body stays unread: one of them does not end.
fn shown(staff: &Staff<'_>, path: &str) -> u16 {
    let url = staff.url(&filled_in(path));
    staff.curl(&["-I", "-o", "/dev/null", "-w", "%{http_code}", &url]).parse().unwrap()
}

#[test]
fn every_page_is_refused_without_a_session_and_with_a_wrong_role() {
    let served = Served::with(CLOSED);
    let staff = one_of_each(administrator(&served));
    let stranger = staff.first().unwrap().1.another();
    let permissions = Permissions::built_in().unwrap();
    let mut refused = 0;
    for route in page_routes() {
        let path = route.path.as_str();
        let needed: &[&str] = match route.sender {
            Sender::Anybody(what) => {
                assert!(!what.is_empty(), "{path}: why may anybody see it?");
                continue;
            }
            Sender::SignedIn | Sender::Reader => &[],
            Sender::May(needed) => needed,
        };
        assert_eq!(shown(&stranger, path), 303, "{path} by a stranger");
        for (role, staff) in &staff {
            let (status, may) = (shown(staff, path), permissions.of(role));
            if needed.is_empty() || needed.iter().any(|permission| may.contains(*permission)) {
                assert!(status != 403 && status < 500, "{path} by {role}, who may: {status}");
            } else {
                assert_eq!(status, 403, "{path} by {role}, who may not");
                refused += 1;
            }
        }
    }
    assert!(refused > 30, "only {refused} were refused");
}

#[test]
fn a_form_is_understood_only_once_its_sender_may_send_it_and_its_secret_is_right() {
    let served = Served::with("");
    let admin = administrator(&served);
    let viewer = admin.colleague("karl", "viewer");
    let send = |staff: &Staff<'_>, path: &str, data: &str, more: &[&str]| {
        let url = staff.url(path);
        let form = ["-w", "\n%{http_code}", "-d", data, &url];
        let answer = staff.curl(&[form.as_slice(), more].concat());
        let (text, status) = answer.rsplit_once('\n').unwrap();
        (status.parse::<u16>().unwrap(), text.to_owned())
    };
    let (own, its) = (admin.csrf_on("/account"), viewer.csrf_on("/account"));
    let outdated = "this form has expired";
    let check = |staff: &Staff<'_>, path: &str, data: &str, status: u16, says: &str| {
        let (found, text) = send(staff, path, data, &[]);
        assert!(found == status && text.contains(says), "{path} with {data}: {found} {text}");
    };
    // `base` is no number: that is said to nobody who may not send it, and not to another site.
    let malformed = |csrf: &str| format!("csrf={csrf}&text=x&base=x&do=save");
    check(&admin.another(), "/policies/edit", &malformed(""), 303, "");
    check(&viewer, "/policies/edit", &malformed(&its), 403, "your role does not allow this");
    check(&admin, "/policies/edit", &malformed("0000"), 403, outdated);
    check(&admin, "/policies/edit", "text=x&base=x&do=save", 403, outdated);
    check(&admin, "/policies/edit", &malformed(&own), 422, "base");
    // A secret is somebody's own.
    check(&viewer, "/logout", &format!("csrf={own}"), 403, outdated);
    // What is larger than a form may be, or is no form, is refused before it is looked at.
    let large = format!("csrf={own}&name={}", "x".repeat(70_000));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), large).unwrap();
    check(&admin, "/users", &format!("@{}", file.path().display()), 413, "");
    let (status, _) = send(&admin, "/users", "{}", &["-H", "Content-Type: application/json"]);
    assert_eq!(status, 415);
    check(&viewer, "/logout", &format!("csrf={its}"), 303, "");
}

#[test]
fn every_address_for_programs_wants_a_token_and_no_cookie_and_to_change_something_one_of_the_right_role() {
    let served = Served::with("[console]\npublic_library = false\n");
    let admin = administrator(&served);
    let viewer = admin.colleague("karl", "viewer");
    let made = viewer
        .post("/account/tokens", &[("csrf", &viewer.csrf_on("/account")), ("name", "looks only"), ("role", "viewer")]);
    let token =
        made.split("<pre>").nth(1).unwrap_or_else(|| panic!("no token: {made}")).split('<').next().unwrap().trim();
    let description: serde_json::Value =
        serde_json::from_str(&admin.get("/api/v1/openapi.json")).expect("the description is JSON");
    let (mut walked, mut changing) = (0, 0);
    // What describes the others is for anybody.
    let paths = description["paths"].as_object().unwrap().iter().filter(|(path, _)| *path != "/api/v1/openapi.json");
    for (path, item) in paths {
        for method in ["get", "post", "put", "delete", "patch"].iter().filter(|method| item[**method].is_object()) {
            let url = admin.url(&filled_in(path));
            let method = method.to_uppercase();
            let ask_as = |staff: &Staff<'_>, authorization: &str| {
                let form =
                    ["-o", "/dev/null", "-w", "%{http_code}", "-X", &method, "-d", "{}", "-H", authorization, &url];
                staff.curl(&form).parse::<u16>().unwrap()
            };
            let ask = |authorization: &str| ask_as(&admin.another(), authorization);
            assert_eq!(ask("Accept: */*"), 401, "{method} {path} without a token");
            // A browser sends it along by itself, whoever made it ask.
            assert_eq!(ask_as(&admin, "Accept: */*"), 401, "{method} {path} with a session's cookie and no token");
            assert_eq!(ask("Authorization: Bearer 0000"), 401, "{method} {path} with a wrong token");
            walked += 1;
            // Bringing a layer up to date changes nothing, and whoever may look may do that.
            if method != "GET" && path != "/api/v1/attack/layers" {
                assert_eq!(
                    ask(&format!("Authorization: Bearer {token}")),
                    403,
                    "{method} {path} with a viewer's token"
                );
                changing += 1;
            }
        }
    }
    assert!(walked >= 20 && changing >= 6, "only {walked} were walked, of which {changing} change something");
}
