//! The programs that are measured, each with a folder of its own, ended when the value is dropped.

use crate::site::Authority;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: c-icap and Squid have children of their own to end.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &Path, package: &str, arguments: &[&str]) -> Result<Running, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    started(command.spawn(), program, package).map(Running)
}

fn started<T>(result: std::io::Result<T>, program: &Path, package: &str) -> Result<T, String> {
    result.map_err(|error| {
        let program = program.display();
        format!("`{program}`: {error}; the package `{package}` has it, and `sh tools/servers.sh` installs it")
    })
}

fn written(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn folder() -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    // Squid gives up being root, and must still write here.
    let opened = fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777));
    opened.map_err(|error| format!("`{}`: {error}", folder.path().display()))?;
    Ok(folder)
}

fn free_port() -> Result<SocketAddr, String> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())
}

fn wait_for(what: &str, log: &Path, ready: impl Fn() -> bool) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    while !ready() {
        if Instant::now() > end {
            return Err(format!("{what} does not start: {}", fs::read_to_string(log).unwrap_or_default()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// `lazaret serve`.
pub(crate) struct Lazaret {
    process: Running,
    folder: tempfile::TempDir,
    pub(crate) proxy: SocketAddr,
    pub(crate) icap: SocketAddr,
}

impl Lazaret {
    /// Starts it with its defaults and these lines added to the configuration; `trusted` vouches for sites.
    pub(crate) fn start(executable: &Path, trusted: &Path, more: &str) -> Result<Self, String> {
        let folder = folder()?;
        let config = folder.path().join("lazaret.toml");
        let text = format!(
            "[proxy]\nlisten = \"127.0.0.1:0\"\ntrust = [{:?}]\n[icap]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"\"\n{more}",
            trusted.display().to_string()
        );
        written(&config, &text)?;
        let mut command = Command::new(executable);
        command.arg("serve").current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("LAZARET_CONFIG", &config).env("LAZARET_DATA", folder.path().join("data")).stderr(Stdio::piped());
        let mut process = Running(command.spawn().map_err(|error| format!("`{}`: {error}", executable.display()))?);
        let lines = BufReader::new(process.0.stderr.take().ok_or("no standard error")?);
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                // What was refused or failed here should not have been.
                if [" ERROR ", " WARN "].iter().any(|level| line.contains(level)) {
                    eprintln!("gate: lazaret says: {line}");
                }
                let _ = sender.send(line);
            }
        });
        let (mut proxy, mut icap) = (None, None);
        let mut heard = String::new();
        while proxy.is_none() || icap.is_none() {
            let line = said.recv_timeout(PATIENCE).map_err(|_| format!("lazaret does not start: {heard}"))?;
            let address = |before: &str, after: char| {
                line.split_once(before).and_then(|(_, rest)| rest.split(after).next()?.parse::<SocketAddr>().ok())
            };
            proxy = proxy.or(address("at the proxy ", ';'));
            icap = icap.or(address("gateways at icap://", '/'));
            heard += &line;
        }
        let (proxy, icap) = (proxy.ok_or("no proxy")?, icap.ok_or("no ICAP server")?);
        Ok(Self { process, folder, proxy, icap })
    }

    /// The certificate that its own are signed by.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("data/authority/ca.pem")
    }

    /// Bytes that it and its workers occupy, shared pages counted once (`Pss` of `smaps_rollup`, proc(5)).
    pub(crate) fn memory(&self) -> u64 {
        let mut waiting = vec![self.process.0.id()];
        let mut sum = 0;
        while let Some(id) = waiting.pop() {
            let own = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = own.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
            sum += line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024;
            for thread in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
        }
        sum
    }
}

/// c-icap with virus_scan, and the clamd that it asks, with one signature and perhaps more.
pub(crate) struct CIcap {
    _server: Running,
    _clamd: Running,
    _folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl CIcap {
    /// `more` are further signatures, in ClamAV's extended form.
    pub(crate) fn start(more: &str) -> Result<Self, String> {
        let folder = folder()?;
        let at = folder.path().display();
        for name in ["signatures", "temporary"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        // EICAR, as `sigtool --md5` writes it.
        let signature = "44d88612fea8a8f36de82e1278abb02f:68:Test-EICAR\n";
        written(&folder.path().join("signatures/test.hdb"), signature)?;
        if !more.is_empty() {
            written(&folder.path().join("signatures/more.ndb"), more)?;
        }
        // What is larger than its limits would be passed unread.
        let config = format!(
            "LocalSocket {at}/clamd.socket\nDatabaseDirectory {at}/signatures\nTemporaryDirectory {at}/temporary\n\
             Foreground yes\nLogFile {at}/clamd.log\nMaxFileSize 1000M\nMaxScanSize 1000M\nStreamMaxLength 1000M\nMaxScanTime 0\n"
        );
        let path = folder.path().join("clamd.conf");
        written(&path, &config)?;
        let config_argument = format!("--config-file={}", path.display());
        let clamd = run(Path::new("/usr/sbin/clamd"), "clamav-daemon", &[&config_argument])?;
        wait_for("clamd", &folder.path().join("clamd.log"), || folder.path().join("clamd.socket").exists())?;
        let modules = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path().join("c_icap"));
        let modules = modules.into_iter().find(|folder| folder.join("virus_scan.so").exists());
        let modules = modules.ok_or("there is no `virus_scan.so`; the package `libc-icap-mod-virus-scan` has it, and `sh tools/servers.sh` installs it")?;
        let address = free_port()?;
        let modules = modules.display();
        // As Debian has it, but for: no limit of 5 MB, no trickling after 2 MB, connections kept as long as clients want.
        let config = format!(
            "PidFile {at}/c-icap.pid\nCommandsSocket {at}/c-icap.ctl\nPort {address}\nMaxKeepAliveRequests -1\nTmpDir {at}/temporary\n\
             ModulesDir {modules}\nServicesDir {modules}\nTemplateDir /usr/share/c_icap/templates/\n\
             LoadMagicFile /etc/c-icap/c-icap.magic\nServerLog {at}/server.log\nAccessLog /dev/null\n\
             Module common clamd_mod.so\nclamd_mod.ClamdSocket {at}/clamd.socket\n\
             Service antivirus_module virus_scan.so\n\
             ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n\
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\n\
             virus_scan.MaxObjectSize 1000M\nvirus_scan.DefaultEngine clamd\n"
        );
        let path = folder.path().join("c-icap.conf");
        written(&path, &config)?;
        let server = run(Path::new("/usr/bin/c-icap"), "c-icap", &["-N", "-f", &path.display().to_string()])?;
        wait_for("c-icap", &folder.path().join("server.log"), || TcpStream::connect(address).is_ok())?;
        // Its processes agree with clamd about the ISTag first.
        std::thread::sleep(Duration::from_secs(2));
        Ok(Self { _server: server, _clamd: clamd, _folder: folder, address })
    }
}

/// Squid with ssl-bump, inspecting nothing, caching nothing.
pub(crate) struct Squid {
    _process: Running,
    _folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Squid {
    pub(crate) fn start(authority: &Authority) -> Result<Self, String> {
        let folder = folder()?;
        let path = folder.path();
        for (from, to) in [(&authority.both, "ca.pem"), (&authority.certificate, "trusted.pem")] {
            fs::copy(from, path.join(to)).map_err(|error| format!("`{}`: {error}", from.display()))?;
        }
        let helper = Path::new("/usr/lib/squid/security_file_certgen");
        let certificates = path.join("certificates");
        let made = Command::new(helper).arg("-c").arg("-s").arg(&certificates).args(["-M", "4MB"]).output();
        let made = started(made, helper, "squid-openssl")?;
        if !made.status.success() {
            return Err(format!("`{}`: {}", helper.display(), String::from_utf8_lossy(&made.stderr)));
        }
        let opened = Command::new("chmod").args(["-R", "a+rwX"]).arg(&certificates).status();
        opened.map_err(|error| format!("`chmod`: {error}"))?;
        let address = free_port()?;
        let (port, at) = (address.port(), path.display());
        let config = format!(
            "http_port 127.0.0.1:{port} ssl-bump tls-cert={at}/ca.pem generate-host-certificates=on\n\
             sslcrtd_program {} -s {at}/certificates -M 4MB\n\
             acl first at_step SslBump1\nssl_bump peek first\nssl_bump bump all\n\
             tls_outgoing_options cafile={at}/trusted.pem\n\
             http_access allow all\ncache deny all\nshutdown_lifetime 1 seconds\npinger_enable off\nnetdb_filename none\n\
             pid_filename {at}/pid\naccess_log none\ncache_log {at}/cache.log\ncoredump_dir {at}\n",
            helper.display()
        );
        written(&path.join("squid.conf"), &config)?;
        let process = run(
            Path::new("/usr/sbin/squid"),
            "squid-openssl",
            &["-N", "-f", &path.join("squid.conf").display().to_string()],
        )?;
        wait_for("Squid", &path.join("cache.log"), || TcpStream::connect(address).is_ok())?;
        Ok(Self { _process: process, _folder: folder, address })
    }
}
