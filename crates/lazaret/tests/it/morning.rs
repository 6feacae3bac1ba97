//! A morning at an office behind the proxy, with the browser that people have and with names that are no loopback: pages with the
//! libraries that pages are made of, a film, a station, news that stream, a large download. Nothing of it is stopped.

mod film;

use crate::gate::people::{Browser, Staff, administrator};
use crate::gate::{Served, Site, certificate_of, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where all sites are, in a network of the test's own. It is nobody's loopback, and nobody else's address there.
const ADDRESS: &str = "11.0.0.7";
/// Pieces of the large download, a megabyte each.
const LARGE: usize = 300;

/// A library, as `tools/libraries.txt` lists it.
struct Library {
    folder: String,
    files: Vec<String>,
    runs: String,
}

/// The libraries that `tools/libraries.sh` fetched: the first twenty, or as many as `LAZARET_TEST_LIBRARIES` says.
fn libraries() -> Vec<Library> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = std::fs::read_to_string(root.join("tools/libraries.txt")).unwrap();
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let all = lines.map(|line| {
        let (words, runs) = line.split_once(" :: ").unwrap();
        let mut words = words.split(' ');
        let package = words.next().unwrap().rsplit_once('@').unwrap().0;
        let folder = package.trim_start_matches('@').replace('/', "-");
        let files = words.map(|file| if file.starts_with('/') { file.to_owned() } else { format!("/{folder}/{file}") });
        Library { files: files.collect(), folder, runs: runs.to_owned() }
    });
    let most = std::env::var("LAZARET_TEST_LIBRARIES").ok().and_then(|most| most.parse().ok()).unwrap_or(20);
    all.take(most).filter(|library| shelf().join(&library.folder).is_dir()).collect()
}

fn shelf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/libraries")
}

/// A page that loads the library's files and tells in `told` whether it runs there, in `wrong` what did not come.
fn page(library: &Library) -> String {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>Shop</title><script>wrong = []; addEventListener('error', e => \
         wrong.push(e.target.src || e.target.href || e.message), true)</script>\n",
    );
    for file in &library.files {
        page += &match file.rsplit_once('.').unwrap().1 {
            "css" => format!("<link rel=stylesheet href={file}>\n"),
            "mjs" => format!("<script type=module src={file}></script>\n"),
            _ if file.contains(".module.") => format!("<script type=module src={file}></script>\n"),
            _ => format!("<script src={file}></script>\n"),
        };
    }
    let runs = &library.runs;
    page += &format!(
        "<body><h1>Welcome</h1><script type=module>try {{ window.told = ({runs}) ? 'runs' : 'does not run' }} \
         catch (e) {{ window.told = String(e) }}</script>\n"
    );
    page
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => "text/javascript",
        "css" => "text/css",
        "html" => "text/html",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// All sites: by the name that is asked for the page of a library, its files, and what else people look at.
fn furnish(site: &Site) {
    let pages: Vec<(String, String)> =
        libraries().iter().map(|library| (format!("{}.example", library.folder), page(library))).collect();
    site.on("*", move |head, stream| {
        let path = head.split_whitespace().nth(1).unwrap().split('?').next().unwrap();
        let name = head.lines().find_map(|line| line.to_lowercase().strip_prefix("host: ").map(str::to_owned)).unwrap();
        let own =
            pages.iter().find(|(host, _)| path == "/" && *host == name).map(|(_, page)| page.clone().into_bytes());
        let safe = !path.contains("..") && path.len() > 1;
        let body = own.or_else(|| std::fs::read(shelf().join(&path[1..])).ok().filter(|_| safe));
        let (status, kind) =
            if body.is_some() { ("200 OK", media_type(path)) } else { ("404 Not Found", "text/plain") };
        let kind = if path == "/" { "text/html; charset=utf-8" } else { kind };
        let body = body.unwrap_or_else(|| b"There is no such page.\n".to_vec());
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let _ = stream.write_all(&body);
    });
    let film = film::film(2 * 3_600);
    site.on("/film.webm", move |head, stream| {
        let asked = head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let (start, end) = asked.as_deref().and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
        let (start, last) = (start.parse().unwrap_or(0usize), film.len() - 1);
        let end = end.parse().unwrap_or(last).min(last);
        let status = if asked.is_some() { "206 Partial Content" } else { "200 OK" };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: video/webm\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\nETag: \"f\"\r\n",
            end + 1 - start,
        );
        if asked.is_some() {
            let _ = write!(stream, "Content-Range: bytes {start}-{end}/{}\r\n", film.len());
        }
        let _ = stream.write_all(b"Connection: close\r\n\r\n").and_then(|()| stream.write_all(&film[start..=end]));
    });
    site.on("/station.mp3", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n\r\n");
        // Four seconds, then a second each second, as long as somebody listens or the test lasts.
        let mut frame = vec![0xff, 0xfb, 0x90, 0x64];
        frame.resize(417, 0);
        let _ = stream.write_all(&frame.repeat(4 * 38));
        for _ in 0..120 {
            std::thread::sleep(Duration::from_secs(1));
            if stream.write_all(&frame.repeat(38)).is_err() || stream.flush().is_err() {
                return;
            }
        }
    });
    site.on("/news", |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
        for number in 0..100 {
            if write!(stream, "data: news {number}\n\n").is_err() || stream.flush().is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    site.on("/orders.csv", |_, stream| {
        let length = LARGE << 20;
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\nETag: \"o\"\r\n\
             Content-Disposition: attachment; filename=orders.csv\r\nConnection: close\r\n\r\n"
        );
        let piece = orders();
        for _ in 0..LARGE {
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
    });
    let look = "<!doctype html><title>News</title><video id=film src=/film.webm muted></video><audio id=station \
                src=/station.mp3></audio><script>heard = []; stream = new EventSource('/news'); stream.onmessage = \
                e => heard.push([e.data, performance.now()]); begun = performance.now()</script>";
    site.page("/look", "Content-Type: text/html\r\n", look);
}

/// A megabyte of a table.
fn orders() -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0.. {
        let line = format!("{number},Order of {} pencils,{}.50,EUR,sent\n", number % 97, number % 1_000);
        if lines.len() + line.len() >= 1 << 20 {
            break;
        }
        lines.extend_from_slice(line.as_bytes());
    }
    lines.resize(1 << 20, b'\n');
    lines
}

/// Runs this test again in a network and with a list of hosts of its own.
fn inside(hosts: &Path) {
    let script = format!(
        "ip link set lo up && ip address add {ADDRESS}/32 dev lo && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\""
    );
    let done = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", &script, "sh"])
        .arg(hosts)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "morning::nothing_that_people_do_all_day_is_stopped", "--nocapture"])
        .env("LAZARET_TEST_INSIDE", "1")
        .status()
        .expect("unshare runs; util-linux has it");
    assert!(done.success(), "inside: {done}");
}

fn run(browser: &Browser, script: &str) -> Value {
    browser.post("/execute/sync", &json!({ "script": script, "args": [] }))
}

/// Waits until an expression of the page is true.
#[track_caller]
fn true_on(browser: &Browser, expression: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while run(browser, &format!("return !!({expression})")) != json!(true) {
        let film = "let m = document.querySelector('#film'); return m && [m.currentTime, m.duration, m.error && m.error.message]";
        assert!(
            Instant::now() < end,
            "never true: {expression}; film: {}; the page says: {}",
            run(browser, film),
            browser.text()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nothing_that_people_do_all_day_is_stopped() {
    let libraries = libraries();
    assert!(libraries.len() >= 20, "`sh tools/libraries.sh` has not been run: {}", libraries.len());
    let mut names: Vec<String> = libraries.iter().map(|library| format!("{}.example", library.folder)).collect();
    names.push("news.example".to_owned());
    if std::env::var_os("LAZARET_TEST_INSIDE").is_none() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: a network of its own needs root");
            return;
        }
        let hosts = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(hosts.path(), format!("127.0.0.1 localhost\n{ADDRESS} {}\n", names.join(" "))).unwrap();
        return inside(hosts.path());
    }
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate_of(folder.path(), &names);
    let plain = Site::at(&format!("{ADDRESS}:80"), None);
    let secure = Site::at(&format!("{ADDRESS}:443"), Some(config));
    furnish(&plain);
    furnish(&secure);
    let served = Served::with(&format!("trust = [\"{}\"]\n[bodies]\ntime_ms = 120000\n", authority.display()));
    let staff = administrator(&served);
    install(&served.authority(), folder.path());
    let downloads = folder.path().join("downloads");
    std::fs::create_dir(&downloads).unwrap();
    let further = ["--disable-features=HttpsUpgrades", "--autoplay-policy=no-user-gesture-required"];
    let browser = Browser::at_home(&served, &downloads, Some(folder.path()), &further);
    let mut wrong = Vec::new();
    for scheme in ["https", "http"] {
        for library in &libraries {
            let url = format!("{scheme}://{}.example/", library.folder);
            let begun = Instant::now();
            browser.go(&url);
            let end = Instant::now() + Duration::from_secs(20);
            let told = loop {
                let told = run(&browser, "return window.told && [told, wrong.join(' ')]");
                if told.is_array() || Instant::now() > end {
                    break told;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            eprintln!("{url}: {told}, {} ms", begun.elapsed().as_millis());
            if told != json!(["runs", ""]) {
                let text: String = browser.text().chars().take(200).collect();
                wrong.push(format!("{url}: {told} {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * libraries.len(), wrong.join("\n"));
    for scheme in ["https", "http"] {
        look_and_listen(&browser, scheme);
    }
    download(&browser, &served, &downloads, &secure);
    nothing_was_stopped(&staff);
}

/// Installs the authority as docs/clients.md says for Chromium on Linux.
fn install(authority: &Path, home: &Path) {
    let store = home.join(".pki/nssdb");
    std::fs::create_dir_all(&store).unwrap();
    let store = format!("sql:{}", store.display());
    for arguments in
        [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "Lazaret", "-i", authority.to_str().unwrap()]]
    {
        let done = Command::new("certutil").args(["-d", &store]).args(arguments).status();
        assert!(done.expect("certutil runs; the test command installs it").success());
    }
}

/// A film, from its beginning and at its end; a station; news as they come.
fn look_and_listen(browser: &Browser, scheme: &str) {
    browser.go(&format!("{scheme}://news.example/look"));
    true_on(browser, "heard.length > 2");
    let first = run(browser, "return heard[0][1] - begun").as_f64().unwrap();
    assert!(first < 3_000.0, "{scheme}: the first news came after {first} ms");
    run(browser, "film.play(); station.play()");
    true_on(browser, "film.currentTime > 0.5 && film.duration > 7000");
    run(browser, "film.currentTime = 6900");
    true_on(browser, "film.currentTime > 6900.5 && !film.error");
    run(browser, "film.currentTime = 3000");
    true_on(browser, "film.currentTime > 3000.5 && !film.error");
    true_on(browser, "station.currentTime > 1 && !station.error");
    // News go on coming after all that, out of one answer.
    true_on(browser, "stream.readyState == 1 && heard.length > 10 && heard[10][0] == 'news 10'");
}

/// A large download in the browser, whole, and then the second half of it again.
fn download(browser: &Browser, served: &Served, downloads: &Path, site: &Site) {
    browser.go("https://news.example/orders.csv");
    let file = downloads.join("orders.csv");
    until("the download is whole", || std::fs::metadata(&file).is_ok_and(|file| file.len() == (LARGE << 20) as u64));
    let piece = orders();
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.chunks(1 << 20).all(|chunk| chunk == piece), "something else came");
    let before = site.asked().iter().filter(|head| head.contains("/orders.csv")).count();
    let half = (LARGE << 20) / 2 + 12_345;
    let rest =
        served.curl(&["--range", &format!("{half}-"), "-H", "If-Range: \"o\"", "https://news.example/orders.csv"]);
    assert!(rest.status == 206 && rest.body == bytes[half..], "{} {}", rest.status, rest.headers);
    let after = site.asked().iter().filter(|head| head.contains("/orders.csv")).count();
    assert_eq!(before, after, "it was fetched again");
}

/// Nobody was stopped, says the console.
fn nothing_was_stopped(staff: &Staff) {
    let stopped: Vec<String> = ["hold", "block"]
        .iter()
        .flat_map(|decision| {
            let page = staff.get(&format!("/events.csv?decision={decision}"));
            page.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(stopped.is_empty(), "{}", stopped.join("\n"));
    assert!(staff.get("/events.csv").lines().count() > 40, "nothing was seen");
}
