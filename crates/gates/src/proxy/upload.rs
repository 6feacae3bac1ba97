//! What a client sends: gathered and inspected before the site gets any of it.

use super::body::{self, Body, next};
use super::{Proxy, answer};
use crate::Exchange;
use crate::desk::Cargo;
use crate::intake::Intake;
use crate::patient::pace;
use crate::refusal::{Refusal, Trouble};
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Incoming};
use lazaret_model::Direction;
use std::sync::Arc;
use std::time::Instant;

/// The body for the site.
pub(super) enum Sent {
    Body(Body),
    /// It may not go out.
    Refused(Box<Refusal>, Arc<Exchange>),
}

/// Takes in what a client sends with these headers.
///
/// # Errors
/// When the client does not send all of it.
pub(super) async fn inspected(
    proxy: &Arc<Proxy>,
    exchange: &Exchange,
    headers: &HeaderMap,
    mut body: Incoming,
) -> Result<Sent, Trouble> {
    let silence = proxy.settings.idle_time();
    if body.is_end_stream() || !proxy.settings.inspect_uploads || is_conversation(headers) {
        return Ok(Sent::Body(body::idle_bounded(body, silence)));
    }
    let exchange = Arc::new(Exchange { direction: Direction::Upload, ..exchange.clone() });
    let mut cargo = Cargo::upload(&exchange, headers);
    proxy.desk.know(&exchange, &mut cargo).await;
    let announced = body.size_hint().lower();
    let mut intake = match Intake::new(Arc::clone(&proxy.desk), Arc::clone(&exchange), cargo, announced) {
        Ok(intake) => intake,
        Err(refusal) => return Ok(Sent::Refused(refusal, exchange)),
    };
    let mut trailers = None;
    let (mut pace, mut began) = (pace(), Instant::now());
    while let Some(frame) = next(&mut body, silence).await {
        let waited = began.elapsed();
        let frame = frame.map_err(|_| Trouble::Request("the body of the request is incomplete"))?;
        match frame.into_data() {
            Ok(data) => {
                if !pace.came(waited, data.len() as u64) {
                    return Err(Trouble::Request("the body of the request arrives too slowly"));
                }
                if let Err(refusal) = intake.push(&data).await {
                    return Ok(Sent::Refused(refusal, exchange));
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        // What we take ourselves is not the client's.
        began = Instant::now();
    }
    Ok(match intake.judge().await {
        Ok(spooled) => Sent::Body(answer::stored(spooled, trailers)),
        Err(refusal) => Sent::Refused(refusal, exchange),
    })
}

/// Whether both sides talk at the same time, so that neither would wait for the end: gRPC.
fn is_conversation(headers: &HeaderMap) -> bool {
    crate::exchange::text(headers, "content-type").starts_with("application/grpc")
}
