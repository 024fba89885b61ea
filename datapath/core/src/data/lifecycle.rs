//! The life of a data channel: its row comes and goes, the association stands or ends, a stream is
//! opened, reset, and opened again.

use bytes::Bytes;
use datapath_wire::dcep::{Open, Reliability};

use super::channel::{DataChannel, State};
use super::sctp::Protocol;
use crate::Time;
use crate::machine::{Entity, Machine};
use crate::rows::{DataChannelRow, DataRole, RowId};

/// RFC 8831 section 6.4: "normal".
const PRIORITY: u16 = 256;

impl Machine {
    pub(crate) fn add_data_channel(
        &mut self,
        now: Time,
        id: RowId,
        room: u64,
        row: DataChannelRow,
    ) {
        // Plan::check saw the transport.
        let Some(Entity::Transport(transport)) = self.ids.get(&row.transport).copied() else {
            return;
        };
        let delivers = row.role == DataRole::Deliver;
        let of_room = self.data_rooms.entry(room).or_default();
        of_room.channels += 1;
        let since = of_room.replay.next_number();
        let index = self.channels.insert(DataChannel::new(id, room, transport, row, since));
        if delivers {
            of_room.delivering.push(index);
        }
        self.ids.insert(id, Entity::DataChannel(index));
        if let Some(of) = self.transports.get_mut(transport) {
            of.channels.push(index);
            if of.sctp.as_ref().is_some_and(|sctp| sctp.is_up()) {
                self.open_channel(now, index);
            }
        }
    }

    pub(crate) fn replace_data_channel(&mut self, index: u32, row: DataChannelRow) {
        if let Some(channel) = self.channels.get_mut(index) {
            channel.row = row;
        }
    }

    pub(crate) fn delete_data_channel(&mut self, index: u32) {
        self.end_stream_of(index);
        let Some(channel) = self.channels.remove(index) else { return };
        self.ids.remove(&channel.id);
        if let Some(transport) = self.transports.get_mut(channel.transport) {
            transport.channels.retain(|other| *other != index);
        }
        if let Some(of_room) = self.data_rooms.get_mut(&channel.room) {
            of_room.delivering.retain(|other| *other != index);
            of_room.held.retain(|held| held.channel != index);
            of_room.channels -= 1;
            if of_room.channels == 0 {
                self.data_rooms.remove(&channel.room);
            }
        }
        self.forget_if_nobody_joins(channel.room);
    }

    /// Ends the stream of a channel, unless the other direction of it is still in use.
    fn end_stream_of(&mut self, index: u32) {
        let Some(channel) = self.channels.get(index) else { return };
        let (Some(stream), of) = (channel.stream(), channel.transport) else { return };
        let Some(transport) = self.transports.get_mut(of) else { return };
        let shared = transport.channels.iter().any(|other| {
            *other != index
                && self.channels.get(*other).is_some_and(|other| other.stream() == Some(stream))
        });
        if let Some(sctp) = transport.sctp.as_deref_mut().filter(|_| !shared) {
            sctp.reset(stream);
            self.data_touched.push(of);
        }
    }

    // ---------------------------------------------------------------------------- associations

    /// The association stands: the channels that are ours to open are opened.
    pub(super) fn open_channels(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index) else { return };
        for channel in transport.channels.clone() {
            self.open_channel(now, channel);
        }
    }

    /// Opens a channel that delivers, unless the client will under the same label.
    fn open_channel(&mut self, now: Time, index: u32) {
        let Some(channel) = self.channels.get(index) else { return };
        if channel.state != State::Waiting || !channel.delivers() {
            return;
        }
        if let Some(stream) = self.publishing_under(channel.transport, &channel.row.label) {
            if let Some(State::Open(stream)) = stream {
                self.mark_open(now, index, stream);
            }
            return;
        }
        let used = self.streams_in_use(channel.transport);
        let row = &channel.row;
        let reliability =
            row.max_retransmits.map_or(Reliability::Reliable, Reliability::Retransmits);
        let open = Open {
            ordered: row.ordered,
            reliability,
            priority: PRIORITY,
            label: &row.label,
            protocol: "",
        };
        let mut message = Vec::new();
        let Some(transport) = self.transports.get_mut(channel.transport) else { return };
        let Some(sctp) = transport.sctp.as_deref_mut().filter(|sctp| sctp.is_up()) else { return };
        if open.write(&mut message).is_none() {
            return; // The shell lets no label pass that is as long.
        }
        let Ok(stream) = sctp.open_free(&used, row.ordered, row.max_retransmits) else { return };
        if sctp.send(stream, Protocol::Control, &Bytes::from(message)).is_err() {
            return; // The association is ending; with the next one the channel is opened again.
        }
        self.data_touched.push(channel.transport);
        if let Some(channel) = self.channels.get_mut(index) {
            channel.state = State::Opening(stream);
        }
    }

    /// The state of the channel that publishes under a label, if there is one.
    fn publishing_under(&self, transport: u32, label: &str) -> Option<Option<State>> {
        let transport = self.transports.get(transport)?;
        let mut channels = transport.channels.iter().filter_map(|index| self.channels.get(*index));
        let found = channels.find(|channel| !channel.delivers() && &*channel.row.label == label);
        found.map(|channel| Some(channel.state))
    }

    fn streams_in_use(&self, index: u32) -> Vec<u16> {
        let channels = self.transports.get(index).map(|transport| &transport.channels);
        let channels = channels.into_iter().flatten().filter_map(|it| self.channels.get(*it));
        channels.filter_map(DataChannel::stream).collect()
    }

    /// The remote, or DTLS, ended the association: every channel of it begins again.
    pub(crate) fn lose_association(&mut self, index: u32) {
        let Some(transport) = self.transports.get(index) else { return };
        for index in transport.channels.clone() {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            channel.state = State::Waiting;
            if let Some(of_room) = self.data_rooms.get(&channel.room) {
                channel.since = of_room.replay.next_number();
            }
        }
    }

    // ------------------------------------------------------------------------------------ ends

    /// Ends the stream of a channel because of what its remote does; nobody else's.
    pub(super) fn reset_channel(&mut self, index: u32) {
        let Some(channel) = self.channels.get(index) else { return };
        let (Some(stream), of) = (channel.stream(), channel.transport) else { return };
        self.counters.data_channels_reset += 1;
        for index in self.channels_on(of, stream) {
            if let Some(channel) = self.channels.get_mut(index) {
                channel.state = State::Resetting(stream);
            }
        }
        let Some(transport) = self.transports.get_mut(of) else { return };
        if let Some(sctp) = transport.sctp.as_deref_mut() {
            sctp.reset(stream);
            self.data_touched.push(of);
        }
    }

    fn channels_on(&self, index: u32, stream: u16) -> Vec<u32> {
        let channels = self.transports.get(index).map(|transport| &transport.channels);
        let uses = |index: &u32| {
            self.channels.get(*index).is_some_and(|channel| channel.stream() == Some(stream))
        };
        channels.into_iter().flatten().copied().filter(uses).collect()
    }

    /// A stream ended. One that we reset is waited for, one that the client closed stays closed, but
    /// the client may open another under its label.
    pub(super) fn handle_ended(&mut self, index: u32, stream: u16) {
        let mut closed_by_remote = false;
        for channel in self.channels_on(index, stream) {
            let Some(channel) = self.channels.get_mut(channel) else { continue };
            if channel.state != State::Resetting(stream) {
                channel.state = State::Closed;
                closed_by_remote = true;
            }
        }
        if let Some(transport) = self.transports.get_mut(index)
            && let Some(sctp) = transport.sctp.as_deref_mut().filter(|_| closed_by_remote)
        {
            // RFC 8831 section 6.7: the other direction ends too.
            sctp.reset(stream);
        }
    }

    /// A stream that we reset is free: its channels begin again.
    pub(super) fn handle_freed(&mut self, now: Time, index: u32, stream: u16) {
        for index in self.channels_on(index, stream) {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            if channel.state != State::Resetting(stream) {
                continue;
            }
            channel.state = State::Waiting;
            if let Some(of_room) = self.data_rooms.get(&channel.room) {
                channel.since = of_room.replay.next_number();
            }
            self.open_channel(now, index);
        }
    }
}
