//! Bodies that are passed on while they come, to a gateway: read, looked at, and sent; what may not pass ends the connection.

use super::session::finish;
use super::wire::{Fault, Piece, Reader, Writer};
use crate::live::{Gone, Live, TICK};
use crate::range::{Cut, Piece as Range};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval};

/// Sends it all, but for the first bytes that were sent already.
pub(super) async fn pass<R, W>(
    reader: &mut Reader<R>,
    writer: &mut Writer<W>,
    first: Bytes,
    mut live: Live,
    sent: u64,
) -> Result<(), Fault>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut cut = Cut::new(0, Range::all(u64::MAX).from(sent));
    writer.send_chunk(&cut.of(&first)).await?;
    let mut pace = interval(TICK);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (passed, trailers) = tokio::select! {
            piece = reader.piece() => match piece? {
                Piece::Data(data) => (live.came(&data).await, None),
                Piece::End { trailers, .. } => (live.end().await, Some(trailers)),
            },
            _ = pace.tick() => (live.tick().await, None),
        };
        let refusal = match passed {
            Ok(bytes) => {
                writer.send_chunk(&cut.of(&bytes)).await?;
                match trailers {
                    Some(trailers) => return finish(writer, &trailers).await,
                    None => continue,
                }
            }
            Err(Gone::Refused(refusal)) => refusal,
            Err(Gone::Leave) => live.left(),
        };
        return Err(Fault::Gone(live.settle(&refusal).await));
    }
}
