//! The edge of the contract: the only place that knows both its messages and the machine's values.
//! Bytes become frames in `framing`, puts become rows of the machine in `rows`, facts become
//! messages in `facts`, and `redact` takes out what may only be written.
//!
//! No decision is taken here; who may say what and when is `control`'s.

pub(crate) mod facts;
pub(crate) mod framing;
pub(crate) mod redact;
pub(crate) mod rows;

/// Generated from `datapath/proto/datapath.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, dead_code)]
pub(crate) mod proto {
    include!(concat!(env!("OUT_DIR"), "/gateway.datapath.rs"));
}

use std::borrow::Cow;

pub(crate) use proto::refused::Reason;

/// The number of the contract's text that this build speaks.
pub(crate) const SCHEMA: u32 = 1;

/// What of the contract is built.
pub(crate) const CAPABILITIES: [proto::Capability; 6] = [
    proto::Capability::Transport,
    proto::Capability::Stream,
    proto::Capability::Leg,
    proto::Capability::Memo,
    proto::Capability::DataChannel,
    proto::Capability::Send,
];

/// Why a request was not carried out. Nothing of it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The row at fault, 0 where none is.
    pub(crate) row: u64,
    /// What is wrong.
    pub(crate) reason: Reason,
    /// A sentence for the log, without secrets and addresses.
    pub(crate) detail: Cow<'static, str>,
}

impl Refusal {
    /// A refusal on account of one row.
    pub(crate) fn row(row: u64, reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { row, reason, detail: detail.into() }
    }

    /// A refusal on account of the request itself.
    pub(crate) fn request(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::row(0, reason, detail)
    }

    /// As the contract says it.
    pub(crate) fn into_proto(self) -> proto::Refused {
        proto::Refused {
            row: self.row,
            reason: self.reason.into(),
            detail: self.detail.into_owned(),
        }
    }
}
