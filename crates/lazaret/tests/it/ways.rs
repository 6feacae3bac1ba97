//! The ways to and through the proxy: who may use it, what people send through it, how it is found, what is behind it.

use crate::gate::{Gate, LETTER, PASSWORD, Served, Site, certificate, locked_archive, read_head};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

static PROXY: LazyLock<Served> = LazyLock::new(|| Served::with("patience_seconds = 1\n"));

/// Makes the first user of a console.
fn user(served: &Served, name: &str, password: &str) {
    let log = served.log();
    let token = log.split("/setup?token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let form = ["token", "name", "password"].iter().zip([token, name, password]);
    let fields: Vec<_> =
        form.flat_map(|(key, value)| ["--data-urlencode".to_owned(), format!("{key}={value}")]).collect();
    let output = Command::new("curl")
        .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(&fields)
        .arg(format!("http://{}/setup", served.console))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "303");
}

#[test]
fn who_is_asked_for_a_name_gets_through_with_the_right_one_only() {
    let served = Served::with("[proxy]\nauthentication = true\n");
    user(&served, "anna", "correct horse battery");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let url = site.url("/letter.txt");
    let stranger = served.curl(&[&url]);
    assert!(stranger.status == 407 && stranger.headers.contains("proxy-authenticate: basic realm"), "{stranger:?}");
    for wrong in ["anna:wrong", "anna:", "karl:correct horse battery", ":"] {
        assert_eq!(served.curl(&["--proxy-user", wrong, &url]).status, 407, "{wrong}");
    }
    assert_eq!(served.curl(&["--proxytunnel", &url]).status, 407);
    assert!(site.asked().is_empty(), "nobody may reach a site without a name");
    let right = ["--proxy-user", "anna:correct horse battery"];
    assert_eq!(served.curl(&[&right[..], &[&url]].concat()).text(), LETTER);
    assert_eq!(served.curl(&[&right[..], &["--proxytunnel", &url]].concat()).text(), LETTER);
    assert!(site.asked().iter().all(|head| !head.to_lowercase().contains("authorization")), "{:?}", site.asked());
    // Looking at a password takes time on purpose; doing so for every request would be too slow.
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(served.curl(&[&right[..], &[&url]].concat()).status, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn policies_know_who_asks_by_the_network_and_by_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("finance.cedar");
    std::fs::write(
        &policy,
        "@id(\"finance\") @title(\"Finance gets everything\")\n\
         permit (principal in Lazaret::Group::\"finance\", action == Lazaret::Action::\"deliver\", resource);",
    )
    .unwrap();
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    for (people, status) in [
        ("networks = [{ network = \"127.0.0.0/8\", groups = [\"finance\"] }]", 200),
        ("groups = { finance = [\"ada\"] }\nnetworks = [{ network = \"127.0.0.1\", person = \"ada\" }]", 200),
        ("networks = [{ network = \"192.0.2.0/24\", groups = [\"finance\"] }]", 403),
    ] {
        let policies = format!("[policy]\npolicies = [\"{}\"]\n", policy.display());
        let served = Served::with(&format!("{policies}[people]\n{people}\n\n[proxy]\n"));
        assert_eq!(served.curl(&[&site.url("/letter.txt")]).status, status, "{people}");
    }
}

#[test]
fn what_people_send_is_inspected_before_the_site_gets_any_of_it() {
    let site = Site::plain();
    // What is sent is read to its end: closing before that would reset the connection, and lose the answer on its way.
    let sent_to = |head: &str, stream: &mut dyn crate::gate::Talk| {
        let head = head.to_lowercase();
        let length =
            head.split("content-length: ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        let _ = stream.read_exact(&mut body);
        body
    };
    site.on("/take", move |head, stream| {
        let body = sent_to(head, stream);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(&body);
    });
    let folder = tempfile::tempdir().unwrap();
    let send = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let form = "Content-Type: multipart/form-data; boundary=border";
        PROXY.curl(&["-H", form, "--data-binary", &format!("@{}", path.display()), &site.url("/take")])
    };
    let rows = [corpus::of_row("C22"), corpus::of_row("H")].concat();
    let forms: Vec<_> = rows.into_iter().filter(|standin| standin.folder == "formats/form").collect();
    let (bad, good) = (
        &forms.iter().find(|form| form.row == "C22").unwrap().bytes,
        &forms.iter().find(|form| form.row == "H").unwrap().bytes,
    );
    let sent = send("good", good);
    assert!(sent.status == 200 && sent.body == *good, "{sent:?}");
    // Too large for memory.
    let large = [good.as_slice(), &vec![b' '; 3 << 20]].concat();
    assert_eq!(send("large", &large).body, large);
    let asked = site.asked().len();
    let stopped = send("bad", bad);
    assert!(stopped.status == 403 && stopped.text().contains("Malicious"), "{stopped:?}");
    assert_eq!(site.asked().len(), asked, "the site was asked");
    let pass = Served::with("[proxy]\ninspect_uploads = false\n");
    let path = folder.path().join("bad").display().to_string();
    site.on("/thanks", move |head, stream| {
        sent_to(head, stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nthanks");
    });
    assert_eq!(pass.curl(&["--data-binary", &format!("@{path}"), &site.url("/thanks")]).text(), "thanks");
}

#[test]
fn a_browser_that_waits_is_shown_how_far_it_is_and_gets_the_file_when_it_is_there() {
    let site = Site::plain();
    let gate = Gate::closed();
    let waiting = gate.clone();
    site.on("/slow.txt", move |_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", LETTER.len());
        let (first, rest) = LETTER.split_at(10);
        let _ = stream.write_all(first.as_bytes());
        let _ = stream.flush();
        waiting.pass();
        let _ = stream.write_all(rest.as_bytes());
    });
    let url = site.url("/slow.txt");
    let ask = |cookie: &str| PROXY.curl(&["-H", HTML, "-H", "Accept-Language: fr", "-H", cookie, &url]);
    let first = ask("Cookie: a=1");
    assert!(first.status == 202 && first.text().contains("http-equiv=\"refresh\""), "{first:?}");
    assert!(first.text().contains("Ce téléchargement") && first.headers.contains("cache-control: no-store"));
    // Somebody else does not get it.
    assert_eq!(ask("Cookie: a=2").status, 202);
    assert_eq!(site.asked().len(), 2);
    gate.open();
    let mut answer = ask("Cookie: a=1");
    let end = Instant::now() + Duration::from_secs(20);
    while answer.status == 202 && Instant::now() < end {
        answer = ask("Cookie: a=1");
    }
    assert_eq!((answer.status, answer.text().as_str()), (200, LETTER), "{answer:?}");
    assert_eq!(site.asked().len(), 2, "it was fetched again");
    // A program gets it in one go.
    assert_eq!(PROXY.curl(&[&url]).text(), LETTER);
}

#[test]
fn a_stream_of_events_reaches_the_script_that_waits_for_them() {
    let site = Site::plain();
    site.on("/events", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: hello\n\n");
        let _ = stream.flush();
        // Until the other end is gone.
        let _ = stream.read(&mut [0]);
    });
    let script = ["-H", "Sec-Fetch-Dest: empty", "-H", "Sec-Fetch-Mode: cors", "-H", "Accept: text/event-stream"];
    let fetched = PROXY.curl(&[&["-N", "-m", "2"], &script[..], &[&site.url("/events")]].concat());
    assert_eq!(fetched.text(), "data: hello\n\n", "{fetched:?}");
    // A program that says nothing about what it wants gets them, too.
    let program = PROXY.curl(&["-N", "-m", "2", &site.url("/events")]);
    assert_eq!(program.text(), "data: hello\n\n", "{program:?}");
    // As a browser asks for `<a download>`.
    let link = ["-H", "Sec-Fetch-Dest: empty", "-H", "Sec-Fetch-Mode: navigate", "-H", "Accept: text/event-stream"];
    let linked = PROXY.curl(&[&["-N", "-m", "2"], &link[..], &[&site.url("/events")]].concat());
    assert_eq!(linked.text(), "", "{linked:?}");
}

#[test]
fn browsers_are_told_how_to_find_the_proxy() {
    for path in ["/proxy.pac", "/wpad.dat"] {
        let mut stream = PROXY.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", PROXY.proxy).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("application/x-ns-proxy-autoconfig"), "{answer}");
        assert!(answer.contains(&format!("PROXY {}", PROXY.proxy)), "{answer}");
    }
    let mut stream = PROXY.connect();
    write!(stream, "GET /proxy.pac HTTP/1.1\r\nHost: a\"+alert(1)+\"\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// Another proxy that wants a name and password; it answers requests for `http` itself and leads tunnels on.
fn parent(told: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || {
                let head = read_head(&mut stream);
                told.lock().unwrap().push(head.clone());
                // ada:a b
                if !head.to_lowercase().contains("proxy-authorization: basic ywrhomegyg==") {
                    let _ = stream.write_all(b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n");
                    return;
                }
                let Some(target) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nbehind");
                    return;
                };
                let mut site = TcpStream::connect(target).unwrap();
                let _ = stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n");
                let (mut back, mut to) = (site.try_clone().unwrap(), stream.try_clone().unwrap());
                let copy = std::thread::spawn(move || std::io::copy(&mut back, &mut to));
                let _ = std::io::copy(&mut stream, &mut site);
                let _ = copy.join();
            });
        }
    });
    address
}

#[test]
fn sites_can_be_reached_through_another_proxy() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let parent = parent(Arc::clone(&told));
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let secure = Site::secure(config);
    secure.page("/letter.txt", "", LETTER);
    let direct = Site::plain();
    direct.page("/letter.txt", "", LETTER);
    let trust = authority.display();
    let served = Served::with(&format!(
        "[proxy]\ntrust = [\"{trust}\"]\nupstream = \"http://ada:a%20b@{parent}\"\nupstream_except = [\"127.0.0.1\"]\n"
    ));
    assert_eq!(served.curl(&["http://far.example/x?y=1"]).text(), "behind");
    let head = told.lock().unwrap().last().unwrap().clone();
    assert!(head.starts_with("GET http://far.example/x?y=1 HTTP/1.1"), "{head}");
    let url = format!("https://localhost:{}/letter.txt", secure.address.port());
    let through = served.curl(&[&url]);
    assert_eq!(through.text(), LETTER, "{through:?} {:?}", told.lock().unwrap());
    assert!(told.lock().unwrap().last().unwrap().starts_with("CONNECT localhost:"));
    let heads = told.lock().unwrap().len();
    assert_eq!(served.curl(&[&direct.url("/letter.txt")]).text(), LETTER);
    assert_eq!(told.lock().unwrap().len(), heads, "that one is reached directly");
    assert!(secure.asked().iter().all(|head| !head.to_lowercase().contains("authorization")));
    let wrong = Served::with(&format!("[proxy]\nupstream = \"http://{parent}\"\n"));
    let refused = wrong.curl(&[&url]);
    assert!(refused.status == 502 && refused.text().contains("requires a name and password"), "{refused:?}");
}

#[test]
fn one_proxy_of_ours_may_stand_behind_another_and_a_request_that_comes_back_is_refused() {
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let behind = Served::with(&format!("[proxy]\nupstream = \"http://{}\"\n", PROXY.proxy));
    assert_eq!(behind.curl(&[&site.url("/letter.txt")]).text(), LETTER);
    let head = site.asked().remove(0);
    let via: Vec<_> =
        head.lines().filter_map(|line| line.to_lowercase().strip_prefix("via: ").map(str::to_owned)).collect();
    assert!(via.len() == 2 && via[0] != via[1], "{head}");
    let back = PROXY.curl(&["-H", &format!("Via: 1.0 x, {}", via[1]), &site.url("/letter.txt")]);
    assert!(back.status == 508 && site.asked().len() == 1, "{back:?}");
}

#[test]
fn a_tunnel_to_a_bare_address_is_passed_only_to_the_bypassed_site_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let bank = Site::secure(config);
    bank.page("/letter.txt", "", LETTER);
    let served = Served::with("[proxy]\nbypass = [\"localhost\"]\n");
    let port = bank.address.port();
    let curl = |to: &str| {
        // Only who is not inspected sees the site's own certificate.
        let authority = authority.display().to_string();
        served.curl(&[
            "--cacert",
            &authority,
            "--connect-to",
            &format!("localhost:{port}:{to}:{port}"),
            &format!("https://localhost:{port}/letter.txt"),
        ])
    };
    assert_eq!(curl("127.0.0.1").text(), LETTER);
    // The name in the greeting decides where it goes, not the address that the client would like to reach.
    assert_eq!(curl("192.0.2.1").text(), LETTER);
    assert!(served.log().contains("bypassed: passed without inspection"));
}

#[test]
fn who_knows_the_password_gets_what_is_harmless_and_nothing_else() {
    let site = Site::plain();
    let harmless = locked_archive("contract.txt", b"We agree about everything.\n");
    let standins = corpus::all();
    let form = &standins.iter().find(|standin| standin.folder == "formats/form" && standin.row == "C22").unwrap().bytes;
    site.page("/contract.zip", "", harmless.clone());
    site.page("/offer.zip", "", locked_archive("form", form));
    let unlock = |path: &str| {
        let held = PROXY.curl(&["-H", "Accept: application/json", &site.url(path)]);
        let problem: serde_json::Value = serde_json::from_slice(&held.body).unwrap();
        assert_eq!(problem["decision"], "hold", "{problem}");
        problem["unlock"].as_str().unwrap().to_owned()
    };
    let enter =
        |address: &str, password: &str| PROXY.curl(&["--data-urlencode", &format!("password={password}"), address]);
    let (contract, offer) = (unlock("/contract.zip"), unlock("/offer.zip"));
    assert!(PROXY.curl(&[&contract]).text().contains("type=\"password\""));
    let wrong = enter(&contract, "wrong");
    assert!(wrong.status == 403 && wrong.text().contains("Wrong password"), "{wrong:?}");
    let right = enter(&contract, PASSWORD);
    assert!(right.status == 200 && right.body == harmless, "{right:?}");
    assert!(right.headers.contains("content-disposition: attachment"), "{right:?}");
    let malicious = enter(&offer, PASSWORD);
    assert!(malicious.status == 403 && malicious.text().contains("cannot be released"), "{malicious:?}");
    assert!(malicious.text().contains("Malicious content"), "{malicious:?}");
    let missing = format!("{}-ZZZZ", contract.rsplit_once('-').unwrap().0);
    assert_eq!(enter(&missing, PASSWORD).status, 404);
    let tries: Vec<_> = (0..20).map(|_| enter(&contract, "wrong").status).collect();
    assert_eq!(tries.last(), Some(&429), "passwords can be tried without end");
    let log = PROXY.log();
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn a_password_opens_nothing_that_is_forbidden_to_a_group_or_from_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let policies = lazaret_policy::built_in_policies().text
        + "\n@id(\"trainees\") @title(\"Trainees get no archives\")\n\
           forbid (principal in Lazaret::Group::\"trainees\", action, resource)\n\
           when { resource.classes.contains(\"text\") };\n\
           @id(\"listed\") @title(\"Nothing is delivered from ours\")\n\
           forbid (principal, action, resource)\n\
           when { resource.classes.contains(\"text\") && context has site && context.site.lists.contains(\"ours\") };\n";
    std::fs::write(folder.path().join("own.cedar"), policies).unwrap();
    let site = Site::plain();
    let archive = locked_archive("contract.txt", b"We agree about everything.\n");
    for path in ["/contract.zip", "/listed.zip"] {
        site.page(path, "", archive.clone());
    }
    std::fs::write(folder.path().join("ours.txt"), format!("{}\n", site.url("/listed.zip"))).unwrap();
    let served = Served::in_folder(
        folder,
        "[policy]\npolicies = [\"own.cedar\"]\n\
         [people]\nnetworks = [{ network = \"127.0.0.2\", groups = [\"trainees\"] }]\n\
         [sites]\nlists = [{ name = \"ours\", source = \"ours.txt\", suspicious = false }]\n\n[proxy]\n",
    );
    let cases = [
        ("127.0.0.1", "/contract.zip", None),
        ("127.0.0.2", "/contract.zip", Some("Trainees get no archives")),
        ("127.0.0.1", "/listed.zip", Some("Nothing is delivered from ours")),
    ];
    // All of them are held first: a password that opened something is tried by itself afterwards.
    let held = cases.map(|(from, path, why)| {
        let held = served.curl(&["--interface", from, "-H", "Accept: application/json", &site.url(path)]);
        let problem: serde_json::Value = serde_json::from_slice(&held.body).unwrap();
        assert_eq!(problem["decision"], "hold", "{from} {path}: {problem}");
        (from, problem["unlock"].as_str().unwrap().to_owned(), why)
    });
    for (from, address, why) in held {
        let password = format!("password={PASSWORD}");
        let opened = served.curl(&["--interface", from, "--data-urlencode", &password, &address]);
        match why {
            None => assert!(opened.status == 200 && opened.body == archive, "{opened:?}"),
            Some(why) => assert!(opened.status == 403 && opened.text().contains(why), "{from} {address}: {opened:?}"),
        }
    }
}

#[test]
fn a_password_opens_what_was_seen_often_enough_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let policies = lazaret_policy::built_in_policies().text
        + "\n@id(\"rare\") @title(\"What was never seen is held\")\n\
           forbid (principal, action == Lazaret::Action::\"deliver\", resource) when { resource.prevalence < 1 };\n";
    std::fs::write(folder.path().join("own.cedar"), policies).unwrap();
    let site = Site::plain();
    let archive = locked_archive("contract.txt", b"We agree about everything.\n");
    site.page("/contract.zip", "", archive.clone());
    let served = Served::in_folder(folder, "[policy]\npolicies = [\"own.cedar\"]\n[proxy]\n");
    let held = served.curl(&["-H", "Accept: application/json", &site.url("/contract.zip")]);
    let problem: serde_json::Value = serde_json::from_slice(&held.body).unwrap();
    assert_eq!(problem["decision"], "hold", "{problem}");
    // It was seen once: when it was held.
    let password = format!("password={PASSWORD}");
    let opened = served.curl(&["--data-urlencode", &password, problem["unlock"].as_str().unwrap()]);
    assert!(opened.status == 200 && opened.body == archive, "{opened:?}");
}

/// A network of its own, in which the kernel leads the connections of one user to the proxy.
#[test]
fn connections_that_the_kernel_redirects_are_inspected() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("lazaret.toml"),
        "[proxy]\ntransparent = \"127.0.0.1:3129\"\n[console]\nlisten = \"\"\n[icap]\nlisten = \"\"\n",
    )
    .unwrap();
    let script = r#"
        set -eu
        ip link set lo up
        nft add table ip nat
        nft 'add chain ip nat output { type nat hook output priority -100; }'
        nft add rule ip nat output meta skuid 65534 tcp dport 8090 redirect to :3129
        "$1" demo --listen 127.0.0.1:8090 2>/dev/null & demo=$!
        "$1" serve 2>serve.log & serve=$!
        trap 'kill $demo $serve; wait' EXIT
        tries=0
        until grep -q "point browsers" serve.log; do
            tries=$((tries + 1)); [ $tries -lt 200 ]; sleep 0.1
        done
        as_nobody() { setpriv --reuid 65534 --clear-groups curl --silent --max-time 20 "$@"; }
        as_nobody http://127.0.0.1:8090/ordinary/letter.txt
        as_nobody --write-out '%{http_code}\n' --output /dev/null http://127.0.0.1:8090/stand-ins/form/c22-a-form-with-a-file
        as_nobody --write-out '%{http_code}\n' --output /dev/null -H 'Host: other.example:1' http://127.0.0.1:8090/ordinary/letter.txt
        # Nobody led this one there.
        curl --silent --max-time 20 http://127.0.0.1:3129/ || echo closed
    "#;
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_lazaret")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap_or_default();
    let expected = format!("{LETTER}403\n421\nclosed\n");
    assert_eq!(said, expected, "{}\n{log}", String::from_utf8_lossy(&output.stderr));
}
