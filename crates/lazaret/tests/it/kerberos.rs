//! Sign-on at the proxy with a Kerberos ticket: a key distribution centre of MIT Kerberos, and curl as the client that has tickets.

use crate::gate::people::{Staff, administrator};
use crate::gate::{LETTER, Served, Site, keep, read_head, until};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

const REALM: &str = "TEST.EXAMPLE";

/// A realm with a person, and the service that a proxy on this machine is.
struct Realm {
    folder: tempfile::TempDir,
    centre: Child,
}

impl Realm {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let client = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n \
             dns_canonicalize_hostname = false\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n[domain_realm]\n \
             localhost = {REALM}\n"
        );
        let centre = format!(
            "[realms]\n {REALM} = {{\n  kdc_listen = 127.0.0.1:{port}\n  kdc_tcp_listen = 127.0.0.1:{port}\n  \
             database_name = {}\n  key_stash_file = {}\n  acl_file = {}\n }}\n[logging]\n kdc = FILE:{}\n",
            path("principal"),
            path("stash"),
            path("acl"),
            path("kdc.log")
        );
        fs::write(path("krb5.conf"), client).unwrap();
        fs::write(path("kdc.conf"), centre).unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let done = told(Command::new(program).args(arguments), folder.path())
                .output()
                .unwrap_or_else(|error| panic!("{program}: {error}; `tools/servers.sh` installs it"));
            assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
        };
        run("/usr/sbin/kdb5_util", &["create", "-s", "-r", REALM, "-P", "a long master password"]);
        for (name, keys) in [("ada", "ada.keytab"), ("bert", "bert.keytab"), ("HTTP/localhost", "http.keytab")] {
            run("/usr/sbin/kadmin.local", &["-r", REALM, "-q", &format!("addprinc -randkey {name}")]);
            run("/usr/sbin/kadmin.local", &["-r", REALM, "-q", &format!("ktadd -k {} {name}", path(keys))]);
        }
        fs::set_permissions(path("http.keytab"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut centre = Command::new("setpriv");
        centre.args(["--pdeathsig", "KILL", "/usr/sbin/krb5kdc", "-n", "-r", REALM]);
        told(&mut centre, folder.path());
        let realm = Self { centre: keep(centre), folder };
        until("the centre answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        for name in ["ada", "bert"] {
            let keys = realm.path(&format!("{name}.keytab")).display().to_string();
            let mut kinit = Command::new("kinit");
            kinit.args(["-k", "-t", &keys, name]).env("KRB5CCNAME", realm.tickets(name));
            let done =
                told(&mut kinit, realm.folder.path()).output().expect("kinit runs; `tools/servers.sh` installs it");
            assert!(done.status.success(), "{done:?}");
        }
        realm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tickets(&self, name: &str) -> String {
        format!("FILE:{}", self.path(&format!("{name}.tickets")).display())
    }

    /// A configuration with this realm's keys for the proxy.
    fn keys(&self) -> String {
        format!("[proxy]\nkerberos_keytab = \"{}\"\nkerberos_realm = \"{REALM}\"\n", self.path("http.keytab").display())
    }

    /// curl of somebody who has tickets; which status it got of each address, and the last body.
    fn curl(&self, name: &str, proxy: u16, arguments: &[&str]) -> (String, String) {
        let body = tempfile::NamedTempFile::new().unwrap();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "60", "--proxy-negotiate", "--proxy-user", ":"])
            .args(["--proxy", &format!("http://localhost:{proxy}"), "--write-out", "%{http_code} "])
            .arg("--output")
            .arg(body.path())
            .args(arguments)
            .env("KRB5CCNAME", self.tickets(name));
        let done = told(&mut curl, self.folder.path()).output().unwrap();
        (String::from_utf8_lossy(&done.stdout).trim().to_owned(), fs::read_to_string(body.path()).unwrap())
    }

    /// What Ada's curl shows a proxy on this machine, once.
    fn token(&self) -> String {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = proxy.local_addr().unwrap().port();
        let shown = std::thread::spawn(move || {
            let (mut client, _) = proxy.accept().unwrap();
            loop {
                let head = read_head(&mut client);
                let field = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: Negotiate "));
                if let Some(token) = field {
                    return token.trim().to_owned();
                }
                let asks = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n";
                client.write_all(asks.as_bytes()).unwrap();
            }
        });
        self.curl("ada", port, &["http://site.example/"]);
        shown.join().unwrap()
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ = self.centre.kill();
        let _ = self.centre.wait();
    }
}

/// A command of this realm.
fn told<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("KRB5_CONFIG", folder.join("krb5.conf")).env("KRB5_KDC_PROFILE", folder.join("kdc.conf"))
}

/// For whom there were events so far.
fn people(admin: &Staff<'_>) -> BTreeSet<String> {
    let lines = admin.get("/events.jsonl");
    let events = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    events.map(|event| event["person"].as_str().unwrap_or("nobody").to_owned()).collect()
}

/// Asks the proxy on a connection, with a field or none; the head of the answer. The connection stays.
fn asked(client: &mut TcpStream, url: &str, token: Option<&str>) -> String {
    let field = token.map(|token| format!("Proxy-Authorization: Negotiate {token}\r\n")).unwrap_or_default();
    let host = url.split('/').nth(2).unwrap();
    write!(client, "GET {url} HTTP/1.1\r\nHost: {host}\r\n{field}\r\n").unwrap();
    let head = read_head(client);
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    std::io::Read::read_exact(client, &mut body).unwrap();
    lower
}

#[test]
fn whoever_has_a_ticket_is_known_without_typing_anything() {
    let realm = Realm::new();
    let served = Served::with(&realm.keys());
    let admin = administrator(&served);
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    // Nobody is asked for a password, and nothing is fetched for whom nobody knows.
    for tunnel in [&[][..], &["--proxytunnel"]] {
        let asked = served.curl(&[tunnel, &[&url[..]]].concat());
        assert!(asked.headers.contains("proxy-authenticate: negotiate\r\n"), "{asked:?}");
        assert!(asked.headers.starts_with("http/1.1 407") && !asked.headers.contains("basic"), "{asked:?}");
    }
    assert!(site.asked().is_empty());
    let proxy = served.proxy.port();
    assert_eq!(realm.curl("ada", proxy, &[&url]), ("200".to_owned(), LETTER.to_owned()), "{}", served.log());
    until("the event is Ada's", || people(&admin) == BTreeSet::from(["ada".to_owned()]));
    assert_eq!(realm.curl("bert", proxy, &["--proxytunnel", &url]), ("200".to_owned(), LETTER.to_owned()));
    until("the event is Bert's", || people(&admin).contains("bert"));
    // Several on one connection: the ticket counts for all of it.
    let again = format!("{url}?again");
    site.page("/letter.txt?again", "", LETTER);
    let (statuses, _) = realm.curl("ada", proxy, &[&url, "--output", "/dev/null", &again]);
    assert_eq!(statuses, "200 200", "{}", served.log());
    until("all events are somebody's", || !people(&admin).contains("nobody"));
}

#[test]
fn a_token_counts_once_for_one_connection_and_what_is_none_for_nothing() {
    let realm = Realm::new();
    let served = Served::with(&realm.keys());
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    let token = realm.token();
    let mut client = served.connect();
    assert!(asked(&mut client, &url, None).starts_with("http/1.1 407"));
    assert!(asked(&mut client, &url, Some(&token)).starts_with("http/1.1 200"), "{}", served.log());
    assert!(asked(&mut client, &url, None).starts_with("http/1.1 200"), "the connection is hers");
    // Whoever overheard it gets nothing by it, and no other connection is anybody's.
    for token in [Some(&*token), None] {
        assert!(asked(&mut served.connect(), &url, token).starts_with("http/1.1 407"), "{token:?}");
    }
    until("it is in the log", || served.log().contains("a Kerberos token was not accepted"));
    // Neither for whom there is no ticket, nor for whom only pretends.
    let ntlm = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAO5CAAAADw==";
    for token in ["", "AAAA", "not base64!", ntlm, &"YII".repeat(1_000), &token[..token.len() / 2]] {
        let answer = asked(&mut served.connect(), &url, Some(token));
        assert!(answer.starts_with("http/1.1 407") && answer.contains("proxy-authenticate: negotiate\r\n"), "{answer}");
    }
    until("it is said what they sent", || served.log().contains("no Kerberos ticket and sent NTLM instead"));
    // Two people on one connection: it is nobody's any more.
    let mut client = served.connect();
    assert!(asked(&mut client, &url, Some(&realm.token())).starts_with("http/1.1 200"));
    let bert = fs::read(realm.path("bert.tickets")).unwrap();
    fs::write(realm.path("ada.tickets"), bert).unwrap();
    let answer = asked(&mut client, &url, Some(&realm.token()));
    assert!(answer.starts_with("http/1.1 407") && answer.contains("connection: close"), "{answer}");
    // The process that opens tokens may end; the next one is asked then.
    let ended =
        Command::new("pkill").args(["-KILL", "-P", &served.id().to_string(), "-f", "negotiate-acceptor"]).status();
    assert!(ended.unwrap().success());
    assert!(asked(&mut served.connect(), &url, Some(&realm.token())).starts_with("http/1.1 200"), "{}", served.log());
}

#[test]
fn machines_without_tickets_are_led_to_the_page_where_there_is_one() {
    let realm = Realm::new();
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    let page = ["-H", "Accept: text/html", "-H", "Sec-Fetch-Dest: document", "-H", "Sec-Fetch-Mode: navigate"];
    let with = |more: &str| Served::with(&format!("{}sign_in_page = true\n{more}", realm.keys()));
    // This machine can have tickets: it is asked for one, and told where else to go.
    let served = with("sign_in_except = [\"updates.example\", \"localhost\"]\n");
    let console = format!("http://{}/network", served.console);
    let asked = served.curl(&[&page[..], &[&url]].concat());
    assert!(asked.status == 407 && asked.text().contains(&console), "{asked:?}");
    assert_eq!(realm.curl("ada", served.proxy.port(), &[&url]).0, "200");
    // What is free for everybody stays it, in tunnels and without, and so does the console.
    let free = url.replace("127.0.0.1", "localhost");
    for address in [&free, &format!("http://{}/login", served.console)] {
        for tunnel in [&[][..], &["--proxytunnel"]] {
            assert_eq!(served.curl(&[tunnel, &[address]].concat()).status, 200, "{address} {tunnel:?}");
        }
    }
    // This one cannot.
    let served = with("kerberos_clients = [\"192.0.2.0/24\"]\n");
    let led = served.curl(&[&page[..], &[&url]].concat());
    assert!(led.status == 302 && !led.headers.contains("proxy-authenticate"), "{led:?}");
    // Passwords stay what they are where they are asked for, too.
    let served = Served::with(&format!("{}authentication = true\n", realm.keys()));
    administrator(&served);
    let asked = served.curl(&[&url]).headers;
    assert!(asked.contains("proxy-authenticate: negotiate") && asked.contains("proxy-authenticate: basic"), "{asked}");
    assert_eq!(served.curl(&["--proxy-basic", "-U", "anna:correct horse battery", &url]).status, 200);
}

#[test]
fn keys_that_cannot_be_used_are_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, config) = (folder.path().join("http.keytab"), folder.path().join("lazaret.toml"));
    fs::write(&keys, "\x05\x02").unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&config, format!("[proxy]\nlisten = \"127.0.0.1:0\"\nkerberos_keytab = \"{}\"\n", keys.display()))
        .unwrap();
    let started = Command::new(crate::gate::executable())
        .args(["serve", "--only", "proxy"])
        .env("LAZARET_CONFIG", &config)
        .env("LAZARET_DATA", folder.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(!started.status.success() && said.contains("`proxy.kerberos_keytab`"), "{said}");
}
