//! Puts of the contract become rows of the machine here, once: what is impossible in itself is
//! refused with a sentence, so that nothing behind this file looks at it again. What only a table
//! can know (does the stream exist, is the SSRC taken) is not asked here.

mod data;
mod media;
mod transport;

use datapath_core::Time;
use datapath_core::data::SendTo;
use datapath_core::rows as core;

use super::proto::{self, row::Kind};
use super::{Reason, Refusal};

/// Most bytes of a note or a memo's value. A higher value makes a `Dump`, and with it a restart of
/// the control plane, slower.
const MAX_NOTE_BYTES: usize = 64 << 10;
/// RFC 5888 and RFC 8851 set no bound on these tokens; an RTP header extension element does.
const MAX_TOKEN_BYTES: usize = 255;
/// What a put asks for.
pub(crate) enum Put {
    /// A row that carries packets.
    Machine(core::Row),
    /// A note and nothing else.
    Memo,
}

/// Why a field is impossible; the row's id is added by `parse`.
type Fault = (Reason, &'static str);

/// Makes of a put what it asks for, or says what is wrong with it.
pub(crate) fn parse(row: &proto::Row) -> Result<Put, Refusal> {
    let parsed = match row.kind.as_ref() {
        Some(Kind::Transport(value)) => {
            transport::transport(row.worker, value).map(core::RowKind::Transport)
        }
        Some(Kind::Stream(value)) => media::stream(value).map(core::RowKind::Stream),
        Some(Kind::Leg(value)) => media::leg(value).map(core::RowKind::Leg),
        Some(Kind::DataChannel(value)) => data::channel(value).map(core::RowKind::DataChannel),
        Some(Kind::Memo(value)) => {
            return memo(value).map_err(|(reason, detail)| Refusal::row(row.id, reason, detail));
        }
        Some(Kind::Listener(_)) => {
            Err((Reason::Unsupported, "listeners come from the command line and cannot be put"))
        }
        Some(Kind::Allocation(_) | Kind::Permission(_) | Kind::Channel(_) | Kind::Link(_)) => {
            Err((Reason::Unsupported, "rows of this kind are not in this datapath's capabilities"))
        }
        None => Err((Reason::Unsupported, "the row is of no kind that this datapath knows")),
    };
    match parsed {
        Ok(kind) => Ok(Put::Machine(core::Row { id: row.id, kind })),
        Err((reason, detail)) => Err(Refusal::row(row.id, reason, detail)),
    }
}

/// To whom a Send goes, or what is wrong with it.
pub(crate) fn destination(send: &proto::Send) -> Result<SendTo, Refusal> {
    data::destination(send).map_err(|(reason, detail)| Refusal::row(send.row, reason, detail))
}

fn memo(memo: &proto::Memo) -> Result<Put, Fault> {
    note(&memo.value)?;
    note(memo.scope.as_bytes())?;
    note(memo.key.as_bytes())?;
    Ok(Put::Memo)
}

fn token(text: &str) -> Result<Box<str>, Fault> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err((Reason::Malformed, "a mid, rid or codec name is too long"));
    }
    Ok(text.into())
}

fn note(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > MAX_NOTE_BYTES {
        return Err((Reason::Limit, "a note, memo or text is above 64 KiB"));
    }
    Ok(())
}

const fn time(ns: u64) -> Option<Time> {
    if ns == 0 { None } else { Some(Time(ns)) }
}

/// What the machine refuses, as the contract says it.
impl From<core::Refusal> for Refusal {
    fn from(refusal: core::Refusal) -> Self {
        let reason = match refusal.reason {
            core::RefusalReason::Malformed => Reason::Malformed,
            core::RefusalReason::UnknownReference => Reason::UnknownReference,
            core::RefusalReason::Conflict => Reason::Conflict,
        };
        Self::row(refusal.row, reason, refusal.detail)
    }
}
