//! The authority's key in a PKCS #11 token: SoftHSM stands for a device.

use crate::gate::{LETTER, Served, Site, certificate_of, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where Debian's package `softhsm2` has it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "83746501";

/// A token, and a folder in which commands work with it.
struct Token {
    folder: tempfile::TempDir,
    configuration: PathBuf,
}

impl Token {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, configuration) = (folder.path().join("tokens"), folder.path().join("softhsm2.conf"));
        fs::create_dir(&tokens).unwrap();
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        fs::write(&configuration, text).unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "the lazaret", "--so-pin", "12345678", "--pin", PIN])
            .env("SOFTHSM2_CONF", &configuration)
            .output()
            .expect("softhsm2-util runs; `tools/servers.sh` installs it");
        assert!(made.status.success(), "{made:?}");
        let token = Self { folder, configuration };
        token.has_pin(PIN);
        token
    }

    fn pin(&self) -> PathBuf {
        self.folder.path().join("pin")
    }

    fn has_pin(&self, pin: &str) {
        fs::write(self.pin(), format!("{pin}\n")).unwrap();
        fs::set_permissions(self.pin(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The line of the configuration that names a key.
    fn key(&self, name: &str) -> String {
        self.line(&format!(
            "pkcs11:token=the%20lazaret;{name}?module-path={MODULE}&pin-source=file:{}",
            self.pin().display()
        ))
    }

    fn line(&self, uri: &str) -> String {
        format!("authority_key = \"{uri}\"\n")
    }

    /// Runs `lazaret` with this in the section of the proxy.
    fn lazaret(&self, data: &Path, proxy: &str, arguments: &[&str]) -> Output {
        let config = self.folder.path().join("command.toml");
        let nowhere = "listen = \"127.0.0.1:0\"\n";
        fs::write(&config, format!("[proxy]\n{nowhere}{proxy}\n[icap]\n{nowhere}\n[console]\n{nowhere}")).unwrap();
        // What should fail and does not is not waited for.
        Command::new("timeout")
            .args(["--kill-after=5", "120", env!("CARGO_BIN_EXE_lazaret")])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LAZARET_CONFIG", &config)
            .env("LAZARET_DATA", data)
            .env("SOFTHSM2_CONF", &self.configuration)
            .output()
            .unwrap()
    }

    fn generate(&self, data: &Path, name: &str, kind: &str) {
        let made = self.lazaret(data, &self.key(name), &["authority", "generate", "--kind", kind]);
        assert!(made.status.success(), "{made:?}");
    }

    /// `lazaret serve` with a key of it.
    fn serve(&self, name: &str, further: &str) -> Served {
        let configuration = format!("{}{further}", self.key(name));
        let environment = [("SOFTHSM2_CONF", self.configuration.as_path())];
        Served::in_environment(tempfile::tempdir().unwrap(), &configuration, &environment)
    }

    /// Takes the token out of its slot, or puts it in again.
    fn is_there(&self, there: bool) {
        let tokens = self.folder.path().join("tokens");
        let away = self.folder.path().join("away");
        if there {
            let name = fs::read_to_string(self.folder.path().join("name")).unwrap();
            fs::rename(&away, tokens.join(name)).unwrap();
        } else {
            let found = fs::read_dir(&tokens).unwrap().flatten().next().unwrap();
            fs::write(self.folder.path().join("name"), found.file_name().to_str().unwrap()).unwrap();
            fs::rename(found.path(), &away).unwrap();
        }
    }
}

/// What a command complains of.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A site with a page, at every loopback address, and the setting with which it is trusted.
fn site(folder: &Path) -> (Site, String) {
    let names: Vec<_> = (1..9).map(|last| format!("127.0.0.{last}")).collect();
    let (config, trusted) = certificate_of(folder, &names);
    let site = Site::at("0.0.0.0:0", Some(config));
    site.page("/letter.txt", "", LETTER);
    (site, format!("trust = [\"{}\"]\n", trusted.display()))
}

/// Whether a client that trusts the authority gets the page from an address of the site.
fn gets(served: &Served, site: &Site, host: &str) -> bool {
    let fetched = served.curl(&[&format!("https://{host}:{}/letter.txt", site.address.port())]);
    fetched.exit == 0 && fetched.text() == LETTER
}

/// The processes that have a token's module for one that serves.
fn signers(served: &Served) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let parent = read("status").lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok());
        if parent == Some(served.id()) && read("cmdline").contains("token-signer") {
            found.push(id);
        }
    }
    found
}

/// Ends them, as a module does that crashes.
fn crash(served: &Served) {
    let ids = signers(served);
    assert_eq!(ids.len(), 1, "one process has the module");
    for id in ids {
        assert!(Command::new("kill").args(["-s", "KILL", &id.to_string()]).status().unwrap().success());
    }
    until("it has ended", || signers(served).is_empty());
}

#[test]
fn sites_are_vouched_for_by_a_key_that_is_in_a_token_and_in_no_file() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let (site, trust) = site(folder.path());
    token.generate(folder.path(), "object=ca", "p256");
    let again = token.lazaret(folder.path(), &token.key("object=ca"), &["authority", "generate"]);
    assert!(complaint(&again).contains("already has such a key"), "{again:?}");
    let served = token.serve("object=ca", &trust);
    assert!(gets(&served, &site, "127.0.0.1") && gets(&served, &site, "127.0.0.2"), "{}", served.log());
    let data = served.folder.path().join("data");
    let mut files = Vec::new();
    for entry in fs::read_dir(data.join("authority")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains("PRIVATE KEY") && !text.contains(PIN), "{text}");
        files.push(entry.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(files, ["ca.key", "ca.pem"]);
    let name = "pkcs11:token=the%20lazaret;object=ca";
    assert_eq!(fs::read_to_string(data.join("authority/ca.key")).unwrap().trim_end(), name);
    let shown = token.lazaret(&data, &token.key("object=ca"), &["authority", "show"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(name), "{shown:?}");
    // A second process uses the token beside the one that serves.
    let doctor = |key: &str| {
        let said = token.lazaret(&data, key, &["doctor", "--json"]);
        let said: serde_json::Value =
            serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        let rows = said["process"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["what"] == "authority's key").expect("a row about the key");
        (row["fine"].as_bool().unwrap(), row["found"].as_str().unwrap().to_owned())
    };
    let (fine, found) = doctor(&token.key("object=ca"));
    assert!(fine && found.contains("can sign (EC P-256, "), "{found}");
    // The setting says how the token is reached; without it, nobody knows.
    let (fine, found) = doctor("");
    assert!(!fine && found.contains("does not say how its token is reached"), "{found}");
}

#[test]
fn a_key_of_a_longer_curve_or_of_rsa_vouches_for_sites_as_well() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let (site, trust) = site(folder.path());
    for kind in ["p384", "rsa"] {
        let name = format!("object={kind}");
        token.generate(folder.path(), &name, kind);
        let served = token.serve(&name, &trust);
        assert!(gets(&served, &site, "127.0.0.1"), "{kind}: {}", served.log());
    }
}

#[test]
fn a_change_of_the_authority_goes_to_another_key_of_the_token_and_never_to_the_same() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let (site, trust) = site(folder.path());
    token.generate(folder.path(), "object=one", "p256");
    let served = token.serve("object=one", &trust);
    let data = served.folder.path().join("data");
    assert!(gets(&served, &site, "127.0.0.1"), "{}", served.log());
    let before = fs::read_to_string(served.authority()).unwrap();
    let same = token.lazaret(&data, &token.key("object=one"), &["authority", "rotate"]);
    assert!(complaint(&same).contains("already uses the key of `proxy.authority_key`"), "{same:?}");
    token.generate(&data, "object=two", "p256");
    for arguments in [&["authority", "rotate"][..], &["authority", "rotate", "--use"]] {
        let changed = token.lazaret(&data, &token.key("object=two"), arguments);
        assert!(changed.status.success(), "{changed:?}");
    }
    assert_ne!(fs::read_to_string(served.authority()).unwrap(), before);
    // curl trusts the new one alone from here on.
    until("the new one vouches for sites", || gets(&served, &site, "127.0.0.1"));
    let key = fs::read_to_string(data.join("authority/ca.key")).unwrap();
    assert!(key.ends_with(";object=two\n"), "{key}");
    let gone = token.lazaret(&data, &token.key("object=two"), &["authority", "forget", "previous"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("object=one` is still in the token"), "{gone:?}");
}

#[test]
fn what_is_wrong_with_a_token_is_said_in_a_sentence_that_names_the_culprit() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    for name in ["object=ca;id=%01", "object=ca;id=%02", "object=other"] {
        token.generate(folder.path(), name, "p256");
    }
    let served = |line: &str| complaint(&token.lazaret(&data, line, &["serve"]));
    let pin = token.pin().display().to_string();
    for (uri, why) in [
        (
            format!("pkcs11:object=ca?module-path=/nowhere/x.so&pin-source={pin}"),
            "the module `/nowhere/x.so` cannot be loaded",
        ),
        (
            format!("pkcs11:token=mine;object=ca?module-path={MODULE}&pin-source={pin}"),
            "no such token; the module has `the lazaret`",
        ),
        (
            format!("pkcs11:object=nobody?module-path={MODULE}&pin-source={pin}"),
            "the token `the lazaret` has no such private key",
        ),
        (
            format!("pkcs11:object=ca?module-path={MODULE}&pin-source={pin}"),
            "2 private keys of the token `the lazaret` match: add `id`",
        ),
        (format!("pkcs11:object=other?module-path={MODULE}"), "needs a PIN"),
        (
            format!("pkcs11:object=other?module-path={MODULE}&pin-source=/nowhere/pin"),
            "the PIN file `/nowhere/pin` cannot be read",
        ),
        (format!("pkcs11:object=other?module-path={MODULE}&pin-value={PIN}"), "`pin-value` is not accepted"),
    ] {
        let said = served(&token.line(&uri));
        assert!(said.contains(why) && !said.contains(PIN), "{uri}: {said}");
    }
    token.has_pin("000000");
    assert!(served(&token.key("object=other")).contains("the PIN of its token is wrong"));
    fs::set_permissions(token.pin(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(served(&token.key("object=other")).contains("is accessible to everyone (mode 644)"));
    token.has_pin(PIN);
    assert!(!data.join("authority/ca.pem").exists(), "nothing was made with what cannot sign");

    // A certificate that belongs to another key.
    let before = token.serve("object=other", "");
    let mismatched = before.folder.path().join("data/authority/ca.key");
    let text = fs::read_to_string(&mismatched).unwrap();
    fs::write(&mismatched, text.replace("object=other", "object=ca;id=%01")).unwrap();
    until("it is said while it runs", || before.log().contains("it does not match the key next to it"));
    let checked = token.lazaret(&before.folder.path().join("data"), &token.key("object=other"), &["authority", "show"]);
    assert!(checked.status.success(), "{checked:?}");
    let data = folder.path().join("copied");
    fs::create_dir_all(data.join("authority")).unwrap();
    for file in ["ca.pem", "ca.key"] {
        fs::copy(before.folder.path().join("data/authority").join(file), data.join("authority").join(file)).unwrap();
    }
    let said = complaint(&token.lazaret(&data, &token.key("object=other"), &["serve"]));
    assert!(
        said.contains("it does not match the key next to it (`pkcs11:token=the%20lazaret;object=ca;id=%01`)"),
        "{said}"
    );
}

#[test]
fn a_token_that_goes_away_costs_new_sites_of_that_time_and_is_used_again_when_it_is_back() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let (site, trust) = site(folder.path());
    token.generate(folder.path(), "object=ca", "p256");
    let served = token.serve("object=ca", &trust);
    assert!(gets(&served, &site, "127.0.0.1"), "{}", served.log());
    // A module that crashes costs nothing.
    crash(&served);
    assert!(gets(&served, &site, "127.0.0.2"), "{}", served.log());
    token.is_there(false);
    assert!(!gets(&served, &site, "127.0.0.3"));
    until("it is said why", || served.log().contains("the module has no token"));
    assert!(gets(&served, &site, "127.0.0.1"), "what was signed before is still used");
    token.is_there(true);
    until("the token is used again", || gets(&served, &site, "127.0.0.3"));
    until("that is said as well", || served.log().contains("can be used again"));
}

#[test]
fn a_wrong_pin_is_tried_once_and_no_more_until_its_file_is_changed() {
    let (token, folder) = (Token::new(), tempfile::tempdir().unwrap());
    let (site, trust) = site(folder.path());
    token.generate(folder.path(), "object=ca", "p256");
    let served = token.serve("object=ca", &trust);
    token.has_pin("000000");
    crash(&served);
    assert!(!gets(&served, &site, "127.0.0.2"));
    until("it is said why", || served.log().contains("the PIN of its token is wrong"));
    until("it says that it does not try again", || {
        !gets(&served, &site, "127.0.0.2") && served.log().contains("it is not tried again until the file is changed")
    });
    token.has_pin(PIN);
    until("the right one is used", || gets(&served, &site, "127.0.0.2"));
}
