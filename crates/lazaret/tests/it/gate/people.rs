//! People at the console: with a browser, and without.

use super::Served;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Chromium, steered through WebDriver.
pub struct Browser {
    driver: Child,
    base: String,
    session: String,
}

impl Browser {
    pub fn start(served: &Served, downloads: &Path) -> Self {
        Self::at_home(served, downloads, None, &["--proxy-bypass-list=<-loopback>"])
    }

    /// The same with a home of its own, where certificates are kept, and further arguments.
    pub fn at_home(served: &Served, downloads: &Path, home: Option<&Path>, further: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        if let Some(home) = home {
            command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_CACHE_HOME", home);
        }
        let driver = command
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs; the test command installs it");
        let mut browser = Self { driver, base: format!("http://127.0.0.1:{port}"), session: String::new() };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "chromedriver does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let proxy = format!("--proxy-server=http://{}", served.proxy);
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1100,1400",
            "--accept-lang=en",
            &proxy,
        ];
        arguments.extend(further);
        let options = json!({
            "args": arguments,
            "prefs": { "download.default_directory": downloads, "download.prompt_for_download": false },
        });
        // Elements are waited for: a click may return before the page that it leads to is there.
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "timeouts": { "implicit": 10_000 },
        } } });
        let started = browser.call("POST", "/session", &asked);
        browser.session = format!("/session/{}", started["sessionId"].as_str().unwrap_or_else(|| panic!("{started}")));
        browser
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut command = Command::new("curl");
        command.args(["--silent", "--noproxy", "*", "--max-time", "60", "-X", method]);
        if method == "POST" {
            command.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
        }
        let output = command.arg(format!("{}{path}", self.base)).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        answer["value"].clone()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    pub fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub fn text(&self) -> String {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        self.post("/execute/sync", &script).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page says something: a click may return before what it leads to is there.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.text().contains(text) {
            assert!(Instant::now() < end, "no `{text}` on the page:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where the browser is.
    pub fn address(&self) -> String {
        self.call("GET", &format!("{}/url", self.session), &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    pub fn element(&self, css: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css }));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str).map(str::to_owned);
        id.unwrap_or_else(|| panic!("no `{css}` on the page: {found} {}", self.text()))
    }

    pub fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.element(css)), &json!({}));
    }

    pub fn fill(&self, css: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(css)), &json!({ "text": text }));
    }

    /// Keeps a picture of the page where somebody wants to look at it.
    pub fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("LAZARET_PICTURES") else { return };
        let shot = self.call("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let bytes = data_encoding::BASE64.decode(shot.as_str().unwrap_or_default().as_bytes()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            self.call("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Somebody who works with the console, without a browser.
pub struct Staff<'a> {
    pub served: &'a Served,
    pub jar: tempfile::NamedTempFile,
}

impl Staff<'_> {
    pub fn curl(&self, arguments: &[&str]) -> String {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "-b"])
            .arg(self.jar.path())
            .arg("-c")
            .arg(self.jar.path())
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.console)
    }

    pub fn get(&self, path: &str) -> String {
        if !path.starts_with("/api/v1/") {
            return self.curl(&[&self.url(path)]);
        }
        let answer = self.curl(&["-w", "\n%{http_code} %{content_type}", &self.url(path)]);
        let (text, end) = answer.rsplit_once('\n').unwrap();
        let (status, media_type) = end.split_once(' ').unwrap();
        crate::described::check("GET", path, status.parse().unwrap(), media_type, text);
        text.to_owned()
    }

    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> String {
        let fields: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments = vec!["-w", "%{http_code}"];
        for field in &fields {
            arguments.extend(["--data-urlencode", field]);
        }
        let url = self.url(path);
        arguments.push(&url);
        self.curl(&arguments)
    }

    /// Somebody else, or the same on another machine.
    pub fn another(&self) -> Self {
        Self { served: self.served, jar: tempfile::NamedTempFile::new().unwrap() }
    }

    /// Lets somebody in, and signs them in.
    pub fn colleague(&self, name: &str, role: &str) -> Self {
        let form = [("csrf", &*self.csrf()), ("name", name), ("password", "a long enough one"), ("role", role)];
        assert!(self.post("/users", &form).ends_with("303"));
        let colleague = self.another();
        let signed_in = colleague.post("/login", &[("name", name), ("password", "a long enough one")]);
        assert!(signed_in.ends_with("303"), "{signed_in}");
        colleague
    }

    /// The status of a page.
    pub fn status(&self, path: &str) -> u16 {
        let status = self.curl(&["-o", "/dev/null", "-w", "%{http_code}", &self.url(path)]);
        status.parse().unwrap()
    }

    /// The secret of their forms.
    pub fn csrf(&self) -> String {
        self.csrf_on("/")
    }

    /// The same, from a page that they may see.
    #[track_caller]
    pub fn csrf_on(&self, path: &str) -> String {
        let page = self.get(path);
        let secret = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        secret.unwrap_or_else(|| panic!("no form on {path}: {page}")).to_owned()
    }
}

/// Somebody signed in who set the console up.
pub fn administrator(served: &Served) -> Staff<'_> {
    let staff = Staff { served, jar: tempfile::NamedTempFile::new().unwrap() };
    let log = served.log();
    let token = log.split("/setup?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let form = |token: &str| {
        staff.post("/setup", &[("token", token), ("name", "anna"), ("password", "correct horse battery")])
    };
    assert!(form("0000").ends_with("403"), "anybody can become administrator");
    assert!(form(&token).ends_with("303"));
    assert!(form(&token).ends_with("403"), "the link works twice");
    staff
}
