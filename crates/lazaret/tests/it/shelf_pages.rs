//! The ATT&CK library's pages, its API and its TAXII server, as readers, programs and TAXII clients have them.

use crate::described;
use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{Served, until};
use crate::shelf::*;
use corpus::attack::*;
use serde_json::{Value, json};

/// A console with the library in it.
pub fn served(configuration: &str) -> Served {
    Served::in_folder(filled(), configuration)
}

/// Somebody who is not signed in.
pub fn reader(served: &Served) -> Staff<'_> {
    Staff { served, jar: tempfile::NamedTempFile::new().unwrap() }
}

/// Status, header lines and body of one answer.
pub fn fetched(staff: &Staff<'_>, path: &str, more: &[&str]) -> (u16, String, String) {
    let url = staff.url(path);
    let answer = staff.curl(&[&["-i", &url], more].concat());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let head = head.to_lowercase();
    if path.starts_with("/api/v1/") {
        let usual = if more.contains(&"-d") { "POST" } else { "GET" };
        let method = more.iter().skip_while(|argument| **argument != "-X").nth(1).copied().unwrap_or(usual);
        let media_type = head.split("content-type: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        described::check(method, path, status, media_type, body);
    }
    (status, head, body.to_owned())
}

#[test]
fn the_page_of_an_entry_has_everything_and_runs_nothing() {
    let served = served("");
    let reader = reader(&served);
    let (status, head, page) = fetched(&reader, "/mitigations/T9001", &[]);
    assert_eq!(status, 200);
    for part in [
        "<h1>Opening Things Mitigation</h1>",
        "Official definition",
        "<strong>Deprecated.</strong>",
        "View on the official site",
        "https://attack.mitre.org/mitigations/T9001",
        "Using this page",
        "The technique with the same number, T9001 Opening Things, is mitigated today by M9001 Teach People.",
        "Analyst summary pending validation",
        "None in this release.</strong> Last seen in 2.0: mitigates <a href=\"/techniques/T9001\">T9001 Opening \
            Things</a>; removed in 3.0.",
        "Change history",
        "2.0 to 3.0",
        "Raw source",
        "SHA-256 as canonical JSON (RFC 8785)",
        "References",
        "cited, but the source has no reference with this name",
        "Source and licensing",
        "“Copyright of a test”",
        "reproduced and distributed with the permission of The MITRE Corporation",
    ] {
        assert!(page.contains(part), "`{part}` is missing: {page}");
    }
    // Placeholders and code as they are, links inside, and nothing that runs.
    assert!(page.contains("&lt;username&gt;'s <a href=\"/techniques/T9001\">things</a>"), "{page}");
    assert!(page.contains("<code>C:\\\\*.scr</code>"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("href=\"javascript"), "{page}");
    let policy = head.lines().find(|line| line.starts_with("content-security-policy")).unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    // The hashes are those of the bytes.
    let found = json_of(served.folder.path(), &["show", ADVICE, "--json"]);
    for hash in ["raw", "source", "canonical", "relationships"] {
        assert!(page.contains(found["hashes"][hash].as_str().unwrap()), "{hash}");
    }
    // The other one with this id, with what relates to it and whether that holds.
    let page = reader.get("/techniques/T9001");
    assert!(page.contains("Mitigated by: Mitigations (1)") && page.contains("Procedure examples (1)"), "{page}");
    assert!(page.contains("Replaces: Techniques (1)") && page.contains("the other object is revoked or deprecated"));
    assert!(page.contains("<svg class=\"graph\"") && page.contains("TA9001 Execution"), "{page}");
    assert!(page.contains("title=\"A report\">[1]</a>"), "{page}");
    let page = reader.get("/techniques/T9001?status=other-end");
    assert!(!page.contains("Mitigated by: Mitigations") && page.contains("1 match the filter"), "{page}");
    let page = reader.get("/techniques/T8002");
    assert!(
        page.contains("<strong>Revoked.</strong>")
            && page.contains("<a href=\"/techniques/T9001\">T9001 Opening Things</a>"),
        "{page}"
    );
    // Two releases of it.
    let page = reader.get("/mitigations/T9001?from=1.0&to=2.0");
    assert!(page.contains("<ins class=\"added\">&#60;username&#62;"), "{page}");
    let page = reader.get("/mitigations/T9001?release=1.0");
    assert!(page.contains("mitigates") && !page.contains("<strong>Deprecated.</strong>"), "{page}");
    for path in ["/mitigations/T9001?release=x", "/mitigations/T9001?feed=stix-3", "/mitigations/T9001?domain=moon"] {
        assert_eq!(reader.status(path), 400, "{path}");
    }
    assert!(reader.get("/techniques/T4711").contains("no technique has the ID `T4711`"));
    // The matrix, and the lists.
    let page = reader.get("/matrices/enterprise");
    assert!(page.contains("<div class=\"matrix\">") && page.contains("Opening Things</a>"), "{page}");
    for path in [
        "/attack",
        "/attack/matrix",
        "/attack/changes",
        "/attack/layers",
        "/attack/licence",
        "/techniques",
        "/groups/G9001",
        "/tactics/TA9001",
        "/relationships",
        "/objects",
    ] {
        assert_eq!(reader.status(path), 200, "{path}");
    }
    let page = reader.get("/attack/changes?from=1.0&to=2.0&section=mitigations");
    assert!(page.contains("Deprecations (1)") && page.contains("x_mitre_deprecated"), "{page}");
}

#[test]
fn every_address_that_an_entry_ever_had_leads_to_it() {
    let served = served("");
    let reader = reader(&served);
    for (path, target) in [
        ("/wiki/Technique/T9001", "/techniques/T9001"),
        ("/wiki/Group/G9001", "/groups/G9001"),
        ("/wiki/Execution", "/tactics/TA9001"),
        ("/wiki/Tactic/Execution", "/tactics/TA9001"),
        ("/attackics/index.php/Execution", "/tactics/TA9001"),
        ("/wiki/Mitigation/T9001", "/mitigations/T9001"),
        ("/wiki/Main_Page", "/attack"),
        ("/mobile/index.php/Main_Page", "/attack"),
        ("/wiki/", "/attack"),
        ("/wiki/ATT%26CK_Matrix", "/attack/matrix"),
        ("/wiki/Groups", "/groups"),
        ("/wiki/All_Techniques", "/techniques"),
        ("/wiki/%ff", ""),
        ("/wiki/%4", ""),
        ("/mobile/index.php/Technique/T9001", "/techniques/T9001"),
        ("/attack/mitigations/T9001", "/mitigations/T9001"),
        ("/techniques/t9001", "/techniques/T9001"),
        (&format!("/techniques/{TECHNIQUE}"), "/techniques/T9001"),
        (&format!("/objects/{TECHNIQUE}"), ""),
        ("/versions/v2/techniques/T9001", "/techniques/T9001?release=2.0"),
        ("/matrices/enterprise-attack", "/matrices/enterprise"),
        ("/techniques/%541204", ""),
        ("/techniques/%549001?q=ü", "/techniques/T9001?q=%C3%BC"),
        ("/wiki/Nothing", ""),
        ("/wiki/Technique/..%2f..%2fevil", ""),
    ] {
        let (status, head, _) = fetched(&reader, path, &[]);
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        let expected = target.to_lowercase();
        assert!(location == expected && (status == 404) == target.is_empty(), "{path}: {status} {location}");
    }
}

#[test]
fn every_entry_has_a_page_of_its_own() {
    let id = |kind: &str, number: u8| format!("{kind}--0f000000-0000-4000-8000-0000000000{number:02x}");
    let entry = |id: &str, attack_id: &str, name: &str| object(id, attack_id, name, "2020-01-01");
    let (tool, malware) = (id("tool", 1), id("malware", 2));
    let (moved, heir) = (id("attack-pattern", 3), id("attack-pattern", 4));
    let (spaced, wide, novel) = (id("attack-pattern", 5), id("attack-pattern", 6), id("x-new-thing", 7));
    let (network, upper) = (id("x-mitre-matrix", 8), "tool--0F000000-0000-4000-8000-0000000000AA");
    let novel_entry =
        json!({ "type": "x-new-thing", "id": novel, "name": "Novelty", "modified": "2020-01-01T00:00:00.000Z" });
    let common = vec![
        // Two pieces of software with one id, the dead one being the older.
        with(entry(&tool, "S9001", "Grey Tool"), json!({ "revoked": true })),
        entry(&malware, "S9001", "Grey Malware"),
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        relation(1, "uses", GROUP, &tool),
        with(object(MATRIX, "enterprise-attack", "Enterprise", "2020-01-01"), json!({ "tactic_refs": [] })),
        with(entry(&network, "enterprise-attack", "Network"), json!({ "tactic_refs": [], "x_mitre_deprecated": true })),
        entry(&spaced, "T6 6", "Spaced"),
        entry(&wide, "T６", "Wide"),
        entry(upper, "S9009", "Upper"),
        novel_entry,
    ];
    let plus = |more: Vec<Value>| [common.clone(), more].concat();
    let releases = [
        ("1.0", plus(vec![entry(&moved, "T7001", "Moved")])),
        // The id went from a technique that lives to one that was given up.
        (
            "2.0",
            plus(vec![
                entry(&moved, "T7002", "Moved"),
                with(entry(&heir, "T7001", "Heir"), json!({ "x_mitre_deprecated": true })),
            ]),
        ),
    ];
    let served = Served::in_folder(filled_with(&releases), "");
    let reader = reader(&served);
    // An address leads to the entry, at once or after one step, and never round in a circle.
    for (path, target, name) in [
        ("/software/S9001".to_owned(), String::new(), "Grey Malware"),
        (format!("/software/{malware}"), "/software/S9001".to_owned(), "Grey Malware"),
        (format!("/software/{tool}"), String::new(), "Grey Tool"),
        (format!("/software/{tool}?release=1.0"), String::new(), "Grey Tool"),
        ("/techniques/T7001".to_owned(), String::new(), "Heir"),
        ("/techniques/T7002".to_owned(), String::new(), "Moved"),
        (format!("/techniques/{moved}"), "/techniques/T7002".to_owned(), "Moved"),
        (format!("/techniques/{moved}?release=1.0"), String::new(), "Moved"),
        ("/techniques/T7001?release=1.0".to_owned(), format!("/techniques/{moved}?release=1.0"), "Moved"),
        ("/matrices/enterprise".to_owned(), String::new(), "Enterprise"),
        (format!("/matrices/{network}"), String::new(), "Network"),
        ("/techniques/T6%206".to_owned(), format!("/techniques/{spaced}"), "Spaced"),
        (format!("/techniques/{spaced}"), String::new(), "Spaced"),
        ("/techniques/T%EF%BC%96".to_owned(), format!("/techniques/{wide}"), "Wide"),
        (format!("/objects/{novel}"), String::new(), "Novelty"),
        (format!("/software/{upper}"), "/software/S9009".to_owned(), "Upper"),
    ] {
        let (status, head, page) = fetched(&reader, &path, &[]);
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        assert!(
            location == target.to_lowercase() && (status == 308) != target.is_empty(),
            "{path}: {status} {location}"
        );
        let page = if target.is_empty() { page } else { fetched(&reader, &target, &[]).2 };
        assert!(page.contains(&format!("<h1>{name}</h1>")), "{path}: {page}");
    }
    // Whatever lists the one that shares its id leads to its own page.
    let own = format!("/software/{tool}");
    let link = format!("<a href=\"{own}\">");
    for path in ["/software", "/groups/G9001", "/software/S9001", "/attack/search?q=grey+tool"] {
        assert!(reader.get(path).contains(&link), "{path}: {}", reader.get(path));
    }
    let page = reader.get(&own);
    assert!(page.contains(&format!("Other entries with this ID: <a href=\"/software/{malware}\">")), "{page}");
    assert!(
        page.contains(&format!("action=\"{own}\"")) && !page.contains("attack.mitre.org/software/S9001\""),
        "{page}"
    );
    let found: Value = serde_json::from_str(&reader.get(&format!("/api/v1/attack/objects/{tool}"))).unwrap();
    assert_eq!((&found["path"], &found["name"]), (&json!(own), &json!("Grey Tool")));
    let found: Value = serde_json::from_str(&reader.get("/api/v1/attack/search?q=grey+tool")).unwrap();
    assert_eq!(found["hits"][0]["path"], json!(own));
    // What was not understood is said on an ordinary page.
    for (path, status) in [("/attack/search?page=-1", 400), ("/techniques/%ff", 404), ("/attack/takes/x", 404)] {
        let (found, head, page) = fetched(&reader, path, &[]);
        assert!(found == status && head.contains("text/html") && page.contains("<main"), "{path}: {found} {page}");
    }
}

#[test]
fn programs_are_given_exact_bytes_and_everything_else() {
    let served = served("");
    let reader = reader(&served);
    let base = "/api/v1/attack/releases/stix-2.0/enterprise-attack/2.0";
    let (status, head, body) = fetched(&reader, &format!("{base}/objects/{ADVICE}"), &[]);
    assert_eq!((status, body), (200, advice().to_string()));
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let found = json_of(served.folder.path(), &["show", ADVICE, "--release", "2.0", "--json"]);
    let raw = found["hashes"]["raw"].as_str().unwrap();
    assert_eq!((field("etag:"), field("x-raw-sha256:")), (format!("\"{raw}\""), raw.to_owned()));
    assert_eq!(field("x-canonical-sha256:"), found["hashes"]["canonical"].as_str().unwrap());
    let known = format!("If-None-Match: \"{raw}\"");
    assert_eq!(fetched(&reader, &format!("{base}/objects/{ADVICE}"), &["-H", &known]).0, 304);
    let (_, _, body) = fetched(&reader, &format!("{base}/bundle"), &[]);
    assert_eq!(body.into_bytes(), bundle(&releases()[1].1));
    let get = |path: &str| -> Value {
        let text = reader.get(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    };
    assert_eq!(get("/api/v1/attack/releases")["releases"].as_array().unwrap().len(), 3);
    assert_eq!(get(base)["types"]["attack-pattern"], json!({ "all": 2, "live": 1 }));
    let page = get(&format!("{base}/objects?section=techniques&limit=1"));
    assert_eq!((&page["total"], &page["next"], page["objects"].as_array().unwrap().len()), (&json!(2), &json!(1), 1));
    assert_eq!(get("/api/v1/attack/objects/T9001")["id"], TECHNIQUE);
    assert_eq!(get(&format!("/api/v1/attack/objects/{ADVICE}/history"))["releases"][0]["label"], json!(null));
    let change = get(&format!("/api/v1/attack/objects/{ADVICE}/difference?from=1.0&to=2.0"));
    assert_eq!(change["changes"][0]["field"], "description");
    let related = get("/api/v1/attack/objects/T9001/relationships?status=live");
    assert_eq!(related["relationships"].as_array().unwrap().len(), 2);
    assert_eq!(related["relationships"][0]["references"][0]["source_name"], "A report");
    let table = reader.get("/api/v1/attack/objects/T9001/relationships?format=csv");
    assert!(table.starts_with("relationship,direction,type,") && table.lines().count() == 4, "{table}");
    assert_eq!(
        get("/api/v1/attack/diff?from=2.0&to=3.0")["domains"]["enterprise-attack"]["counts"]["relationships"]["deletions"],
        1
    );
    assert!(reader.get("/api/v1/attack/diff?from=2.0&to=3.0&format=markdown").starts_with("# ATT&CK 2.0 → 3.0"));
    assert_eq!(get("/api/v1/attack/search?q=crooked%20pine")["hits"][0]["attack_id"], "G9001");
    assert_eq!(get("/api/v1/attack/objects/G9001/layer")["techniques"][0]["techniqueID"], "T9001");
    let url = reader.url("/api/v1/attack/layers");
    let layer = r#"{"version":"1.0","name":"a","domain":"mitre-enterprise","techniques":[{"techniqueID":"T8002"}]}"#;
    let upgraded: Value = serde_json::from_str(&reader.curl(&["--data-binary", layer, &url])).unwrap();
    assert_eq!(upgraded["layers"][0]["layer"]["techniques"][0]["techniqueID"], "T9001");
    // What is asked wrongly is a problem document.
    for (path, status) in [
        ("/api/v1/attack/objects/T4711", 404),
        ("/api/v1/attack/releases/stix-9/enterprise/1.0", 404),
        ("/api/v1/attack/diff?from=1.0", 400),
        ("/api/v1/attack/diff?from=1.0&to=7.0", 404),
        ("/api/v1/attack/search?q=x&limit=0", 400),
        ("/api/v1/attack/search?q=x&status=dead", 400),
        ("/api/v1/attack/search?q=x&section=tools", 400),
        ("/api/v1/attack/search?q=x&domain=moon", 400),
        ("/api/v1/attack/releases/stix-2.0/enterprise/1.0/objects?status=dead", 400),
        ("/api/v1/attack/objects/%ff", 404),
        ("/api/v1/attack/objects/T9001/relationships?status=odd", 400),
        ("/api/v1/attack/takes", 401),
    ] {
        let (found, head, body) = fetched(&reader, path, &[]);
        assert!(found == status && head.contains("application/problem+json"), "{path}: {found} {body}");
    }
    let (_, _, body) = fetched(&reader, "/api/v1/attack/search?q=x&status=dead", &[]);
    assert!(body.contains("`status` must be one of live, revoked, deprecated"), "{body}");
    let (_, _, body) = fetched(&reader, "/api/v1/attack/search?q=x&section=tools", &[]);
    assert!(body.contains("`section` must be one of techniques, software, groups"), "{body}");
}

#[test]
fn a_page_spells_out_what_steers_text_and_its_links_keep_what_was_chosen() {
    let evil = with(technique(), json!({ "name": "Open\u{202e}ing\u{7}", "description": "A \u{2066}text\u{200b}." }));
    let weasel = with(
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        json!({ "x_mitre_platforms": ["Linux"], "aliases": ["Quiet\u{202d} One"] }),
    );
    let ends = [relation(1, "mitigates", MITIGATION, TECHNIQUE), relation(2, "uses", GROUP, TECHNIQUE)];
    let objects = [vec![evil, mitigation(), weasel], ends.to_vec()].concat();
    let folder = filled_with(&[("1.0", objects)]);
    let mobile = with(technique(), json!({ "x_mitre_domains": ["mobile-attack"] }));
    let other = bundle(&[mobile, mitigation(), relation(3, "mitigates", MITIGATION, TECHNIQUE)]);
    let path = file(folder.path(), "mobile-attack-0.9.json", &other);
    assert_eq!(said(folder.path(), &["import", path.to_str().unwrap()]).0, 0);
    let served = Served::in_folder(folder, "");
    let reader = reader(&served);
    let steers = |page: &str| page.contains(['\u{202e}', '\u{202d}', '\u{2066}', '\u{7}']);
    for path in [
        "/techniques/T9001?domain=enterprise",
        "/techniques?domain=enterprise",
        "/groups/G9001",
        "/attack/search?q=G9001",
        "/mitigations/M9001?domain=enterprise",
        "/attack/suggest?q=open",
    ] {
        let page = reader.get(path);
        assert!(page.contains("202") && !steers(&page), "{path}: {page}");
    }
    let page = reader.get("/techniques/T9001?domain=enterprise");
    assert!(page.contains("<h1>Open\\u{202e}ing\\u{7}</h1>") && page.contains("A \\u{2066}text\u{200b}."), "{page}");
    // Relationships by domain, and as data with the same filters.
    assert!(page.contains("<option value=\"mobile-attack\">Mobile</option>"), "{page}");
    let page = reader.get("/techniques/T9001?feed=stix-2.0&domain=mobile-attack&platform=&status=");
    assert!(page.contains("relationship--00000000-0000-4000-8000-000000000003") && !page.contains("Weasel"), "{page}");
    let page = reader.get("/techniques/T9001?domain=enterprise-attack&platform=Linux&status=live");
    let link = page.split("<a href=\"/api/v1/attack/objects/").find(|piece| piece.contains(">JSON</a>")).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(link.ends_with("?feed=stix-2.0&domain=enterprise-attack&release=1.0&platform=Linux&status=live"), "{link}");
    let found: Value = serde_json::from_str(&reader.get(&format!("/api/v1/attack/objects/{link}"))).unwrap();
    let ids: Vec<_> = found["relationships"].as_array().unwrap().iter().map(|one| &one["other"]["id"]).collect();
    assert_eq!(ids, [&json!(GROUP)]);
    let table = reader.get(&format!("/api/v1/attack/objects/{link}&format=csv"));
    assert!(table.lines().count() == 2 && table.contains(GROUP), "{table}");
}

#[test]
fn a_library_that_is_not_public_asks_who_is_there() {
    let served = served("[console]\npublic_library = false\n[proxy]\n");
    let stranger = reader(&served);
    for path in ["/attack", "/techniques/T9001", "/attack/suggest?q=t", "/attack/search?q=x"] {
        assert_eq!(stranger.status(path), 303, "{path}");
    }
    assert_eq!(stranger.status("/api/v1/attack/releases"), 401);
    let (status, head, body) = fetched(&stranger, "/taxii2/", &[]);
    assert!(
        status == 401 && head.contains("www-authenticate: basic") && head.contains("application/taxii+json"),
        "{body}"
    );
    let staff = administrator(&served);
    assert_eq!(staff.status("/techniques/T9001"), 200);
}

#[test]
fn takes_are_written_read_by_somebody_else_and_shown() {
    let served = served("");
    let admin = administrator(&served);
    let (karl, petra) = (admin.colleague("karl", "analyst"), admin.colleague("petra", "approver"));
    let viktor = admin.colleague("viktor", "viewer");
    let form = karl.get(&format!("/attack/takes/new?object={TECHNIQUE}"));
    assert!(form.contains("source_sha256"), "{form}");
    assert!(viktor.get(&format!("/attack/takes/new?object={TECHNIQUE}")).contains("your role does not allow this"));
    let mut document = json_of(served.folder.path(), &["takes", "template", "T9001"]);
    let post = |staff: &Staff<'_>, path: &str, fields: &[(&str, &str)]| {
        let csrf = staff.csrf();
        staff.post(path, &[&[("csrf", csrf.as_str())], fields].concat())
    };
    let page = post(&karl, "/attack/takes/new", &[("document", &document.to_string())]);
    assert!(page.contains("<code>/title</code>") && page.ends_with("422"), "{page}");
    document["title"] = "What to do <b>about</b> it".into();
    document["summary"] = "People open things; what helps is to teach them.".into();
    document["claims"] = json!([{ "text": "The definition says what it is.", "confidence": "high",
        "evidence": [{ "kind": "quote", "text": "What Opening Things is" }] }]);
    assert!(post(&karl, "/attack/takes/new", &[("document", &document.to_string())]).ends_with("303"));
    // The same without JSON, in the fields of the form, and changed there.
    let form = post(&karl, "/attack/takes/1", &[("revision", "1"), ("do", "form")]);
    for part in [
        "value=\"What to do &#60;b&#62;about&#60;/b&#62; it\"",
        "\nWhat Opening Things is</textarea>",
        "name=\"claim2.evidence1.value\"",
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    let hash = |name: &str| document[name].as_str().unwrap().to_owned();
    let (source, relationships) = (hash("source_sha256"), hash("relationships_sha256"));
    let fields = [
        ("fields", "yes"),
        ("schema", "lazaret.take/1"),
        ("object", TECHNIQUE),
        ("feed", "stix-2.0"),
        ("domain", "enterprise-attack"),
        ("release", "3.0"),
        ("source_sha256", &source),
        ("relationships_sha256", &relationships),
        ("title", "Another title"),
        ("summary", "People open things; what helps is to teach them."),
        ("claim0.text", "The definition says what it is."),
        ("claim0.confidence", "low"),
        ("claim0.evidence0.kind", "quote"),
        ("claim0.evidence0.value", "What Opening Things is"),
        ("claim0.evidence1.kind", "link"),
        ("claim0.evidence1.value", ""),
        ("claim1.text", ""),
    ];
    let wrong = [&[("revision", "0"), ("do", "edit"), ("title", "x")], &fields[..]].concat();
    let page = post(&karl, "/attack/takes/new", &wrong);
    assert!(
        page.ends_with("422")
            && page.contains("<code>/title</code>")
            && page.contains("\nThe definition says what it is.</textarea>"),
        "{page}"
    );
    assert!(post(&karl, "/attack/takes/new", &fields).ends_with("303"));
    assert!(karl.get("/attack/takes/2").contains("<h1>Another title</h1>"));
    let act = |staff: &Staff<'_>, revision: &str, wish: &str, note: &str| {
        post(staff, "/attack/takes/1", &[("revision", revision), ("do", wish), ("note", note)])
    };
    assert!(act(&karl, "1", "submit", "").ends_with("303"));
    let stranger = reader(&served);
    let page = stranger.get("/techniques/T9001");
    assert!(page.contains("Analyst summary pending validation") && page.contains("1 take is waiting"), "{page}");
    assert!(!page.contains("about</b> it") && stranger.status("/attack/takes/1") == 303);
    assert!(act(&karl, "2", "publish", "").ends_with("403"));
    assert!(act(&petra, "1", "publish", "").contains("someone has changed this take"));
    assert!(petra.post("/attack/takes/1", &[("csrf", "0000"), ("revision", "2"), ("do", "publish")]).ends_with("403"));
    // Over the API as well whoever publishes says what they read.
    let page = petra.post("/account/tokens", &[("csrf", &petra.csrf()), ("name", "script"), ("role", "approver")]);
    let token = page.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap().trim();
    let bearer = format!("Authorization: Bearer {token}");
    let (status, head, body) = fetched(&stranger, "/api/v1/attack/takes/1", &["-H", &bearer]);
    assert!(status == 200 && head.contains("etag: \"2\""), "{head} {body}");
    for (more, expected) in [
        (&["-X", "POST"][..], "state which revision you read"),
        (&["-X", "POST", "-H", "If-Match: \"1\""], "someone has changed this take"),
        (&["-d", "{\"revision\":1}"], "someone has changed this take"),
    ] {
        let more = [&["-H", bearer.as_str()], more].concat();
        let (status, _, body) = fetched(&stranger, "/api/v1/attack/takes/1/publish", &more);
        assert!(status == 409 && body.contains(expected), "{more:?}: {status} {body}");
    }
    assert!(act(&petra, "2", "publish", "").ends_with("303"));
    let page = stranger.get("/techniques/T9001");
    assert!(
        page.contains("What to do &#60;b&#62;about&#60;/b&#62; it") && page.contains("By karl, reviewed by petra"),
        "{page}"
    );
    assert!(!page.contains("pending validation"), "{page}");
    assert!(karl.get("/attack/takes").contains("published"));
    assert!(admin.get("/audit").contains("publish: "));
    // A release that says something else, imported by another process.
    let changed = with(technique(), json!({ "description": "Other words." }));
    let path = file(served.folder.path(), "enterprise-attack-4.0.json", &bundle(&[changed]));
    let (status, out, _) = said(served.folder.path(), &["import", path.to_str().unwrap()]);
    let stale = "take 1 is stale now: T9001 Opening Things (Enterprise, stix-2.0): What to do <b>about</b> it: The source text \
                 and the relationship set have changed. Changed: description; relationships: 3 removed.";
    assert!(status == 0 && out.contains(stale), "{out}");
    until("the release of another process is seen", || stranger.get("/techniques/T9001").contains("Other words."));
    let page = stranger.get("/techniques/T9001");
    assert!(page.contains("Other words.") && page.contains("Analyst summary pending validation"), "{page}");
    let page = petra.get("/attack/takes/1");
    let why = "The source text and the relationship set have changed.";
    assert!(page.contains("<strong>stale</strong>") && page.contains(why), "{page}");
    assert!(page.contains("M9001 Teach People mitigates T9001 Opening Things"), "what went is named: {page}");
    // Lists say the same, and looking changes nothing.
    let list = karl.get("/attack/takes?state=stale");
    let why = format!("{why} Changed: description; relationships: 3 removed.");
    assert!(list.contains("<td>stale<br>") && list.contains(&why), "{list}");
    assert!(list.contains(">T9001 Opening Things</a>") && !list.contains(&format!(">{TECHNIQUE}<")), "{list}");
    assert!(!karl.get("/attack/takes?state=published").contains("/attack/takes/1\""), "what is stale is not published");
    let (_, _, body) = fetched(&stranger, "/api/v1/attack/takes", &["-H", &bearer]);
    assert!(body.contains("\"state\":\"stale\",\"revision\":3"), "{body}");
    // And it is an event, once.
    until("an event says so", || admin.get("/audit").contains("take stale"));
    let audit = admin.get("/audit");
    assert!(
        audit.contains("in enterprise-attack 4.0). The source text and the relationship set have changed."),
        "{audit}"
    );
    assert!(audit.contains("(T9001 Opening Things in enterprise-attack 4.0)"), "{audit}");
    assert_eq!(audit.matches("take stale").count(), 1, "{audit}");
    // What is stale already is not said again; what holds and does not any more is, to programs as well.
    let folder = served.folder.path();
    let again =
        file(folder, "enterprise-attack-5.0.json", &bundle(&[with(technique(), json!({ "description": "More." }))]));
    let (_, out, _) = said(folder, &["import", again.to_str().unwrap()]);
    assert!(!out.contains("stale"), "{out}");
    for release in ["5.0", "4.0"] {
        assert_eq!(said(folder, &["remove", release, "--domain", "enterprise"]).0, 0);
    }
    let (_, out, _) = said(folder, &["import", "--json", path.to_str().unwrap()]);
    let told: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let found = (&told["state"], &told["take"], &told["id"], &told["object"]);
    assert_eq!(found, (&json!("stale"), &json!(1), &json!("T9001"), &json!(TECHNIQUE)), "{out}");
    assert!(told["reason"].as_str().unwrap().contains("Changed: description"), "{out}");
    assert!(act(&karl, "3", "withdraw", "outdated").ends_with("303"));
}

#[test]
fn a_reader_finds_their_way_with_the_keyboard_and_with_clicks() {
    let served = served("");
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(&served, downloads.path());
    let reader = reader(&served);
    browser.go(&reader.url("/attack"));
    browser.picture("library");
    // Suggestions, chosen without a mouse.
    browser.fill("#finder", "crooked pin");
    browser.sees("G9001 Quiet Weasel Group");
    browser.picture("suggestions");
    browser.fill("#finder", "\u{e015}\u{e007}");
    browser.sees("Group · G9001");
    assert!(browser.address().ends_with("/groups/G9001"), "{}", browser.address());
    // To what it uses, to what mitigates that, and to what once did.
    browser.click("td a[href='/techniques/T9001']");
    browser.sees("Mitigated by: Mitigations (1)");
    browser.picture("technique");
    browser.click("p[role=note] a[href*='/mitigations/']");
    browser.sees("Last seen in 2.0: mitigates T9001 Opening Things; removed in 3.0.");
    browser.picture("mitigation");
    // What changed.
    browser.click("td a[href*='from=1.0']");
    browser.sees("1.0 and 2.0");
    browser.sees("Do not open <username>'s");
    // Nothing of the hostile description ran.
    assert!(browser.address().contains("from=1.0&to=2.0"), "{}", browser.address());
    browser.go(&reader.url("/matrices/enterprise"));
    browser.sees("1 tactics, 1 technique cells");
    browser.click(".matrix li a");
    browser.sees("Official definition");
    browser.go(&reader.url("/attack/layers"));
    browser.fill("#layer", r#"{"version":"3.0","name":"Mine","domain":"mitre-enterprise","techniques":[{"techniqueID":"T8002","score":50}]}"#);
    browser.click("button[value=look]");
    browser.sees("revoked; replaced by T9001 Opening Things");
    browser.picture("layer");
    browser.go(&reader.url("/attack/search?q=openin%20thigns"));
    browser.sees("T9001 Opening Things");
    browser.picture("search");
    browser.go(&reader.url("/attack/changes?from=1.0&to=2.0"));
    browser.sees("Mitigations: Deprecations (1)");
    browser.picture("changes");
}
