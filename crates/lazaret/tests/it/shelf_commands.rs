//! `lazaret library`, as somebody at a terminal has it.

use crate::gate::Site;
use crate::shelf::*;
use corpus::attack::*;
use lazaret_engine::EMITTERS;
use lazaret_model::TechniqueId;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn entries_are_shown_compared_and_found() {
    let folder = filled();
    let folder = folder.path();
    let (status, out, complaint) = said(folder, &["show", "T9001"]);
    assert!(status == 0 && out.contains("T9001 Opening Things\nTechnique, live; Enterprise 3.0 (stix-2.0)"), "{out}");
    assert!(out.contains("← mitigates mitigations: 1, 1 of them live") && out.contains("© 2025 The MITRE"), "{out}");
    assert!(complaint.contains("`lazaret library show mitigations/T9001`"), "{complaint}");
    let (_, out, _) = said(folder, &["show", "mitigations/T9001"]);
    assert!(out.contains("deprecated") && out.contains("no relationships in this release"), "{out}");
    for address in ["https://attack.mitre.org/mitigations/T9001", "wiki/Mitigation/T9001", ADVICE] {
        let found = json_of(folder, &["show", address, "--json"]);
        assert_eq!(found["id"], ADVICE, "{address}");
    }
    let found = json_of(folder, &["show", ADVICE, "--json"]);
    let rows = found["releases"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["release"].as_str().unwrap()).collect::<Vec<_>>(), ["1.0", "2.0", "3.0"]);
    for hash in ["raw", "source", "canonical"] {
        assert_eq!(rows[1][hash], rows[2][hash]);
        assert_ne!(rows[0][hash], rows[1][hash]);
        assert_eq!(rows[2][hash].as_str().unwrap().len(), 64);
    }
    let raw = library(folder, &["show", ADVICE, "--raw", "--release", "2.0"]).stdout;
    assert_eq!(raw, serde_json::to_vec(&advice()).unwrap());
    let (status, _, complaint) = said(folder, &["show", "T4711"]);
    assert!(status == 1 && complaint.contains("no entry has the ID `T4711`"), "{complaint}");
    let (status, _, complaint) = said(folder, &["show", "T9001", "--release", "9.9"]);
    assert!(status == 1 && complaint.contains("there is no release 9.9"), "{status} {complaint}");
    let (_, out, _) = said(folder, &["history", ADVICE]);
    assert!(out.contains("2.0 to 3.0") && out.contains("content: description, x_mitre_deprecated"), "{out}");
    let (_, out, _) = said(folder, &["history", ADVICE, "--from", "1.0", "--to", "2.0"]);
    assert!(out.contains("description (content)") && out.contains("{+<username>'s"), "{out}");
    let diff = json_of(folder, &["diff", "2.0", "3.0", "--json"]);
    assert_eq!(diff["domains"]["enterprise-attack"]["counts"]["relationships"]["deletions"], 1);
    let (_, out, _) = said(folder, &["diff", "1.0", "2.0", "--markdown"]);
    assert!(out.starts_with("# ATT&CK 1.0 → 2.0 (stix-2.0)") && out.contains("#### Deprecations"), "{out}");
    let (status, _, complaint) = said(folder, &["diff", "1.0", "7.0"]);
    assert!(status == 2 && complaint.contains("has both 1.0 and 7.0"), "{complaint}");
    let (status, out, _) = said(folder, &["search", "crooked", "pyne"]);
    assert!(status == 0 && out.starts_with("G9001"), "{out}");
    assert_eq!(said(folder, &["search", "xylophone"]).0, 1);
    let (status, _, complaint) = said(folder, &["search", "x", "--type", "nonsense"]);
    assert!(status == 2 && complaint.contains("is not a section; use one of techniques"), "{complaint}");
    // Bundles and layers.
    let exported = library(folder, &["export", "enterprise", "2.0"]).stdout;
    assert_eq!(exported, bundle(&releases()[1].1));
    assert_eq!(said(folder, &["export", "mobile", "2.0"]).0, 1);
    let layer = file(
        folder,
        "old.json",
        br#"{"version":"2.1","name":"a","domain":"mitre-enterprise","techniques":[{"techniqueID":"T8002"}]}"#,
    );
    let (status, out, complaint) = said(folder, &["layer", layer.to_str().unwrap()]);
    assert!(status == 0 && out.contains("\"techniqueID\": \"T9001\"") && complaint.contains("replaced by"), "{out}");
    let layer = json_of(folder, &["layer", "--of", "G9001"]);
    assert_eq!(layer["techniques"][0]["techniqueID"], "T9001");
    // Everything is as it was imported; and when it is not, that is told.
    let (status, out, _) = said(folder, &["verify"]);
    assert!(status == 0 && out.contains("3 releases") && out.contains("as it was imported"), "{out}");
    // A release goes, once; which one has to be said.
    assert_eq!(said(folder, &["remove", "3.0"]).0, 2);
    let (status, out, complaint) = said(folder, &["remove", "3.0", "--domain", "enterprise"]);
    assert!(status == 0 && out.starts_with("Enterprise 3.0 (stix-2.0) was removed, with "), "{out} {complaint}");
    let (status, _, complaint) = said(folder, &["remove", "3.0", "--domain", "enterprise", "--feed", "2.0"]);
    assert!(status == 1 && complaint.contains("there is no release 3.0 of Enterprise in stix-2.0"), "{complaint}");
    let (status, out, _) = said(folder, &["verify"]);
    assert!(status == 0 && out.contains("2 releases") && out.contains("as it was imported"), "{out}");
    let damage = "UPDATE attack_versions SET canonical = raw WHERE id = 1; \
                  UPDATE attack_versions SET name = 'x', flags = flags + 2, attack_id = 'T1', modified = '' WHERE id = 2; \
                  UPDATE attack_versions SET from_object = to_object WHERE relation = 'uses'; \
                  UPDATE attack_releases SET sha256 = 'x' WHERE name = '2.0'";
    let done = Command::new("sqlite3").arg(folder.join("data/library.sqlite")).arg(damage).status().unwrap();
    assert!(done.success());
    let (status, out, complaint) = said(folder, &["verify"]);
    assert!(status == 1 && out.contains("not as it was imported"), "{out}");
    assert!(
        complaint.contains("the canonical hash is another one") && complaint.contains("2.0 (stix-2.0)"),
        "{complaint}"
    );
    for beside in ["name", "status", "ATT&CK id", "`modified`", "source of the relationship"] {
        assert!(
            complaint.contains(&format!("the {beside} kept beside its text is another one")),
            "{beside}: {complaint}"
        );
    }
}

#[test]
fn a_bad_file_in_a_folder_is_told_and_the_others_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("all")).unwrap();
    file(folder, "all/enterprise-attack-1.0.json.zst", b"\x28\xb5\x2f\xfd and nothing that it could be");
    file(folder, "all/enterprise-attack-2.0.json", &bundle(&[technique()]));
    file(folder, "all/enterprise-attack-3.0.json.gz", b"\x1f\x8b\x08 and nothing that it could be");
    let (status, out, complaint) = said(folder, &["import", "all"]);
    assert!(status == 2 && out.contains("Enterprise 2.0 (stix-2.0): 1 objects"), "{status} {out}");
    for name in ["`all/enterprise-attack-1.0.json.zst`: nothing", "`all/enterprise-attack-3.0.json.gz`: nothing"] {
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[test]
fn whoever_asks_leaves_no_empty_library_behind() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["show", "T1204"][..], &["releases"], &["verify"], &["diff", "1.0", "2.0"], &["takes", "list"]] {
        let (status, _, complaint) = said(folder.path(), arguments);
        assert!(status == 2 && complaint.contains("no library in"), "{arguments:?}: {complaint}");
    }
    assert!(!folder.path().join("data").exists());
    let (status, _, complaint) = said(folder.path(), &["import", "nowhere.json"]);
    assert!(status == 2 && complaint.contains("`nowhere.json`"), "{complaint}");
}

#[test]
fn takes_go_their_way_on_the_command_line() {
    let folder = filled();
    let folder = folder.path();
    let mut document = json_of(folder, &["takes", "template", "T9001"]);
    let empty = file(folder, "take.json", document.to_string().as_bytes());
    let (status, _, complaint) = said(folder, &["takes", "check", empty.to_str().unwrap()]);
    assert!(status == 1 && complaint.contains("/title"), "{complaint}");
    document["title"] = "What to do about opening things".into();
    document["summary"] = "People open things; what helps is to teach them.".into();
    document["claims"][0]["text"] = "The definition says what it is.".into();
    document["claims"][0]["evidence"][0]["text"] = "What Opening Things is".into();
    let good = file(folder, "take.json", document.to_string().as_bytes());
    let good = good.to_str().unwrap();
    let (status, out, _) = said(folder, &["takes", "check", good]);
    assert!(status == 0 && out.contains("valid: the source"), "{out}");
    let (status, _, complaint) = said(folder, &["takes", "add", good, "--as", "karl"]);
    assert!(status == 2 && complaint.contains("`karl` is not a console user"), "{complaint}");
    // The console's users are in the ledger, which `lazaret serve` makes.
    let served = crate::gate::Served::in_folder(tempfile::TempDir::new_in(folder).unwrap(), "");
    let staff = crate::gate::people::administrator(&served);
    staff.colleague("karl", "analyst");
    staff.colleague("viktor", "viewer");
    staff.colleague("petra", "approver");
    let ledger = served.folder.path().join("data");
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = std::fs::copy(ledger.join(name), folder.join("data").join(name));
    }
    let (status, _, complaint) = said(folder, &["takes", "add", good, "--as", "viktor"]);
    assert!(status == 2 && complaint.contains("the role of `viktor`, viewer, does not allow this"), "{complaint}");
    assert_eq!(said(folder, &["takes", "add", good, "--as", "karl"]).1.trim(), "1");
    assert_eq!(said(folder, &["takes", "submit", "1", "--as", "karl"]).0, 0);
    let (status, _, complaint) = said(folder, &["takes", "publish", "1", "--as", "karl"]);
    assert!(status == 2 && complaint.contains("does not allow this"), "{complaint}");
    let (status, _, complaint) = said(folder, &["takes", "publish", "1", "--as", "petra"]);
    assert!(status == 2 && complaint.contains("state which revision you read"), "{complaint}");
    assert!(said(folder, &["takes", "show", "1"]).1.contains("; revision 2"));
    let (status, out, complaint) = said(folder, &["takes", "publish", "1", "--as", "petra", "--revision", "2"]);
    assert!(status == 0 && out.contains("published"), "{complaint}");
    let shown = json_of(folder, &["takes", "show", "1", "--json"]);
    assert_eq!((&shown["take"]["state"], &shown["take"]["reviewer"]), (&json!("published"), &json!("petra")));
    let list = said(folder, &["takes", "list", "T9001"]).1;
    assert!(list.contains("published  T9001 Opening Things: What to do about opening things (karl)"), "{list}");
    let list = json_of(folder, &["takes", "list", "--json"]);
    assert_eq!((&list[0]["object"], &list[0]["about"]["id"]), (&json!(TECHNIQUE), &json!("T9001")));
    let (status, _, complaint) = said(folder, &["takes", "withdraw", "1", "--as", "karl"]);
    assert!(status == 2 && complaint.contains("say why"), "{complaint}");
    assert_eq!(said(folder, &["takes", "withdraw", "1", "--as", "karl", "--note", "wrong"]).0, 0);
    assert!(said(folder, &["takes", "schema"]).1.contains("lazaret.take/1"));
}

#[test]
fn what_an_index_offers_is_fetched_and_imported_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let site = Site::plain();
    // The official feed is STIX 2.1, where each object says so and a collection says which release it is.
    let release = |number: &str| {
        let collection = json!({
            "type": "x-mitre-collection", "id": "x-mitre-collection--0a000000-0000-4000-8000-000000000001",
            "spec_version": "2.1", "name": "Enterprise ATT&CK", "x_mitre_version": number,
            "created": "2020-01-01T00:00:00.000Z", "modified": "2020-01-01T00:00:00.000Z",
        });
        let technique = with(technique(), json!({ "spec_version": "2.1", "x_mitre_version": number }));
        json!({ "type": "bundle", "id": "bundle--0f", "objects": [collection, technique] }).to_string()
    };
    for number in ["1.0", "2.0"] {
        site.page(&format!("/e/enterprise-attack-{number}.json"), "", release(number));
    }
    // An address that leads on, one that is not there, and one that has something else.
    let target = site.url("/e/enterprise-attack-2.0.json");
    site.on("/two", move |_, stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    });
    site.page("/other", "", release("2.0"));
    let version = |number: &str, path: &str| json!({ "version": number, "url": site.url(path) });
    let index = json!({ "name": "A test", "collections": [
        { "name": "Enterprise ATT&CK", "versions": [
            version("3.0", "/gone"), version("2.0", "/two"), version("1.0", "/e/enterprise-attack-1.0.json"), version("4.0", "/other"),
        ] },
        { "name": "Something Else", "versions": [] },
    ] });
    site.page("/index.json", "", index.to_string());
    let index = site.url("/index.json");
    let (status, out, _) = said(folder, &["sync", "--index", &index, "--dry-run"]);
    assert!(status == 0 && out.lines().count() == 4 && out.contains("Enterprise 4.0"), "{out}");
    let (status, out, complaint) = said(folder, &["sync", "--index", &index]);
    assert!(
        status == 2 && out.contains("Enterprise 1.0 (stix-2.1)") && out.contains("Enterprise 2.0 (stix-2.1)"),
        "{out}"
    );
    assert!(complaint.contains("/gone` responded with status 404"), "{complaint}");
    // What was refused is told with its address, and not with a file that is gone.
    assert!(complaint.contains(&format!("`{}`: nothing was imported from it", site.url("/other"))), "{complaint}");
    assert!(
        complaint.contains("`--release` says that the release is 4.0, and its collection that it is 2.0"),
        "{complaint}"
    );
    assert!(complaint.contains("the collection `Something Else` is not an ATT&CK domain"), "{complaint}");
    let asked = site.asked().len();
    let (status, out, _) = said(folder, &["sync", "--index", &index, "--newest"]);
    assert!(status == 2 && out.is_empty(), "{out}");
    let more: Vec<_> = site.asked().split_off(asked);
    assert!(more.iter().all(|head| !head.contains("/two") && !head.contains("-1.0")), "fetched again: {more:?}");
    let found = json_of(folder, &["releases", "--json"]);
    assert_eq!(found[1]["source"], site.url("/two"));
    // The same by hand.
    let (status, out, _) = said(folder, &["import", &site.url("/e/enterprise-attack-1.0.json")]);
    assert!(status == 0 && out.contains("already imported, identical"), "{out}");
}

#[test]
fn killed_in_the_middle_of_an_import_it_has_what_it_had() {
    let folder = filled();
    let folder = folder.path();
    // Large enough to take a while, in texts that do not pack well.
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = || {
        (0..300).fold(String::new(), |mut text, _| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(&format!("{state:016x}"));
            text
        })
    };
    let many: Vec<_> = (0..12_000_u32)
        .map(|number| {
            let id = format!("tool--0a000000-0000-4000-8000-{number:012}");
            with(object(&id, &format!("S{number:05}"), "Noise", "2020-01-01"), json!({ "description": noise() }))
        })
        .collect();
    file(folder, "enterprise-attack-4.0.json", &bundle(&many));
    let mut killed = 0;
    for step in 0..8 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(["library", "import", "enterprise-attack-4.0.json"])
            .current_dir(folder)
            .env("LAZARET_DATA", folder.join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(40 + 130 * step));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        let (status, out, complaint) = said(folder, &["verify"]);
        assert_eq!(status, 0, "{complaint}");
        let whole = out.contains("4 releases");
        assert!(whole || out.contains("3 releases"), "{out}");
        if whole {
            break;
        }
        assert_eq!(said(folder, &["show", "S00001"]).0, 1, "half of a release is there");
    }
    assert!(killed >= 2, "the import was too quick to be killed");
    let (status, out, _) = said(folder, &["import", "enterprise-attack-4.0.json"]);
    assert!(status == 0 && (out.contains("12000 objects") || out.contains("already imported")), "{out}");
    assert_eq!(said(folder, &["verify"]).0, 0);
}

/// Where the releases are that MITRE published: they are not part of this project. `LAZARET_ATTACK_DATA` names a folder with
/// all of them; else some of those that lie in `shared/attack` beside this tree count. Whoever runs every check has them.
fn published() -> Option<(Vec<PathBuf>, bool)> {
    if let Some(all) = std::env::var_os("LAZARET_ATTACK_DATA") {
        return Some((vec![PathBuf::from(all)], true));
    }
    let folder = corpus::root().join("../shared/attack");
    let some =
        ["attack-stix21-synthesised.tar.zst", "stix21-ics-attack-18.1.json.zst", "stix21-mobile-attack-17.1.json.zst"];
    let some: Vec<_> = some.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    if !some.is_empty() {
        return Some((some, false));
    }
    let missing = "LAZARET_ATTACK_DATA does not say where MITRE's releases are, and `../shared/attack` has none";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("SKIPPED: {missing}");
    None
}

/// Techniques of later releases than those that checks may have at hand, with the first of those releases.
const LATER: [(&str, f64); 1] = [("T1027.018", 19.0)];

/// What detectors, rules, policies and the list of vectors name is there, and neither revoked nor deprecated.
fn every_technique_that_is_named_is_one_of_the_newest_release(folder: &Path) {
    let releases = json_of(folder, &["releases", "--json"]);
    let own = |row: &&Value| row["domain"] == "enterprise-attack" && row["feed"] == "stix-2.1";
    let newest = releases.as_array().unwrap().iter().rfind(own).unwrap()["name"].as_str().unwrap();
    let bundle = json_of(folder, &["export", "enterprise", newest, "--feed", "2.1"]);
    let live: HashSet<&str> = bundle["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["type"] == "attack-pattern")
        .filter(|object| object["revoked"] != true && object["x_mitre_deprecated"] != true)
        .filter_map(|object| object["external_references"][0]["external_id"].as_str())
        .collect();
    let mut named: BTreeSet<String> =
        EMITTERS.iter().flat_map(|row| row.techniques).map(|id| (*id).to_owned()).collect();
    for file in ["policies/default.cedar", "docs/vectors.md"] {
        let text = std::fs::read_to_string(corpus::root().join(file)).unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.');
        let ids = words.map(|word| TechniqueId(word.trim_matches('.').to_owned().into()));
        named.extend(ids.filter(TechniqueId::is_well_formed).map(|id| id.0.into_owned()));
    }
    let number: f64 = newest.parse().unwrap();
    let later = |id: &str| LATER.iter().any(|(known, since)| *known == id && number < *since);
    let missing: Vec<_> = named.iter().filter(|id| !live.contains(id.as_str()) && !later(id)).collect();
    assert!(named.len() > 50 && missing.is_empty(), "not in {newest}: {missing:?}");
}

#[test]
fn what_mitre_published_comes_out_as_it_went_in() {
    let Some((paths, all)) = published() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let (status, out, complaint) = said(folder, &arguments);
    assert!(status == 0, "{complaint}");
    assert!(out.lines().count() > if all { 100 } else { 5 }, "{out}");
    assert_eq!(said(folder, &["verify"]).0, 0);
    let found = json_of(folder, &["show", "mitigations/T1204", "--json"]);
    for row in found["releases"].as_array().unwrap().iter().filter(|row| row["feed"] == "stix-2.1") {
        assert!(row["source"].as_str().unwrap().starts_with("c813c50475ee"), "{row}");
    }
    assert_eq!(found["status"], "deprecated");
    every_technique_that_is_named_is_one_of_the_newest_release(folder);
    if !all {
        return;
    }
    // Its one relationship was there up to 12.1.
    let show = |release: &str| {
        json_of(folder, &["show", "mitigations/T1204", "--feed", "2.0", "--release", release, "--json"])
    };
    assert_eq!(
        (&show("12.1")["relationships"]["total"], &show("13.0")["relationships"]["total"]),
        (&json!(1), &json!(0))
    );
    let diff = json_of(folder, &["diff", "17.1", "18.1", "--domain", "enterprise", "--feed", "2.0", "--json"]);
    // What `diff_stix` of mitreattack-python 6.3.1 counts.
    assert_eq!(
        diff["domains"]["enterprise-attack"]["counts"]["techniques"],
        json!({
            "additions": 12, "major_version_changes": 4, "minor_version_changes": 58, "other_version_changes": 0,
            "patches": 533, "revocations": 0, "deprecations": 0, "deletions": 0
        })
    );
}
