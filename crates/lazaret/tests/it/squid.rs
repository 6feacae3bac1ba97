//! Squid, opening TLS and asking our ICAP server about everything.

use crate::documented::settings;
use crate::gate::{PATIENT, Served, Site, certificate};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SCRIPT: &str = "Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\nWScript.Quit\r\n";

struct Squid {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Squid {
    /// Starts it with the authority of `served` for its own certificates, trusting `trusted`.
    fn start(served: &Served, trusted: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        // Squid gives up being root, and must still write here.
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let authority = served.authority();
        let both = [std::fs::read(&authority).unwrap(), std::fs::read(authority.with_file_name("ca.key")).unwrap()];
        std::fs::write(path.join("ca.pem"), both.concat()).unwrap();
        std::fs::copy(trusted, path.join("trusted.pem")).unwrap();
        let certificates = path.join("certificates");
        let made = Command::new("/usr/lib/squid/security_file_certgen")
            .arg("-c")
            .arg("-s")
            .arg(&certificates)
            .args(["-M", "4MB"])
            .output()
            .expect("Squid is installed");
        assert!(made.status.success(), "{made:?}");
        let opened = Command::new("chmod").args(["-R", "a+rwX"]).arg(&certificates).status().unwrap();
        assert!(opened.success());
        let (port, at) = (address.port(), path.display());
        let ask = settings("/etc/squid/conf.d/lazaret.conf").replace("127.0.0.1:1344", &served.icap.to_string());
        let config = format!(
            "http_port 127.0.0.1:{port} ssl-bump tls-cert={at}/ca.pem generate-host-certificates=on\n\
             sslcrtd_program /usr/lib/squid/security_file_certgen -s {at}/certificates -M 4MB\n\
             acl first at_step SslBump1\nssl_bump peek first\nssl_bump bump all\n\
             tls_outgoing_options cafile={at}/trusted.pem\n\
             {ask}\n\
             http_access allow all\ncache deny all\nshutdown_lifetime 1 seconds\npinger_enable off\nnetdb_filename none\n\
             pid_filename {at}/pid\naccess_log none\ncache_log {at}/cache.log\ncoredump_dir {at}\n"
        );
        std::fs::write(path.join("squid.conf"), config).unwrap();
        let process = Command::new("/usr/sbin/squid")
            .args(["-N", "-f"])
            .arg(path.join("squid.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Squid runs; the test command installs it");
        let mut squid = Self { process, address, folder };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            let ended = squid.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "Squid does not start: {}", squid.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        squid
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("cache.log")).unwrap_or_default()
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A ZIP archive with one stored member, written by hand so that its size is exact.
fn zip(name: &str, bytes: &[u8], filler: usize) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("notes.txt", stored).unwrap();
    writer.write_all("The meeting is on Monday, as always.\n".repeat(filler / 37).as_bytes()).unwrap();
    writer.start_file(name, stored).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn squid_stops_what_the_proxy_stops_and_passes_what_it_passes() {
    let served = Served::with(PATIENT);
    let folder = tempfile::tempdir().unwrap();
    let (config, trusted) = certificate(folder.path(), "localhost");
    let squid = Squid::start(&served, &trusted);
    let curl = |arguments: &[&str]| served.curl_through(squid.address, arguments);
    // Over TLS, and through an upload.
    let secure = Site::secure(Arc::clone(&config));
    secure.page("/letter.txt", "", "Dear customer,\n");
    secure.page("/run.vbs", "", SCRIPT);
    let base = format!("https://localhost:{}", secure.address.port());
    let letter = curl(&[&format!("{base}/letter.txt")]);
    assert_eq!((letter.status, letter.text().as_str()), (200, "Dear customer,\n"), "{letter:?} {}", squid.log());
    let script = curl(&["-H", "Accept: text/html", &format!("{base}/run.vbs")]);
    assert!(script.status == 403 && script.text().contains("<html"), "{script:?}");
    // Small and large: Squid keeps at most 64 KiB for a second try, and waits for ever for whoever waits longer.
    let site = Site::plain();
    for filler in [1_000, 50_000, 65_000, 66_000, 100_000, 3_000_000] {
        let (good, bad) = (zip("letter.txt", b"Dear customer,\n", filler), zip("run.vbs", SCRIPT.as_bytes(), filler));
        site.page("/good.zip", "", good.clone());
        site.page("/bad.zip", "", bad);
        let fetched = curl(&[&site.url("/good.zip")]);
        assert!(
            fetched.status == 200 && fetched.body == good,
            "{filler}: {} {} {}",
            fetched.status,
            fetched.complaint,
            served.log()
        );
        let fetched = curl(&[&site.url("/bad.zip")]);
        let failed = fetched.exit == 18 && fetched.body.len() < 100;
        assert!(fetched.status == 403 || failed, "{filler}: {} {}", fetched.status, fetched.complaint);
    }
    crate::gate::every_vector(&served, squid.address);
}
