//! Rows in and out of the table, all or nothing.
//!
//! A change is checked as a whole against the table as it would be, then carried out; nothing of a
//! refused change is left behind. A put of a known id replaces what signalling may change (ICE
//! credentials, fingerprints, extensions, codecs, pause) and keeps what packets have built up.

use crate::Time;
use crate::dtls::Dtls;
use crate::leg::Leg;
use crate::machine::{Entity, Machine};
use crate::plan::Plan;
use crate::rows::{Change, LegRow, Refusal, Row, RowId, RowKind, StreamRow, TransportRow};
use crate::stream::Stream;
use crate::transport::Transport;

impl Machine {
    /// Edits one room's rows.
    ///
    /// # Errors
    /// The first row that cannot stand, with the reason; then nothing of the change holds.
    pub fn apply(&mut self, now: Time, change: Change) -> Result<(), Refusal> {
        Plan::of(self, &change)?.check(&change)?;
        for id in change.deletes {
            self.delete(now, id);
        }
        for row in change.puts {
            self.put(now, change.room, row);
        }
        Ok(())
    }

    /// Removes every row, with a close_notify on each transport: the lease ended or the process stops.
    pub fn end_all(&mut self, now: Time) {
        for index in self.transports.indices() {
            self.delete_transport(now, index);
        }
    }

    fn put(&mut self, now: Time, room: u64, row: Row) {
        match (row.kind, self.ids.get(&row.id).copied()) {
            (RowKind::Transport(put), Some(Entity::Transport(index))) => {
                self.replace_transport(now, index, put);
            }
            (RowKind::Stream(put), Some(Entity::Stream(index))) => self.replace_stream(index, put),
            (RowKind::Leg(put), Some(Entity::Leg(index))) => self.replace_leg(now, index, put),
            (RowKind::Transport(put), _) => self.add_transport(now, row.id, room, put),
            (RowKind::Stream(put), _) => self.add_stream(now, row.id, room, put),
            (RowKind::Leg(put), _) => self.add_leg(now, row.id, room, put),
        }
    }

    fn add_transport(&mut self, now: Time, id: RowId, room: u64, row: TransportRow) {
        let ufrags = ufrags_of(&row);
        let not_after = row.not_after;
        let random = self.random_bytes();
        let dtls = Dtls::new(self.config.identity.clone(), self.config.clock);
        let index = self.transports.insert(Transport::new(id, room, row, dtls, now, random));
        for ufrag in ufrags {
            self.ufrags.insert(ufrag, index);
        }
        self.ids.insert(id, Entity::Transport(index));
        if let Some(at) = not_after {
            self.wake(index, at);
        }
        self.wake(index, now);
    }

    fn replace_transport(&mut self, now: Time, index: u32, row: TransportRow) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        for ufrag in ufrags_of(&transport.row) {
            self.ufrags.remove(&ufrag);
        }
        for ufrag in ufrags_of(&row) {
            self.ufrags.insert(ufrag, index);
        }
        if transport.row.ice.ufrag != row.ice.ufrag {
            transport.paths.restart();
        }
        transport.set_row(row);
        self.wake(index, now);
    }

    fn add_stream(&mut self, now: Time, id: RowId, room: u64, row: StreamRow) {
        // Plan::check saw the transport.
        let Some(Entity::Transport(transport)) = self.ids.get(&row.transport).copied() else {
            return;
        };
        let index = self.streams.insert(Stream::new(id, room, transport, row));
        self.ids.insert(id, Entity::Stream(index));
        if let (Some(transport), Some(stream)) =
            (self.transports.get_mut(transport), self.streams.get_mut(index))
        {
            transport.streams.push(index);
            stream.latch_known(index, &mut transport.origins);
        }
        self.wake(transport, now); // reports of a transport begin with its first stream or leg
    }

    fn replace_stream(&mut self, index: u32, row: StreamRow) {
        let Some(stream) = self.streams.get_mut(index) else { return };
        stream.row = row;
        if let Some(transport) = self.transports.get_mut(stream.transport) {
            stream.latch_known(index, &mut transport.origins);
        }
        let legs = stream.legs.clone();
        for leg in legs {
            self.match_codecs(leg);
        }
    }

    fn add_leg(&mut self, now: Time, id: RowId, room: u64, row: LegRow) {
        let (Some(Entity::Stream(stream)), Some(Entity::Transport(transport))) =
            (self.ids.get(&row.stream).copied(), self.ids.get(&row.transport).copied())
        else {
            return; // Plan::check saw both.
        };
        let ssrcs = [row.ssrc, row.rtx_ssrc];
        let first = self.first_number(transport, ssrcs);
        let index = self.legs.insert(Leg::new(id, room, stream, transport, row, first));
        self.ids.insert(id, Entity::Leg(index));
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.legs.push(index);
        }
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.legs.push(index);
            for ssrc in ssrcs.into_iter().filter(|ssrc| *ssrc != 0) {
                transport.legs_by_ssrc.insert(ssrc, index);
            }
        }
        self.match_codecs(index);
        self.request_key_frame_if_ready(now, index);
        self.wake(transport, now);
    }

    /// The first number of a leg. An SSRC that was used on this transport before goes on where it
    /// ended: no number may be sealed twice under one key.
    fn first_number(&mut self, transport: u32, ssrcs: [u32; 2]) -> u64 {
        let srtp = self.transports.get_mut(transport).and_then(|it| it.srtp.as_deref_mut());
        let used = srtp.and_then(|srtp| {
            ssrcs.map(|ssrc| srtp.outbound.highest_index(ssrc)).into_iter().flatten().max()
        });
        used.map_or_else(|| self.random_first_sequence(), |used| used + 1)
    }

    fn replace_leg(&mut self, now: Time, index: u32, row: LegRow) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        let resumed = leg.row.paused && !row.paused;
        leg.row = row;
        if resumed {
            leg.interrupt();
        }
        self.match_codecs(index);
        if resumed {
            self.request_key_frame_if_ready(now, index);
        }
    }

    /// Which of the subscriber's payload types stands for each of the stream's codecs.
    fn match_codecs(&mut self, index: u32) {
        if let Some(leg) = self.legs.get_mut(index)
            && let Some(stream) = self.streams.get(leg.stream)
        {
            leg.match_codecs(&stream.row.codecs);
        }
    }

    /// Removes a row and all that refers to it. An id that is gone already is no error.
    pub(crate) fn delete(&mut self, now: Time, id: RowId) {
        match self.ids.get(&id).copied() {
            Some(Entity::Transport(index)) => self.delete_transport(now, index),
            Some(Entity::Stream(index)) => self.delete_stream(index),
            Some(Entity::Leg(index)) => self.delete_leg(index),
            None => {}
        }
    }

    pub(crate) fn delete_transport(&mut self, now: Time, index: u32) {
        self.close_dtls(now, index);
        let Some(transport) = self.transports.get(index) else { return };
        for leg in transport.legs.clone() {
            self.delete_leg(leg);
        }
        let Some(transport) = self.transports.get(index) else { return };
        for stream in transport.streams.clone() {
            self.delete_stream(stream);
        }
        self.disarm(index);
        let Some(transport) = self.transports.remove(index) else { return };
        self.ids.remove(&transport.id);
        for ufrag in ufrags_of(&transport.row) {
            self.ufrags.remove(&ufrag);
        }
        for address in transport.paths.addresses() {
            if self.addresses.get(&address) == Some(&index) {
                self.addresses.remove(&address);
            }
        }
    }

    fn delete_stream(&mut self, index: u32) {
        let Some(stream) = self.streams.get(index) else { return };
        for leg in stream.legs.clone() {
            self.delete_leg(leg);
        }
        let Some(stream) = self.streams.remove(index) else { return };
        self.ids.remove(&stream.id);
        if let Some(transport) = self.transports.get_mut(stream.transport) {
            transport.streams.retain(|other| *other != index);
            transport.origins.retain(|_, origin| origin.stream != index);
        }
    }

    fn delete_leg(&mut self, index: u32) {
        let Some(leg) = self.legs.remove(index) else { return };
        self.ids.remove(&leg.id);
        if let Some(stream) = self.streams.get_mut(leg.stream) {
            stream.legs.retain(|other| *other != index);
        }
        if let Some(transport) = self.transports.get_mut(leg.transport) {
            transport.legs.retain(|other| *other != index);
            transport.legs_by_ssrc.retain(|_, other| *other != index);
            transport.queue.retain(|queued| queued.leg != index);
        }
    }
}

/// The local ufrags that name a transport.
pub(crate) fn ufrags_of(row: &TransportRow) -> Vec<Box<str>> {
    let previous = row.ice_previous.as_ref().map(|ice| ice.ufrag.clone());
    std::iter::once(row.ice.ufrag.clone()).chain(previous).collect()
}
