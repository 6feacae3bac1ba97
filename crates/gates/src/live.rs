//! Drives a [`Transfer`]: has its windows inspected, keeps the record, and says what may go on.

use crate::budget::Share;
use crate::desk::Cargo;
use crate::exchange::text;
use crate::refusal::{Reason, Refusal};
use crate::spool::Spooled;
use crate::transfer::{Mode, Step, Transfer, border};
use crate::{Desk, Exchange};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use lazaret_model::ContentCoding;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a body that is passed on while it comes is looked at when nothing new comes.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// How long a body that is declared as a stream of text may turn out to be short, and one that may be anything.
const TEXT_TIME: Duration = Duration::from_millis(400);
/// How long film or sound gathers before it is looked at, and how often that is tried.
const MEDIA_TIME: Duration = Duration::from_millis(1_200);
const MEDIA_TRIES: u32 = 6;
/// Bytes of film or sound that are enough to tell what it is.
const LEAST_MEDIA: usize = 4 << 10;
/// Bytes that came before it was clear that a body has no end; one that is as fast is a file.
const MOST_BEFORE: usize = 4 << 20;
/// Bytes of text in [`TEXT_TIME`] from which on it is a file on its way.
const FAST: usize = 64 << 10;

/// What a body may be, by what its fields say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A stream of text, and declared as one.
    Stream,
    /// Text that is a stream when it comes slowly.
    Slow,
    Media,
    Pictures(Vec<u8>),
    Messages,
}

impl Form {
    /// What an answer with these fields may be; nothing of what is a file in any case.
    fn of(exchange: &Exchange, cargo: &Cargo, headers: &HeaderMap, announced: Option<u64>) -> Option<Self> {
        if cargo.attached || !matches!(&cargo.codings, Ok(codings) if codings.is_empty()) {
            return None;
        }
        let declared = cargo.origin.declared_type.as_deref().unwrap_or_default();
        // What a person's browser was led to is a page or a file, but for what it shows as it comes.
        if exchange.saves && !matches!(declared.split('/').next(), Some("audio" | "video" | "multipart")) {
            return None;
        }
        if declared.starts_with("application/grpc") && !declared.starts_with("application/grpc-web-text") {
            return Some(Self::Messages);
        }
        if announced.is_some() {
            return None;
        }
        if declared == "multipart/x-mixed-replace" {
            let field = headers.get(CONTENT_TYPE)?.to_str().ok()?;
            return border(field).map(Self::Pictures);
        }
        match declared {
            "text/event-stream"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-seq"
            | "application/stream+json" => Some(Self::Stream),
            "application/json" | "text/plain" => Some(Self::Slow),
            "application/ogg" => Some(Self::Media),
            _ if declared.starts_with("audio/") || declared.starts_with("video/") => Some(Self::Media),
            _ if declared.starts_with("application/") && declared.ends_with("+json") => Some(Self::Slow),
            _ => None,
        }
    }
}

/// What is done about a body that may be one without end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is passed on while it comes.
    Begin(Mode),
    /// That will be seen.
    Later,
    /// It is a file.
    Never,
}

/// Watches the beginning of a body, until it is clear whether it is one that is passed on while it comes.
pub(crate) struct Watch {
    form: Form,
    so_far: BytesMut,
    due: Option<Instant>,
    tries: u32,
}

impl Watch {
    /// Watches an answer with these fields, where it may be one.
    pub(crate) fn of(exchange: &Exchange, cargo: &Cargo, headers: &HeaderMap, announced: Option<u64>) -> Option<Self> {
        let form = Form::of(exchange, cargo, headers, announced)?;
        // Whoever waits for a stream of text sees that it has begun, though nothing was said in it yet.
        let due = (form == Form::Stream).then(|| Instant::now() + TEXT_TIME);
        Some(Self { form, so_far: BytesMut::new(), due, tries: 0 })
    }

    /// When it must be decided.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// These bytes came; false when they are too many for anything but a file.
    pub(crate) fn came(&mut self, data: &[u8]) -> bool {
        if self.so_far.len() + data.len() > MOST_BEFORE && self.form != Form::Messages {
            return false;
        }
        self.so_far.extend_from_slice(data);
        if self.due.is_none() {
            let wait = match self.form {
                Form::Stream | Form::Slow => TEXT_TIME,
                Form::Media => MEDIA_TIME,
                Form::Pictures(_) | Form::Messages => Duration::ZERO,
            };
            self.due = Some(Instant::now() + wait);
        }
        true
    }

    /// What to do, now that it is due.
    pub(crate) fn decide(&mut self, desk: &Desk, cargo: &Cargo) -> Due {
        self.tries += 1;
        match &self.form {
            Form::Stream => Due::Begin(Mode::Text),
            Form::Slow if self.so_far.len() > FAST => Due::Never,
            Form::Slow => Due::Begin(Mode::Text),
            Form::Pictures(border) => Due::Begin(Mode::Pictures(border.clone())),
            Form::Messages => Due::Begin(Mode::Messages),
            Form::Media if self.so_far.len() < LEAST_MEDIA && self.tries < MEDIA_TRIES => {
                self.due = Some(Instant::now() + TICK);
                Due::Later
            }
            Form::Media => match desk.is_station(cargo, &self.so_far) {
                Some(skip) => Due::Begin(Mode::Media(skip)),
                None => Due::Never,
            },
        }
    }

    /// What came so far.
    pub(crate) fn so_far(self) -> Bytes {
        self.so_far.freeze()
    }
}

/// Why nothing more goes on.
pub(crate) enum Gone {
    /// It is to be judged as a file; nothing of it went on.
    Leave,
    /// It may not pass, which is not recorded yet.
    Refused(Box<Refusal>),
}

/// A body that is passed on while it comes.
pub(crate) struct Live {
    desk: Arc<Desk>,
    exchange: Arc<Exchange>,
    cargo: Cargo,
    transfer: Transfer,
    /// How packed messages are packed.
    packing: Result<Vec<ContentCoding>, String>,
    memory: Share,
    began: Instant,
    admitted: bool,
}

impl Live {
    /// A body with these fields of which nothing came so far.
    pub(crate) fn new(
        desk: Arc<Desk>,
        exchange: Arc<Exchange>,
        mut cargo: Cargo,
        mode: Mode,
        headers: &HeaderMap,
    ) -> Self {
        if matches!(mode, Mode::Pictures(_)) {
            // Each is a picture under no name of its own.
            "picture".clone_into(&mut cargo.name);
            cargo.origin.declared_type = None;
        }
        let memory = desk.memory(&exchange);
        let packing = ContentCoding::parse_list(&text(headers, "grpc-encoding"));
        let (transfer, began) = (Transfer::new(mode), Instant::now());
        Self { desk, exchange, cargo, transfer, packing, memory, began, admitted: false }
    }

    /// Records a refusal, and says so for the log.
    pub(crate) async fn settle(&self, refusal: &Refusal) -> String {
        self.desk.settle(&self.exchange, refusal).await;
        format!("refused, reference {}", refusal.reference)
    }

    /// Takes what came and gives what may go on.
    ///
    /// # Errors
    /// Why nothing more may.
    pub(crate) async fn came(&mut self, data: &[u8]) -> Result<Bytes, Gone> {
        let needed = (self.transfer.len() + data.len() as u64).next_power_of_two();
        if needed > self.memory.bytes() && !self.memory.hold(needed, self.desk.settings().wait()).await {
            let why = "no memory left for it: bodies in transit use all that `bodies.memory_bytes` allows";
            return Err(self.refuse(Reason::Busy(why.to_owned())));
        }
        self.transfer.came(data);
        self.advance().await
    }

    /// Time went by.
    ///
    /// # Errors
    /// As [`Live::came`].
    pub(crate) async fn tick(&mut self) -> Result<Bytes, Gone> {
        // Whoever is silent is held as well from now on.
        if let Some(refusal) = self.desk.contains(&self.exchange, &self.cargo) {
            return Err(Gone::Refused(refusal));
        }
        self.advance().await
    }

    /// Nothing more comes; gives the rest of what may go on.
    ///
    /// # Errors
    /// As [`Live::came`].
    pub(crate) async fn end(&mut self) -> Result<Bytes, Gone> {
        self.transfer.end();
        let last = self.advance().await?;
        if self.transfer.is_over() {
            Ok(last)
        } else {
            Err(self.refuse(Reason::Failed("it ended prematurely".to_owned())))
        }
    }

    async fn advance(&mut self) -> Result<Bytes, Gone> {
        let mut out = BytesMut::new();
        loop {
            match self.transfer.step(self.began.elapsed()) {
                Step::Wait => return Ok(out.freeze()),
                Step::Pass(bytes) => out.extend_from_slice(&bytes),
                Step::Leave => return Err(Gone::Leave),
                Step::Reset(why) => return Err(self.refuse(Reason::Failed(format!("a stream was cut off: {why}")))),
                Step::Inspect { window, packed } => {
                    self.look(window, packed).await?;
                    out.extend_from_slice(&self.transfer.passed(self.began.elapsed()));
                }
            }
        }
    }

    /// Has a window inspected; the first that may pass is recorded before anything does.
    async fn look(&mut self, window: Bytes, packed: bool) -> Result<(), Gone> {
        let codings = match &self.packing {
            Ok(codings) if packed => codings.clone(),
            Err(coding) if packed => {
                let why = format!("messages are compressed with the unknown coding `{coding}`");
                return Err(self.refuse(Reason::Failed(why)));
            }
            _ => Vec::new(),
        };
        let body = Spooled::Memory(window);
        let looked = self.desk.look(&self.exchange, &self.cargo, &body, &codings).await;
        let report = looked.map_err(Gone::Refused)?;
        if !self.admitted {
            self.desk.admit(&self.exchange, &self.cargo, &report).await.map_err(Gone::Refused)?;
            self.admitted = true;
        }
        Ok(())
    }

    /// What is said of a body that has begun to be passed on and turns out to be something else.
    pub(crate) fn left(&self) -> Box<Refusal> {
        let why = Reason::Failed(
            "it is not what it was declared to be, and part of it was already passed \
            on"
            .to_owned(),
        );
        Box::new(self.desk.refuse(&self.exchange, &self.cargo, why))
    }

    fn refuse(&self, reason: Reason) -> Gone {
        Gone::Refused(Box::new(self.desk.refuse(&self.exchange, &self.cargo, reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue, Method, StatusCode};
    use lazaret_model::Gate;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn form(
        request: &[(&'static str, &'static str)],
        answer: &[(&'static str, &'static str)],
        len: Option<u64>,
    ) -> Option<Form> {
        let uri = "http://a.example/x".parse().unwrap();
        let exchange = Exchange::of(Gate::Proxy, None, Method::GET, uri, &headers(request));
        let answer = headers(answer);
        Form::of(&exchange, &Cargo::of(&exchange, StatusCode::OK, &answer), &answer, len)
    }

    #[test]
    fn what_may_have_no_end_is_told_by_its_fields() {
        let any = [("accept", "*/*")];
        let page = [("accept", "text/html,*/*")];
        let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "empty")];
        for (request, declared, length, expected) in [
            (&any[..], "text/event-stream", None, Some(Form::Stream)),
            (&any, "Application/X-NDJSON; charset=utf-8", None, Some(Form::Stream)),
            (&any, "application/json", None, Some(Form::Slow)),
            (&any, "application/problem+json", None, Some(Form::Slow)),
            (&any, "application/json", Some(5), None),
            (&any, "application/zip", None, None),
            (&any, "text/html", None, None),
            (&page, "text/plain", None, None),
            (&link, "text/event-stream", None, None),
            (&page, "audio/mpeg", None, Some(Form::Media)),
            (&any, "application/grpc+proto", Some(5), Some(Form::Messages)),
            (&any, "application/grpc-web-text", None, None),
            (&page, "application/grpc", None, None),
            (&any, "multipart/x-mixed-replace; boundary=\"--b\"", None, Some(Form::Pictures(b"--b".to_vec()))),
            (&any, "multipart/x-mixed-replace", None, None),
        ] {
            assert_eq!(form(request, &[("content-type", declared)], length), expected, "{declared}");
        }
        let stream = ("content-type", "text/event-stream");
        assert_eq!(form(&any, &[stream, ("content-encoding", "gzip")], None), None);
        assert_eq!(form(&any, &[stream, ("content-disposition", "attachment")], None), None);
    }
}
