//! Senders that are held back: reliable messages that find no room at any receiver wait at their
//! sender, in whose window there is none then (RFC 9260 section 6.2), and not in ours.
//!
//! It is the fastest receiver that decides, so that a slow one costs nobody else anything.

use super::channel::State;
use super::{HOLD_BYTES, RESUME_BYTES, STANDSTILL};
use crate::Time;
use crate::machine::Machine;

/// A channel that publishes and is not read.
#[derive(Debug)]
pub(crate) struct Held {
    /// Its index.
    pub(super) channel: u32,
    /// Indices of the receivers' of its last message.
    receivers: Vec<u32>,
    /// Unacknowledged bytes of the fastest of them when it was last judged.
    fastest: usize,
    /// When it is judged again.
    until: Time,
}

impl Machine {
    /// Holds a sender back if the fastest of the receivers of its last message has much to do.
    pub(super) fn hold_if_ahead(&mut self, now: Time, index: u32, receivers: Vec<u32>) {
        let fastest = receivers.iter().map(|receiver| self.queued_on(*receiver)).min();
        let Some(fastest) = fastest.filter(|bytes| *bytes > HOLD_BYTES) else { return };
        let Some(channel) = self.channels.get(index) else { return };
        let (State::Open(stream), of, room) = (channel.state, channel.transport, channel.room)
        else {
            return;
        };
        let transport = self.transports.get_mut(of);
        let Some(sctp) = transport.and_then(|transport| transport.sctp.as_deref_mut()) else {
            return;
        };
        sctp.hold(stream);
        self.counters.data_holds += 1;
        let until = now.plus(STANDSTILL);
        if let Some(of_room) = self.data_rooms.get_mut(&room) {
            of_room.held.push(Held { channel: index, receivers, fastest, until });
        }
        self.wake(of, until);
    }

    /// Lets senders of a room go on whose receivers have caught up, or stood still for too long;
    /// returns their transports.
    pub(super) fn release_held(&mut self, now: Time, room: u64) -> Vec<u32> {
        let Some(of_room) = self.data_rooms.get_mut(&room) else { return Vec::new() };
        let (mut free, mut still) = (Vec::new(), Vec::new());
        for held in std::mem::take(&mut of_room.held) {
            match self.judge_held(now, held) {
                Ok(held) => still.push(held),
                Err(held) => free.push(held),
            }
        }
        if let Some(of_room) = self.data_rooms.get_mut(&room) {
            of_room.held = still;
        }
        let mut resumed = Vec::new();
        for held in free {
            let Some(channel) = self.channels.get(held.channel) else { continue };
            let (Some(stream), of) = (channel.stream(), channel.transport) else { continue };
            let Some(transport) = self.transports.get_mut(of) else { continue };
            if let Some(sctp) = transport.sctp.as_deref_mut() {
                sctp.release(stream);
                resumed.push(of);
            }
        }
        resumed
    }

    /// `Ok`: it stays held; `Err`: it may go on.
    fn judge_held(&mut self, now: Time, held: Held) -> Result<Held, Held> {
        let fastest = held.receivers.iter().map(|it| self.queued_on(*it)).min().unwrap_or(0);
        if fastest <= RESUME_BYTES {
            return Err(held);
        }
        if now < held.until {
            return Ok(held);
        }
        if fastest < held.fastest {
            return Ok(Held { fastest, until: now.plus(STANDSTILL), ..held });
        }
        for receiver in &held.receivers {
            self.reset_channel(*receiver);
        }
        Err(held)
    }

    /// When a sender on this transport is judged at the latest.
    pub(super) fn held_until(&self, index: u32) -> Option<Time> {
        let room = self.transports.get(index)?.room;
        let held = self.data_rooms.get(&room)?.held.iter();
        let of = |held: &&Held| {
            self.channels.get(held.channel).is_some_and(|channel| channel.transport == index)
        };
        held.filter(of).map(|held| held.until).min()
    }

    /// Unacknowledged bytes of a channel; none of one that is gone or not open.
    fn queued_on(&mut self, index: u32) -> usize {
        let Some(channel) = self.channels.get(index) else { return 0 };
        let State::Open(stream) = channel.state else { return 0 };
        let transport = self.transports.get_mut(channel.transport);
        let sctp = transport.and_then(|transport| transport.sctp.as_deref_mut());
        sctp.map_or(0, |sctp| sctp.queued_bytes(stream))
    }
}
