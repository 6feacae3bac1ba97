//! Small bodies where there are thousands of rules and millions of hashes: beside Lazaret without them, and beside clamd with
//! many signatures.

use crate::Options;
use crate::icap::{Asks, Load};
use crate::peers::CIcap;
use crate::scenes::{KB, Stage, by_turns, clients, remark};
use crate::table::{Aim, milliseconds, rate, row};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Rules that are loaded beside the built-in ones.
const RULES: usize = 8_000;
/// Signatures that clamd loads.
const SIGNATURES: usize = 10_000;
/// Clients at once.
const CLIENTS: usize = 8;

/// Runs the scene; `folder` is where rules and hashes are written.
///
/// # Errors
/// When something cannot be written or started, or an ordinary file does not pass; the text says which.
pub(crate) fn run(stage: &Stage<'_>, options: &Options, folder: &Path) -> Result<(), String> {
    let (rules, hashes) = (folder.join("many.yar"), folder.join("many.txt"));
    std::fs::write(&rules, many::rules(RULES)).map_err(|error| format!("`{}`: {error}", rules.display()))?;
    write_hashes(options.hashes, &hashes).map_err(|error| format!("`{}`: {error}", hashes.display()))?;
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let more = format!("[detect]\nrules = [{}]\nhash_lists = [{}]\n", quoted(&rules), quoted(&hashes));
    let (loaded, plain) = (stage.lazaret(&more)?, stage.lazaret("")?);
    let c_icap = CIcap::start(&many::signatures(SIGNATURES))?;
    for (name, asks) in [("10 KB of a page", Asks::Page), ("10 KB", Asks::Person)] {
        let sides = [(loaded.icap, "respmod"), (plain.icap, "respmod"), (c_icap.address, "avscan")];
        let [with, without, theirs] = sides.map(|(address, service)| {
            let load = Load::new(address, service, 10 * KB, asks)?;
            clients(CLIENTS, || load.client())
        });
        let [with, without, theirs] = by_turns([with?, without?, theirs?])?;
        let what = format!("RESPMOD {name}, {CLIENTS} at once, {RULES} rules and {} hashes", options.hashes);
        for (other, reference, aim) in [
            (&without, "Lazaret without them", Aim::AtLeast(0.8)),
            (&theirs, "c-icap, virus_scan, clamd with 10,000 signatures", Aim::None),
        ] {
            remark(&what, &with, other);
            let (own, others) = (with.rate(), other.rate());
            let reference = format!("{reference}: {}", rate(others));
            row(&format!("{what}: requests/s"), aim, &rate(own), &reference, own / others);
            for (share, label) in [(0.5, "p50"), (0.99, "p99")] {
                let (own, others) = (with.quantile(share), other.quantile(share));
                row(&format!("{what}: {label}"), Aim::None, &milliseconds(own), &milliseconds(others), own / others);
            }
        }
    }
    Ok(())
}

fn write_hashes(number: u64, path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    many::write_hashes(number, &mut out)?;
    out.flush()
}
