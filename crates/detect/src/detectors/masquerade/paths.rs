//! Where a member's name leads when its archive is unpacked.

use super::finding;
use crate::Findings;
use lazaret_model::{Family, Part, Severity};

/// Places in paths, in small letters, whose files begin by themselves or decide what does.
const STARTS: &[&str] = &[
    "/startup/",
    "/autostart/",
    "/launchagents/",
    "/launchdaemons/",
    "/loginitems/",
    "/startupitems/",
    "/cron",
    "/init.d/",
    "/rc.d/",
    "/profile.d/",
    "/systemd/",
    "/udev/",
    "/sudoers",
    "/pam.d/",
    "/ld.so.",
    "/.ssh/",
    "/.config/",
    "/.local/",
    "/.git/",
    "/windows/",
    "/winnt/",
    "/system32/",
    "/syswow64/",
    "/tasks/",
    "/wbem/",
    "/wwwroot/",
    "/var/www/",
    "/xlstart/",
    "/word/startup",
    "/addins/",
    "/windowspowershell/",
    "/documents/powershell/",
    "/start menu/",
    "/microsoft/templates/",
    "/microsoft/outlook/",
    "/libreoffice/4/user/",
    "/firefox/profiles/",
    "/library/scripts/",
    "/etc/init/",
    "/etc/xdg/",
    "/etc/bash",
    "/etc/zsh",
    "/etc/periodic/",
    "/etc/apt/",
    "/site-packages/",
    "/dist-packages/",
    "/etc/profile",
    "/etc/environment",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/rc.",
];

/// Names of members that lead out of the folder they are unpacked to, or that no folder takes.
pub(super) fn look(part: &Part, findings: &mut Findings) {
    let name = part.name.as_str();
    let mut chars = name.chars();
    let drive = matches!(
        (chars.next(), chars.next(), chars.next()),
        (Some(letter), Some(':'), Some('\\' | '/')) if letter.is_ascii_alphabetic()
    );
    let mut segments = name.split(['/', '\\']).map(|segment| segment.trim_end_matches(' '));
    // A colon parts a file from its named stream, which may climb just as well.
    let mut steps = name.split(['/', '\\', ':']).map(|step| step.trim_end_matches(' '));
    let (climbs, device) = (steps.any(|step| step == ".."), segments.any(is_device));
    let what = match () {
        () if climbs => "climbs out of the folder it is unpacked to",
        () if drive => "begins with a drive letter",
        () if name.starts_with(['/', '\\']) && name.chars().any(|c| c != '/' && c != '\\') => {
            "is absolute, and leaves the folder it is unpacked to"
        }
        // Source trees written elsewhere hold an aux.c.
        () if device => "is that of a device on Windows",
        () => return,
    };
    let message = format!("the member's name {what}");
    // Backups keep whole paths, and careless packers steps upwards: only what is run where it lands pretends.
    let lands = part.kind.class.runs() || !device && begins_by_itself(name);
    let (id, severity, family) = match () {
        () if (climbs || !device) && lands => ("masquerade.path", Severity::Medium, Family::Masquerade),
        () if climbs => ("archive.path-escapes", Severity::Medium, Family::Structure),
        () => ("masquerade.path", Severity::Low, Family::Structure),
    };
    let mut found = finding(id, severity, "T1036", name, message);
    found.family = family;
    findings.add(found);
}

/// Whether a file at such a place is read or run by a system or a program when it starts, whatever it holds.
fn begins_by_itself(name: &str) -> bool {
    let path = format!("/{}", name.to_lowercase().replace(['\\', ':'], "/"));
    STARTS.iter().any(|place| path.contains(place)) || path.rsplit('/').next().is_some_and(|last| last.starts_with('.'))
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| matches!(b, b'1'..=b'9')))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}
