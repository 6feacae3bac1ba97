//! The sections of the library: which STIX types each holds, and what people, addresses and comparisons call them.

use crate::names::DOMAINS;
use lazaret_store::Version;

/// One section of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What addresses call it, as on the official site: `techniques`.
    pub path: &'static str,
    /// What people call all of it.
    pub title: &'static str,
    /// What people call one entry.
    pub one: &'static str,
    /// Its STIX types.
    pub types: &'static [&'static str],
    /// Whether comparisons of releases list its changes, as `diff_stix` does.
    pub compared: bool,
}

/// Every section, in the order in which they are listed. What has none is reached by its STIX id.
pub const SECTIONS: [Section; 14] = [
    section("techniques", "Techniques", "Technique", &["attack-pattern"], true),
    section("software", "Software", "Software", &["malware", "tool"], true),
    section("groups", "Groups", "Group", &["intrusion-set"], true),
    section("campaigns", "Campaigns", "Campaign", &["campaign"], true),
    section("assets", "Assets", "Asset", &["x-mitre-asset"], true),
    section("mitigations", "Mitigations", "Mitigation", &["course-of-action"], true),
    section("datasources", "Data sources", "Data source", &["x-mitre-data-source"], true),
    section("datacomponents", "Data components", "Data component", &["x-mitre-data-component"], true),
    section("detectionstrategies", "Detection strategies", "Detection strategy", &["x-mitre-detection-strategy"], true),
    section("analytics", "Analytics", "Analytic", &["x-mitre-analytic"], true),
    section("tactics", "Tactics", "Tactic", &["x-mitre-tactic"], false),
    section("matrices", "Matrices", "Matrix", &["x-mitre-matrix"], false),
    section("relationships", "Relationships", "Relationship", &["relationship"], false),
    section("objects", "Other objects", "Object", &["identity", "marking-definition", "x-mitre-collection"], false),
];

const fn section(
    path: &'static str,
    title: &'static str,
    one: &'static str,
    types: &'static [&'static str],
    compared: bool,
) -> Section {
    Section { path, title, one, types, compared }
}

/// The section with this path.
pub fn section_at(path: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.path == path)
}

/// The section of a STIX type; what no section names is an other object.
pub fn section_of(kind: &str) -> &'static Section {
    SECTIONS.iter().find(|section| section.types.contains(&kind)).unwrap_or(&SECTIONS[SECTIONS.len() - 1])
}

/// The STIX type in a STIX id.
pub fn kind_of(stix_id: &str) -> &str {
    stix_id.split_once("--").map_or(stix_id, |(kind, _)| kind)
}

/// The address of an entry below the library's root: `/techniques/T1204/002`; that of its STIX id where its ATT&CK id leads to
/// another one.
pub fn path_of(version: &Version) -> String {
    path(&version.stix_id, if version.is_shadowed { "" } else { &version.attack_id })
}

/// The same from the two ids; `attack_id` may be empty.
pub fn path(stix_id: &str, attack_id: &str) -> String {
    let section = section_of(kind_of(stix_id));
    match section.path {
        // The matrices' ids are those of their domains, and the official site leaves out their ends.
        "matrices" if DOMAINS.iter().any(|(id, _)| *id == attack_id) => {
            format!("/matrices/{}", attack_id.trim_end_matches("-attack"))
        }
        path if !is_plain(attack_id) || ["objects", "matrices"].contains(&path) => format!("/{path}/{stix_id}"),
        "techniques" => match attack_id.split_once('.') {
            Some((id, sub)) if is_sub(sub) => format!("/techniques/{id}/{sub}"),
            _ => format!("/techniques/{attack_id}"),
        },
        path => format!("/{path}/{attack_id}"),
    }
}

/// Whether an ATT&CK id can stand in an address as it is, and is found again by it.
fn is_plain(attack_id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    attack_id.len() <= 100
        && attack_id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && attack_id.bytes().all(plain)
        && !attack_id.contains("--")
}

/// The ATT&CK id or STIX id that the rest of an address in a section means: `T1204/002` is `T1204.002` among techniques.
pub fn id_in(section: &Section, rest: &str) -> Option<String> {
    let words: Vec<&str> = rest.split('/').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [id] => Some((*id).to_owned()),
        [id, sub] if section.path == "techniques" && is_sub(sub) => Some(format!("{id}.{sub}")),
        _ => None,
    }
}

/// Where an address of the official site, today's or an old one, leads: the section and the id. What follows a `#` counts.
///
/// The forms are those that the releases themselves use: `attack.mitre.org/techniques/T1204/002`, `/wiki/Technique/T1204`,
/// `/mobile/index.php/Software/MOB-S0016`, `/detectionstrategies/DET0039#AN0110`, `/data-sources/DS0009`, and
/// `collaborate.mitre.org/attackics/index.php/Technique/T0889`.
pub fn official(address: &str) -> Option<(&'static Section, String)> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    if !["attack.mitre.org", "collaborate.mitre.org", "pedias-s.mitre.org"]
        .contains(&host.to_ascii_lowercase().as_str())
    {
        return None;
    }
    official_path(path)
}

/// The same for the path alone, without its first slash.
pub fn official_path(path: &str) -> Option<(&'static Section, String)> {
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    let path = path.split('?').next().unwrap_or(path);
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|word| named(word).is_some())?;
    let section = named(words[at])?;
    let mut id = (*words.get(at + 1)?).to_owned();
    if let Some(sub) = words.get(at + 2).filter(|word| is_sub(word)) {
        id = format!("{id}.{sub}");
    }
    if section.path == "detectionstrategies" && fragment.starts_with("AN") {
        return Some((section_at("analytics")?, fragment.to_owned()));
    }
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let begins = id.starts_with(|first: char| first.is_ascii_alphanumeric());
    (plain && begins && id.len() <= 100).then_some((section, id))
}

/// Whether a word is the end of a sub-technique's id.
pub fn is_sub(word: &str) -> bool {
    word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The section that a word of an address means, in all its spellings through the years.
fn named(word: &str) -> Option<&'static Section> {
    let word = word.to_ascii_lowercase().replace('-', "");
    let found = SECTIONS.iter().find(|section| section.path == word);
    found.or_else(|| {
        let section = match word.as_str() {
            "technique" => "techniques",
            "group" => "groups",
            "mitigation" => "mitigations",
            "tactic" => "tactics",
            "campaign" => "campaigns",
            _ => return None,
        };
        section_at(section)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_official_site_are_understood_in_every_form() {
        let check =
            |address: &str| official(address).map(|(section, id)| format!("{} {id}", section.path)).unwrap_or_default();
        assert_eq!(check("https://attack.mitre.org/techniques/T1204/002"), "techniques T1204.002");
        assert_eq!(check("https://attack.mitre.org/techniques/T1204/"), "techniques T1204");
        assert_eq!(check("http://attack.mitre.org/wiki/Technique/T1204"), "techniques T1204");
        assert_eq!(check("https://attack.mitre.org/wiki/Group/G0016"), "groups G0016");
        assert_eq!(check("https://attack.mitre.org/mobile/index.php/Software/MOB-S0016"), "software MOB-S0016");
        assert_eq!(check("https://attack.mitre.org/pre-attack/index.php/Technique/PRE-T1070"), "techniques PRE-T1070");
        assert_eq!(check("https://attack.mitre.org/detectionstrategies/DET0039#AN0110"), "analytics AN0110");
        assert_eq!(check("https://attack.mitre.org/data-sources/DS0009"), "datasources DS0009");
        assert_eq!(check("https://collaborate.mitre.org/attackics/index.php/Mitigation/M0806"), "mitigations M0806");
        assert_eq!(check("https://attack.mitre.org/matrices/enterprise"), "matrices enterprise");
        assert_eq!(check("https://attack.mitre.org/docs/a.pdf"), "");
        assert_eq!(check("https://evil.invalid/techniques/T1204"), "");
        assert_eq!(check("https://attack.mitre.org.evil.invalid/techniques/T1204"), "");
        assert_eq!(check("https://attack.mitre.org/techniques/<script>"), "");
        assert_eq!(check("https://attack.mitre.org/techniques/.."), "");
        assert_eq!(check("javascript:alert(1)"), "");
    }

    #[test]
    fn entries_have_the_addresses_of_the_official_site() {
        assert_eq!(path("attack-pattern--0a", "T1204.002"), "/techniques/T1204/002");
        assert_eq!(path("course-of-action--0a", "T1204"), "/mitigations/T1204");
        assert_eq!(path("tool--0a", "S0002"), "/software/S0002");
        assert_eq!(path("x-mitre-matrix--0a", "enterprise-attack"), "/matrices/enterprise");
        assert_eq!(path("x-mitre-data-component--0a", ""), "/datacomponents/x-mitre-data-component--0a");
        assert_eq!(path("identity--0a", ""), "/objects/identity--0a");
        assert_eq!(path("x-new-thing--0a", ""), "/objects/x-new-thing--0a");
        // Ids that could not stand in an address, or would not be found again.
        for odd in ["T6 6", "T６", "T6/6", "..", "t1204", "T6--6", "%41", "T6?a=b"] {
            assert_eq!(path("attack-pattern--0a", odd), "/techniques/attack-pattern--0a", "{odd}");
        }
        assert_eq!(path("attack-pattern--0a", "T1204.2"), "/techniques/T1204.2");
    }
}
