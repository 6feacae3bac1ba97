//! What other systems are told: everything, in their form, also after they or we were away.

use crate::gate::people::administrator;
use crate::gate::{Served, Site, Talk, until};
use data_encoding::BASE64;
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LETTER: &str = "Dear Ada,\n\nthank you for your letter.\n";
const SECRET: &[u8] = b"a secret of twenty-four bytes or more";

/// Heads and bodies.
type Requests = Vec<(String, Vec<u8>)>;

/// A web hook that takes what it is sent while it is well.
struct Hook {
    site: Site,
    well: Arc<AtomicBool>,
    got: Arc<Mutex<Requests>>,
}

impl Hook {
    fn new(is_well: bool) -> Self {
        let (site, well, got) = (Site::plain(), Arc::new(AtomicBool::new(is_well)), Arc::<Mutex<Requests>>::default());
        let (now, kept) = (Arc::clone(&well), Arc::clone(&got));
        site.on("/hook", move |head: &str, stream: &mut dyn Talk| {
            let length = field(head, "content-length").parse().unwrap();
            let mut body = vec![0; length];
            let _ = stream.read_exact(&mut body);
            let status = if now.load(Ordering::SeqCst) { "204 No Content" } else { "503 Service Unavailable" };
            if now.load(Ordering::SeqCst) {
                kept.lock().unwrap().push((head.to_owned(), body));
            }
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        Self { site, well, got }
    }

    /// Every event so far.
    fn events(&self) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        got.iter().flat_map(|(_, body)| serde_json::from_slice::<Vec<Value>>(body).unwrap()).collect()
    }
}

fn field(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("{head} has no {name}")).split_once(':').unwrap().1.trim().to_owned()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_happened_is_told_to_others() {
    let hook = Hook::new(true);
    let folder = tempfile::tempdir().unwrap();
    let (file, socket) = (folder.path().join("events.jsonl"), folder.path().join("log"));
    let syslog = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let served = Served::with(&format!(
        "[export]\nfile = \"{}\"\nsyslog = \"{}\"\nwebhook = \"{}\"\n\n[proxy]\n",
        file.display(),
        socket.display(),
        hook.site.url("/hook")
    ));
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    assert_eq!(served.curl(&[&site.url("/letter.txt?secret=1")]).status, 404);
    assert_eq!(served.curl(&[&site.url("/letter.txt")]).status, 200);
    // What people do is told as well, and is of another class.
    administrator(&served);
    let named = |events: &[Value]| events.iter().any(|event| event["file"]["name"] == "letter.txt");
    let made =
        |events: &[Value]| events.iter().any(|event| event["class_uid"] == 3001 && event["user"]["name"] == "anna");
    until("the web hook is told", || named(&hook.events()) && made(&hook.events()));
    until("the file is written", || named(&lines(&file)) && made(&lines(&file)));
    let told = lines(&file);
    let event = told.iter().find(|event| event["file"]["name"] == "letter.txt" && event["disposition_id"] == 1);
    assert_eq!(event.unwrap()["class_uid"], 4002);
    let mut message = vec![0; 64 << 10];
    let length = syslog.recv(&mut message).unwrap();
    assert!(message[..length].starts_with(b"<134>1 20"), "{}", String::from_utf8_lossy(&message[..length]));
    let all = format!("{told:?}{:?}", hook.events());
    assert!(!all.contains("secret="), "a query may hold secrets");
    let metrics =
        Command::new("curl").args(["--silent", &format!("http://{}/metrics", served.console)]).output().unwrap();
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    assert!(metrics.contains("lazaret_decisions_total{gate=\"proxy\",decision=\"deliver\"} 2"), "{metrics}");
}

#[test]
fn what_an_outlet_missed_it_gets_when_it_is_back_also_after_a_crash() {
    let hook = Hook::new(false);
    let served = Served::with(&format!(
        "[export]\nwebhook = \"{}\"\nwebhook_secret = \"whsec_{}\"\n\n[proxy]\n",
        hook.site.url("/hook"),
        BASE64.encode(SECRET)
    ));
    let site = Site::plain();
    let fetch = |served: &Served, number: usize| {
        let path = format!("/letter-{number}.txt");
        site.page(&path, "", format!("{LETTER}{number}\n"));
        assert_eq!(served.curl(&[&site.url(&path)]).status, 200);
    };
    (0..3).for_each(|number| fetch(&served, number));
    until("the web hook was tried", || served.log().contains("events could not be exported"));
    served.signal("KILL");
    let served = served.again();
    (3..6).for_each(|number| fetch(&served, number));
    assert!(hook.events().is_empty());
    hook.well.store(true, Ordering::SeqCst);
    let names = || hook.events().iter().map(|event| event["file"]["name"].to_string()).collect::<Vec<_>>();
    let wanted: Vec<_> = (0..6).map(|number| format!("\"letter-{number}.txt\"")).collect();
    until("the web hook has everything", || names().len() >= 6);
    assert_eq!(names(), wanted, "in order, and none twice");
    for (head, body) in hook.got.lock().unwrap().iter() {
        let mut message = format!("{}.{}.", field(head, "webhook-id"), field(head, "webhook-timestamp")).into_bytes();
        message.extend_from_slice(body);
        let signature = BASE64.encode(&lazaret_store::authenticated(SECRET, &message));
        assert_eq!(field(head, "webhook-signature"), format!("v1,{signature}"));
    }
    fetch(&served, 6);
    until("what comes later comes too", || names().len() == 7);
    let ids: HashSet<_> = hook.got.lock().unwrap().iter().map(|(head, _)| field(head, "webhook-id")).collect();
    assert_eq!(ids.len(), hook.got.lock().unwrap().len(), "each message has an id of its own");
}

#[test]
fn everything_that_is_told_in_our_own_form_is_as_its_schema_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schema = std::fs::read_to_string(root.join("schemas/lazaret.event-1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let served = Served::with(&format!(
        "[export]\nformat = \"lazaret\"\nfile = \"{}\"\n\n[proxy]\nbypass = [\"127.0.0.1\"]\n",
        file.display()
    ));
    let staff = administrator(&served);
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    site.page("/setup.exe", "", std::fs::read("/proc/self/exe").unwrap());
    assert_eq!(served.curl(&[&site.url("/letter.txt")]).status, 200);
    assert_eq!(served.curl(&[&site.url("/setup.exe")]).status, 403);
    let _ = served.curl(&["--max-time", "5", &format!("https://{}/", site.address)]);
    staff.get("/events.csv");
    let has = |events: &[Value], name: &str, value: &str| {
        events.iter().any(|event| event.pointer(name) == Some(&value.into()))
    };
    until("everything is told", || {
        let events = lines(&file);
        has(&events, "/body/name", "letter.txt")
            && has(&events, "/decision", "block")
            && has(&events, "/kind", "connection")
            && has(&events, "/body/act", "set-up")
            && has(&events, "/body/act", "events exported")
    });
    let events = lines(&file);
    for event in &events {
        let wrong: Vec<_> =
            validator.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{event}\n{}", wrong.join("\n"));
        let read: lazaret_model::Event = serde_json::from_value(event.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), *event);
    }
    let stopped = events.iter().find(|event| event["decision"] == "block").unwrap();
    assert_eq!(stopped.pointer("/body/judged/origin/gate"), Some(&"proxy".into()), "{stopped}");
    for wrong in [r#"{"kind":"mail"}"#, r#"{"at":"noon"}"#, r#"{"decision":"perhaps"}"#, r#"{"body":{}}"#] {
        let mut changed = stopped.clone();
        for (name, value) in serde_json::from_str::<Value>(wrong).unwrap().as_object().unwrap() {
            changed[name] = value.clone();
        }
        assert!(!validator.is_valid(&changed), "{wrong} passes");
    }
}
