//! What people change in the console is in force at once, is remembered, and is theirs to change.

use crate::gate::people::{Staff, administrator};
use crate::gate::{Served, Site, until};

const NO_PDF: &str = "\n@id(\"no-pdf\") @title(\"No PDF today\")\nforbid (principal, action in [Lazaret::Action::\"deliver\", \
                      Lazaret::Action::\"hold\"], resource) when { resource.kind == \"pdf\" };\n";

fn pdf() -> Vec<u8> {
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n\
      trailer<</Root 1 0 R>>\n%%EOF\n"
        .to_vec()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    field.unwrap_or_else(|| panic!("no `{name}` in {page}")).split('"').next().unwrap().to_owned()
}

/// The text in the editor.
fn edited(page: &str) -> String {
    let text = page.split("required>\n").nth(1).unwrap().split("</textarea>").next().unwrap();
    text.replace("&#34;", "\"").replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">").replace("&#39;", "'")
}

fn edit(staff: &Staff<'_>, text: &str, note: &str, base: &str, wish: &str) -> String {
    let csrf = staff.csrf();
    staff.post("/policies/edit", &[("csrf", &csrf), ("base", base), ("text", text), ("note", note), ("do", wish)])
}

#[test]
fn policies_are_checked_tried_saved_and_taken_back() {
    let served = Served::with("");
    let staff = administrator(&served);
    let site = Site::plain();
    site.page("/letter.pdf", "Content-Type: application/pdf\r\n", pdf());
    let fetch = || served.curl(&[&site.url("/letter.pdf")]).status;
    assert_eq!(fetch(), 200);
    let page = staff.get("/policies");
    assert!(page.contains("programs-from-the-web") && page.contains("built-in policies"), "{page}");
    let page = staff.get("/policies/edit");
    let (text, base) = (edited(&page), hidden(&page, "base"));
    assert_eq!(base, "0");
    let changed = format!("{text}{NO_PDF}");
    // What is wrong is said with its place, and nothing changes.
    let page = edit(&staff, &changed.replace("resource.kind", "resource.colour"), "try", &base, "save");
    assert!(page.contains("Nothing was saved") && page.contains("colour") && page.ends_with("422"), "{page}");
    let line = changed.lines().position(|line| line.starts_with("forbid") && line.contains("deliver")).unwrap();
    assert!(line > 0 && page.contains("Line "), "{page}");
    assert!(edit(&staff, "", "nothing at all", &base, "save").contains("everything would be blocked"));
    assert!(edit(&staff, &changed, "", &base, "save").contains("Say what you changed"));
    // What would change is counted and listed.
    let page = edit(&staff, &changed, "", &base, "simulate");
    assert!(page.contains("letter.pdf") && page.contains("<code>no-pdf</code>"), "{page}");
    assert!(
        page.contains("<td class=\"deliver\">deliver</td><td class=\"block\">block</td><td class=\"number\">1</td>")
    );
    assert_eq!(fetch(), 200, "trying changed something");
    // Saved is in force.
    assert!(edit(&staff, &changed, "PDF is out <today>", &base, "save").ends_with("303"));
    assert_eq!(fetch(), 403);
    assert!(edit(&staff, &text, "not seen", &base, "save").contains("someone else saved policies"));
    let page = staff.get("/policies/history");
    assert!(page.contains("PDF is out &#60;today&#62;") && page.contains("anna"), "{page}");
    let page = staff.get("/policies/history/1");
    assert!(page.contains("<span class=\"added\">+@id(&#34;no-pdf&#34;)") && page.contains("in force"), "{page}");
    // And back.
    let back = |base: &str| staff.post("/policies/history/0", &[("csrf", &staff.csrf()), ("base", base)]);
    assert!(staff.post("/policies/history/0", &[("csrf", "0000"), ("base", "1")]).ends_with("403"));
    assert!(back("1").ends_with("303"));
    assert_eq!(fetch(), 200);
    assert!(staff.post("/policies/history/1", &[("csrf", &staff.csrf()), ("base", "2")]).ends_with("303"));
    assert_eq!(fetch(), 403);
    let audit = staff.get("/audit");
    assert!(
        audit.contains("version 2: back to the built-in policies") && audit.contains("version 3: back to version 1")
    );
    // Others may look.
    let analyst = staff.colleague("karl", "approver");
    assert!(analyst.get("/policies").contains("no-pdf") && analyst.get("/policies/history/1").contains("no-pdf"));
    assert!(analyst.get("/policies/edit").contains("your role does not allow this"));
    assert!(edit(&analyst, &text, "mine", "3", "save").ends_with("403"));
    assert!(analyst.post("/policies/history/0", &[("csrf", &analyst.csrf()), ("base", "3")]).ends_with("403"));
    assert_eq!(fetch(), 403);
}

#[test]
fn what_was_saved_is_in_force_after_a_restart_unless_files_are_named() {
    let ledger = tempfile::tempdir().unwrap();
    let address = format!("[ledger]\naddress = \"sqlite:{}\"\n", ledger.path().join("ledger.sqlite").display());
    let site = Site::plain();
    site.page("/letter.pdf", "Content-Type: application/pdf\r\n", pdf());
    let text = {
        let served = Served::with(&address);
        let staff = administrator(&served);
        let page = staff.get("/policies/edit");
        let text = edited(&page);
        assert!(edit(&staff, &format!("{text}{NO_PDF}"), "no PDF", "0", "save").ends_with("303"));
        text
    };
    {
        let served = Served::with(&address);
        assert_eq!(served.curl(&[&site.url("/letter.pdf")]).status, 403);
    }
    let file = ledger.path().join("own.cedar");
    std::fs::write(&file, &text).unwrap();
    let served = Served::with(&format!("{address}[policy]\npolicies = [\"{}\"]\n", file.display()));
    let fetch = || served.curl(&[&site.url("/letter.pdf")]).status;
    assert_eq!(fetch(), 200);
    let staff = administrator_again(&served);
    assert!(staff.get("/policies").contains("own.cedar"));
    assert!(staff.get("/policies/edit").contains("the configuration names policy files"));
    assert!(edit(&staff, &text, "mine", "1", "save").contains("the configuration names policy files"));
    // A changed file is taken up, a broken one is not.
    std::fs::write(&file, format!("{text}{NO_PDF}")).unwrap();
    until("the changed file is taken up", || fetch() == 403);
    std::fs::write(&file, "permit (principal").unwrap();
    until("a broken file is complained about", || {
        served.log().contains(
            "keeping the current rules, hash lists and \
        policies",
        )
    });
    assert_eq!(fetch(), 403);
}

#[test]
fn policies_are_listed_by_what_they_do_in_the_language_of_whoever_looks() {
    let served = Served::with("");
    let staff = administrator(&served);
    let mut said = std::collections::BTreeSet::new();
    for (accepted, tag) in [("ja", "en"), ("de-AT,de;q=0.9", "de"), ("fr", "fr"), ("en;q=0.1,es", "es")] {
        let page = staff.curl(&["-H", &format!("Accept-Language: {accepted}"), &staff.url("/policies")]);
        // The class of a policy's cell, and its word.
        let does = |id: &str| {
            let row = page.split(&format!("<code>{id}</code>")).nth(1).unwrap_or_else(|| panic!("{id}: {page}"));
            let cell =
                row.split(&format!("<td lang=\"{tag}\"><span class=\"")).nth(1).unwrap_or_else(|| panic!("{row}"));
            let (class, rest) = cell.split_once("\">").unwrap();
            (class.to_owned(), rest.split('<').next().unwrap().to_owned())
        };
        for (id, class) in [
            ("ordinary-content", "deliver"),
            ("hold-what-is-locked", "hold"),
            ("macros-that-run-by-themselves", "hold"),
            ("malicious", "block"),
        ] {
            let (found, word) = does(id);
            assert_eq!(found, class, "{id}");
            said.insert((class, word));
        }
        // In Cedar it stands there as it was written.
        assert_eq!(page.contains(">Malicious content is blocked<"), tag == "en", "{page}");
        assert!(!page.contains(">permits<"), "{page}");
    }
    assert_eq!(said.len(), 3 * 4, "{said:?}");
    assert!(said.contains(&("hold", "holds".to_owned())), "{said:?}");
}

fn administrator_again(served: &Served) -> Staff<'_> {
    let staff = Staff { served, jar: tempfile::NamedTempFile::new().unwrap() };
    assert!(staff.post("/login", &[("name", "anna"), ("password", "correct horse battery")]).ends_with("303"));
    staff
}

#[test]
fn a_hang_up_reads_the_configuration_again() {
    let served = Served::with("");
    let site = Site::plain();
    site.page("/letter.pdf", "Content-Type: application/pdf\r\n", pdf());
    let fetch = || served.curl(&[&site.url("/letter.pdf")]).status;
    assert_eq!(fetch(), 200);
    let config = served.folder.path().join("lazaret.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    let rule = served.folder.path().join("own.yar");
    std::fs::write(&rule, "rule own { meta: severity = \"critical\" strings: $a = \"Catalog\" condition: $a }")
        .unwrap();
    std::fs::write(
        &config,
        format!("{}\n[detect]\nrules = [\"own.yar\"]\n", before.replace("127.0.0.1:0", "127.0.0.1:1")),
    )
    .unwrap();
    served.signal("HUP");
    until("the rule is taken up", || fetch() == 403);
    let log = served.log();
    assert!(log.contains("need a restart") && log.contains("proxy"), "{log}");
    std::fs::write(&config, "[detct]\n").unwrap();
    served.signal("HUP");
    until("a broken configuration is complained about", || served.log().contains("did you mean `detect`?"));
    assert_eq!(fetch(), 403, "what was in force is not in force any more");
}

#[test]
fn processes_at_one_ledger_follow_each_other() {
    let ledger = tempfile::tempdir().unwrap();
    let address = format!("[ledger]\naddress = \"sqlite:{}\"\n", ledger.path().join("ledger.sqlite").display());
    let (one, other) = (Served::with(&address), Served::with(&address));
    let site = Site::plain();
    site.page("/letter.pdf", "Content-Type: application/pdf\r\n", pdf());
    let staff = administrator(&one);
    let text = edited(&staff.get("/policies/edit"));
    assert_eq!(other.curl(&[&site.url("/letter.pdf")]).status, 200);
    assert!(edit(&staff, &format!("{text}{NO_PDF}"), "no PDF", "0", "save").ends_with("303"));
    until("the other follows", || other.curl(&[&site.url("/letter.pdf")]).status == 403);
}
