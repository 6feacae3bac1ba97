//! What messages of Outlook name in their properties that lies elsewhere, in `.msg` and `winmail.dat` alike: the sound of a reminder
//! ([MS-OXORMDR] 2.2.1.4), attachments by reference ([MS-OXCMSG] 2.2.2.9) and whatever else is the name of a share; and what they bring
//! along that runs: forms of their own with scripts, and rules, forms and pages of a folder, which are no messages.

use super::mail::external;
use super::shares::{is_share, leaves_house};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity};

/// PidLidReminderFileParameter, by its number among named properties ([MS-OXPROPS] 2.219).
pub(super) const REMINDER_FILE: u32 = 0x851f;
/// PidLidScriptStream and PidLidFormStorage, by their numbers among named properties (Outlook MAPI reference): what a form of the
/// message's own runs, and the form.
pub(super) const FORM_SCRIPT: u32 = 0x8541;
pub(super) const FORM: u32 = 0x850f;
/// Named properties that mean something here.
pub(super) const NAMED: [u32; 3] = [REMINDER_FILE, FORM_SCRIPT, FORM];
/// PidTagMessageClass, and PR_FOLDER_WEBVIEWINFO: the page that a folder shows in place of its messages.
const CLASS: u16 = 0x001a;
const HOME_PAGE: u16 = 0x36df;
/// Classes of what only stands in a mailbox and acts there ([MS-OXORULE] 2.2.4.1.1, [MS-OXOCFG] 2.2.9).
const OF_A_MAILBOX: [&str; 4] =
    ["ipm.rule.", "ipm.extendedrule.", "ipm.ruleorganizer", "ipm.microsoft.folderdesign.formsdescription"];
/// PidTagAttachMethod ([MS-OXPROPS] 2.592).
pub(super) const ATTACH_METHOD: u16 = 0x3705;
/// PidTagAttachLongPathname and PidTagAttachPathname, where an attachment lies that is not in the message.
pub(super) const ATTACH_PATHS: [u16; 2] = [0x370d, 0x3708];
/// Properties that are words of people, which may be the name of a share: subjects, the beginning of the body, bodies, and names of
/// people and files.
const WORDS: &[u16] = &[
    0x0037, 0x003d, 0x0070, 0x0e1d, 0x3fd9, 0x1000, 0x1009, 0x1013, 0x007d, 0x0042, 0x0c1a, 0x0e02, 0x0e03, 0x0e04,
    0x3001, 0x3704, 0x3707,
];

/// A text property, by its tag and, where it has one, its number among the named ones. Showing a reminder, or whatever else a program
/// does with the name of a file, signs in to the machine it is on.
pub(super) fn property(
    tag: u16,
    named: Option<u32>,
    text: &str,
    by: &'static str,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let place = text.trim();
    if tag == CLASS && OF_A_MAILBOX.iter().any(|class| place.to_ascii_lowercase().starts_with(class)) {
        let message = format!("it is no message but a rule or a form of a mailbox (`{place}`), which acts on others");
        let finding = Finding::new("mail.mailbox-rule", by, Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1137.005").technique("T1137.003").with("class", place.to_owned()));
    }
    let reminder = named == Some(REMINDER_FILE);
    let begins = place.starts_with("\\\\") || place.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    let names = begins && !WORDS.contains(&tag) && !place.contains(['\r', '\n']);
    if !is_share(place) || !(reminder || names) {
        return Ok(());
    }
    if reminder || leaves_house(place) {
        let what = if reminder { "the sound of a reminder" } else { "a property of the message" };
        let message = format!("{what} is a file on another machine: `{place}`");
        let finding = Finding::new("mail.remote-property", by, Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1187").with("place", place.to_owned()));
    }
    link(place, parts)
}

/// A property of bytes, by its tag and, where it has one, its number among the named ones.
pub(super) fn bytes(
    tag: u16,
    named: Option<u32>,
    value: &[u8],
    by: &'static str,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    match named {
        Some(FORM_SCRIPT) => {
            let script = words(value).join("\n");
            if script.is_empty() {
                return Ok(());
            }
            let message = "the message brings a form of its own whose script runs when it is opened";
            let finding = Finding::new("mail.form-script", by, Severity::High, Family::Behaviour, message);
            let begins: String = script.chars().take(100).collect();
            parts.finding(finding.technique("T1137.003").with("script", begins));
            let member = Member::unnamed(Role::Script, "form-script").of_kind("vbs");
            parts.add_content(member, Content::from(script.into_bytes()))
        }
        Some(FORM) if !value.is_empty() => {
            let message = "the message brings a form of its own, in which it is shown";
            let finding = Finding::new("mail.form", by, Severity::Low, Family::Behaviour, message);
            parts.finding(finding.technique("T1137.003").with("bytes", value.len()));
            Ok(())
        }
        None if tag == HOME_PAGE => {
            let is_place =
                |text: &String| text.contains("://") || text.starts_with("\\\\") || text.starts_with("file:");
            let Some(place) = words(value).into_iter().find(is_place) else { return Ok(()) };
            let message = format!("a folder shows a page in place of its messages: `{place}`");
            let finding = Finding::new("mail.home-page", by, Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1137.004").with("place", place.clone()));
            link(&place, parts)
        }
        _ => Ok(()),
    }
}

/// Texts of two bytes a letter that stand among other bytes, which may be as short as a number.
fn words(bytes: &[u8]) -> Vec<String> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\0')).collect();
    let plain = |c: char| c.is_ascii_graphic() || c == ' ' || c == '\t';
    let words = text.split(|c: char| !plain(c)).map(str::trim).filter(|word| word.len() > 3);
    words.map(str::to_owned).collect()
}

/// Whether an attachment lies elsewhere, by its method and whether the message has data of it.
pub(super) fn is_referred(method: Option<u32>, has_data: bool) -> bool {
    match method {
        // By value, a message, an object.
        Some(1 | 5 | 6) => false,
        Some(_) => true,
        None => !has_data,
    }
}

/// An attachment that lies elsewhere. Documents that people share by their addresses, or on a share of the house, are attached so every
/// day; programs, and files on other machines, are not.
pub(super) fn reference(place: &str, by: &'static str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let place = place.trim();
    if place.is_empty() {
        return Ok(());
    }
    let runs = external::runs(place);
    if leaves_house(place) || runs {
        let what = if runs { "a program" } else { "a file on another machine" };
        let message = format!("an attachment is not in the mail and leads elsewhere, to {what}");
        let finding = Finding::new("mail.external-body", by, Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1204.002").technique("T1187").with("place", place.to_owned()));
    }
    link(place, parts)
}

fn link(place: &str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    parts.add_content(Member::unnamed(Role::Link, "link").of_kind("url-target"), Content::from(place.as_bytes()))
}
