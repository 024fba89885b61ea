//! From one participant's channel to the others': who may, to whom, and what is done for those that
//! are not there yet or too slow.

use bytes::Bytes;
use datapath_wire::data_packet::DataPacket;

use super::channel::State;
use super::held::Held;
use super::replay::{Kept, Replay};
use super::sctp::Protocol;
use super::{LOSSY_QUEUE_BYTES, RELIABLE_QUEUE_BYTES};
use crate::Time;
use crate::counters::Drop;
use crate::machine::{Entity, Machine};
use crate::rows::{Refusal, RefusalReason, RowId};

/// What a room has of data channels.
#[derive(Debug, Default)]
pub(crate) struct DataRoom {
    /// How many channels it has.
    pub(super) channels: usize,
    /// Indices of the channels that deliver.
    pub(crate) delivering: Vec<u32>,
    pub(crate) replay: Replay,
    pub(crate) held: Vec<Held>,
}

/// To whom a message of the control plane goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendTo {
    /// The channel of this row, which must deliver.
    Channel(RowId),
    /// All of a group, or those whom the message names.
    Group(Box<str>),
}

/// A message on its way.
struct Passing<'a> {
    sender: Option<&'a str>,
    group: &'a str,
    message: &'a Bytes,
    /// Identities in order; `None`: everybody.
    destinations: Option<Vec<&'a [u8]>>,
}

impl<'a> Passing<'a> {
    fn new(
        packet: &DataPacket<'a>,
        sender: Option<&'a str>,
        group: &'a str,
        message: &'a Bytes,
    ) -> Self {
        let destinations = packet.is_addressed().then(|| {
            let mut named: Vec<_> = packet.destinations().collect();
            named.sort_unstable();
            named
        });
        Self { sender, group, message, destinations }
    }

    /// Whether a channel of that group and identity is to get it.
    fn concerns(&self, group: &str, identity: &str) -> bool {
        group == self.group
            && self.sender != Some(identity)
            && self
                .destinations
                .as_ref()
                .is_none_or(|named| named.binary_search(&identity.as_bytes()).is_ok())
    }
}

impl Machine {
    /// Takes a message that a participant sent on a channel that publishes.
    pub(super) fn publish(
        &mut self,
        now: Time,
        index: u32,
        mut bytes: Vec<u8>,
    ) -> Result<(), Drop> {
        let channel = self.channels.get_mut(index).ok_or(Drop::DataNoChannel)?;
        self.counters.data_received += 1;
        self.counters.data_received_bytes += bytes.len() as u64;
        if bytes.len() > channel.row.message_bytes_max() {
            self.reset_channel(index);
            return Err(Drop::DataTooLarge);
        }
        if !channel.row.may_publish {
            return Err(Drop::DataNotAllowed);
        }
        let packet = DataPacket::parse(&bytes).map_err(|_| Drop::DataMalformed)?;
        if packet.by_sid {
            return Err(Drop::DataBySid);
        }
        if channel.is_reliable() && packet.sequence > 0 {
            if packet.sequence <= channel.last_sequence {
                return Err(Drop::DataDuplicate);
            }
            channel.last_sequence = packet.sequence;
        }
        if packet.is_user {
            bytes.extend_from_slice(&channel.row.user_stamp);
        }
        bytes.extend_from_slice(&channel.row.stamp);
        let (room, identity) = (channel.room, channel.row.identity.clone());
        let (group, message) = (channel.row.group.clone(), Bytes::from(bytes));
        let packet = DataPacket::parse(&message).map_err(|_| Drop::DataMalformed)?;
        let passing = Passing::new(&packet, Some(&identity), &group, &message);
        let receivers = self.pass(now, room, &passing);
        self.hold_if_ahead(now, index, receivers);
        Ok(())
    }

    /// Sends a message that the control plane made.
    ///
    /// # Errors
    /// The row or room does not exist or does not deliver, or the message is no `DataPacket`.
    pub fn send_data(
        &mut self,
        now: Time,
        room: u64,
        to: &SendTo,
        message: Vec<u8>,
    ) -> Result<(), Refusal> {
        let row = if let SendTo::Channel(id) = to { *id } else { 0 };
        let refuse = |reason, detail| Err(Refusal { row, reason, detail });
        let message = Bytes::from(message);
        let Ok(packet) = DataPacket::parse(&message) else {
            return refuse(RefusalReason::Malformed, "the payload is no DataPacket");
        };
        match to {
            SendTo::Channel(id) => {
                let Some(index) = self.delivering(room, *id) else {
                    let detail = "the room has no data channel of that id that delivers";
                    return refuse(RefusalReason::UnknownReference, detail);
                };
                if let Err(reason) = self.deliver(index, &message) {
                    self.counters.drop(reason);
                }
            }
            SendTo::Group(group) => {
                self.pass(now, room, &Passing::new(&packet, None, group, &message));
            }
        }
        self.flush_data(now);
        Ok(())
    }

    fn delivering(&self, room: u64, id: RowId) -> Option<u32> {
        let Some(Entity::DataChannel(index)) = self.ids.get(&id).copied() else { return None };
        let channel = self.channels.get(index)?;
        (channel.room == room && channel.delivers()).then_some(index)
    }

    /// Gives a message to every channel that it concerns, and keeps it for those that are joining.
    /// Returns the reliable channels that took it.
    fn pass(&mut self, now: Time, room: u64, passing: &Passing<'_>) -> Vec<u32> {
        let mut receivers = Vec::new();
        let Some(of_room) = self.data_rooms.get(&room) else { return receivers };
        let mut joining = false;
        for index in of_room.delivering.clone() {
            let Some(channel) = self.channels.get(index) else { continue };
            if !passing.concerns(&channel.row.group, &channel.row.identity) {
                continue;
            }
            let is_reliable = channel.is_reliable();
            if is_reliable && channel.is_joining() {
                joining = true;
                continue;
            }
            match self.deliver(index, passing.message) {
                Ok(()) if is_reliable => receivers.push(index),
                Ok(()) => {}
                Err(reason) => self.counters.drop(reason),
            }
        }
        if let Some(of_room) = self.data_rooms.get_mut(&room).filter(|_| joining) {
            let message = passing.message.clone();
            let forgotten = of_room.replay.keep(now, passing.sender, passing.group, message);
            for _ in 0..forgotten {
                self.counters.drop(Drop::DataForgotten);
            }
        }
        receivers
    }

    /// Queues a message on one channel, within its bounds.
    fn deliver(&mut self, index: u32, message: &Bytes) -> Result<(), Drop> {
        let channel = self.channels.get(index).ok_or(Drop::DataNotOpen)?;
        let State::Open(stream) = channel.state else { return Err(Drop::DataNotOpen) };
        if message.len() > channel.row.message_bytes_max() {
            return Err(Drop::DataTooLarge);
        }
        let transport = self.transports.get_mut(channel.transport).ok_or(Drop::DataNotOpen)?;
        let sctp = transport.sctp.as_deref_mut().ok_or(Drop::DataNotOpen)?;
        let queued = sctp.queued_bytes(stream) + message.len();
        if channel.is_reliable() && queued > RELIABLE_QUEUE_BYTES {
            self.reset_channel(index);
            return Err(Drop::DataSlowReliable);
        }
        // One message is taken however large it is.
        if !channel.is_reliable() && queued > LOSSY_QUEUE_BYTES.max(message.len()) {
            return Err(Drop::DataSlowLossy);
        }
        sctp.send(stream, Protocol::Binary, message).map_err(|_| Drop::DataNotOpen)?;
        self.counters.data_sent += 1;
        self.counters.data_sent_bytes += message.len() as u64;
        self.data_touched.push(channel.transport);
        Ok(())
    }

    /// A channel is open: what was said while its receiver was joining follows.
    pub(super) fn replay(&mut self, now: Time, index: u32) {
        let Some(channel) = self.channels.get(index).filter(|channel| channel.delivers()) else {
            return;
        };
        let room = channel.room;
        if let Some(of_room) = self.data_rooms.get(&room)
            && channel.is_reliable()
        {
            for kept in of_room.replay.since(now, channel.since) {
                self.replay_one(index, &kept);
            }
        }
        self.forget_if_nobody_joins(room);
    }

    fn replay_one(&mut self, index: u32, kept: &Kept) {
        let Some(channel) = self.channels.get(index) else { return };
        let Ok(packet) = DataPacket::parse(&kept.message) else { return };
        let passing = Passing::new(&packet, kept.sender.as_deref(), &kept.group, &kept.message);
        if !passing.concerns(&channel.row.group, &channel.row.identity) {
            return;
        }
        match self.deliver(index, &kept.message) {
            Ok(()) => self.counters.data_replayed += 1,
            Err(reason) => self.counters.drop(reason),
        }
    }

    /// Messages are kept only while somebody may come for them.
    pub(super) fn forget_if_nobody_joins(&mut self, room: u64) {
        let Some(of_room) = self.data_rooms.get_mut(&room) else { return };
        let joins = |index: &u32| {
            let channel = self.channels.get(*index);
            channel.is_some_and(|channel| channel.is_reliable() && channel.is_joining())
        };
        if !of_room.delivering.iter().any(joins) {
            of_room.replay.clear();
        }
    }
}
