//! The library's TAXII server, as clients have it.

use crate::gate::until;
use crate::shelf::*;
use crate::shelf_pages::{fetched, reader, served};
use corpus::attack::*;
use serde_json::{Value, json};
use std::process::Command;

/// What the client of the OASIS working group makes of the server.
const CLIENT: &str = r#"
import json, sys
from taxii2client.v21 import Server, as_pages
server = Server(sys.argv[1])
root = server.api_roots[0]
out = {"title": root.title, "versions": root.versions, "collections": []}
for collection in root.collections:
    pages = list(as_pages(collection.get_objects, per_request=4))
    objects = [o for page in pages for o in page.get("objects", [])]
    manifest = [o for page in as_pages(collection.get_manifest, per_request=100) for o in page["objects"]]
    one = collection.get_object(objects[0]["id"])["objects"]
    versions = collection.object_versions(objects[0]["id"])["versions"]
    kinds = collection.get_objects(type="attack-pattern")["objects"]
    late = collection.get_objects(added_after="2999-01-01T00:00:00Z").get("objects", [])
    out["collections"].append({"title": collection.title, "media": collection.media_types, "pages": len(pages),
        "ids": [o["id"] for o in objects], "manifest": len(manifest), "one": len(one), "versions": versions,
        "kinds": len(kinds), "late": len(late), "write": collection.can_write})
print(json.dumps(out))
"#;

#[test]
fn a_taxii_client_reads_every_release() {
    let python = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/reference/bin/python");
    assert!(python.exists(), "`sh tools/reference.sh` installs a TAXII client");
    let served = served("");
    let reader = reader(&served);
    let output =
        Command::new(python).args(["-c", CLIENT, &reader.url("/taxii2/")]).env("NO_PROXY", "*").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let collections = told["collections"].as_array().unwrap();
    let titles: Vec<_> = collections.iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!(
        titles,
        [
            "Enterprise ATT&CK, the newest release",
            "Enterprise ATT&CK 3.0 (stix-2.0)",
            "Enterprise ATT&CK 2.0 (stix-2.0)",
            "Enterprise ATT&CK 1.0 (stix-2.0)"
        ]
    );
    for (one, objects) in collections[1..].iter().zip(releases().into_iter().rev()) {
        let ids: Vec<_> = objects.1.iter().map(|object| object["id"].clone()).collect();
        assert_eq!(one["ids"], json!(ids));
        assert_eq!((&one["manifest"], &one["one"], &one["kinds"]), (&json!(ids.len()), &json!(1), &json!(2)));
        assert_eq!(
            (&one["late"], &one["write"], &one["versions"]),
            (&json!(0), &json!(false), &json!(["2020-01-01T00:00:00.000Z"]))
        );
        assert_eq!(one["pages"].as_u64().unwrap() as usize, ids.len().div_ceil(4));
    }
    // What clients of other versions, and those who would write, are told.
    let accept = "Accept: application/vnd.oasis.taxii+json; version=2.0";
    assert_eq!(fetched(&reader, "/taxii2/", &["-H", accept]).0, 406);
    let objects = "/taxii2/attack/collections/enterprise-attack/objects/";
    assert_eq!(fetched(&reader, objects, &["-d", "{}"]).0, 403);
    let (status, head, body) = fetched(&reader, &format!("{objects}?limit=x"), &[]);
    assert!(status == 400 && head.contains("taxii+json") && body.contains("\"http_status\":\"400\""), "{body}");
    assert_eq!(fetched(&reader, "/taxii2/attack/collections/none/", &[]).0, 404);
    assert_eq!(fetched(&reader, &format!("{objects}tool--0a/"), &[]).0, 404);
    let (_, head, _) = fetched(&reader, objects, &[]);
    assert!(head.contains("x-taxii-date-added-first: 20"), "{head}");
}

#[test]
fn filters_and_pages_of_taxii_are_those_of_the_specification() {
    let served = served("");
    let reader = reader(&served);
    let objects = "/taxii2/attack/collections/enterprise-attack/objects/";
    let get = |query: &str| -> Value { serde_json::from_str(&reader.get(&format!("{objects}?{query}"))).unwrap() };
    let number = |query: &str| get(query)["objects"].as_array().map_or(0, Vec::len);
    let (kind, version) = ("match%5Btype%5D", "match%5Bversion%5D");
    assert_eq!(number(&format!("{kind}=intrusion-set,x-mitre-tactic")), 2);
    assert_eq!(number(&format!("{kind}=intrusion-set,x-mitre-tactic&match%5Bid%5D={GROUP},{TECHNIQUE}")), 1);
    assert_eq!(number(&format!("{kind}=intrusion-set&{version}=2020-01-01T00:00:00Z")), 1, "written otherwise");
    assert_eq!(number(&format!("{kind}=intrusion-set&{version}=2021-01-01T00:00:00Z,2022-01-01T00:00:00Z")), 0);
    assert_eq!(number("match%5Bspec_version%5D=2.0,2.1"), releases()[2].1.len());
    assert_eq!(number("match%5Bspec_version%5D=2.1"), 0);
    // An error is a message in TAXII's form, whatever was wrong.
    let wrong = |path: &str, more: &[&str], status: u16, text: &str| {
        let (found, head, body) = fetched(&reader, path, more);
        let told: Value = serde_json::from_str(&body).unwrap_or_default();
        let is_message = head.contains("application/taxii+json;version=2.1")
            && told["http_status"].as_str() == Some(&status.to_string());
        assert!(found == status && is_message && body.contains(text), "{path} {more:?}: {found} {head} {body}");
        head
    };
    wrong(&format!("{objects}?{kind}=tool&{kind}=malware"), &[], 400, "is given twice");
    wrong(&format!("{objects}?match%5Bname%5D=tool"), &[], 400, "can be matched");
    wrong(objects, &["-H", "Accept: application/taxii+json;version=2.1;q=0"], 406, "only supports");
    for (path, method) in [("/taxii2/", "POST"), (objects, "PUT"), ("/taxii2/attack/collections/", "DELETE")] {
        assert!(wrong(path, &["-X", method], 405, "read-only").contains("allow: get, head"));
    }
    wrong("/taxii2/attack/collections/%ff/", &[], 404, "no such address");
    // A place in a list is that of one release and one filter.
    let first = get("limit=2");
    let next = first["next"].as_str().unwrap();
    assert_eq!(get(&format!("limit=3&next={next}"))["objects"].as_array().unwrap().len(), 3);
    wrong(&format!("{objects}?limit=2&{kind}=tool&next={next}"), &[], 400, "other filters");
    wrong(&format!("{objects}?next=2"), &[], 400, "from an earlier response");
    let older = objects.replace("enterprise-attack", "enterprise-attack-1.0-stix-2.0");
    wrong(&format!("{older}?limit=2&next={next}"), &[], 400, "belongs to another release");
    let newer = json!({ "type": "bundle", "id": "bundle--1", "objects": [with(technique(), json!({ "spec_version": "2.1" }))] });
    let path = file(served.folder.path(), "enterprise-attack-4.0.json", newer.to_string().as_bytes());
    assert_eq!(said(served.folder.path(), &["import", path.to_str().unwrap()]).0, 0);
    // The one who asks next is told of the release that another process imported, not much later.
    until("the release of another process is seen", || {
        fetched(&reader, "/api/v1/attack/releases", &[]).2.contains("\"4.0\"")
    });
    wrong(&format!("{objects}?limit=2&next={next}"), &[], 400, "belongs to another release");
    // What an object is said to be, also where the feed is named in short.
    for feed in ["stix-2.1", "2.1"] {
        let path = format!("/api/v1/attack/releases/{feed}/enterprise/4.0/objects/{TECHNIQUE}");
        let (status, head, _) = fetched(&reader, &path, &[]);
        assert!(status == 200 && head.contains("application/stix+json;version=2.1"), "{path}: {head}");
    }
}
