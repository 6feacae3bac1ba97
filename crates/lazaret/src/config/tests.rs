use super::*;
use lazaret_model::toml_of;
use std::fmt::Write as _;

#[test]
fn the_printed_defaults_are_the_defaults() {
    assert_eq!(Config::parse(&defaults()).unwrap(), Config::default());
}

/// Paths of all keys below a table; a list of tables is a key.
fn keys(table: &toml::Table, above: &str) -> std::collections::BTreeSet<String> {
    let below = |(key, value): (&String, &toml::Value)| match value {
        // Names of people and groups are nobody's keys.
        toml::Value::Table(inner) if !inner.is_empty() => keys(inner, &format!("{above}{key}.")),
        _ => [format!("{above}{key}")].into(),
    };
    table.iter().flat_map(below).collect()
}

#[test]
fn every_key_is_in_the_printed_defaults() {
    let printed: toml::Table = toml::from_str(&defaults()).unwrap();
    let known = toml::Table::try_from(Config::default()).unwrap();
    assert_eq!(keys(&printed, ""), keys(&known, ""));
    assert!(keys(&known, "").contains("proxy.idle_seconds"));
}

#[test]
fn every_key_says_what_it_means_or_stands_behind_one_that_says_it_for_both() {
    let printed = defaults();
    let silent: Vec<_> = tables()
        .iter()
        .flat_map(|table| table.keys.iter().map(|setting| (table.name, setting)))
        .filter(|(_, setting)| setting.lines.is_empty())
        .map(|(table, setting)| format!("{table}.{}", setting.key))
        .collect();
    assert_eq!(silent, ["icap.key", "console.contact"]);
    assert!(
        printed.starts_with("# lazaret.toml with every key at its default.") && printed.ends_with("passwords = 200\n")
    );
    assert!(printed.contains(
        "\n\n# The web proxy of `lazaret serve`.\n[proxy]\n# Address and port to listen on. Empty: no proxy.\n"
    ));
    assert!(printed.contains("\ngroups = {}\n") && printed.contains("\nports = [\"80\", \"443\", \"1024-65535\"]\n"));
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    let error = Config::parse("[limits]\npart = 5\n").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("did you mean `parts`?"), "{error}");
    let error = Config::parse("\n[detct]\n").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("did you mean `detect`?"), "{error}");
}

#[test]
fn the_table_of_a_name_is_as_it_was_set() {
    let config = Config::parse("[icap]\nconnections = 7\n").unwrap();
    assert_eq!(config.table("icap")["connections"], 7);
    assert_eq!(config.table("bell"), serde_json::json!({}));
    let config = Config::parse("[identity.oidc]\nmake_people = false\n").unwrap();
    assert_eq!(config.table("identity.oidc")["make_people"], false);
}

/// `docs/settings.md`, made from the settings themselves.
fn documented() -> String {
    let mut text = String::from(
        "# Settings\n\nEvery key of `lazaret.toml`, as `lazaret config defaults` prints it. A test keeps this page in \
            line with the source code; with\n`LAZARET_BLESS=1` in its environment it regenerates the page.\n",
    );
    for table in tables() {
        let _ = write!(text, "\n## `[{}]`\n", table.name);
        let about: Vec<_> = table.about.iter().map(|line| line.trim()).collect();
        let how = if REREAD.contains(&table.name) { "Reloaded on SIGHUP." } else { "Changes need a restart." };
        let _ = write!(text, "\n{}\n", [about.join(" "), how.to_owned()].join(" ").trim());
        text.push_str("\n| key | default | unit | meaning |\n|---|---|---|---|\n");
        for setting in table.keys {
            let default = toml_of(table.defaults.get(setting.key).unwrap_or(&Value::Null));
            let mut meaning = setting.meaning().replace('|', "\\|").replace('<', "&lt;");
            if let Some(range) = &setting.range {
                let _ = write!(meaning, " From {} to {}.", range.start(), range.end());
            }
            let meaning = if meaning.is_empty() { "see the key above" } else { &meaning };
            let (table, key, unit) = (table.name, setting.key, setting.unit());
            let _ = writeln!(text, "| `{table}.{key}` | `{default}` | {unit} | {meaning} |");
        }
    }
    text
}

#[test]
fn the_page_about_settings_is_what_the_settings_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let expected = documented();
    if std::env::var_os("LAZARET_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let differs = written.lines().zip(expected.lines()).find(|(own, other)| own != other);
    assert!(differs.is_none() && written == expected, "run this test with LAZARET_BLESS=1: {differs:?}");
}
