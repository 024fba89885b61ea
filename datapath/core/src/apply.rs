//! Rows in and out of the table, all or nothing.
//!
//! A change is checked as a whole against the table as it would be, then carried out; nothing of a
//! refused change is left behind. A put of a known id replaces what signalling may change (ICE
//! credentials, fingerprints, extensions, codecs, pause) and keeps what packets have built up.

use std::collections::{HashMap, HashSet};

use crate::dtls::Dtls;
use crate::leg::Leg;
use crate::machine::{Entity, Machine};
use crate::rows::{
    Change, LegRow, Refusal, RefusalReason, Row, RowId, RowKind, StreamRow, TransportRow,
};
use crate::stream::Stream;
use crate::transport::Transport;
use crate::Time;

/// Most rows of one transport or stream that may hang on it; a room of the largest size has fewer.
const MOST_CHILDREN: usize = 4096;

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
            (RowKind::Stream(put), _) => self.add_stream(row.id, room, put),
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
        transport.set_row(row);
        self.wake(index, now);
    }

    fn add_stream(&mut self, id: RowId, room: u64, row: StreamRow) {
        // Plan::check saw the transport.
        let Some(Entity::Transport(transport)) = self.ids.get(&row.transport).copied() else { return };
        let index = self.streams.insert(Stream::new(id, room, transport, row));
        self.ids.insert(id, Entity::Stream(index));
        if let (Some(transport), Some(stream)) = (self.transports.get_mut(transport), self.streams.get_mut(index)) {
            transport.streams.push(index);
            stream.latch_known(index, &mut transport.origins);
        }
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
        let first = self.random_first_sequence();
        let ssrcs = [row.ssrc, row.rtx_ssrc];
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
    }

    fn replace_leg(&mut self, now: Time, index: u32, row: LegRow) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        let resumed = leg.row.paused && !row.paused;
        leg.row = row;
        if resumed {
            leg.restart();
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

impl Machine {
    /// Adds the ids of all rows that go with a row.
    fn collect_dependants(&self, entity: Entity, out: &mut HashSet<RowId>) {
        let legs = |indices: &[u32], out: &mut HashSet<RowId>| {
            out.extend(indices.iter().filter_map(|index| self.legs.get(*index)).map(|leg| leg.id));
        };
        match entity {
            Entity::Transport(index) => {
                let Some(transport) = self.transports.get(index) else { return };
                legs(&transport.legs, out);
                for stream in transport.streams.iter().filter_map(|index| self.streams.get(*index)) {
                    out.insert(stream.id);
                    legs(&stream.legs, out);
                }
            }
            Entity::Stream(index) => {
                if let Some(stream) = self.streams.get(index) {
                    legs(&stream.legs, out);
                }
            }
            Entity::Leg(_) => {}
        }
    }
}

fn ufrags_of(row: &TransportRow) -> Vec<Box<str>> {
    let previous = row.ice_previous.as_ref().map(|ice| ice.ufrag.clone());
    std::iter::once(row.ice.ufrag.clone()).chain(previous).collect()
}

/// A row as the rest of a change sees it: put earlier in the same change, or standing in the table.
enum Seen<'a> {
    Transport,
    Stream(&'a StreamRow),
    Leg(&'a LegRow),
}

/// The table as it would be: what stands, less what is deleted, and what was put so far.
struct Plan<'a> {
    machine: &'a Machine,
    deleted: HashSet<RowId>,
    put: HashMap<RowId, &'a RowKind>,
}

impl<'a> Plan<'a> {
    /// Follows the deletes to all rows that go with them.
    fn of(machine: &'a Machine, change: &'a Change) -> Result<Self, Refusal> {
        let mut deleted = HashSet::new();
        for id in &change.deletes {
            match machine.ids.get(id) {
                Some(entity) if machine.room_of(*entity) != Some(change.room) => {
                    return Err(refusal(*id, RefusalReason::UnknownReference, "the row is of another room"));
                }
                Some(entity) => {
                    deleted.insert(*id);
                    machine.collect_dependants(*entity, &mut deleted);
                }
                None => {}
            }
        }
        Ok(Self { machine, deleted, put: HashMap::new() })
    }

    fn check(mut self, change: &'a Change) -> Result<(), Refusal> {
        for row in &change.puts {
            self.check_identity(row, change.room)?;
            match &row.kind {
                RowKind::Transport(put) => self.check_transport(row.id, put)?,
                RowKind::Stream(put) => self.check_stream(row.id, put, change.room)?,
                RowKind::Leg(put) => self.check_leg(row.id, put, change.room)?,
            }
            self.put.insert(row.id, &row.kind);
        }
        Ok(())
    }

    /// A put replaces a row of its own kind and room only.
    fn check_identity(&self, row: &Row, room: u64) -> Result<(), Refusal> {
        let Some(entity) = self.standing(row.id) else { return Ok(()) };
        let same_kind = matches!(
            (&row.kind, entity),
            (RowKind::Transport(_), Entity::Transport(_))
                | (RowKind::Stream(_), Entity::Stream(_))
                | (RowKind::Leg(_), Entity::Leg(_))
        );
        if !same_kind || self.machine.room_of(entity) != Some(room) {
            return Err(refusal(row.id, RefusalReason::Conflict, "the id belongs to another row"));
        }
        Ok(())
    }

    fn check_transport(&self, id: RowId, put: &TransportRow) -> Result<(), Refusal> {
        for ufrag in ufrags_of(put) {
            let standing = self
                .machine
                .ufrags
                .get(&ufrag)
                .and_then(|index| self.machine.transports.get(*index))
                .is_some_and(|other| other.id != id && !self.deleted.contains(&other.id));
            let planned = self.put.iter().any(|(other, kind)| {
                *other != id && matches!(kind, RowKind::Transport(row) if ufrags_of(row).contains(&ufrag))
            });
            if standing || planned {
                return Err(refusal(id, RefusalReason::Conflict, "the ufrag is taken"));
            }
        }
        Ok(())
    }

    fn check_stream(&self, id: RowId, put: &StreamRow, room: u64) -> Result<(), Refusal> {
        if !matches!(self.seen(put.transport, room), Some(Seen::Transport)) {
            return Err(refusal(id, RefusalReason::UnknownReference, "the transport does not exist in this room"));
        }
        if let Some(Seen::Stream(before)) = self.seen(id, room)
            && (before.transport, before.kind) != (put.transport, put.kind)
        {
            return Err(refusal(id, RefusalReason::Conflict, "a stream keeps its transport and kind; use a new id"));
        }
        let siblings = self.streams_of(put.transport);
        if siblings.iter().any(|(other, row)| *other != id && row.mid == put.mid) {
            return Err(refusal(id, RefusalReason::Conflict, "the mid is taken on this transport"));
        }
        if siblings.len() >= MOST_CHILDREN {
            return Err(refusal(id, RefusalReason::Malformed, "too many streams on one transport"));
        }
        Ok(())
    }

    fn check_leg(&self, id: RowId, put: &LegRow, room: u64) -> Result<(), Refusal> {
        let Some(Seen::Stream(_)) = self.seen(put.stream, room) else {
            return Err(refusal(id, RefusalReason::UnknownReference, "the stream does not exist in this room"));
        };
        let Some(Seen::Transport) = self.seen(put.transport, room) else {
            return Err(refusal(id, RefusalReason::UnknownReference, "the transport does not exist in this room"));
        };
        if let Some(Seen::Leg(before)) = self.seen(id, room)
            && (before.stream, before.transport, before.ssrc, before.rtx_ssrc)
                != (put.stream, put.transport, put.ssrc, put.rtx_ssrc)
        {
            return Err(refusal(id, RefusalReason::Conflict, "a leg keeps its stream, transport and SSRCs; use a new id"));
        }
        if put.ssrc == put.rtx_ssrc {
            return Err(refusal(id, RefusalReason::Malformed, "the SSRC of retransmissions must differ"));
        }
        let siblings = self.legs_of(put.transport);
        let taken = |ssrc: u32| {
            ssrc != 0 && siblings.iter().any(|(other, row)| *other != id && [row.ssrc, row.rtx_ssrc].contains(&ssrc))
        };
        if taken(put.ssrc) || taken(put.rtx_ssrc) {
            return Err(refusal(id, RefusalReason::Conflict, "the SSRC is taken on this transport"));
        }
        if siblings.len() >= MOST_CHILDREN {
            return Err(refusal(id, RefusalReason::Malformed, "too many legs on one transport"));
        }
        Ok(())
    }

    /// What the table holds under an id after the deletes.
    fn standing(&self, id: RowId) -> Option<Entity> {
        self.machine.ids.get(&id).copied().filter(|_| !self.deleted.contains(&id))
    }

    fn seen(&self, id: RowId, room: u64) -> Option<Seen<'a>> {
        if let Some(kind) = self.put.get(&id) {
            return Some(match kind {
                RowKind::Transport(_) => Seen::Transport,
                RowKind::Stream(row) => Seen::Stream(row),
                RowKind::Leg(row) => Seen::Leg(row),
            });
        }
        let entity = self.standing(id).filter(|entity| self.machine.room_of(*entity) == Some(room))?;
        match entity {
            Entity::Transport(index) => self.machine.transports.get(index).map(|_| Seen::Transport),
            Entity::Stream(index) => self.machine.streams.get(index).map(|it| Seen::Stream(&it.row)),
            Entity::Leg(index) => self.machine.legs.get(index).map(|it| Seen::Leg(&it.row)),
        }
    }

    fn streams_of(&self, transport: RowId) -> Vec<(RowId, &'a StreamRow)> {
        let planned = self.put.iter().filter_map(|(id, kind)| match kind {
            RowKind::Stream(row) if row.transport == transport => Some((*id, row)),
            RowKind::Transport(_) | RowKind::Stream(_) | RowKind::Leg(_) => None,
        });
        let standing = match self.standing(transport) {
            Some(Entity::Transport(index)) => self.machine.transports.get(index),
            Some(Entity::Stream(_) | Entity::Leg(_)) | None => None,
        };
        let standing = standing.into_iter().flat_map(|transport| &transport.streams);
        let standing = standing.filter_map(|index| self.machine.streams.get(*index));
        let standing = standing.filter(|stream| !self.deleted.contains(&stream.id) && !self.put.contains_key(&stream.id));
        standing.map(|stream| (stream.id, &stream.row)).chain(planned).collect()
    }

    fn legs_of(&self, transport: RowId) -> Vec<(RowId, &'a LegRow)> {
        let planned = self.put.iter().filter_map(|(id, kind)| match kind {
            RowKind::Leg(row) if row.transport == transport => Some((*id, row)),
            RowKind::Transport(_) | RowKind::Stream(_) | RowKind::Leg(_) => None,
        });
        let standing = match self.standing(transport) {
            Some(Entity::Transport(index)) => self.machine.transports.get(index),
            Some(Entity::Stream(_) | Entity::Leg(_)) | None => None,
        };
        let standing = standing.into_iter().flat_map(|transport| &transport.legs);
        let standing = standing.filter_map(|index| self.machine.legs.get(*index));
        let standing = standing.filter(|leg| !self.deleted.contains(&leg.id) && !self.put.contains_key(&leg.id));
        standing.map(|leg| (leg.id, &leg.row)).chain(planned).collect()
    }
}

const fn refusal(row: RowId, reason: RefusalReason, detail: &'static str) -> Refusal {
    Refusal { row, reason, detail }
}
