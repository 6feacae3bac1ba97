//! Reading the ATT&CK library in a browser: one release that stays, what is gone, tactics, relationships, and narrow windows.

use crate::gate::Served;
use crate::gate::people::{Browser, administrator};
use crate::shelf::*;
use crate::shelf_pages::{fetched, reader, served};
use corpus::attack::*;
use serde_json::{Value, json};

/// Every address in a page's links, as a browser reads them.
fn links(page: &str) -> Vec<String> {
    let found = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    found.map(|link| link.replace("&amp;", "&").replace("&#38;", "&")).collect()
}

/// Where an answer's head leads, in lower case; empty for nowhere.
fn location(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default()
}

/// Whether an address leads to something that differs from release to release.
fn is_read_in_a_release(link: &str) -> bool {
    ["/techniques", "/mitigations", "/groups", "/tactics", "/matrices", "/relationships", "/software", "/attack/matrix"]
        .iter()
        .any(|path| link.starts_with(path))
        || link.starts_with("/api/v1/attack/objects/")
}

#[test]
fn whoever_reads_an_old_release_stays_in_it_until_they_leave() {
    let served = served("");
    let reader = reader(&served);
    let (status, head, _) = fetched(&reader, "/versions/v2/techniques/T9001/", &[]);
    assert_eq!((status, location(&head)), (307, "/techniques/t9001?release=2.0"));
    for path in [
        "/techniques/T9001?release=2.0",
        "/mitigations/T9001?release=2.0&feed=stix-2.0&domain=enterprise",
        "/tactics/TA9001?release=2.0",
        "/techniques?release=2.0",
        "/attack/matrix?release=2.0",
        "/matrices/enterprise?release=2.0",
        "/attack/search?q=opening&release=2.0",
        "/attack/changes?from=1.0&to=2.0",
    ] {
        let page = reader.get(path);
        assert!(page.contains("You are reading release <strong>2.0</strong>"), "{path}: {page}");
        assert!(page.contains("<a class=\"leave\" href="), "{path}: {page}");
        let mut seen = 0;
        for link in links(&page).iter().filter(|link| is_read_in_a_release(link)) {
            // The one that leaves is the same page without the release.
            let leaves = link == &links(page.split("class=\"leave\"").nth(1).unwrap())[0];
            assert!(leaves || link.contains("release=2.0"), "{path}: {link}");
            seen += 1;
        }
        assert!(seen > 0, "{path}");
        // Whoever searches from here comes back to it.
        assert!(page.contains("<input type=\"hidden\" name=\"release\" value=\"2.0\">"), "{path}: {page}");
    }
    let suggested: Value = serde_json::from_str(&reader.get("/attack/suggest?q=opening&go=yes&release=2.0")).unwrap();
    assert!(suggested[0]["path"].as_str().unwrap().ends_with("?release=2.0"), "{suggested}");
    assert_eq!(suggested[0]["domains"], "Enterprise");
    let (_, head, _) = fetched(&reader, "/attack/search?q=t9001&go=yes&release=2.0", &[]);
    assert_eq!(location(&head), "/techniques/t9001?release=2.0");
    // Whoever chose nothing reads what is newest, and no page says otherwise.
    for path in ["/techniques/T9001", "/techniques", "/attack/matrix", "/attack/changes", "/attack/search?q=opening"] {
        let page = reader.get(path);
        assert!(!page.contains("You are reading release"), "{path}: {page}");
        assert!(!links(&page).iter().any(|link| link.starts_with("/t") && link.contains("release=")), "{path}");
    }
}

#[test]
fn a_link_to_what_a_release_never_had_leads_to_what_there_is_and_says_so() {
    let folder = filled();
    let other = object("attack-pattern--0a000000-0000-4000-8000-0000000000aa", "T7001", "Tapping", "2020-01-01");
    let other = with(other, json!({ "x_mitre_domains": ["mobile-attack"] }));
    let path = file(folder.path(), "mobile-attack-2.5.json", &bundle(&[other]));
    assert_eq!(said(folder.path(), &["import", path.to_str().unwrap()]).0, 0);
    let served = Served::in_folder(folder, "");
    let reader = reader(&served);
    let page = reader.get("/techniques/T7001?release=2.0&domain=enterprise");
    assert!(page.contains("<strong>Release 2.0 does not contain this entry.</strong>"), "{page}");
    assert!(
        page.contains("<h1>Tapping</h1>") && page.contains("You are reading release <strong>2.0</strong>"),
        "{page}"
    );
    assert_eq!(reader.status("/techniques/T7001?release=7.7"), 404, "no such release was ever imported");
}

#[test]
fn what_vanished_is_told_as_gone_on_pages_in_commands_the_api_the_search_and_taxii() {
    let mut all = releases();
    for (_, objects) in &mut all[2..] {
        objects.retain(|object| object["id"] != GROUP && object["source_ref"] != GROUP);
    }
    let served = Served::in_folder(filled_with(&all), "");
    let (reader, folder) = (reader(&served), served.folder.path());
    let page = reader.get("/groups/G9001");
    assert!(page.contains("<strong>Not in 3.0; last in 2.0.</strong> Enterprise 3.0, its newest release"), "{page}");
    assert!(page.contains("which was neither revoked nor deprecated") && page.contains("It is not in 3.0"), "{page}");
    assert!(!reader.get("/techniques/T9001").contains("Not in 3.0"));
    let (_, out, _) = said(folder, &["show", "G9001"]);
    assert!(out.contains("Group, gone; Enterprise 2.0") && out.contains("Enterprise not in 3.0; last in 2.0"), "{out}");
    let (_, out, _) = said(folder, &["search", "crooked", "pine"]);
    assert!(out.contains("Quiet Weasel (groups, Enterprise, not in 3.0; last in 2.0)"), "{out}");
    let (_, _, body) = fetched(&reader, "/api/v1/attack/objects/G9001", &[]);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["status"], &told["gone"]["newest"]), (&json!("gone"), &json!("3.0")));
    let (_, _, body) = fetched(&reader, "/api/v1/attack/search?q=crooked%20pine&status=gone", &[]);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["hits"][0]["gone"]["last"], "2.0");
    let page = reader.get("/attack/search?q=crooked+pine");
    assert!(page.contains("<strong>not in 3.0; last in 2.0</strong>"), "{page}");
    let objects = "/taxii2/attack/collections/enterprise-attack/objects/";
    let (status, _, body) = fetched(&reader, &format!("{objects}{GROUP}/"), &[]);
    assert!(
        status == 404 && body.contains("the last one that contains it is `enterprise-attack-2.0-stix-2.0`"),
        "{body}"
    );
}

#[test]
fn a_tactic_lists_its_techniques_and_a_relationship_names_both_ends() {
    let sub = "attack-pattern--0a000000-0000-4000-8000-000000000011";
    let other = "attack-pattern--0a000000-0000-4000-8000-000000000012";
    let below = |id: &str, attack_id: &str, name: &str| {
        with(
            object(id, attack_id, name, "2020-01-01"),
            json!({ "x_mitre_is_subtechnique": true,
            "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "execution" }] }),
        )
    };
    let mut objects = releases()[2].1.clone();
    objects.extend([below(sub, "T9001.001", "Opening Letters"), below(other, "T9001.002", "Opening Parcels")]);
    objects
        .extend([relation(21, "subtechnique-of", sub, TECHNIQUE), relation(22, "subtechnique-of", other, TECHNIQUE)]);
    let malware = object("malware--0a000000-0000-4000-8000-000000000013", "S9001", "Grey Malware", "2020-01-01");
    objects.extend([relation(23, "uses", malware["id"].as_str().unwrap(), TECHNIQUE), malware]);
    let served = Served::in_folder(filled_with(&[("3.0", objects)]), "");
    let reader = reader(&served);
    let page = reader.get("/tactics/TA9001");
    assert!(page.contains("<h2 id=\"techniques\">Techniques (1)</h2>"), "{page}");
    for link in
        ["/techniques/T9001\">T9001", "/techniques/T9001/001\">T9001.001", "/techniques/T9001/002\">Opening Parcels"]
    {
        assert!(page.contains(&format!("<a href=\"{link}</a>")), "{link}: {page}");
    }
    // Sub-techniques know each other.
    let page = reader.get("/techniques/T9001/001");
    assert!(page.contains("<dt>Other sub-techniques of that</dt><dd><a href=\"/techniques/T9001/002\">"), "{page}");
    // Everything that used the technique is one table, with what it cites.
    let page = reader.get("/techniques/T9001");
    let table = page.split("<h3>Procedure examples (2)</h3>").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(table.contains("G9001 Quiet Weasel") && table.contains("S9001 Grey Malware"), "{table}");
    assert_eq!(table.matches("title=\"A report\">[1]</a>").count(), 2, "{table}");
    let id = relation(2, "uses", GROUP, TECHNIQUE)["id"].as_str().unwrap().to_owned();
    let page = reader.get(&format!("/relationships/{id}"));
    assert!(page.contains("<h1>G9001 Quiet Weasel uses T9001 Opening Things</h1>"), "{page}");
    assert!(
        page.contains("<dt>From</dt><dd><a href=\"/groups/G9001\">G9001 Quiet Weasel</a></dd>")
            && page.contains("<dt>To</dt><dd><a href=\"/techniques/T9001\">T9001 Opening Things</a></dd>"),
        "{page}"
    );
}

#[test]
fn addresses_of_the_official_site_work_with_a_slash_at_their_end() {
    let served = served("[console]\ncontact = \"soc@harbour.example\"\n[proxy]\n");
    let reader = reader(&served);
    for (path, target) in [
        ("/groups/", "/groups"),
        ("/techniques/", "/techniques"),
        ("/techniques/enterprise/", "/techniques?domain=enterprise-attack"),
        ("/tactics/mobile/", "/tactics?domain=mobile-attack"),
        ("/techniques/T9001/", "/techniques/t9001"),
        ("/attack/", "/attack"),
        ("/resources/updates/", "/attack/changes"),
        ("/versions/v2/", "/attack/matrix?release=2.0"),
        ("/versions/v2/groups/", "/groups?release=2.0"),
        ("/versions/v2/techniques/enterprise/", "/techniques?domain=enterprise-attack&release=2.0"),
        ("/versions/v2/matrices/enterprise/", "/matrices/enterprise?release=2.0"),
        ("/versions/v9/groups/", ""),
        ("/resources/faq/", ""),
    ] {
        let (status, head, _) = fetched(&reader, path, &[]);
        let location = location(&head);
        assert!(location == target && (status == 404) == target.is_empty(), "{path}: {status} {location}");
    }
    // The home has the domains in the order in which people look for them, and no long list is open.
    let page = reader.get("/attack");
    assert!(!page.contains("<details open>"), "{page}");
    // The way to immediate response, on every page; what one is reading about goes with it.
    for (page, leads) in [(page, "/incident"), (reader.get("/techniques/T9001"), "/incident?technique=T9001")] {
        let link = format!("<a href=\"{leads}\"><strong>Active security incident?</strong> Get immediate response</a>");
        assert_eq!(page.matches(&link).count(), 1, "{page}");
    }
    let urgent = reader.get("/incident?technique=T9001");
    assert!(urgent.contains("href=\"mailto:soc@harbour.example\""), "{urgent}");
}

#[test]
fn the_form_of_a_take_says_what_it_is_about_and_everybody_who_wrote_is_named() {
    let served = served("");
    let admin = administrator(&served);
    let (karl, eve) = (admin.colleague("karl", "analyst"), admin.colleague("eve", "analyst"));
    let petra = admin.colleague("petra", "approver");
    let form = karl.get(&format!("/attack/takes/new?object={TECHNIQUE}"));
    for part in [
        &format!("T9001 Opening Things</a> (<code>{TECHNIQUE}</code>), as it stands in 3.0"),
        "What Opening Things is.",
        "M9001 Teach People mitigates T9001 Opening Things",
        "name=\"claim0.citation\" value=\"A report\"",
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    let mut document = json_of(served.folder.path(), &["takes", "template", "T9001"]);
    document["title"] = "What to do about it".into();
    document["summary"] = "People open things; what helps is to teach them.".into();
    document["claims"] = json!([{ "text": "The definition says what it is.", "confidence": "high",
        "evidence": [{ "kind": "quote", "text": "What Opening Things is" }] }]);
    let text = document.to_string();
    let (karls, eves, petras) = (karl.csrf(), eve.csrf(), petra.csrf());
    assert!(karl.post("/attack/takes/new", &[("csrf", &karls), ("document", &text)]).ends_with("303"));
    let edit = [("csrf", eves.as_str()), ("revision", "1"), ("do", "edit"), ("document", &text)];
    assert!(eve.post("/attack/takes/1", &edit).ends_with("303"));
    assert!(karl.post("/attack/takes/1", &[("csrf", &karls), ("revision", "2"), ("do", "submit")]).ends_with("303"));
    assert!(petra.post("/attack/takes/1", &[("csrf", &petras), ("revision", "3"), ("do", "publish")]).ends_with("303"));
    let page = reader(&served).get("/techniques/T9001");
    assert!(page.contains("By karl and eve, reviewed by petra"), "{page}");
    let withdraw = [("csrf", karls.as_str()), ("revision", "4"), ("do", "withdraw"), ("note", "outdated")];
    assert!(karl.post("/attack/takes/1", &withdraw).ends_with("303"));
    let form = karl.post("/attack/takes/1", &[("csrf", &karls), ("revision", "5"), ("do", "form")]);
    assert!(form.ends_with("409") && form.contains("a withdrawn take cannot be changed"), "{form}");
}

#[test]
fn taxii_clients_page_by_date_and_know_collections_by_the_ids_of_mitre() {
    let id = "x-mitre-collection--0a000000-0000-4000-8000-000000000001";
    let collection = json!({
        "type": "x-mitre-collection", "id": id, "name": "Enterprise ATT&CK", "x_mitre_version": "4.0",
        "created": "2020-01-01T00:00:00.000Z", "modified": "2020-01-01T00:00:00.000Z",
    });
    let objects = [vec![collection], releases()[2].1.clone()].concat();
    let served = Served::in_folder(filled_with(&[("4.0", objects.clone())]), "");
    let reader = reader(&served);
    let base = format!("/taxii2/attack/collections/{id}/");
    let told: Value = serde_json::from_str(&reader.get(&base)).unwrap();
    assert_eq!(told["id"], id);
    // Whoever asks for what was added after the last object that they saw meets every object once.
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..objects.len() {
        let (_, head, body) = fetched(&reader, &format!("{base}objects/?limit=4{after}"), &[]);
        let page: Value = serde_json::from_str(&body).unwrap();
        let Some(found) = page["objects"].as_array() else { break };
        seen.extend(found.iter().map(|object| object["id"].clone()));
        let last = head.lines().find_map(|line| line.strip_prefix("x-taxii-date-added-last: ")).unwrap();
        after = format!("&added_after={}", last.to_uppercase());
    }
    assert_eq!(seen, objects.iter().map(|object| object["id"].clone()).collect::<Vec<_>>());
    let other = base.replace("0a000000", "0b000000");
    assert_eq!(fetched(&reader, &other, &[]).0, 404);
}

#[test]
fn no_page_of_the_library_is_wider_than_a_phone() {
    let long = "a".repeat(150);
    let technique = with(
        technique(),
        json!({ "name": format!("Opening {long}"), "description": format!("`{long}` and https://report.invalid/{long}"),
            "x_mitre_platforms": [format!("Platform {long}"), "Linux"] }),
    );
    let analytic = "x-mitre-analytic--0a000000-0000-4000-8000-000000000001";
    let strategy = "x-mitre-detection-strategy--0a000000-0000-4000-8000-000000000001";
    let component = "x-mitre-data-component--0a000000-0000-4000-8000-000000000001";
    let mut objects = releases()[2].1.clone();
    objects.retain(|object| object["id"] != TECHNIQUE);
    objects.extend([
        technique,
        with(object(analytic, "AN9001", "Analytic 9001", "2020-01-01"), json!({
            "x_mitre_log_source_references": [{ "x_mitre_data_component_ref": component, "name": long, "channel": long }],
            "x_mitre_mutable_elements": [{ "field": long, "description": "What can be tuned." }],
        })),
        with(object(strategy, "DET9001", &format!("Detect {long}"), "2020-01-01"), json!({ "x_mitre_analytic_refs": [analytic] })),
        with(object(component, "DC9001", "Files", "2020-01-01"), json!({ "x_mitre_log_sources": [{ "name": long, "channel": long }] })),
        relation(31, "detects", strategy, TECHNIQUE),
    ]);
    let served = Served::in_folder(filled_with(&[("3.0", objects)]), "");
    let (reader, downloads) = (reader(&served), tempfile::tempdir().unwrap());
    let browser = Browser::start(&served, downloads.path());
    let device = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
    browser.post("/goog/cdp/execute", &json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": device }));
    let is_narrow = |path: &str| {
        browser.go(&reader.url(path));
        let script = "return [innerWidth, document.documentElement.scrollWidth]";
        let widths = browser.post("/execute/sync", &json!({ "script": script, "args": [] }));
        let [window, page] = [0_usize, 1].map(|at| widths[at].as_i64().unwrap());
        assert!(page <= window && page <= 390, "{path} is {page} pixels wide in a window of {window}");
        browser.picture(&format!("390{}", path.split('?').next().unwrap().replace('/', "-")));
    };
    for path in [
        "/attack",
        "/attack/matrix?release=3.0",
        "/attack/search?q=opening",
        "/attack/layers",
        "/techniques",
        "/techniques/T9001?release=3.0",
        "/analytics/AN9001",
        "/detectionstrategies/DET9001",
        "/datacomponents/DC9001",
        "/groups/G9001",
        "/tactics/TA9001",
    ] {
        is_narrow(path);
    }
    // What only those see who are signed in.
    administrator(&served);
    browser.go(&reader.url("/login"));
    browser.fill("#name", "anna");
    browser.fill("#password", "correct horse battery");
    browser.click("main button");
    browser.sees("Sign out");
    is_narrow("/attack/takes");
    is_narrow("/attack/takes/new?object=T9001");
}

#[test]
fn sub_techniques_stand_below_beside_or_among_their_techniques() {
    let sub = with(
        object(OLDER, "T9001.001", "Opening Mail", "2020-01-01"),
        json!({
            "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "execution" }],
            "x_mitre_is_subtechnique": true,
        }),
    );
    let objects = vec![technique(), sub, relation(4, "subtechnique-of", OLDER, TECHNIQUE)];
    let served = Served::in_folder(filled_with(&[("1.0", objects)]), "");
    let reader = reader(&served);
    let folded = reader.get("/attack/matrix");
    assert!(folded.contains("<div class=\"matrix\">") && folded.contains("1 sub-techniques</summary>"), "{folded}");
    for layout in ["side", "flat"] {
        let page = reader.get(&format!("/attack/matrix?layout={layout}"));
        assert!(page.contains(&format!("<div class=\"matrix {layout}\">")), "{page}");
        assert!(page.contains("<ul class=\"subs\"") && page.contains("T9001.001"), "{page}");
        assert!(!page.contains("sub-techniques</summary>"), "nothing is folded: {page}");
    }
    assert!(reader.get("/attack/matrix?layout=%22%3E%3Cb%3E").contains("<div class=\"matrix\">"));
    assert!(reader.get("/style.css").contains("@page matrix { size: A4 landscape;"), "it prints on a wide sheet");
}
