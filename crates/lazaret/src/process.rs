//! What `lazaret serve` asks of the system for its process: descriptors, and no more rights than it needs.

use crate::config::Config;
use lazaret_gates::{AuthorityFolder, AuthorityRole};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Descriptors that are enough for every connection that can be configured sensibly. What is inherited by children is not made
/// larger than that where a container's hard limit is a thousand times as high.
const ENOUGH: u64 = 1 << 20;
/// Fewer than that are too few for some hundred people.
const FEW: u64 = 4_096;
/// The first port that needs no rights (ip(7), `ip_unprivileged_port_start`).
const UNPRIVILEGED: u16 = 1_024;

/// Raises the soft limit of descriptors to the hard one, and says what came of it. Each connection through the proxy takes two.
pub(crate) fn raise_descriptors() {
    if let Some(limit) = raised(getrlimit(Resource::Nofile))
        && let Err(error) = setrlimit(Resource::Nofile, limit)
    {
        tracing::warn!(%error, "cannot raise the soft limit on file descriptors");
    }
    tracing::info!(descriptors = getrlimit(Resource::Nofile).current, "limit on open files and connections");
}

/// How the process itself stands: what is looked at, and what was found; an error where that is less than it could be.
pub(crate) fn standing(data: &Path, config: &Config) -> Vec<(&'static str, Result<String, String>)> {
    let user = rustix::process::geteuid();
    let as_user = if user.is_root() {
        Err("root, which is only needed for ports below 1024".to_owned())
    } else {
        Ok(format!("user {}", user.as_raw()))
    };
    let most = raised(getrlimit(Resource::Nofile)).unwrap_or(getrlimit(Resource::Nofile)).current;
    let descriptors = match most {
        Some(most) if most < FEW => Err(format!("at most {most}, enough for {} connections", most / 2)),
        Some(most) => Ok(format!("at most {most}")),
        None => Ok("unlimited".to_owned()),
    };
    let folder = match std::fs::metadata(data).map(|meta| meta.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => Ok(format!("private to its owner (mode {mode:o})")),
        Ok(mode) => Err(format!("readable by others (mode {mode:o})")),
        Err(_) => Ok("none yet".to_owned()),
    };
    let mut standing = vec![("runs as", as_user), ("open files", descriptors), ("data folder", folder)];
    match AuthorityFolder::at(&data.join("authority"), &config.proxy) {
        Ok(authorities) => {
            standing.extend(authority(&authorities).map(|found| ("authority", found)));
            standing.extend(authority_key(&authorities).map(|found| ("authority's key", found)));
        }
        Err(error) => standing.push(("authority", Err(crate::failure::told(&error)))),
    }
    standing
}

/// How the proxy's certificate authority stands, where there is one.
fn authority(authorities: &AuthorityFolder) -> Option<Result<String, String>> {
    let now = time::OffsetDateTime::now_utc();
    let list = match authorities.list() {
        Ok(list) => list,
        Err(error) => return Some(Err(crate::failure::told(&error))),
    };
    let present = list.iter().find(|found| found.role == AuthorityRole::Present)?;
    let (end, days) = (present.not_after.date(), present.days_left(now));
    Some(crate::authority::ending(&list, now).map_or_else(|| Ok(format!("valid until {end}, {days} days")), Err))
}

/// Whether the authority's key signs, where it is in a token.
fn authority_key(authorities: &AuthorityFolder) -> Option<Result<String, String>> {
    match authorities.probe() {
        Ok(probe) => probe.map(|probe| {
            let took = probe.took.as_secs_f64() * 1e3;
            Ok(format!("`{}` can sign ({}, {took:.0} ms)", crate::display::plain(&probe.key), probe.kind.name()))
        }),
        Err(error) => Some(Err(crate::failure::told(&error))),
    }
}

/// The limit to set; `None` when it is as it should be.
fn raised(limit: Rlimit) -> Option<Rlimit> {
    // No number stands for no limit.
    let most = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    let low = limit.current.is_some_and(|now| now < most);
    low.then_some(Rlimit { current: Some(most), maximum: limit.maximum })
}

/// Says so where this runs as root although nothing that is configured needs it.
pub(crate) fn warn_of_root(config: &Config) {
    if rustix::process::geteuid().is_root() && !needs_rights(config) {
        tracing::warn!(
            "running as root is unnecessary and would give an attacker the whole machine; packaging/lazaret.service uses a dedicated user"
        );
    }
}

/// Whether a port is configured that only root may listen on.
fn needs_rights(config: &Config) -> bool {
    let listen = [&config.proxy.listen, &config.proxy.transparent, &config.icap.listen, &config.console.listen];
    let port = |address: &str| address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    listen.into_iter().filter_map(|address| port(address)).any(|port| (1..UNPRIVILEGED).contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = |current, maximum| Rlimit { current, maximum };
        for (before, after) in [
            (limit(Some(1_024), Some(65_536)), Some(limit(Some(65_536), Some(65_536)))),
            (limit(Some(65_536), Some(65_536)), None),
            (limit(Some(1_024), Some(1 << 30)), Some(limit(Some(ENOUGH), Some(1 << 30)))),
            (limit(Some(1_024), None), Some(limit(Some(ENOUGH), None))),
            (limit(None, None), None),
            (limit(Some(1 << 30), Some(1 << 30)), None),
        ] {
            assert_eq!(raised(before), after, "{before:?}");
        }
    }

    #[test]
    fn a_data_folder_that_others_may_look_into_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |mode| {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let standing = standing(folder.path(), &Config::default());
            standing.into_iter().find(|(what, _)| *what == "data folder").unwrap().1
        };
        assert!(told(0o700).is_ok());
        assert!(told(0o750).unwrap_err().contains("mode 750"));
        assert!(
            standing(&folder.path().join("none"), &Config::default())
                .iter()
                .all(|(what, found)| *what != "data folder" || found.is_ok())
        );
    }

    #[test]
    fn only_a_port_below_1024_needs_rights() {
        let mut config = Config::default();
        assert!(!needs_rights(&config));
        config.console.listen = "127.0.0.1:0".to_owned();
        assert!(!needs_rights(&config));
        config.console.listen = "[::]:80".to_owned();
        assert!(needs_rights(&config));
    }
}
