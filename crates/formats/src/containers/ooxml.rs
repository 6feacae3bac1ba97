//! Office Open XML (ECMA-376): a ZIP with relationships, and what those and the text make a program do.
//!
//! Parts are found by what they hold and not by name, since names and content types may be anything.

mod binary;
pub(super) mod fields;
mod formulas;

#[cfg(test)]
pub(super) mod tests;

use super::cfb::Compound;
use super::links::Links;
use super::shares::{is_remote, is_share, leaves_house};
use super::xml::{Token, attribute, tokens, unescape};
use super::{Format, decode, vba, zip};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::{Bounded, Family, Finding, Role, Severity};
use std::cmp::Reverse;
use std::collections::HashSet;

/// The opener.
pub struct Ooxml;

/// Bytes of one XML part that are looked at.
const MOST_XML: u64 = 32 << 20;
/// Bytes of all XML parts that are looked at.
const MOST_XML_IN_ALL: u64 = 256 << 20;
/// Bytes by which a part is told to be XML.
const HEAD: u64 = 4096;
/// Commands of one document, and places that it fetches something from; each becomes a part.
const MOST_TARGETS: usize = 5000;
/// Characters of a cell's name; Excel has none longer than `XFD1048576`.
const MOST_CELL: usize = 32;
/// Callbacks of a ribbon that are called without a click, when it is loaded or shown ([MS-CUSTOMUI], 2.2).
const CALLBACKS: &[&str] = &[
    "onLoad",
    "loadImage",
    "getVisible",
    "getEnabled",
    "getLabel",
    "getImage",
    "getContent",
    "getPressed",
    "getText",
    "getTitle",
    "getItemCount",
    "getSize",
    "getShowLabel",
    "getShowImage",
    "getScreentip",
    "getSupertip",
    "getDescription",
    "getHelperText",
];
/// What the address that a control shows is to the document, and the catalogue of an add-in that is shown without a click.
const CONTROL: &str = "control's content";
const ADD_IN: &str = "add-in";
/// By which a document says that its add-in is shown when it is opened.
const SHOWN_AT_ONCE: &str = "Office.AutoShowTaskpaneWithDocument";
/// How a compound file begins ([MS-CFB] 2.2).
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// Bytes of defined names and what they stand for.
const MOST_NAMES: usize = 1 << 20;

impl Format for Ooxml {
    fn id(&self) -> &'static str {
        "ooxml"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm", "xlam", "pptx", "pptm", "ppsx",
            "ppsm", "potx", "potm", "ppam", "vsdx", "vsdm", "ooxml",
        ]
    }

    fn summary(&self) -> &'static str {
        "every part; macros, Excel 4.0 macro sheets, DDE, and what it would fetch from elsewhere"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let structure = zip::read_structure(input, parts)?;
        let mut found = Found::new("ooxml");
        let mut left = MOST_XML_IN_ALL;
        for listed in &structure.members {
            for entry in [Some(&listed.entry), listed.other.as_ref()].into_iter().flatten() {
                parts.budget().check_time().map_err(OpenError::Limit)?;
                if entry.encrypted() {
                    continue;
                }
                let head = zip::read_member(input, entry, HEAD, parts);
                if is_project(input, entry, &head, parts) {
                    found.macros = true;
                }
                let lower = entry.name.to_ascii_lowercase();
                let sheet = lower.contains("macrosheets/");
                let text = encoding::decode(&head);
                let text = text.trim_start_matches('\u{feff}').trim_start();
                // Behind that many blanks, anything may follow.
                let blank = text.is_empty() && head.len() as u64 >= HEAD;
                if !text.starts_with('<') && !blank {
                    found.macros |= sheet;
                    if sheet {
                        // In an xlsb the macro sheet is binary; the record readers of XLS do not fit it.
                        found.unread_sheet = true;
                    }
                    if binary::begins(&head) {
                        let whole = zip::read_member(input, entry, MOST_XML.min(left), parts);
                        if whole.len() as u64 >= MOST_XML.min(left) {
                            parts.incomplete("it has more cells than are searched for formulas");
                        }
                        left = left.saturating_sub(whole.len() as u64);
                        binary::look(&whole, &mut found, parts)?;
                    }
                    continue;
                }
                let whole = zip::read_member(input, entry, MOST_XML.min(left), parts);
                if whole.len() as u64 >= MOST_XML.min(left) {
                    parts.incomplete("it has more XML than is searched for links and commands");
                }
                left = left.saturating_sub(whole.len() as u64);
                found.look(&entry.name, &encoding::decode(&whole), sheet);
            }
        }
        // Before what the archive's structure says: only so many findings are kept.
        found.tell(parts);
        zip::add_all(input, &structure, parts)?;
        found.hand_over(parts)
    }
}

/// Whether the member is a VBA project: by name, or a compound file that holds the streams of one.
fn is_project(input: &Content, entry: &zip::Entry, head: &[u8], parts: &mut Parts<'_, '_>) -> bool {
    if entry.name.to_ascii_lowercase().ends_with("vbaproject.bin") {
        return true;
    }
    if !head.starts_with(COMPOUND) {
        return false;
    }
    let whole = Content::from(zip::read_member(input, entry, MOST_XML, parts));
    holds_project(&whole, parts)
}

/// Whether bytes are a compound file with the streams of a VBA project.
pub(super) fn holds_project(whole: &Content, parts: &mut Parts<'_, '_>) -> bool {
    whole.window(0, COMPOUND.len()).is_ok_and(|head| *head == *COMPOUND)
        && Compound::open(whole, parts.budget()).is_ok_and(|compound| vba::has_project(&compound))
}

/// A relationship to somewhere else.
struct External {
    kind: String,
    target: String,
    from: String,
}

/// What the markup of a document makes a program do; of documents that are one file as well, and of OpenDocument.
pub(super) struct Found {
    /// Whose findings they are, `ooxml` or `odf`.
    by: &'static str,
    pub(super) macros: bool,
    unread_sheet: bool,
    /// What is fetched without a click.
    external: Bounded<External>,
    commands: Bounded<String>,
    known_commands: HashSet<String>,
    sheets: Vec<(String, String)>,
    /// What relationships to macro sheets lead to, whatever it is called and whether it can be read.
    sheet_links: Vec<String>,
    names: String,
    /// A callback that the ribbon has called by itself, and the macro that it names.
    callback: Option<(&'static str, String)>,
    /// Where links lead that somebody clicks, where that is no page.
    clicked: Links,
    /// Whether something on a slide runs a program.
    pub(super) runs_program: bool,
    /// A formula that calls a library or asks an object on another machine, and one that fetches something.
    library: Option<String>,
    fetched: Option<String>,
    /// A share outside of the house that data is on, with the part that says so, and whether any is fetched when the workbook is opened.
    data: Option<(String, String)>,
    refreshes: bool,
}

impl Found {
    pub(super) fn new(by: &'static str) -> Self {
        Self {
            by,
            macros: false,
            unread_sheet: false,
            external: Bounded::new("places that it fetches something from", MOST_TARGETS),
            commands: Bounded::new("commands", MOST_TARGETS),
            known_commands: HashSet::new(),
            sheets: Vec::new(),
            sheet_links: Vec::new(),
            names: String::new(),
            callback: None,
            clicked: Links::default(),
            runs_program: false,
            library: None,
            fetched: None,
            data: None,
            refreshes: false,
        }
    }

    /// Looks at the markup of a part.
    pub(super) fn look(&mut self, name: &str, text: &str, sheet: bool) {
        // The marker is part of what is otherwise text with tags.
        if text.contains("vbaProject") && text.contains("ContentType") {
            self.macros = true;
        }
        if text.contains("Relationship") {
            self.relationships(name, text);
        }
        if text.contains("instrText") || text.contains("fldSimple") {
            self.fields(name, text);
        }
        if text.contains("ddeLink") {
            self.dde_links(text);
        }
        if text.contains("ppaction") {
            self.actions(text);
        }
        if ["<f", ":f", "Formula>"].iter().any(|mark| text.contains(mark)) && text.contains(['|', '(', '\\']) {
            self.formulas(text);
        }
        let sources =
            ["webPr", "odcFile", "sourceFile", "webextension", "dbPr", "refreshOnLoad", "connectString", "ocxPr"];
        if sources.iter().any(|word| text.contains(word)) {
            self.sources(name, text);
        }
        if text.contains("definedName") {
            self.defined_names(text);
        }
        if text.contains("customUI") {
            self.ribbon(text);
        }
        if sheet || text.contains("<xm:macrosheet") || text.contains(":macrosheet ") || text.contains("<macrosheet") {
            self.macros = true;
            self.sheets.push((name.to_owned(), formulas(text)));
        }
    }

    /// The ribbon of a document: macros that it names as callbacks.
    fn ribbon(&mut self, text: &str) {
        let mut within = false;
        for token in tokens(text) {
            let Token::Open(name, attributes) = token else { continue };
            within |= name == "customUI";
            if !within || self.callback.as_ref().is_some_and(|(callback, _)| *callback == "onLoad") {
                continue;
            }
            let called = |name: &&&'static str| attributes.contains(**name) && attribute(attributes, name).is_some();
            if let Some(callback) = CALLBACKS.iter().find(called) {
                let named = attribute(attributes, callback).unwrap_or_default();
                self.callback = Some((*callback, named));
            }
        }
    }

    /// Relationships whose target is not in the package (ECMA-376-2, 9.3).
    fn relationships(&mut self, name: &str, text: &str) {
        for token in tokens(text) {
            let Token::Open("Relationship", attributes) = token else { continue };
            let (Some(target), kind) = (attribute(attributes, "Target"), attribute(attributes, "Type")) else {
                continue;
            };
            let external =
                attribute(attributes, "TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("External"));
            let kind = kind.unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
            // [MS-OFFMACRO] 2.1.2 and 2.1.3: macro sheets of Excel, in its language and in any.
            if kind == "xlMacrosheet" || kind == "xlIntlMacrosheet" {
                self.sheet_links.push(resolved(name, &target));
            }
            if kind == "hyperlink" {
                self.clicked.add_unusual(&target);
            } else if external || is_remote(&target) {
                self.outside(&kind, target, name);
            }
        }
    }

    /// A place that is not in the document, what it is to it, and the part that says so.
    pub(super) fn outside(&mut self, kind: &str, target: String, from: &str) {
        if !target.trim().is_empty() && is_fetched(kind, &target) {
            self.external.push(External { kind: kind.to_owned(), target, from: from.to_owned() });
        }
    }

    /// The text of a macro sheet, or of what may be one.
    pub(super) fn sheet(&mut self, name: &str, text: String) {
        self.macros = true;
        self.sheets.push((name.to_owned(), text));
    }

    /// Whether a macro sheet is one that was not found as XML.
    fn links_to_unread_sheet(&self) -> bool {
        let read: HashSet<String> = self.sheets.iter().map(|(name, _)| resolved("", name)).collect();
        self.sheet_links.iter().any(|link| !read.contains(link))
    }

    /// Names for cells, among them those that start macros (ECMA-376-1, 18.2.5); a line each.
    fn defined_names(&mut self, text: &str) {
        let mut name = None;
        for token in tokens(text) {
            match token {
                Token::Open("definedName", attributes) => name = attribute(attributes, "name"),
                Token::Close("definedName") => name = None,
                Token::Text(target) if name.is_some() => {
                    let name = name.take().unwrap_or_default();
                    let (name, target) = (name.strip_prefix("_xlnm.").unwrap_or(&name), unescape(target));
                    self.named_formula(name, &target);
                    if self.names.len() < MOST_NAMES {
                        self.names.push_str(&format!("{name}: ={target}\n"));
                    }
                }
                _ => {}
            }
        }
    }

    /// What a slide does when somebody clicks or moves over something ([MS-OE376] 2.1.1297): `ppaction://program` runs one.
    fn actions(&mut self, text: &str) {
        for token in tokens(text) {
            let Token::Open("hlinkClick" | "hlinkMouseOver" | "hlinkHover", attributes) = token else { continue };
            let action = attribute(attributes, "action").unwrap_or_default();
            self.runs_program |= action.to_ascii_lowercase().starts_with("ppaction://program");
        }
    }

    /// Where a workbook has its data from (ECMA-376-1, 18.13) or letters have their names (17.14.8), what a control shows ([MS-OFFMACRO2]
    /// 2.3), and the catalogue of an add-in beside a document ([MS-OWEXML] 2.2).
    fn sources(&mut self, name: &str, text: &str) {
        for token in tokens(text) {
            let Token::Open(element, attributes) = token else { continue };
            let set =
                |name: &str| attribute(attributes, name).is_some_and(|value| !["", "0", "false"].contains(&&*value));
            // Connections, tables and caches say so, each for itself.
            self.refreshes |= set("refreshOnLoad") || element == "connection" && set("interval");
            if element == "dbPr" && self.data.is_none() {
                let connection = attribute(attributes, "connection").unwrap_or_default();
                let mut values = connection.split([';', '=']).map(|value| value.trim_matches(['"', '\'', ' ']));
                self.data = values.find(|value| leaves_house(value)).map(|place| (place.to_owned(), name.to_owned()));
            }
            match element {
                "connectString" => {
                    let connection = attribute(attributes, "val").unwrap_or_default();
                    let mut values = connection.split([';', '=']).map(|value| value.trim_matches(['"', '\'', ' ']));
                    if let Some(place) = values.find(|value| leaves_house(value)) {
                        self.outside("data source", place.to_owned(), name);
                    }
                }
                "ocxPr" if attribute(attributes, "name").is_some_and(|name| is_address(&name)) => {
                    let place = attribute(attributes, "value").unwrap_or_default();
                    self.outside(CONTROL, place, name);
                }
                "reference" if text.contains(SHOWN_AT_ONCE) => {
                    let place = attribute(attributes, "store").unwrap_or_default();
                    self.outside(ADD_IN, place, name);
                }
                _ => {}
            }
            let places: &[&str] = match element {
                "connection" => &["odcFile", "sourceFile"],
                "webPr" => &["url"],
                "textPr" => &["sourceFile"],
                "reference" => &["store"],
                _ => continue,
            };
            for place in places.iter().filter_map(|place| attribute(attributes, place)) {
                if is_share(&place) {
                    self.outside("data source", place, name);
                }
            }
        }
    }

    /// ECMA-376-1, 18.14.4: the service is a program and the topic its argument.
    fn dde_links(&mut self, text: &str) {
        for token in tokens(text) {
            if let Token::Open("ddeLink", attributes) = token {
                let service = attribute(attributes, "ddeService").unwrap_or_default();
                let topic = attribute(attributes, "ddeTopic").unwrap_or_default();
                self.command(format!("{service} {topic}"));
            }
        }
    }

    /// A command that somebody's program is asked to run for data.
    pub(super) fn command(&mut self, command: String) {
        if !command.trim().is_empty() && !self.known_commands.contains(&command) && self.commands.push(command.clone())
        {
            self.known_commands.insert(command);
        }
    }

    /// Says what was found, and what was not read.
    pub(super) fn tell(&mut self, parts: &mut Parts<'_, '_>) {
        if let Some((place, from)) = self.data.take().filter(|_| self.refreshes) {
            self.outside("data source", place, &from);
        }
        self.macros |= !self.sheet_links.is_empty();
        if self.macros {
            parts.has_macros();
        }
        if !self.sheets.is_empty() && self.names.len() >= MOST_NAMES {
            parts.incomplete("it has more defined names than are read");
        }
        if self.unread_sheet || self.links_to_unread_sheet() {
            parts.incomplete("an Excel 4.0 macro sheet is recognised and not read");
        }
        for reason in [self.external.overflow(), self.commands.overflow()].into_iter().flatten() {
            parts.incomplete(reason);
        }
        self.report(parts);
    }

    /// What the document does when it is opened, the worst first.
    fn report(&self, parts: &mut Parts<'_, '_>) {
        // A macro of another document is named with its place, and needs none in this one.
        if let Some((callback, named)) =
            self.callback.as_ref().filter(|(_, named)| self.macros || named.contains(['!', '\\']))
        {
            let message =
                format!("the document's ribbon calls a macro by itself ({callback}), when the document is opened");
            let finding = Finding::new("macros.auto-run", self.by, Severity::Medium, Family::Behaviour, message);
            parts.finding(finding.technique("T1137").technique("T1204.002").with("value", named.clone()));
        }
        if self.runs_program {
            let message = "a click or a move over something on a slide runs a program";
            let finding = Finding::new("ooxml.program-action", self.by, Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1204.002"));
        }
        for command in self.commands.as_slice() {
            let message = "the document asks another program for data by DDE, which runs a command";
            let id = if self.by == "odf" { "odf.dde" } else { "ooxml.dde" };
            let finding = Finding::new(id, self.by, Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1559.002").with("command", command.clone()));
        }
        if let Some(formula) = &self.library {
            let message = "a formula calls a library of the machine, or asks another machine's program for data";
            let finding = Finding::new("ooxml.library-formula", self.by, Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1204.002").technique("T1559.001").with("formula", formula.clone()));
        }
        if let Some(formula) = &self.fetched {
            let message = "a formula fetches what it shows from the web, to which its arguments go";
            let finding = Finding::new("ooxml.web-formula", self.by, Severity::Low, Family::Behaviour, message);
            parts.finding(finding.technique("T1204.002").with("formula", formula.clone()));
        }
        let mut findings: Vec<Finding> =
            self.external.as_slice().iter().filter_map(|one| one.finding(self.by)).collect();
        findings.sort_by_key(|finding| Reverse(finding.severity));
        findings.into_iter().for_each(|finding| parts.finding(finding));
    }

    /// Hands over what is no member of the package: texts of macro sheets, commands and places.
    pub(super) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut names = self.names;
        for (name, text) in self.sheets {
            // The first sheet bears the names of the whole workbook, which say what starts by itself.
            let text = std::mem::take(&mut names) + &text;
            let member = Member::named(Role::Macro, name).of_kind("excel4-macro");
            parts.add_content(member, Content::from(text.into_bytes()))?;
        }
        for command in self.commands.as_slice() {
            let member = Member::unnamed(Role::Command, "dde").of_kind("command-line");
            parts.add_content(member, Content::from(command.as_bytes()))?;
        }
        for External { target, .. } in self.external.as_slice() {
            let member = Member::unnamed(Role::Link, "link").of_kind("url-target");
            parts.add_content(member, Content::from(target.as_bytes()))?;
        }
        self.clicked.hand_over(parts)
    }
}

impl External {
    /// What it means that opening the document fetches it; nothing where it is on this machine.
    fn finding(&self, by: &'static str) -> Option<Finding> {
        let Self { kind, target, from } = self;
        if !is_remote(target) {
            return None;
        }
        let (runs, severity, technique) = match &**kind {
            "attachedTemplate" | "oleObject" | "oleLink" | "frame" | "subDocument" | "aFChunk" | "transform"
            | "package" | "extensibility" | "included text" => (true, Severity::High, "T1221"),
            _ if is_share(target) => (false, Severity::High, "T1187"),
            "mailMergeSource" | "mailMergeHeaderSource" | CONTROL | ADD_IN => (false, Severity::Medium, "T1221"),
            _ => (false, Severity::Low, "T1221"),
        };
        let id = match (by, runs) {
            ("odf", true) => "odf.external-object",
            ("odf", false) => "odf.external-image",
            (_, true) => "ooxml.external-template",
            (_, false) => "ooxml.external-image",
        };
        let message = format!("opening the document fetches its {kind} from `{target}`");
        let finding = Finding::new(id, by, severity, Family::Behaviour, message).technique(technique);
        Some(finding.with("target", target.clone()).with("relationship", kind.clone()).with("part", from.clone()))
    }
}

/// Whether opening the document fetches what a relationship of this kind leads to.
fn is_fetched(kind: &str, target: &str) -> bool {
    const FETCHED: &[&str] = &[
        "attachedTemplate",
        "oleObject",
        "frame",
        "subDocument",
        "externalLinkPath",
        "externalLinkLongPath",
        "image",
        "oleLink",
        "aFChunk",
        "transform",
        "package",
        "extensibility",
        "included text",
        "mailMergeSource",
        "mailMergeHeaderSource",
        CONTROL,
        ADD_IN,
    ];
    // Whatever it is to the document, the machine that a share is on is asked for it.
    is_share(target)
        || FETCHED.contains(&kind) && (is_remote(target) || kind == "attachedTemplate" || kind == "oleObject")
}

/// Whether a property of a control is the address of what it shows.
fn is_address(name: &str) -> bool {
    ["url", "location", "src", "movie", "data"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The name in the package of what a relationship leads to (ECMA-376-2, 6.5.3), in small letters: seen from the folder
/// that `_rels` is in, unless it begins with a slash.
fn resolved(relationships: &str, target: &str) -> String {
    let target = String::from_utf8_lossy(&decode::percent(target.as_bytes())).replace('\\', "/");
    let relationships = relationships.replace('\\', "/");
    let folder = relationships.rsplit_once("_rels/").map_or("", |(folder, _)| folder);
    let from = if target.starts_with('/') { "" } else { folder };
    let mut steps: Vec<&str> = Vec::new();
    for step in from.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/").to_lowercase()
}

/// Formulas and constants of a macro sheet, a line each.
fn formulas(text: &str) -> String {
    let (mut out, mut kind, mut cell) = (String::new(), "", String::new());
    for token in tokens(text) {
        match token {
            Token::Open("c", attributes) => {
                cell = attribute(attributes, "r").unwrap_or_default().chars().take(MOST_CELL).collect();
            }
            Token::Open(name @ ("f" | "v" | "t"), _) => kind = name,
            Token::Close(_) => kind = "",
            Token::Text(text) if !kind.is_empty() => {
                out.push_str(&cell);
                out.push_str(if kind == "f" { ": =" } else { ": " });
                out.push_str(&unescape(text));
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}
