//! What is done without anybody asking for it: actions at opening and at events (ISO 32000-1, 12.6), document scripts
//! (12.6.4.16) and the scripts of XFA forms (XFA 3.3, "Events").
//!
//! Every dictionary of every revision is asked, wherever it hangs: what one reader does not reach another does. The name
//! of the part says what sets it off, and detectors go by that.

use super::Document;
use super::objects::Value;
use crate::containers::xml::{self, Token};
use crate::{Member, OpenError, Parts};
use lazaret_model::Role;

/// What sets an action off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trigger {
    /// The document or a page is opened, closed, saved or printed, or the pointer comes by.
    Opening,
    /// Somebody fills in a field: its format, keystroke, validate and calculate scripts.
    Field,
    /// Somebody clicks.
    Click,
}

impl Trigger {
    /// What a script set off so is called.
    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Opening => "opening-script",
            Self::Field => "field-script",
            Self::Click => "script",
        }
    }
}

/// What an address opened without a click is called.
const OPENING_LINK: &str = "opening-link";

impl<'d> Document<'d> {
    /// Follows what a dictionary sets off by itself.
    pub(super) fn triggers(&mut self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if let Some(action) = value.get("OpenAction") {
            self.act(action, Trigger::Opening, parts)?;
        }
        if let Some(events) = value.get("AA") {
            let field = is_field(value);
            for events in self.resolve(events) {
                let Value::Dictionary(entries) = events else { continue };
                for (event, action) in entries {
                    self.act(action, set_off_by(event, field), parts)?;
                }
            }
        }
        if let Some(tree) = value.get("JavaScript") {
            self.named(tree, parts)?;
        }
        // 13.6.4: a script that runs when a three-dimensional picture is shown.
        if let Some(script) = value.get("OnInstantiate") {
            self.scripts_of(script, Trigger::Opening, parts)?;
        }
        Ok(())
    }

    /// An action and those that follow it (12.6.2, `Next`).
    fn act(&mut self, action: &'d Value, trigger: Trigger, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut left = vec![action];
        while let Some(value) = left.pop() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            if let Value::Reference(number) = value
                && !self.acted.insert((*number, trigger))
            {
                continue;
            }
            for action in self.resolve(value) {
                parts.budget().step(64).map_err(OpenError::Limit)?;
                if let Value::Reference(_) = action {
                    left.push(action);
                }
                self.one(action, trigger, parts)?;
                for next in action.get("Next").map(|next| self.resolve(next)).unwrap_or_default() {
                    match next {
                        Value::Array(actions) => left.extend(actions),
                        // Its own number, where it has one, is what keeps a ring from going round for ever.
                        _ if matches!(action.get("Next"), Some(Value::Reference(_))) => left.extend(action.get("Next")),
                        other => left.push(other),
                    }
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, action: &'d Value, trigger: Trigger, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if let Some(script) = action.get("JS") {
            self.scripts_of(script, trigger, parts)?;
        }
        if trigger != Trigger::Opening {
            return Ok(());
        }
        for kind in action.get("S").map(|kind| self.resolve(kind)).unwrap_or_default() {
            let Value::Name(kind) = kind else { continue };
            let places = match (kind.as_str(), action.get("URI"), action.get("F")) {
                ("URI", Some(place), _) => self.texts(place, parts)?,
                ("SubmitForm" | "ImportData", _, Some(file)) => self.file_names(file, parts)?,
                _ => continue,
            };
            places.iter().for_each(|place| self.links.add_as(OPENING_LINK, place));
        }
        Ok(())
    }

    /// The actions of a name tree (7.9.6): all of them run when the document is opened.
    fn named(&mut self, tree: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut left = vec![tree];
        while let Some(node) = left.pop() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            if let Value::Reference(number) = node
                && !self.named.insert(*number)
            {
                continue;
            }
            for node in self.resolve(node) {
                match node {
                    Value::Array(nodes) => left.extend(nodes),
                    Value::Reference(_) => left.push(node),
                    _ => {}
                }
                left.extend(node.get("Kids"));
                for names in node.get("Names").map(|names| self.resolve(names)).unwrap_or_default() {
                    let Value::Array(names) = names else { continue };
                    for action in names.iter().filter(|value| !matches!(value, Value::Text(_))) {
                        self.act(action, Trigger::Opening, parts)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The scripts of an XFA form, each with what sets it off.
    pub(super) fn scripts_of_form(&mut self, form: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        each_script(&super::text(form), parts, &mut |name, script, parts| {
            let member = Member::unnamed(Role::Script, name).of_kind("js-embedded");
            self.add(script.into_bytes(), member, parts)
        })
    }
}

/// What is done with a script, which is called after what sets it off.
type Each<'e> = dyn FnMut(&'static str, String, &mut Parts<'_, '_>) -> Result<(), OpenError> + 'e;

/// The scripts of an XFA form: `initialize` and its kin need nobody.
pub(in crate::containers) fn each_script(
    form: &str,
    parts: &mut Parts<'_, '_>,
    each: &mut Each<'_>,
) -> Result<(), OpenError> {
    let (mut trigger, mut script) = (Trigger::Field, None::<String>);
    for (index, token) in xml::tokens(form).enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        match token {
            Token::Open("event", attributes) => {
                trigger = match xml::attribute(attributes, "activity").as_deref() {
                    Some("click" | "mouseDown" | "mouseUp") => Trigger::Click,
                    Some(
                        "enter" | "exit" | "change" | "full" | "calculate" | "validate" | "preOpen" | "postOpen"
                        | "indexChange",
                    ) => Trigger::Field,
                    _ => Trigger::Opening,
                };
            }
            Token::Close("event") => trigger = Trigger::Field,
            Token::Open("script", _) => script = Some(String::new()),
            Token::Close("script") => {
                if let Some(script) = script.take().filter(|script| !script.trim().is_empty()) {
                    each(trigger.script(), script, parts)?;
                }
            }
            Token::Text(text) => {
                if let Some(script) = &mut script {
                    script.push_str(&xml::unescape(text));
                }
            }
            Token::Open(..) | Token::Close(_) => {}
        }
    }
    Ok(())
}

/// Whether a dictionary is a form field or its widget (12.7.3).
fn is_field(value: &Value) -> bool {
    ["FT", "T", "DA", "MK", "MaxLen"].iter().any(|key| value.get(key).is_some())
        || value.get("Subtype").is_some_and(|kind| kind.is_name("Widget"))
}

/// What an event of an additional-actions dictionary is (12.6.3, tables 194 to 197).
fn set_off_by(event: &str, field: bool) -> Trigger {
    match event {
        "K" | "F" | "V" => Trigger::Field,
        "C" | "Fo" | "Bl" if field => Trigger::Field,
        "D" | "U" => Trigger::Click,
        _ => Trigger::Opening,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    /// The scripts and addresses of a document made of `objects`, with what sets them off.
    #[track_caller]
    fn check(objects: &[&str], expected: &[(&str, &str)]) {
        let mut bytes = b"%PDF-1.7\n".to_vec();
        for (index, object) in objects.iter().enumerate() {
            bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
        }
        bytes.extend(b"trailer\n<</Root 1 0 R>>\n%%EOF\n");
        let found = walk(bytes, "x.pdf");
        let mut named: Vec<(String, String)> = found
            .parts
            .iter()
            .filter(|part| {
                part.depth == 1 && ["script", "opening-script", "field-script", "opening-link"].contains(&&*part.name)
            })
            .map(|part| (part.name.clone(), String::from_utf8_lossy(&found.bytes[&part.id]).into_owned()))
            .collect();
        named.sort();
        let expected: Vec<_> = expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        assert_eq!(named, expected, "{objects:?}");
    }

    #[test]
    fn a_script_is_called_after_what_sets_it_off() {
        const JS: &str = "<</S/JavaScript/JS(LAZARET)>>";
        let opening: &[(&str, &str)] = &[("opening-script", "LAZARET")];
        check(&["<</Type/Catalog/OpenAction 2 0 R>>", JS], opening);
        check(&["<</Type/Catalog/OpenAction 2 0 R>>", "3 0 R", JS], opening);
        check(&["<</OpenAction<</S/GoTo/D[3 0 R/Fit]/Next[<</S/Named>> 2 0 R]>>>>", JS], opening);
        check(&["<</OpenAction<</S/GoTo/Next 2 0 R>>>>", "<</S/GoTo/Next 3 0 R>>", JS], opening);
        check(&["<</OpenAction 2 0 R>>", "<</S/JavaScript/JS(LAZARET)/Next 2 0 R>>"], opening);
        check(&["<</AA<</WC 2 0 R>>>>", JS], opening);
        check(&["<</Type/Page/AA 2 0 R>>", "<</O 3 0 R>>", JS], opening);
        check(&["<</Type/Page/Annots[<</Subtype/Screen/AA<</PV 2 0 R>>>>]>>", JS], opening);
        check(&["<</Names<</JavaScript<</Names[(a) 2 0 R]>>>>>>", JS], opening);
        check(&["<</Names 2 0 R>>", "<</JavaScript 3 0 R>>", "<</Kids[4 0 R]>>", "<</Names[(a) 5 0 R]>>", JS], opening);
        check(
            &["<</Subtype/3D/OnInstantiate 2 0 R>>", "<<>>stream\nLAZARET\nendstream"],
            &[("opening-script", "LAZARET\n")],
        );
        check(&["<</FT/Tx/T(a)/AA<</F 2 0 R/C 2 0 R>>>>", JS], &[("field-script", "LAZARET")]);
        check(&["<</Subtype/Widget/AA<</U 2 0 R>>>>", JS], &[("script", "LAZARET")]);
        check(&["<</Subtype/Link/A 2 0 R>>", JS], &[("script", "LAZARET")]);
        // One script that is set off in two ways counts as the worse.
        check(&["<</Subtype/Link/A 2 0 R>>", JS, "<</OpenAction 2 0 R>>"], opening);
    }

    #[test]
    fn words_in_texts_names_and_addresses_set_nothing_off() {
        check(&["<</OpenAction[3 0 R/XYZ null null 0]/A<</S/URI/URI(https://host.invalid/JavaScript)>>>>"], &[]);
        check(&["<</OpenAction[3 0 R/Fit]/Title(/AA /JS \\(x\\) /S /Launch)>>"], &[]);
        check(&["<</Resources<</Font<</AA 2 0 R/JavaScript 2 0 R>>>>>>", "<</Type/Font/BaseFont/JS>>"], &[]);
    }

    #[test]
    fn an_address_opened_without_a_click_is_told() {
        let opening: &[(&str, &str)] = &[("opening-link", "https://host.invalid/a")];
        check(&["<</OpenAction<</S/URI/URI(https://host.invalid/a)>>>>"], opening);
        check(&["<</Type/Page/AA<</O 2 0 R>>>>", "<</S/SubmitForm/F(https://host.invalid/a)>>"], opening);
        check(&["<</Subtype/Link/A<</S/URI/URI(https://host.invalid/a)>>>>"], &[]);
    }

    #[test]
    fn object_streams_and_comments_hide_nothing() {
        let packed = "<</Type/ObjStm/N 2/First 8>>stream\n7 0 8 24<</OpenAction 8 0 R>>    <</S/JavaScript/JS(LAZARET)>>\nendstream";
        check(&[packed], &[("opening-script", "LAZARET")]);
        let bytes = b"%PDF-1.7\n1 % 2 0 R\n0 %x\r%y\nobj<</OpenAction<</S/JavaScript/JS(LAZARET)>>>>endobj\n";
        assert_eq!(walk(&bytes[..], "x.pdf").bytes("//opening-script"), b"LAZARET");
    }

    #[test]
    fn scripts_of_forms_are_told_apart_by_their_events() {
        let form = "<</XFA 2 0 R>>";
        let with = |activity: &str| {
            let xml = format!(
                "<xdp:xdp xmlns:xdp='x'><template><event activity='{activity}'><script>LAZARET &lt; 1</script></event></template></xdp:xdp>"
            );
            format!("<<>>stream\n{xml}\nendstream")
        };
        check(&[form, &with("initialize")], &[("opening-script", "LAZARET < 1")]);
        check(&[form, &with("docReady")], &[("opening-script", "LAZARET < 1")]);
        check(&[form, &with("calculate")], &[("field-script", "LAZARET < 1")]);
        check(&[form, &with("click")], &[("script", "LAZARET < 1")]);
    }

    #[test]
    fn trailers_that_disagree_on_encryption_hide_no_reading() {
        let bytes = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(LAZARET)>>>>endobj\n\
            2 0 obj<</Filter/Standard/V 9/R 9>>endobj\n\
            trailer<</Root 1 0 R>>\ntrailer<</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF\n";
        let found = walk(&bytes[..], "x.pdf");
        assert!(!found.complete() && found.parts[0].incomplete.iter().any(|reason| reason.contains("disagree")));
    }
}
