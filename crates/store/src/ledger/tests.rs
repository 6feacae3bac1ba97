//! One suite for every backend.

use super::*;
use crate::now;
use lazaret_model::AuditAct;
use std::process::{Child, Command, Stdio};

/// A PostgreSQL of its own, in a folder of its own.
pub(crate) struct Postgres {
    process: Child,
    _folder: tempfile::TempDir,
    pub(crate) address: String,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let bin = programs();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        // PostgreSQL does not run as root.
        let run = |program: &str| {
            let is_root =
                std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
            let path = bin.join(program);
            if is_root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
                command
            } else {
                Command::new(path)
            }
        };
        let made = run("initdb")
            .args(["-U", "lazaret", "--auth=trust", "-D"])
            .arg(&data)
            .output()
            .expect("PostgreSQL is installed by the test command");
        assert!(made.status.success(), "{made:?}");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = run("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "dynamic_shared_memory_type=mmap", "-k"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(60);
        let ready = || {
            let asked =
                Command::new(bin.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            asked.is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(std::time::Instant::now() < end, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { process, _folder: folder, address: format!("postgres://lazaret@127.0.0.1:{port}/postgres") }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn programs() -> std::path::PathBuf {
    let newest = std::fs::read_dir("/usr/lib/postgresql").ok().and_then(|versions| {
        versions.flatten().map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
    });
    newest.expect("PostgreSQL is installed by the test command")
}

#[tokio::test]
async fn sqlite_keeps_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    suite(&address).await;
    // A version that is not known here.
    let ledger = Ledger::open(&address).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, x'00', 0)")
        .execute(&ledger.write)
        .await
        .unwrap();
    assert!(matches!(Ledger::open(&address).await, Err(StoreError::Newer { .. })));
    assert!(matches!(Ledger::open("sqlite:/nowhere/at/all.sqlite").await, Err(StoreError::Open { .. })));
}

#[tokio::test]
async fn postgresql_keeps_the_ledger() {
    let server = Postgres::start();
    suite(&server.address).await;
}

async fn suite(address: &str) {
    let ledger = Ledger::open(address).await.unwrap();
    ledger.check().await.unwrap();
    events(&ledger).await;
    requests(&ledger).await;
    people(&ledger).await;
    factors(&ledger).await;
    sealed(&ledger).await;
    tokens(&ledger).await;
    policies(&ledger).await;
    bypasses(&ledger).await;
    super::journal::tests::journal(&ledger).await;
    incidents::tests::suite(&ledger).await;
    // What was acknowledged is there for whoever opens it next.
    let again = Ledger::open(address).await.unwrap();
    assert!(again.event("EVNT-0001").await.unwrap().is_some());
    retention(&again).await;
    super::techniques::tests::suite(&again).await;
    super::providers::tests::suite(&again).await;
    super::arrivals::tests::suite(&again).await;
    super::events::tests::suite(&again).await;
}

fn event(number: usize, decision: &str) -> Event {
    Event {
        at: now(),
        reference: format!("EVNT-{number:04}"),
        decision: decision.to_owned(),
        domain: format!("site{}.example", number % 3),
        name: format!("100%_{number}.zip"),
        sha256: "ab".repeat(32),
        report: "{}".to_owned(),
        judged: "{\"origin\":{}}".to_owned(),
        kind: ["zip", "pdf"][number % 2].to_owned(),
        gate: if number == 9 { "icap".to_owned() } else { "proxy".to_owned() },
        client: format!("192.0.2.{}", number % 10),
        policy: if decision == "block" { "malicious".to_owned() } else { String::new() },
        content_blob: if decision == "hold" { "cd".repeat(32) } else { String::new() },
        ..Event::default()
    }
}

async fn events(ledger: &Ledger) {
    let mut watch = ledger.watch();
    let writes = (1..=300).map(|n| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.record(event(n, ["deliver", "hold", "block"][n % 3])).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    for _ in 1..=45 {
        // Whoever is behind misses some, and is told.
        if let Ok(seen) = watch.try_recv() {
            assert!(seen.report.is_empty() && seen.judged.is_empty());
            assert!(ledger.event(&seen.reference).await.unwrap().is_some());
        }
    }
    // A reference that is there already does not take its neighbours with it.
    let (good, bad) = (ledger.record(event(301, "block")), ledger.record(event(1, "block")));
    let (good, bad) = tokio::join!(good, bad);
    assert!(good.is_ok() && matches!(bad, Err(StoreError::Record(_))));
    let one = ledger.event("EVNT-0001").await.unwrap().unwrap();
    assert_eq!((one.event.decision.as_str(), one.event.report.as_str()), ("hold", "{}"));
    assert!(ledger.event("EVNT-9999").await.unwrap().is_none());
    assert_eq!(one.event.judged, "{\"origin\":{}}", "it comes back as it was given");
    let count = async |filter: EventFilter| ledger.events(&filter, None, 1_000).await.unwrap().len();
    assert_eq!(count(EventFilter::default()).await, 301);
    assert_eq!(count(EventFilter { decision: "block".into(), ..Default::default() }).await, 101);
    assert_eq!(
        count(EventFilter { decision: "hold".into(), domain: "site1.example".into(), ..Default::default() }).await,
        100
    );
    assert_eq!(count(EventFilter { text: "100%_30".into(), ..Default::default() }).await, 3, "30, 300 and 301");
    assert_eq!(count(EventFilter { text: "1001".into(), ..Default::default() }).await, 0, "signs are no wildcards");
    assert_eq!(count(EventFilter { text: "evnt-0007".into(), ..Default::default() }).await, 1);
    assert_eq!(count(EventFilter { quarantined: true, ..Default::default() }).await, 100);
    assert_eq!(count(EventFilter { sha256: "ab".repeat(32), person: "nobody".into(), ..Default::default() }).await, 0);
    assert_eq!(count(EventFilter { decision: "stopped".into(), ..Default::default() }).await, 201);
    for (text, decision, number) in [("", "", 301), ("", "stopped", 201), ("100%_30", "", 3), ("100%_30", "block", 1)] {
        let filter = EventFilter { text: text.into(), decision: decision.into(), ..Default::default() };
        assert_eq!(ledger.count_events(&filter, i64::MAX).await.unwrap(), number, "{text} {decision}");
    }
    assert_eq!(count(EventFilter { kind: "pdf".into(), ..Default::default() }).await, 151);
    assert_eq!(count(EventFilter { gate: "icap".into(), ..Default::default() }).await, 1);
    assert_eq!(count(EventFilter { client: "192.0.2.5".into(), kind: "zip".into(), ..Default::default() }).await, 0);
    assert_eq!(count(EventFilter { client: "192.0.2.5".into(), ..Default::default() }).await, 30);
    let span = |from, to| EventFilter { from, to, ..Default::default() };
    let day = 86_400_000;
    for (from, to, number) in [
        (Some(now() - day), None, 301),
        (None, Some(now() + day), 301),
        (Some(now() + day), None, 0),
        (None, Some(now() - day), 0),
        (Some(now() - day), Some(now() + day), 301),
        (Some(-1), Some(i64::MAX), 301),
    ] {
        assert_eq!(count(span(from, to)).await, number, "{from:?} to {to:?}");
        assert_eq!(ledger.count_events(&span(from, to), i64::MAX).await.unwrap(), number as i64);
    }
    assert_eq!(ledger.count_events(&EventFilter::default(), 0).await.unwrap(), 0);
    let text = EventFilter { text: "evnt".into(), ..Default::default() };
    assert_eq!(ledger.searched(&text, None).await.unwrap(), None, "all of them were read");
    let recent = ledger.recent(2).await.unwrap();
    assert_eq!(
        (recent.len(), recent[0].event.reference.as_str(), recent[0].event.report.as_str()),
        (2, "EVNT-0301", "{}")
    );
    let newest = ledger.events(&EventFilter::default(), None, 10).await.unwrap();
    let older = ledger.events(&EventFilter::default(), Some(newest[9].id), 10).await.unwrap();
    assert!(newest.windows(2).all(|pair| pair[0].id > pair[1].id) && older[0].id < newest[9].id);
    let tallies = ledger.tallies(0).await.unwrap();
    let sum = |topic: &str, entry: &str| -> i64 {
        tallies.iter().filter(|t| t.topic == topic && t.entry == entry).map(|t| t.number).sum()
    };
    assert_eq!((sum("decision", "deliver"), sum("decision", "block"), sum("policy", "malicious")), (100, 101, 101));
    let decisions = ledger.decisions(0).await.unwrap();
    assert_eq!(decisions.iter().map(|tally| tally.number).sum::<i64>(), 301);
    assert_eq!(ledger.ranking("domain", 0, 1).await.unwrap(), [("site1.example".to_owned(), 101)]);
    assert!(ledger.ranking("domain", i64::MAX, 8).await.unwrap().is_empty());
    assert_eq!(sum("domain", "site0.example"), 0, "only what was stopped is counted by site");
    assert_eq!(ledger.site("site0.example").await.unwrap().unwrap().number, 100);
    assert!(ledger.site("other.example").await.unwrap().is_none());
    let hash = one.event.sha256.as_str();
    assert_eq!((ledger.prevalence(hash).await.unwrap(), ledger.prevalence("none").await.unwrap()), (301, 0));
}

async fn requests(ledger: &Ledger) {
    let ask = Ask {
        reference: "EVNT-0001".into(),
        asker: "Anna".into(),
        client: "192.0.2.1".into(),
        reason: "work".into(),
        person: "eva".into(),
    };
    let token = ledger.ask(&ask).await.unwrap();
    let request = ledger.request_by_token(&token).await.unwrap().unwrap();
    assert_eq!((request.state, request.asker.as_str()), (RequestState::Open, "Anna"));
    for (who, own) in [("anna", true), ("eva", true), ("Eva ", true), ("karl", false), ("", false)] {
        assert_eq!(request.is_by(who), own, "{who}");
    }
    assert!(ledger.request_by_token("guess").await.unwrap().is_none());
    assert_eq!(ledger.asked("192.0.2.1", 0, "EVNT-0001").await.unwrap(), (1, 1));
    assert!(!ledger.fetch_once(request.id).await.unwrap(), "not approved yet");
    let soon = now() + 60_000;
    assert!(ledger.decide(request.id, RequestState::Approved, "karl", "fine", soon).await.unwrap());
    assert!(!ledger.decide(request.id, RequestState::Denied, "eva", "no", soon).await.unwrap(), "decided already");
    assert!(ledger.fetch_once(request.id).await.unwrap());
    assert!(!ledger.fetch_once(request.id).await.unwrap(), "once only");
    ledger.fetch_again(request.id).await.unwrap();
    assert!(ledger.fetch_once(request.id).await.unwrap(), "it had broken off");
    let late = ledger.ask(&ask).await.unwrap();
    let late = ledger.request_by_token(&late).await.unwrap().unwrap();
    ledger.decide(late.id, RequestState::Approved, "karl", "", now() - 1).await.unwrap();
    assert_eq!(ledger.request(late.id).await.unwrap().unwrap().state, RequestState::Expired);
    assert!(!ledger.fetch_once(late.id).await.unwrap());
    ledger.ask(&ask).await.unwrap();
    assert_eq!((ledger.waiting().await.unwrap(), ledger.requests_for("EVNT-0001").await.unwrap().len()), (1, 3));
    let named = ledger.named_requests(10).await.unwrap();
    assert_eq!((named.len(), named[0].0.state, named[0].1.as_str()), (3, RequestState::Open, "100%_1.zip"));
    let all = ledger.requests(10).await.unwrap();
    assert_eq!((all.len(), all[0].state), (3, RequestState::Open));
}

async fn retention(ledger: &Ledger) {
    assert_eq!(
        ledger.forget_events(now() + 2 * 86_400_000, 1, |_| {}).await.unwrap(),
        0,
        "nobody knows what is old yet"
    );
    ledger.mark(now()).await.unwrap();
    ledger.record(event(9_001, "hold")).await.unwrap();
    let all = ledger.events(&EventFilter::default(), None, 1_000).await.unwrap().len();
    assert_eq!(ledger.forget_events(now(), 1, |_| {}).await.unwrap(), 0);
    assert_eq!(ledger.forget_events(now() + 86_400_001, 1, |_| {}).await.unwrap(), all as u64 - 1);
    let kept = ledger.events(&EventFilter::default(), None, 10).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.event.reference.as_str()).collect::<Vec<_>>(), ["EVNT-9001"]);
}

/// As two processes at one ledger: each has a link of its own, and there is one first administrator.
async fn setup(one: &Ledger, other: &Ledger) {
    let at = now();
    let (first, second) =
        (one.setup_secret(at, at + 1_000).await.unwrap(), other.setup_secret(at, at + 2_000).await.unwrap());
    let (first, second) = (first.unwrap(), second.unwrap());
    for ledger in [one, other] {
        assert!(
            ledger.is_setup_secret(&first, at).await.unwrap() && ledger.is_setup_secret(&second, at).await.unwrap()
        );
        assert!(!ledger.is_setup_secret("guess", at).await.unwrap());
        assert!(!ledger.is_setup_secret(&first, at + 1_000).await.unwrap(), "it has expired");
    }
    let new = |name: &str| NewUser { name: name.into(), password: "hash".into(), role: "admin".into() };
    assert!(!one.add_first_user(&new("x"), "guess", at).await.unwrap());
    assert!(!one.add_first_user(&new("x"), &first, at + 1_000).await.unwrap(), "it has expired");
    // Both at once.
    let (here, there) = (new("here"), new("there"));
    let made = tokio::join!(one.add_first_user(&here, &first, at), other.add_first_user(&there, &second, at));
    let made = [made.0.unwrap(), made.1.unwrap()];
    assert!(made == [true, false] || made == [false, true], "{made:?}");
    for (ledger, secret) in [(one, &first), (other, &second), (one, &second)] {
        assert!(!ledger.is_setup_secret(secret, at).await.unwrap(), "a link outlives the first administrator");
        assert!(!ledger.add_first_user(&new("y"), secret, at).await.unwrap());
    }
    assert!(other.setup_secret(at, at + 1_000).await.unwrap().is_none());
    assert_eq!(one.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn there_is_one_first_administrator_however_many_processes_print_links() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    setup(&Ledger::open(&address).await.unwrap(), &Ledger::open(&address).await.unwrap()).await;
}

#[tokio::test]
async fn there_is_one_first_administrator_at_postgresql() {
    let server = Postgres::start();
    setup(&Ledger::open(&server.address).await.unwrap(), &Ledger::open(&server.address).await.unwrap()).await;
}

async fn people(ledger: &Ledger) {
    let anna = NewUser { name: "anna".into(), password: "hash".into(), role: "admin".into() };
    assert!(ledger.add_user(&anna).await.unwrap());
    assert!(!ledger.add_user(&anna).await.unwrap(), "one of a name");
    let user = ledger.user("anna").await.unwrap().unwrap();
    let (token, csrf) = ledger.open_session(&user, 0).await.unwrap().unwrap();
    let session = ledger.session(&token, 0, 0).await.unwrap().unwrap();
    assert_eq!((session.user.name.as_str(), session.csrf), ("anna", csrf));
    assert!(ledger.session("guess", 0, 0).await.unwrap().is_none());
    assert!(ledger.session(&token, now() + 1_000, 0).await.unwrap().is_none(), "unused for too long");
    for (attempt, locked) in [(1, false), (2, false), (3, true)] {
        assert_eq!(ledger.count_failure(user.id, 3, 60_000).await.unwrap(), locked, "attempt {attempt}");
    }
    assert!(ledger.user("anna").await.unwrap().unwrap().locked_until > now());
    assert!(ledger.session(&token, 0, 0).await.unwrap().is_some(), "a failure elsewhere does not sign out");
    administrators(ledger, &ledger.user("anna").await.unwrap().unwrap()).await;
    assert!(ledger.session(&token, 0, 0).await.unwrap().is_none(), "another role signs out");
    let (token, _) = ledger.open_session(&user, 0).await.unwrap().unwrap();
    ledger.close_session(&token).await.unwrap();
    assert!(ledger.session(&token, 0, 0).await.unwrap().is_none());
    let other = User { password: "an older hash".to_owned(), ..user.clone() };
    assert!(ledger.open_session(&other, 0).await.unwrap().is_none(), "a session with a password that is none any more");
    assert_eq!(ledger.users().await.unwrap().len(), 3);
    ledger.note("anna", AuditAct::SampleViewed, "around").await.unwrap();
    assert_eq!(ledger.audit(&AuditFilter::default(), None, 10).await.unwrap()[0].what, "sample looked into");
}

/// Of two administrators who shut each other out at once, one stays; the first becomes a viewer in the end.
async fn administrators(ledger: &Ledger, anna: &User) {
    let changed = |id: i64, change: fn(&mut User)| {
        ledger.change_user(id, move |user| {
            change(user);
            true
        })
    };
    let viewer: fn(&mut User) = |user| user.role = "viewer".to_owned();
    let done = Changed::Done { tokens: 0 };
    let lost: [fn(&mut User); 3] = [viewer, |user| user.disabled = true, |user| user.password.clear()];
    for change in lost {
        assert_eq!(changed(anna.id, change).await.unwrap(), Changed::LastAdministrator);
    }
    assert_eq!(ledger.user("anna").await.unwrap().unwrap(), *anna, "half of it was done");
    // Who has no password comes in no more when the provider is away.
    for (name, password) in [("paula", ""), ("olga", "hash")] {
        let new = NewUser { name: name.into(), password: password.into(), role: "admin".into() };
        assert!(ledger.add_user(&new).await.unwrap());
    }
    let olga = ledger.user("olga").await.unwrap().unwrap().id;
    let shut: fn(&mut User) = |user| user.disabled = true;
    let (one, other) = tokio::join!(changed(anna.id, shut), changed(olga, shut));
    let outcomes = [one.unwrap(), other.unwrap()];
    assert!(outcomes.contains(&done) && outcomes.contains(&Changed::LastAdministrator), "{outcomes:?}");
    for id in [anna.id, olga] {
        assert_eq!(changed(id, |user| user.disabled = false).await.unwrap(), done);
    }
    assert_eq!(changed(anna.id, viewer).await.unwrap(), done);
    assert_eq!(ledger.change_user(anna.id, |_| false).await.unwrap(), Changed::Not);
    assert_eq!(changed(i64::MAX, viewer).await.unwrap(), Changed::Not);
}

async fn factors(ledger: &Ledger) {
    let anna = ledger.user("anna").await.unwrap().unwrap();
    assert!(!ledger.use_totp_step(anna.id, 5).await.unwrap(), "there is no secret yet");
    ledger.set_totp(anna.id, "GEZDGNBV", 10, &["one".to_owned(), "two".to_owned()]).await.unwrap();
    assert!(!ledger.use_totp_step(anna.id, 10).await.unwrap(), "the step of the enrolment is used");
    assert!(ledger.use_totp_step(anna.id, 11).await.unwrap());
    assert!(!ledger.use_totp_step(anna.id, 11).await.unwrap() && !ledger.use_totp_step(anna.id, 9).await.unwrap());
    // What else changes does not bring used steps back.
    ledger.change_user(anna.id, |_| true).await.unwrap();
    assert_eq!(ledger.user("anna").await.unwrap().unwrap().totp_used, 11);
    assert!(ledger.use_recovery_code(anna.id, "one").await.unwrap());
    assert!(!ledger.use_recovery_code(anna.id, "one").await.unwrap(), "used twice");
    assert_eq!(ledger.recovery_codes(anna.id).await.unwrap(), 1);
    ledger.set_totp(anna.id, "", 0, &[]).await.unwrap();
    assert_eq!(ledger.recovery_codes(anna.id).await.unwrap(), 0);
    assert!(!ledger.use_totp_step(anna.id, 12).await.unwrap());
}

async fn sealed(ledger: &Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.key");
    let anna = ledger.user("anna").await.unwrap().unwrap().id;
    // As an older version kept it.
    ledger.set_totp(anna, "GEZDGNBV", 10, &[]).await.unwrap();
    assert_eq!(ledger.user("anna").await.unwrap().unwrap().totp, "GEZDGNBV");
    let keyed = ledger.clone().with_key(&path).await.unwrap();
    let kept = keyed.user("anna").await.unwrap().unwrap();
    assert!(!kept.totp.is_empty() && !kept.totp.contains("GEZDGNBV"), "{}", kept.totp);
    assert_eq!(keyed.totp_secret(&kept).unwrap(), "GEZDGNBV");
    assert!(matches!(ledger.totp_secret(&kept), Err(StoreError::Sealed)), "it was read without the key");
    keyed.set_totp(anna, "ANOTHER2", 11, &[]).await.unwrap();
    // The next start finds everything as it should be; without the key, or with another, it does not go on.
    let again = ledger.clone().with_key(&path).await.unwrap();
    assert_eq!(again.totp_secret(&again.user("anna").await.unwrap().unwrap()).unwrap(), "ANOTHER2");
    let signature = keyed.sign("text");
    assert!(again.is_signed("text", &signature) && !again.is_signed("other", &signature));
    assert!(ledger.sign("text").is_empty() && !ledger.is_signed("text", ""), "signed without a key");
    let missing = folder.path().join("missing.key");
    assert!(matches!(ledger.clone().with_key(&missing).await, Err(StoreError::KeyMissing { .. })));
    assert!(!missing.exists(), "a new key was made although the old one is missing");
    let other = folder.path().join("other.key");
    std::fs::write(&other, "00".repeat(32)).unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(matches!(ledger.clone().with_key(&other).await, Err(StoreError::KeyWrong { .. })));
    keyed.set_totp(anna, "", 0, &[]).await.unwrap();
    assert!(ledger.clone().with_key(&missing).await.is_ok(), "where nothing is encrypted a key can be made");
}

async fn tokens(ledger: &Ledger) {
    let anna = ledger.user("anna").await.unwrap().unwrap();
    let changed = async |change: fn(&mut User)| {
        let change = |user: &mut User| {
            change(user);
            true
        };
        ledger.change_user(anna.id, change).await.unwrap()
    };
    let later = now() + 60_000;
    let secret = ledger.add_token(anna.id, "dashboard", "viewer", later).await.unwrap();
    let (user, token) = ledger.bearer(&secret).await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), token.name.as_str(), token.role.as_str()), ("anna", "dashboard", "viewer"));
    assert!(ledger.bearer("lazaret_guess").await.unwrap().is_none());
    let kept = ledger.tokens(anna.id).await.unwrap().remove(0);
    assert!(kept.used_at > 0 && kept.expires_at == later);
    // The first use of a day is in the audit, and no other.
    ledger.bearer(&secret).await.unwrap().unwrap();
    let used = ledger.audit(&AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(used.iter().filter(|entry| entry.what == "token used" && entry.who == "anna").count(), 1);
    let expired = ledger.add_token(anna.id, "old", "viewer", now() - 1).await.unwrap();
    assert!(ledger.bearer(&expired).await.unwrap().is_none(), "it has expired");
    assert_eq!(changed(|_| ()).await, Changed::Done { tokens: 0 }, "nothing changed");
    assert_eq!(changed(|user| user.disabled = true).await, Changed::Done { tokens: 2 });
    changed(|user| user.disabled = false).await;
    assert!(ledger.bearer(&secret).await.unwrap().is_none(), "what was withdrawn stays so");
    let secret = ledger.add_token(anna.id, "dashboard", "viewer", later).await.unwrap();
    let done = changed(|user| user.password = "another hash".to_owned()).await;
    assert_eq!(done, Changed::Done { tokens: 1 });
    assert!(ledger.bearer(&secret).await.unwrap().is_none(), "it outlives the password");
    let secret = ledger.add_token(anna.id, "dashboard", "viewer", later).await.unwrap();
    let (_, token) = ledger.bearer(&secret).await.unwrap().unwrap();
    assert!(!ledger.revoke_token(anna.id + 1, token.id).await.unwrap(), "somebody else's");
    assert!(ledger.revoke_token(anna.id, token.id).await.unwrap());
    assert!(ledger.bearer(&secret).await.unwrap().is_none());
}

async fn policies(ledger: &Ledger) {
    assert!(ledger.newest_policies().await.unwrap().is_none());
    let new = |base, text: &str| NewPolicies { base, who: "anna".into(), note: "why".into(), text: text.into() };
    let first = ledger.save_policies(&new(0, "one")).await.unwrap().unwrap();
    assert_eq!(
        ledger.save_policies(&new(0, "other")).await.unwrap(),
        None,
        "nobody overwrites what they have not seen"
    );
    let second = ledger.save_policies(&new(first, "two")).await.unwrap().unwrap();
    assert_eq!(ledger.newest_policies().await.unwrap().unwrap().text, "two");
    assert_eq!(ledger.policies_of(first).await.unwrap().unwrap().text, "one");
    let history = ledger.policy_history(10).await.unwrap();
    assert_eq!(history.iter().map(|v| (v.id, v.text.as_str())).collect::<Vec<_>>(), [(second, ""), (first, "")]);
    let audit = ledger.audit(&AuditFilter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!((audit.what.as_str(), audit.detail), ("policies changed", format!("version {second}: why")));
}

async fn bypasses(ledger: &Ledger) {
    assert!(ledger.bypasses().await.unwrap().is_empty());
    assert!(ledger.add_bypass("updates.example", "anna").await.unwrap());
    assert!(ledger.add_bypass("updates.example", "karl").await.unwrap(), "it is passed already");
    let list = ledger.bypasses().await.unwrap();
    assert_eq!(list.iter().map(|one| (&*one.host, &*one.who)).collect::<Vec<_>>(), [("updates.example", "anna")]);
    assert!(ledger.remove_bypass("updates.example", "karl").await.unwrap());
    assert!(!ledger.remove_bypass("updates.example", "karl").await.unwrap(), "it is not passed any more");
    assert!(ledger.bypasses().await.unwrap().is_empty());
    let audit = ledger.audit(&AuditFilter::default(), None, 3).await.unwrap();
    let told: Vec<_> = audit.iter().map(|one| (&*one.who, &*one.what, &*one.detail)).collect();
    assert_eq!(
        told[..2],
        [("karl", "bypass removed", "updates.example"), ("anna", "bypass added", "updates.example")],
        "what changed nothing is no change"
    );
    for number in 0..1_000 {
        assert!(ledger.add_bypass(&format!("host{number}.example"), "anna").await.unwrap());
    }
    assert!(!ledger.add_bypass("one.too.many.example", "anna").await.unwrap());
    for number in 0..1_000 {
        assert!(ledger.remove_bypass(&format!("host{number}.example"), "anna").await.unwrap());
    }
}
