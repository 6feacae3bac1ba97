//! Commands and their options.

mod incident;
mod library;

pub(crate) use incident::{By, Incident, OpenIncident, StateOption};
pub(crate) use library::{
    Act, CoverageOptions, Diff, Export, History, Import, LayerOptions, Library, Remove, Search, Show, Sync, Takes,
    Which, Who,
};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Open, inspect and judge downloads before people open them
#[derive(Debug, Parser)]
#[command(name = "lazaret", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Configuration file [default: ./lazaret.toml if it exists]
    #[arg(long, global = true, env = "LAZARET_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data folder, which also caches compiled rules [default: ./lazaret-data if it exists, otherwise the user's
    /// cache folder]
    #[arg(long, global = true, env = "LAZARET_DATA", value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan files: identify, unpack, judge and explain
    ///
    /// Exit status: 0 everything may be delivered, 1 something is held or blocked, 2 something could not be read or
    /// the arguments were invalid.
    Scan(Scan),
    /// Run the web proxy, the ICAP server and the console
    ///
    /// Works without configuration: the proxy listens on 127.0.0.1:3128, the ICAP server on 127.0.0.1:1344, the console on
    /// 127.0.0.1:8080, and all data is stored in `lazaret-data`.
    /// On SIGTERM or Ctrl-C, it finishes the downloads in progress and exits.
    Serve(Serve),
    /// Serve ordinary files and harmless stand-ins for malicious ones, to try out a gate (the proxy or the ICAP server)
    Demo(Demo),
    /// Back up all data to a new folder while `lazaret serve` keeps running
    ///
    /// Copies a consistent snapshot of the ledger, the quarantine, the certificate authority, the ledger's key, the
    /// configuration and the policies, rules and lists that it names; `manifest.json` lists a hash of each file.
    /// Back up a ledger in PostgreSQL with `pg_dump`. The backup contains private keys: protect it.
    Backup(Backup),
    /// Restore a backup to a data folder (`--data`)
    ///
    /// All hashes are verified before any file is put in place. The data folder must be new or empty and not in use.
    /// The backed-up configuration is placed next to it but not applied.
    Restore(Restore),
    /// Show and change the certificate authority that signs the web proxy's certificates for sites
    #[command(subcommand)]
    Authority(Authority),
    /// Show what is known about a site: lists, when it was first seen here, what was stopped
    ///
    /// Reads the ledger and the lists as last fetched; makes no network requests. Exit status: 0 not on a list of
    /// suspicious sites, 1 on such a list, 2 something could not be read or the arguments were invalid.
    Site(Site),
    /// Respond to a security incident: open it, contain it at every gate, see who was affected, export it
    ///
    /// Changes are written to the ledger; every `lazaret serve` that uses it applies them within a second.
    #[command(subcommand)]
    Incident(Incident),
    /// Check, test and explain policies
    #[command(subcommand)]
    Policy(Policy),
    /// Import, compare and search releases of ATT&CK
    ///
    /// What was imported is never modified: the exact bytes of every object are kept with their hashes, and every
    /// bundle can be reconstructed. The two formats in which ATT&CK is published, STIX 2.0 and 2.1, have separate
    /// histories.
    #[command(subcommand)]
    Library(Library),
    /// Test the workers' sandbox on this machine by attempting what must fail
    Doctor(Doctor),
    /// List the file types that are recognised
    Kinds(List),
    /// List the formats that can be opened
    Formats(List),
    /// List the detectors
    Detectors(List),
    /// Show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// More log output: -v logs every inspection, -vv logs everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Run only these rooms (parts of the server): proxy, icap (or both: gates), console, export, retention
    ///
    /// Rooms that are not named do not run: without `retention`, nothing old is deleted; without `export`, no events
    /// are sent to other systems. Another process that uses the same ledger can run them.
    #[arg(long, value_name = "ROOM,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) engine: EngineOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub(crate) listen: String,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to create; its parent folder must exist
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Include the ATT&CK library, which could also be imported again
    #[arg(long)]
    pub(crate) library: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A folder created by `lazaret backup`
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Authority {
    /// Show the current, the next and the previous authority
    Show {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Generate a key in the PKCS #11 token under the name set by `proxy.authority_key`
    ///
    /// The key never leaves the token. The next authority to be created will use it: the first one, created by
    /// `lazaret serve`, or the one created by `lazaret authority rotate`. An existing key in the token can be used
    /// as well.
    Generate {
        /// Type of key
        #[arg(long, value_enum, default_value = "p256")]
        kind: NewKey,
    },
    /// Create the next authority, or start using it
    ///
    /// The next authority signs nothing until it is in use, which leaves time to have clients trust it: the console
    /// offers both for download. It comes into use on the day in `proxy.authority_next_from`, with `--use`, or when
    /// the current one expires. A running `lazaret serve` applies each change within seconds.
    Rotate {
        /// Replace the current authority with the next one now; clients that do not trust it yet will refuse every site
        #[arg(long = "use")]
        in_use: bool,
    },
    /// Remove the next or the previous authority and its key
    Forget {
        /// Which one
        which: Forgotten,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NewKey {
    /// ECDSA on curve P-256
    P256,
    /// ECDSA on curve P-384
    P384,
    /// RSA, 3072 bits
    Rsa,
}

impl NewKey {
    /// The kind that gates know.
    pub(crate) fn of(self) -> lazaret_gates::KeyKind {
        match self {
            Self::P256 => lazaret_gates::KeyKind::P256,
            Self::P384 => lazaret_gates::KeyKind::P384,
            Self::Rsa => lazaret_gates::KeyKind::Rsa,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Forgotten {
    Next,
    Previous,
}

#[derive(Debug, Args)]
pub(crate) struct Site {
    /// A host name, an IP address or a URL
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Files and folders; `-` is standard input
    #[arg(value_name = "PATH", required_unless_present = "stdin")]
    pub(crate) paths: Vec<PathBuf>,
    /// Scan standard input
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Name for standard input
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) stdin_name: String,
    /// Scan subfolders
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Follow symbolic links in folders
    #[arg(long)]
    pub(crate) follow_links: bool,
    /// Print one JSON object per line and file (schema lazaret.scan/1)
    #[arg(long)]
    pub(crate) json: bool,
    /// Explain which policies decided, and what would change the decision
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show every part of every file, even of those delivered
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show only what is held or blocked
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A password to try on encrypted parts; may be given several times
    #[arg(short, long = "password", value_name = "PASSWORD")]
    pub(crate) passwords: Vec<String>,
    /// Files to analyse in parallel [default: number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// When to show a progress bar on a terminal: auto (for several files), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: Progress,
    #[command(flatten)]
    pub(crate) engine: EngineOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    Auto,
    Always,
    Never,
}

/// What the engine works with, on top of the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineOptions {
    /// File or folder of YARA rules; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// List of known-bad hashes (plain, CSV, MISP or abuse.ch export); may be given several times
    #[arg(long = "hashes", value_name = "FILE")]
    pub(crate) hashes: Vec<PathBuf>,
    /// Address of a running clamd: socket path or host:port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) clamd: Option<lazaret_engine::Clamd>,
    /// Policies to use instead of the built-in ones: a .cedar file or a folder of them; may be given several times
    #[arg(long = "policies", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Time limit for one file, in milliseconds
    #[arg(long, value_name = "MS")]
    pub(crate) time_limit: Option<u64>,
    /// What may share a sandboxed process, one after another: site (files of one scan; page resources from one site)
    /// or sample (nothing: each has its own process) [default: from the configuration]
    #[arg(long, value_name = "WHAT")]
    pub(crate) isolation: Option<IsolationOption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum IsolationOption {
    Site,
    Sample,
}

impl From<IsolationOption> for lazaret_engine::Isolation {
    fn from(option: IsolationOption) -> Self {
        match option {
            IsolationOption::Site => Self::Site,
            IsolationOption::Sample => Self::Sample,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Validate policies and list them
    Check {
        /// .cedar files or folders of them [default: the policies in force]
        paths: Vec<PathBuf>,
    },
    /// List the facts that policies can use: their types, when they become known, and what they mean
    Facts(List),
    /// Run test cases from a TOML file against policies
    Test {
        /// Test case files [default: the built-in cases]
        cases: Vec<PathBuf>,
        /// .cedar files or folders of them [default: the policies in force]
        #[arg(long = "policies", value_name = "PATH")]
        policies: Vec<PathBuf>,
    },
    /// Show which past events other policies would decide differently from those in force
    ///
    /// Each event is re-evaluated with the facts recorded at the time. Nothing is changed. Exit status: 0 no
    /// differences, 1 differences, 2 the comparison failed.
    Diff {
        /// The other policies: .cedar files or folders of them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Number of the newest events to re-evaluate
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        events: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Explain which policies decide on a sample, part by part, by which facts, and what would change the decision
    Explain {
        /// The sample
        sample: PathBuf,
        /// A password to try on encrypted parts; may be given several times
        #[arg(short, long = "password", value_name = "PASSWORD")]
        passwords: Vec<String>,
        #[command(flatten)]
        engine: EngineOptions,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every key with its default and its meaning
    Defaults,
    /// Check everything that `lazaret serve` needs to start: keys, addresses, rules, policies, lists, certificates
    /// and the ledger file
    ///
    /// Opens no ports and makes no network requests. A large ledger is read completely, which takes a while. Exit
    /// status: 0 no problems, 2 problems found.
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}
