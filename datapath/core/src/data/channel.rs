//! One data channel: its row and how far it is.

use crate::rows::{DataChannelRow, DataRole, RowId};

/// How far a channel is. There is a way back from each state but `Closed` to `Waiting`: the
/// association ended, or the stream that we reset is free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no stream yet: no association, or the client has not opened its channel.
    Waiting,
    /// We opened it on this stream; the client has not confirmed.
    Opening(u16),
    /// Messages pass.
    Open(u16),
    /// Its receiver was too slow, or sent what it must not: we ended the stream.
    Resetting(u16),
    /// The client ended it, or its number cannot be used again.
    Closed,
}

pub(crate) struct DataChannel {
    pub(crate) id: RowId,
    pub(crate) room: u64,
    /// Index of its transport.
    pub(crate) transport: u32,
    pub(crate) row: DataChannelRow,
    pub(crate) state: State,
    /// Of a publishing channel: the number of the last reliable message; 0 before the first.
    pub(crate) last_sequence: u32,
    /// Of a delivering channel: messages kept from this number on are for it.
    pub(crate) since: u64,
}

impl DataChannel {
    pub(crate) const fn new(
        id: RowId,
        room: u64,
        transport: u32,
        row: DataChannelRow,
        since: u64,
    ) -> Self {
        Self { id, room, transport, row, state: State::Waiting, last_sequence: 0, since }
    }

    /// The stream it uses now.
    pub(crate) const fn stream(&self) -> Option<u16> {
        match self.state {
            State::Opening(stream) | State::Open(stream) | State::Resetting(stream) => Some(stream),
            State::Waiting | State::Closed => None,
        }
    }

    /// Messages are repeated until they have arrived.
    pub(crate) const fn is_reliable(&self) -> bool {
        self.row.max_retransmits.is_none()
    }

    pub(crate) fn delivers(&self) -> bool {
        self.row.role == DataRole::Deliver
    }

    /// It will be open, if all goes well.
    pub(crate) const fn is_joining(&self) -> bool {
        matches!(self.state, State::Waiting | State::Opening(_))
    }
}
