//! OpenDocument 1.3: a ZIP with macros of its own.

use super::mail::external;
use super::ooxml::Found;
use super::shares::{is_remote, is_share};
use super::xml::{Token, attribute, is_empty, spans, unescape, values};
use super::{Format, decode, zip};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::{Family, Finding, Role, Severity};

/// The opener.
pub struct Odf;

/// Bytes of one XML part that are looked at.
const MOST_XML: u64 = if cfg!(test) { 1 << 20 } else { 32 << 20 };

/// The statements that build a database within a document, in small letters (HSQLDB 1.8, "SCRIPT files").
const DATABASE: &str = "database/script";

impl Format for Odf {
    fn id(&self) -> &'static str {
        "odf"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["odt", "ott", "odm", "ods", "ots", "odp", "otp", "odg", "odf", "odb", "sxw", "oxt"]
    }

    fn summary(&self) -> &'static str {
        "every part; Basic modules and scripts, DDE, and what it would fetch; encrypted documents stay locked"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let structure = zip::read_structure(input, parts)?;
        let mut markup = Markup::default();
        for entry in structure.members.iter().flat_map(|listed| [Some(&listed.entry), listed.other.as_ref()]).flatten()
        {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let lower = entry.name.to_ascii_lowercase();
            if lower == DATABASE && !entry.encrypted() {
                let script = zip::read_member(input, entry, MOST_XML + 1, parts);
                if script.len() as u64 > MOST_XML {
                    parts.incomplete(format!("only {MOST_XML} bytes of a database are searched for commands"));
                }
                markup.database(&encoding::decode(&script));
                continue;
            }
            // Modules of extensions have a name of their own.
            if entry.encrypted() || !lower.ends_with(".xml") && !lower.ends_with(".xba") {
                if lower.starts_with("scripts/") && !lower.ends_with('/') {
                    parts.has_macros();
                }
                continue;
            }
            let bytes = zip::read_member(input, entry, MOST_XML + 1, parts);
            if bytes.len() as u64 > MOST_XML {
                parts.incomplete(format!("only {MOST_XML} bytes of a part of XML are searched for macros"));
            }
            let text = encoding::decode(&bytes);
            if lower == "meta-inf/manifest.xml" && text.contains("encryption-data") {
                // ODF 1.3, part 2, 3.4: parts are encrypted one by one, and the manifest says how.
                parts.lock("the document is encrypted, and encrypted OpenDocument files are not opened");
            }
            markup.look(&entry.name, &text, parts)?;
        }
        markup.tell(parts);
        zip::add_all(input, &structure, parts)?;
        markup.hand_over(parts)
    }
}

/// What the markup of a document makes a program do: its macros, what runs them, and what it asks for elsewhere.
pub(super) struct Markup {
    /// Names and sources.
    modules: Vec<(String, String)>,
    /// A macro that the document itself calls, and the event.
    called: Option<(String, String)>,
    /// A script that is not in the document and that it leads to over the folders of the office program.
    climbs: Option<String>,
    /// A statement of a database that writes a file.
    writes: Option<String>,
    found: Found,
}

impl Default for Markup {
    fn default() -> Self {
        Self { modules: Vec::new(), called: None, climbs: None, writes: None, found: Found::new("odf") }
    }
}

impl Markup {
    /// Looks at the markup of a part.
    pub(super) fn look(&mut self, name: &str, text: &str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut module: Option<(String, String)> = None;
        let mut script: Option<String> = None;
        let mut of_document = false;
        for (index, (place, token)) in spans(text).enumerate() {
            if index % 1024 == 0 {
                parts.budget().step(1024).map_err(OpenError::Limit)?;
            }
            match token {
                // <script:module script:name="Module1">source</script:module>, and `ooo:module` in a document of one file.
                Token::Open("module", attributes) if !is_empty(text, place.clone()) => {
                    let name = attribute(attributes, "name").unwrap_or_else(|| name.to_owned());
                    self.modules.extend(module.replace((name, String::new())));
                }
                Token::Close("module") => self.modules.extend(module.take()),
                // 3.13: scripts of any language.
                Token::Open("scripts", _) => of_document = !is_empty(text, place),
                Token::Close("scripts") => of_document = false,
                Token::Open("script", _) if of_document && !is_empty(text, place.clone()) => {
                    self.end_script(script.replace(String::new()));
                }
                Token::Close("script") => self.end_script(script.take()),
                Token::Text(text) => {
                    if let (Some((_, source)), _) | (None, Some(source)) = (&mut module, &mut script) {
                        source.push_str(&unescape(text));
                    }
                }
                Token::Open("event-listener", attributes) => self.listener(attributes, of_document),
                Token::Open(element, attributes) => self.element(name, element, attributes),
                Token::Close(_) => {}
            }
        }
        self.modules.extend(module);
        self.end_script(script);
        Ok(())
    }

    /// The statements of a database, which run when it is opened: `SCRIPT 'file'` writes all of it to a file of its choice.
    fn database(&mut self, script: &str) {
        let writes = |line: &&str| {
            let upper = line.trim_start().get(..6).map(str::to_ascii_uppercase);
            let rest = line.trim_start().get(6..).unwrap_or_default();
            upper.as_deref() == Some("SCRIPT") && rest.trim_start().starts_with('\'')
        };
        self.writes = script.lines().find(writes).map(|line| line.trim().to_owned());
    }

    fn end_script(&mut self, script: Option<String>) {
        self.modules
            .extend(script.filter(|source| !source.trim().is_empty()).map(|source| ("script".to_owned(), source)));
    }

    /// 14.5: what runs at an event. Those of the document itself need nobody.
    fn listener(&mut self, attributes: &str, of_document: bool) {
        // 19.366, `presentation:action`: what something on a slide does when somebody clicks it.
        let action = attribute(attributes, "action");
        if action.as_deref() == Some("execute") {
            let program = attribute(attributes, "href").is_some_and(|place| is_program(&place));
            self.found.runs_program |= program;
        }
        let mut macros = ["href", "macro-name"].iter().filter_map(|name| attribute(attributes, name));
        let Some(named) = macros.find(|named| !named.is_empty()) else { return };
        let plain = String::from_utf8_lossy(&decode::percent(named.as_bytes())).into_owned();
        // Slides lead to documents beside them.
        let leads = action.is_some() && !plain.to_ascii_lowercase().contains("script:");
        if !leads && (plain.contains("../") || plain.contains("..\\")) {
            self.climbs.get_or_insert(plain);
        }
        if of_document && self.called.is_none() {
            self.called = Some((attribute(attributes, "event-name").unwrap_or_default(), named));
        }
    }

    /// What an element has the program fetch (19.918 `xlink:href`), or ask another one for (14.6).
    fn element(&mut self, from: &str, element: &str, attributes: &str) {
        let fetched = match element {
            "image" | "fill-image" => "image",
            "object" | "object-ole" => "oleObject",
            "floating-frame" | "plugin" | "applet" => "frame",
            "section-source" => "subDocument",
            "table-source" | "cell-range-source" => "externalLinkPath",
            "dde-source" | "dde-connection-decl" => {
                let of = |name: &str| attribute(attributes, name).unwrap_or_default();
                let (program, topic, item) = (of("dde-application"), of("dde-topic"), of("dde-item"));
                // Office programs that run already, asked for a part of another document.
                if !["", "soffice"].contains(&&*program.to_ascii_lowercase()) {
                    self.found.command(format!("{program} {topic} {item}"));
                }
                return;
            }
            "table-cell" | "covered-table-cell" | "named-expression"
                if attributes.contains("formula") || element == "named-expression" =>
            {
                let holder = if element == "named-expression" { "expression" } else { "formula" };
                for formula in values(attributes, holder) {
                    self.found.formula(&formula);
                    let asked = formula.split_once("DDE(").map(|(_, rest)| rest.replace(['"', ')'], ""));
                    if let Some(command) = asked.filter(|command| !command.to_ascii_lowercase().starts_with("soffice"))
                    {
                        self.found.command(command.replace(';', " "));
                    }
                }
                return;
            }
            _ => return,
        };
        if attributes.contains("href") {
            for target in values(attributes, "href").filter(|target| is_remote(target)) {
                self.found.outside(fetched, target, from);
            }
        }
    }

    /// Says what was found.
    pub(super) fn tell(&mut self, parts: &mut Parts<'_, '_>) {
        self.found.macros |= !self.modules.is_empty();
        if let Some((event, named)) = self.called.as_ref().filter(|_| self.found.macros) {
            let message = format!("the document calls a macro by itself ({event})");
            let finding = Finding::new("macros.auto-run", "odf", Severity::Medium, Family::Behaviour, message);
            parts.finding(finding.technique("T1137").technique("T1204.002").with("value", named.clone()));
        }
        if let Some(script) = &self.climbs {
            let message = "the document runs a script that is not in it, and whose place climbs out of the office program's folders";
            let finding = Finding::new("odf.script-elsewhere", "odf", Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1203").with("value", script.clone()));
        }
        if let Some(statement) = &self.writes {
            let message = "the document's database writes a file of its choice when it is opened";
            let finding = Finding::new("odf.database-script", "odf", Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1203").with("value", statement.clone()));
        }
        self.found.tell(parts);
    }

    /// Hands over the sources of macros, commands and places.
    pub(super) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for (name, source) in self.modules {
            parts.add_content(Member::named(Role::Macro, name).of_kind("vba"), Content::from(source.into_bytes()))?;
        }
        self.found.hand_over(parts)
    }
}

/// Whether a place is that of a program, and not of a document: by its name, which has no end on some systems.
fn is_program(place: &str) -> bool {
    let name = place.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
    external::runs(place) || is_share(place) || !name.is_empty() && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use crate::containers::ooxml::tests::package;
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    #[test]
    fn basic_modules_are_parts() {
        let module =
            r#"<!DOCTYPE x><script:module script:name="M">Sub Main&#10;  Shell(&quot;calc&quot;)</script:module>"#;
        let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
        let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
        assert_eq!(recorded.bytes("//M"), b"Sub Main\n  Shell(\"calc\")");
        assert!(recorded.parts[0].macros);
    }

    #[test]
    fn an_encrypted_document_is_locked() {
        let manifest = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>";
        let bytes = package(&[("META-INF/manifest.xml", manifest.as_bytes()), ("content.xml", b"\x01\x02")]);
        assert!(walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default()).parts[0].locked);
    }

    #[test]
    fn a_module_within_another_is_read_as_well() {
        let module = r#"<script:module script:name="A">LAZARET-A<script:module script:name="B">LAZARET-B"#;
        let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
        let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
        assert_eq!((recorded.bytes("//A"), recorded.bytes("//B")), (&b"LAZARET-A"[..], &b"LAZARET-B"[..]));
    }

    #[test]
    fn a_module_behind_the_limit_is_said() {
        for (padding, complete) in [(1000, true), (super::MOST_XML as usize, false)] {
            let module = format!(
                r#"<script:module script:name="M">{}Shell(&quot;LAZARET&quot;)</script:module>"#,
                " ".repeat(padding)
            );
            let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
            let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
            assert_eq!(recorded.bytes("//M").ends_with(b"Shell(\"LAZARET\")"), complete, "{padding}");
            let said = recorded.parts[0].incomplete.iter().any(|given| given.contains("searched for macros"));
            assert!(recorded.parts[0].macros && said != complete, "{padding}");
        }
    }

    #[test]
    fn a_database_that_writes_a_file_is_told_and_one_of_tables_is_not() {
        for (statement, told) in [
            ("SCRIPT '/home/a/.bashrc'", true),
            ("script  'C:\\a.bat'", true),
            ("CREATE TABLE \"SCRIPT\"(\"A\" VARCHAR(9))", false),
            ("INSERT INTO \"a\" VALUES('SCRIPT x')", false),
        ] {
            let script = format!("CREATE SCHEMA PUBLIC AUTHORIZATION DBA\n{statement}\n");
            let bytes = package(&[("content.xml", b"<x/>"), ("database/script", script.as_bytes())]);
            let recorded = walk_with(bytes, "a.odb", Some("odb"), &[], Limits::default());
            assert_eq!(recorded.findings.iter().any(|f| f.id == "odf.database-script"), told, "{statement}");
        }
    }

    #[test]
    fn modules_of_an_extension_are_parts_whatever_their_names() {
        let module = r#"<script:module script:name="m">Shell("LAZARET")</script:module>"#;
        let bytes = package(&[
            ("description.xml", b"<description xmlns=\"http://openoffice.org/extensions/description/2006\"/>"),
            ("a/m.xba", module.as_bytes()),
        ]);
        let recorded = crate::testing::walk(bytes, "a.oxt");
        assert_eq!((&*recorded.parts[0].kind.id, recorded.parts[0].macros), ("oxt", true));
        assert_eq!(recorded.part("//m").kind.id, "vba");
    }

    #[test]
    fn a_click_on_a_slide_that_runs_a_program_is_told_and_other_clicks_are_not() {
        let slide = |action: &str, place: &str| {
            findings(&format!(
                "<presentation:event-listener script:event-name=\"dom:click\" presentation:action=\"{action}\" \
                 xlink:href=\"{place}\"/>"
            ))
        };
        for (action, place, told) in [
            ("execute", "file:///C:/Windows/System32/calc.exe", true),
            ("execute", "file:///usr/bin/xterm", true),
            ("execute", "file://host.invalid/s/a.odp", true),
            ("execute", "../notes.pdf", false),
            ("show", "../other.odp#page2", false),
            ("next-page", "", false),
        ] {
            let found = slide(action, place);
            assert_eq!(found.iter().any(|id| id == "ooxml.program-action"), told, "{action} {place}: {found:?}");
            assert!(told || found.is_empty(), "{action} {place}: {found:?}");
        }
    }

    /// Findings of a document whose content is `content`.
    fn findings(content: &str) -> Vec<String> {
        let content = format!("<office:document-content>{content}</office:document-content>");
        let bytes = package(&[("content.xml", content.as_bytes())]);
        let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
        recorded.findings.iter().map(|finding| finding.id.to_string()).collect()
    }

    #[test]
    fn what_a_document_fetches_and_runs_is_told_and_what_is_in_it_is_not() {
        for (content, expected) in [
            ("<draw:object xlink:href=\"./Object 1\"/><draw:image xlink:href=\"Pictures/a.png\"/>", None),
            ("<draw:image xlink:href=\"file:///C:/Users/a/b.png\"/>", None),
            ("<text:a xlink:href=\"https://host.invalid/\">more</text:a>", None),
            (
                "<office:dde-source office:dde-application=\"soffice\" office:dde-topic=\"a.ods\" office:dde-item=\"A1\"/>",
                None,
            ),
            ("<draw:floating-frame xlink:href=\"https://host.invalid/a\"/>", Some("odf.external-object")),
            ("<draw:image xlink:href=\"https://host.invalid/a.png\"/>", Some("odf.external-image")),
            ("<office:dde-source office:dde-application=\"cmd\" office:dde-topic=\"/c calc\"/>", Some("odf.dde")),
            ("<table:table-cell table:formula=\"msoxl:=cmd|&apos;/c calc&apos;!A1\"/>", Some("odf.dde")),
            (
                "<table:table-cell table:formula=\"of:=CALL(&quot;a&quot;;&quot;b&quot;)\"/>",
                Some("ooxml.library-formula"),
            ),
            ("<table:table-cell table:formula=\"of:=SUM([.A1:.A2])\"/>", None),
            (
                "<table:named-expression table:name=\"a\" table:expression=\"of:=EXEC(&quot;calc&quot;)\"/>",
                Some("ooxml.library-formula"),
            ),
            ("<table:named-expression table:name=\"exec\" table:expression=\"of:=[.A1]*2\"/>", None),
            (
                "<table:table-cell table:formula=\"of:=DDE(&quot;cmd&quot;;&quot;/c calc&quot;;&quot;a&quot;)\"/>",
                Some("odf.dde"),
            ),
            (
                "<script:event-listener xlink:href=\"vnd.sun.star.script:../../a.py$run?language=Python&amp;location=share\"/>",
                Some("odf.script-elsewhere"),
            ),
        ] {
            assert_eq!(findings(content).first().map(String::as_str), expected, "{content}");
        }
    }

    #[test]
    fn a_macro_that_the_document_calls_when_it_is_opened_runs_by_itself() {
        let listener = |of: &str| {
            format!(
                "<office:scripts><office:script script:language=\"ooo:Basic\"><ooo:module ooo:name=\"M\"><ooo:source-code>\
                 Sub Main</ooo:source-code></ooo:module></office:script>{of}</office:scripts>"
            )
        };
        let called = "<office:event-listeners><script:event-listener script:event-name=\"dom:load\" \
            xlink:href=\"vnd.sun.star.script:Standard.M.Main?language=Basic&amp;location=document\"/></office:event-listeners>";
        assert_eq!(findings(&listener(called)), ["macros.auto-run"]);
        assert!(findings(&listener("")).is_empty());
    }
}
