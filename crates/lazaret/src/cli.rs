//! Commands and their options.

mod incident;
mod library;

pub(crate) use incident::{ActOption, By, Incident, OpenIncident, StateOption};
pub(crate) use library::{
    Act, CoverageOptions, Diff, Export, History, Import, LayerOptions, Library, Remove, Search, Show, Sync, Takes,
    Which, Who,
};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Opens, inspects and judges what people download, before they open it
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
    /// Configuration file [default: ./lazaret.toml where it exists]
    #[arg(long, global = true, env = "LAZARET_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data folder; compiled rules are kept in it [default: ./lazaret-data where it exists, else the user's cache folder]
    #[arg(long, global = true, env = "LAZARET_DATA", value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what files truly are, open them, judge them, and explain
    ///
    /// Exit status: 0 everything may be delivered, 1 something is held or blocked, 2 something could not be read or
    /// the call was wrong.
    Scan(Scan),
    /// Stand between people and what they download: the web proxy, the ICAP server and the console
    ///
    /// Works without configuration: the proxy listens on 127.0.0.1:3128, the ICAP server on 127.0.0.1:1344, the console on
    /// 127.0.0.1:8080, and everything is kept in `lazaret-data`.
    /// Ends when it is told to (SIGTERM, Ctrl-C) and the downloads under way are done.
    Serve(Serve),
    /// Serve harmless stand-ins and ordinary files, to try a gate with
    Demo(Demo),
    /// Copy everything that is kept into a new folder, while `lazaret serve` goes on
    ///
    /// The ledger is copied as it is at one moment, with the quarantine, the authority, the ledger's key, the configuration and
    /// the policies, rules and lists that it names; `manifest.json` has a hash of each file. A ledger in PostgreSQL is left to
    /// `pg_dump`. Whoever has the backup has the keys in it.
    Backup(Backup),
    /// Make a data folder (`--data`) out of a backup
    ///
    /// Everything is compared with its hash before anything has its name. The data folder must be new or empty, and no process
    /// may use it. Settings are put beside it and not used.
    Restore(Restore),
    /// Show and change the certificate authority that the web proxy speaks for sites with
    #[command(subcommand)]
    Authority(Authority),
    /// Say what is known about a site: lists, when it was first seen here, what came from it
    ///
    /// Reads the ledger and the lists as they were last fetched; asks nobody. Exit status: 0 on no list of suspicious
    /// sites, 1 on one, 2 something could not be read or the call was wrong.
    Site(Site),
    /// Respond to a security incident: open it, keep things back at every gate, see who met them, take it along
    ///
    /// It changes the ledger; every `lazaret serve` that uses it follows within a second.
    #[command(subcommand)]
    Incident(Incident),
    /// Check, test and explain policies
    #[command(subcommand)]
    Policy(Policy),
    /// Keep, compare and search every release of ATT&CK
    ///
    /// What was imported is never changed: every object's exact bytes stay, with their hashes, and every bundle can be put
    /// together again. The two forms in which ATT&CK is published, STIX 2.0 and 2.1, never mix in one history.
    #[command(subcommand)]
    Library(Library),
    /// Show what protects the workers here, by trying what must not succeed
    Doctor(Doctor),
    /// List the kinds of file that are told apart
    Kinds(List),
    /// List the formats that are opened
    Formats(List),
    /// List the detectors
    Detectors(List),
    /// Show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Say more: -v every inspection, -vv everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Run these rooms and no others: proxy, icap (both: gates), console, export, retention
    ///
    /// What is not named does not run: without `retention` nothing is forgotten, without `export` other systems are told nothing. Another
    /// process at the same ledger can do it.
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
    /// The folder to make; its own folder must be there
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The ATT&CK library as well, which can be imported again instead
    #[arg(long)]
    pub(crate) library: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A folder that `lazaret backup` made
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Authority {
    /// Show the present, the next and the previous authority
    Show {
        /// A JSON array
        #[arg(long)]
        json: bool,
    },
    /// Make a key in the PKCS #11 token, as `proxy.authority_key` names it
    ///
    /// It never leaves the token. The authority that is made next has it: the first one, which `lazaret serve` makes, or what
    /// `lazaret authority rotate` makes. A key that is there already can be used as well.
    Generate {
        /// What kind of key
        #[arg(long, value_enum, default_value = "p256")]
        kind: NewKey,
    },
    /// Make the next authority, or put it in use
    ///
    /// The next one vouches for no site until it is used, so that clients can be told to trust it in time: the console offers both for
    /// download. It is used from the day in `proxy.authority_next_from`, with `--use`, or when the present one has ended. A running
    /// `lazaret serve` takes up each change within seconds.
    Rotate {
        /// Put the next authority in the place of the present one now; clients that do not trust it yet refuse every site
        #[arg(long = "use")]
        in_use: bool,
    },
    /// Remove the next or the previous authority with its key
    Forget {
        /// Which one
        which: Forgotten,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NewKey {
    /// ECDSA with the curve P-256
    P256,
    /// ECDSA with the curve P-384
    P384,
    /// RSA with 3072 bits
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
    /// A host name, an IP address, or the address of a file
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
    /// One JSON object
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
    /// What standard input is called
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) stdin_name: String,
    /// Enter folders within folders
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Follow symbolic links within folders
    #[arg(long)]
    pub(crate) follow_links: bool,
    /// One JSON object a line per file (schema lazaret.scan/1)
    #[arg(long)]
    pub(crate) json: bool,
    /// Say what decided, and what would change it
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show every part of every file, also of those that are delivered
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show only what is held or blocked
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A password to try on locked parts; may be given several times
    #[arg(short, long = "password", value_name = "PASSWORD")]
    pub(crate) passwords: Vec<String>,
    /// Files analysed at once [default: processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Show a progress bar on a terminal: auto (for several files), always, never
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
    /// YARA rules: a file or a folder; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// A list of known-bad hashes (plain, CSV, MISP or abuse.ch export); may be given several times
    #[arg(long = "hashes", value_name = "FILE")]
    pub(crate) hashes: Vec<PathBuf>,
    /// A running clamd: path of its socket or host:port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) clamd: Option<lazaret_engine::Clamd>,
    /// Policies instead of the built-in ones: a .cedar file or a folder of them; may be given several times
    #[arg(long = "policies", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Wall-clock limit for one file, in milliseconds
    #[arg(long, value_name = "MS")]
    pub(crate) time_limit: Option<u64>,
    /// What may share a sandboxed process, one file after the other: site (files of one scan; pieces of pages from one site),
    /// sample (nothing: a process each) [default: the configuration's]
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
        /// .cedar files or folders of them [default: those in force]
        paths: Vec<PathBuf>,
    },
    /// List the facts that policies can ask for: their types, from when on they are known, what they mean
    Facts(List),
    /// Run the cases of a TOML file against policies
    Test {
        /// Files of cases [default: the built-in cases]
        cases: Vec<PathBuf>,
        /// .cedar files or folders of them [default: those in force]
        #[arg(long = "policies", value_name = "PATH")]
        policies: Vec<PathBuf>,
    },
    /// Say which events of the ledger other policies would have decided otherwise than those in force
    ///
    /// Each is tried by what it was judged by then. Nothing is changed. Exit status: 0 none, 1 some, 2 it could not be tried.
    Diff {
        /// The other policies: .cedar files or folders of them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How many of the newest events are tried
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        events: i64,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say which policies decide on a sample, part by part, by which facts, and what would change it
    Explain {
        /// The sample
        sample: PathBuf,
        /// A password to try on locked parts; may be given several times
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
    /// Look at everything that `lazaret serve` would start with: keys, addresses, rules, policies, lists, certificates, the
    /// ledger's file
    ///
    /// Opens no gate and asks nobody; a large ledger is read to its end, which takes its time. Exit status: 0 everything is right, 2 something is not.
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// A JSON array
    #[arg(long)]
    pub(crate) json: bool,
}
