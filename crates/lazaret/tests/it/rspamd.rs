//! rspamd, which has mail judged by our ICAP server.

use crate::documented::settings;
use crate::gate::{LETTER, Served, until};
use crate::icap::SCRIPT;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

struct Rspamd {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Rspamd {
    /// Starts it with the two files of docs/clients.md and nothing else that judges mail.
    fn start(icap: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let at = folder.path().display();
        // Its own list of public suffixes takes seconds to compile, and nothing here is looked up.
        std::fs::write(folder.path().join("suffixes"), "org\n").unwrap();
        let config = format!(
            "options {{\n  filters = \"\"; url_tld = \"{at}/suffixes\"; disable_hyperscan = true; task_timeout = 90s;\n  \
             cache_file = \"{at}/cache\"; hs_cache_dir = \"{at}\"; tempdir = \"{at}\"; pidfile = \"{at}/pid\";\n  \
             control_socket = \"{at}/control mode=0600\"; dns {{ nameserver = [\"127.0.0.1:1\"]; }}\n}}\n\
             logging {{ type = \"console\"; level = \"notice\"; }}\n\
             worker \"normal\" {{ bind_socket = \"{address}\"; count = 1; }}\n\
             modules {{ path = \"$PLUGINSDIR/external_services.lua\"; }}\n\
             modules {{ path = \"$PLUGINSDIR/force_actions.lua\"; }}\n\
             actions {{ reject = 15; }}\n\
             external_services {{\n{}\n}}\nforce_actions {{\n{}\n}}\n",
            settings("/etc/rspamd/local.d/external_services.conf").replace("127.0.0.1:1344", &icap.to_string()),
            settings("/etc/rspamd/local.d/force_actions.conf"),
        );
        let path = folder.path().join("rspamd.conf");
        std::fs::write(&path, config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new("rspamd")
            .args(["--no-fork", "--insecure", "--config"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("rspamd runs; the test command installs it");
        let mut rspamd = Self { process, address, folder };
        until("rspamd listens", || {
            let ended = rspamd.process.try_wait().unwrap();
            assert!(ended.is_none(), "rspamd does not start: {}", rspamd.log());
            TcpStream::connect(address).is_ok()
        });
        rspamd
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What it says about a mail, as a mail server asks it.
    fn check(&self, mail: &str) -> serde_json::Value {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST /checkv2 HTTP/1.0\r\nIP: 192.0.2.7\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{mail}",
            mail.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?} {}", self.log()));
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer:?} {}", self.log()))
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        // It ends its workers when it is told to end.
        let _ = Command::new("kill").args(["-s", "TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// A mail with a text and an attachment.
fn mail(name: &str, attachment: &str) -> String {
    format!(
        "From: Anna <anna@example.org>\r\nTo: Karl <karl@example.org>\r\nSubject: Monday\r\n\
         Date: Fri, 2 Jan 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"part\"\r\n\r\n\
         --part\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{LETTER}\r\n\
         --part\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{attachment}\r\n--part--\r\n"
    )
}

#[test]
fn rspamd_rejects_mail_that_is_stopped_and_defers_what_could_not_be_inspected() {
    let served = Served::with("");
    let rspamd = Rspamd::start(served.icap);
    let clean = mail("table.csv", "name,number\r\nAnna,1\r\nKarl,2\r\n");
    let said = rspamd.check(&clean);
    assert_eq!(said["action"], "no action", "{said} {}", rspamd.log());
    assert!(said["symbols"].as_object().is_some_and(|all| all.keys().all(|name| !name.contains("LAZARET"))), "{said}");
    // The name of an attachment is known, since the mail is handed over whole.
    let said = rspamd.check(&mail("invoice.pdf.vbs", SCRIPT));
    assert_eq!(said["action"], "reject", "{said} {}", rspamd.log());
    assert_eq!(said["symbols"]["LAZARET"]["options"][0], "masquerade.double-extension", "{said}");
    let message = said["messages"]["smtp_message"].as_str().unwrap_or_default();
    assert!(message.contains("masquerade.double-extension"), "{said}");
    assert!(served.log().contains("kind=eml"), "the whole mail was inspected: {}", served.log());
    // Nobody is there to ask.
    drop(served);
    let said = rspamd.check(&clean);
    assert_eq!(said["action"], "soft reject", "{said} {}", rspamd.log());
    assert!(said["symbols"].get("LAZARET_FAIL").is_some(), "{said}");
}
