//! The provider through whom people may sign in, as the configuration names it, asked over the proxy's connections.

use crate::config::Config;
use crate::failure::{Failure, told};
use lazaret_console::PROVIDER_CALLBACK;
use lazaret_gates::Client;
use lazaret_identity::{Fetch, FetchError, Pending, Provider};
use std::fs;

/// Asks the provider.
struct Line(Client);

impl Fetch for Line {
    fn get<'a>(&'a self, address: &'a str) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            match self.0.get(address).await {
                Ok((200, body)) => Ok(body),
                Ok((status, _)) => Err(FetchError(format!("`{address}` responded with status {status}"))),
                Err(error) => Err(FetchError(format!("`{address}`: {}", told(&error)))),
            }
        })
    }

    fn post<'a>(
        &'a self,
        address: &'a str,
        authorization: Option<String>,
        form: String,
    ) -> Pending<'a, (u16, Vec<u8>)> {
        Box::pin(async move {
            let asked = self.0.post_form(address, authorization.as_deref(), form).await;
            asked.map_err(|error| FetchError(format!("`{address}`: {}", told(&error))))
        })
    }
}

/// The provider of a configuration, for the console at an address; none where none is named. It is not asked anything yet.
///
/// # Errors
/// When a setting cannot be used.
pub(crate) fn of(config: &Config, console: &str) -> Result<Option<Provider>, Failure> {
    let settings = &config.identity.oidc;
    if !settings.is_set() {
        return Ok(None);
    }
    let path = &settings.client_secret_file;
    let secret = if path.as_os_str().is_empty() {
        None
    } else {
        let text = fs::read_to_string(path).map_err(|error| Failure::path(path, error))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::path(path, "`identity.oidc.client_secret_file`: the file contains no secret"));
        }
        Some(text.to_owned())
    };
    let line = Line(Client::new(&config.proxy)?);
    Ok(Some(Provider::new(settings.clone(), secret, format!("{console}{PROVIDER_CALLBACK}"), Box::new(line))?))
}
