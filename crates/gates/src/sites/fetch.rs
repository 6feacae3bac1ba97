//! Where the texts of lists come from: files, and addresses that are asked whether anything is new (RFC 9110, 13.1).

use crate::fetch::follow;
use crate::proxy::{Asker, Upstream};
use http::StatusCode;
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes of a list.
const MOST_BYTES: usize = 256 << 20;
/// How long a fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(120);

/// What a look at the source brought.
pub(super) enum Fetched {
    /// Nothing new.
    Same,
    /// A text.
    New { text: String, at: SystemTime, validators: Validators },
}

/// By what a server recognises what it sent before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Validators {
    /// The address that sent it: another one is asked anew.
    source: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// Where the text of an address is kept, with its validators.
pub(super) struct Kept {
    text: PathBuf,
    validators: PathBuf,
}

impl Kept {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self { text: folder.join(name), validators: folder.join(format!("{name}.json")) }
    }

    /// The text that was kept, and when.
    pub(super) fn read(&self) -> Option<(String, SystemTime)> {
        let at = fs::metadata(&self.text).and_then(|meta| meta.modified()).ok()?;
        Some((String::from_utf8_lossy(&fs::read(&self.text).ok()?).into_owned(), at))
    }

    fn validators(&self, source: &str) -> Validators {
        let read = fs::read(&self.validators).ok().filter(|_| self.text.exists());
        let known: Option<Validators> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        known.filter(|known| known.source == source).unwrap_or_default()
    }

    /// Keeps a text.
    ///
    /// # Errors
    /// Why that was not possible.
    pub(super) fn write(&self, text: &str, validators: &Validators) -> Result<(), String> {
        let encoded = serde_json::to_vec(validators).map_err(|error| error.to_string())?;
        // Validators without their text would keep the text from ever being fetched.
        let _ = fs::remove_file(&self.validators);
        for (path, bytes) in [(&self.text, text.as_bytes()), (&self.validators, &encoded)] {
            let folder = path.parent().unwrap_or(Path::new("."));
            let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
                file.write_all(bytes)?;
                file.persist(path).map_err(|error| error.error)
            });
            written.map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// The text of a file, and when it was changed.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn file(path: &Path) -> Result<(String, SystemTime), String> {
    let told = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let meta = fs::metadata(path).map_err(told)?;
    if meta.len() > MOST_BYTES as u64 {
        return Err(format!("`{}` is larger than {MOST_BYTES} bytes", path.display()));
    }
    let bytes = fs::read(path).map_err(told)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), meta.modified().map_err(told)?))
}

/// The text of a file that was changed since.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn changed_file(path: &Path, known: Option<SystemTime>) -> Result<Fetched, String> {
    let changed = fs::metadata(path).and_then(|meta| meta.modified());
    let changed = changed.map_err(|error| format!("`{}`: {error}", path.display()))?;
    if known == Some(changed) {
        return Ok(Fetched::Same);
    }
    let (text, at) = file(path)?;
    Ok(Fetched::New { text, at, validators: Validators::default() })
}

/// The text at an address, if it is another than the one that is kept.
///
/// # Errors
/// Why it cannot be fetched.
pub(super) async fn address(upstream: &Upstream, asker: Asker, source: &str, kept: &Kept) -> Result<Fetched, String> {
    let known = kept.validators(source);
    let fetch = async {
        let (uri, answer) = follow(upstream, asker, source, |mut request| {
            if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(date) = &known.last_modified {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
            request
        })
        .await
        .map_err(|error| error.to_string())?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Same);
        }
        if answer.status() != StatusCode::OK {
            return Err(format!("`{uri}` responded with status {}", answer.status()));
        }
        let field = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, last_modified) = (field(ETAG), field(LAST_MODIFIED));
        let validators = Validators { source: source.to_owned(), etag, last_modified };
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|error| {
            let large = error.is::<LengthLimitError>();
            if large { format!("`{uri}` is larger than {MOST_BYTES} bytes") } else { format!("`{uri}`: {error}") }
        })?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Fetched::New { text, at: SystemTime::now(), validators })
    };
    tokio::time::timeout(FETCH_TIME, fetch).await.unwrap_or_else(|_| Err(format!("`{source}` did not respond in time")))
}
