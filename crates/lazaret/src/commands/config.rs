//! `lazaret config`: every key with its default; whether everything that a configuration names can be used.

use crate::cli::{Common, Config as Command, EngineOptions};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::{bypass, display, record, rooms, sources};
use lazaret_engine::Expected;
use lazaret_gates::{AuthorityFolder, Directory, Icap, Proxy, Sites};
use std::process::ExitCode;

pub(crate) fn run(common: &Common, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Defaults => super::print(config::defaults().as_bytes()),
        Command::Check => check(common),
    }
}

/// Looks at everything that `lazaret serve` would start with, without opening a gate or asking anybody.
fn check(common: &Common) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = crate::folder::named(common);
    let mut troubles = Vec::new();
    let mut note = |what: Result<(), Failure>| troubles.extend(what.err().map(|failure| failure.to_string()));
    let addresses = [
        ("proxy.listen", &config.proxy.listen),
        ("proxy.transparent", &config.proxy.transparent),
        ("icap.listen", &config.icap.listen),
        ("console.listen", &config.console.listen),
    ];
    for (key, address) in addresses.into_iter().filter(|(_, address)| !address.is_empty()) {
        let found = std::net::ToSocketAddrs::to_socket_addrs(address.as_str());
        note(found.map(drop).map_err(|error| Failure::new(format!("`{key}`: `{address}`: {error}"))));
    }
    note(Directory::new(&config.people).map(drop).map_err(Failure::from));
    note(crate::provider::of(&config, "http://localhost").map(drop));
    note(bypass::sets(&config.proxy.bypass_sets).map(drop));
    note(Proxy::check(&config.proxy).map_err(Failure::from));
    note(Icap::check(&config.icap).map_err(Failure::from));
    // The gates were asked, whether they are switched off or not.
    for room in rooms::all().iter().filter(|room| room.group() != rooms::GATES) {
        note(room.check(&rooms::settings_of(&**room, &config)).map_err(Failure::from));
    }
    // What is wrong with the settings of it is told by the proxy's.
    if let Ok(authorities) = AuthorityFolder::at(&data.join("authority"), &config.proxy) {
        note(authorities.list().map(drop).map_err(Failure::from));
    }
    note(Sites::open(&config.sites, &config.proxy, &data.join("lists")).map(drop).map_err(Failure::from));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let examined = runtime.block_on(record::examine(&config, &data, None));
    note(examined.map(drop).map_err(Failure::from));
    match sources::start_as(common, &EngineOptions::default(), config, None, Expected::Few) {
        // Each of them was told already.
        Ok(started) if started.troubles > 0 => troubles.push("the configuration has problems".to_owned()),
        Ok(_) => {}
        Err(failure) => troubles.push(failure.to_string()),
    }
    for trouble in &troubles {
        display::complain(trouble);
    }
    if troubles.is_empty() {
        println!("configuration OK");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(2))
}
