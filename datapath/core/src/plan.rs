//! Whether a change can stand: the table as it would be, checked before anything is touched.

use std::collections::{HashMap, HashSet};

use crate::apply::ufrags_of;
use crate::machine::{Entity, Machine};
use crate::rows::{
    Change, DataChannelRow, LegRow, Refusal, RefusalReason, Row, RowId, RowKind, StreamRow,
    TransportRow,
};

/// Most rows of one transport or stream that may hang on it; a room of the largest size has fewer.
const MOST_CHILDREN: usize = 4096;
/// Most data channels of one transport; clients have six. Each may queue 1 MiB.
const MOST_CHANNELS: usize = 16;

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
                let channels = transport.channels.iter().filter_map(|it| self.channels.get(*it));
                out.extend(channels.map(|channel| channel.id));
                for stream in transport.streams.iter().filter_map(|index| self.streams.get(*index))
                {
                    out.insert(stream.id);
                    legs(&stream.legs, out);
                }
            }
            Entity::Stream(index) => {
                if let Some(stream) = self.streams.get(index) {
                    legs(&stream.legs, out);
                }
            }
            Entity::Leg(_) | Entity::DataChannel(_) => {}
        }
    }
}

/// A row as the rest of a change sees it: put earlier in the same change, or standing in the table.
enum Seen<'a> {
    Transport,
    Stream(&'a StreamRow),
    Leg(&'a LegRow),
    DataChannel(&'a DataChannelRow),
}

/// The table as it would be: what stands, less what is deleted, and what was put so far.
pub(crate) struct Plan<'a> {
    machine: &'a Machine,
    deleted: HashSet<RowId>,
    put: HashMap<RowId, &'a RowKind>,
}

impl<'a> Plan<'a> {
    /// Follows the deletes to all rows that go with them.
    pub(crate) fn of(machine: &'a Machine, change: &'a Change) -> Result<Self, Refusal> {
        let mut deleted = HashSet::new();
        for id in &change.deletes {
            match machine.ids.get(id) {
                Some(entity) if machine.room_of(*entity) != Some(change.room) => {
                    return Err(refusal(
                        *id,
                        RefusalReason::UnknownReference,
                        "the row is of another room",
                    ));
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

    /// The first row that cannot stand.
    pub(crate) fn check(mut self, change: &'a Change) -> Result<(), Refusal> {
        for row in &change.puts {
            self.check_identity(row, change.room)?;
            match &row.kind {
                RowKind::Transport(put) => self.check_transport(row.id, put)?,
                RowKind::Stream(put) => self.check_stream(row.id, put, change.room)?,
                RowKind::Leg(put) => self.check_leg(row.id, put, change.room)?,
                RowKind::DataChannel(put) => self.check_channel(row.id, put, change.room)?,
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
                | (RowKind::DataChannel(_), Entity::DataChannel(_))
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
                *other != id
                    && matches!(kind, RowKind::Transport(row) if ufrags_of(row).contains(&ufrag))
            });
            if standing || planned {
                return Err(refusal(id, RefusalReason::Conflict, "the ufrag is taken"));
            }
        }
        Ok(())
    }

    fn check_stream(&self, id: RowId, put: &StreamRow, room: u64) -> Result<(), Refusal> {
        if !matches!(self.seen(put.transport, room), Some(Seen::Transport)) {
            return Err(refusal(
                id,
                RefusalReason::UnknownReference,
                "the transport does not exist in this room",
            ));
        }
        if let Some(Seen::Stream(before)) = self.seen(id, room)
            && (before.transport, before.kind) != (put.transport, put.kind)
        {
            return Err(refusal(
                id,
                RefusalReason::Conflict,
                "a stream keeps its transport and kind; use a new id",
            ));
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
            return Err(refusal(
                id,
                RefusalReason::UnknownReference,
                "the stream does not exist in this room",
            ));
        };
        let Some(Seen::Transport) = self.seen(put.transport, room) else {
            return Err(refusal(
                id,
                RefusalReason::UnknownReference,
                "the transport does not exist in this room",
            ));
        };
        if let Some(Seen::Leg(before)) = self.seen(id, room)
            && (before.stream, before.transport, before.ssrc, before.rtx_ssrc)
                != (put.stream, put.transport, put.ssrc, put.rtx_ssrc)
        {
            return Err(refusal(
                id,
                RefusalReason::Conflict,
                "a leg keeps its stream, transport and SSRCs; use a new id",
            ));
        }
        if put.ssrc == put.rtx_ssrc {
            return Err(refusal(
                id,
                RefusalReason::Malformed,
                "the SSRC of retransmissions must differ",
            ));
        }
        let siblings = self.legs_of(put.transport);
        let taken = |ssrc: u32| {
            ssrc != 0
                && siblings
                    .iter()
                    .any(|(other, row)| *other != id && [row.ssrc, row.rtx_ssrc].contains(&ssrc))
        };
        if taken(put.ssrc) || taken(put.rtx_ssrc) {
            return Err(refusal(
                id,
                RefusalReason::Conflict,
                "the SSRC is taken on this transport",
            ));
        }
        if siblings.len() >= MOST_CHILDREN {
            return Err(refusal(id, RefusalReason::Malformed, "too many legs on one transport"));
        }
        Ok(())
    }

    fn check_channel(&self, id: RowId, put: &DataChannelRow, room: u64) -> Result<(), Refusal> {
        let refuse = |reason, detail| Err(refusal(id, reason, detail));
        if !matches!(self.seen(put.transport, room), Some(Seen::Transport)) {
            let detail = "the transport does not exist in this room";
            return refuse(RefusalReason::UnknownReference, detail);
        }
        let named = |row: &'a DataChannelRow| (row.transport, row.role, &*row.label);
        let is = (put.transport, put.role, &*put.label);
        if let Some(Seen::DataChannel(before)) = self.seen(id, room)
            && (named(before) != is || before.group != put.group)
        {
            let detail = "a data channel keeps its transport, role, label and group; use a new id";
            return refuse(RefusalReason::Conflict, detail);
        }
        let siblings = self.channels_of(put.transport);
        if siblings.iter().any(|(other, row)| *other != id && named(row) == is) {
            return refuse(RefusalReason::Conflict, "the label is taken on this transport");
        }
        if siblings.len() >= MOST_CHANNELS {
            return refuse(RefusalReason::Malformed, "too many data channels on one transport");
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
                RowKind::DataChannel(row) => Seen::DataChannel(row),
            });
        }
        let entity =
            self.standing(id).filter(|entity| self.machine.room_of(*entity) == Some(room))?;
        match entity {
            Entity::Transport(index) => self.machine.transports.get(index).map(|_| Seen::Transport),
            Entity::Stream(index) => {
                self.machine.streams.get(index).map(|it| Seen::Stream(&it.row))
            }
            Entity::Leg(index) => self.machine.legs.get(index).map(|it| Seen::Leg(&it.row)),
            Entity::DataChannel(index) => {
                self.machine.channels.get(index).map(|it| Seen::DataChannel(&it.row))
            }
        }
    }

    fn streams_of(&self, transport: RowId) -> Vec<(RowId, &'a StreamRow)> {
        let planned = self.put.iter().filter_map(|(id, kind)| match kind {
            RowKind::Stream(row) if row.transport == transport => Some((*id, row)),
            RowKind::Transport(_)
            | RowKind::Stream(_)
            | RowKind::Leg(_)
            | RowKind::DataChannel(_) => None,
        });
        let standing = match self.standing(transport) {
            Some(Entity::Transport(index)) => self.machine.transports.get(index),
            _ => None,
        };
        let standing = standing.into_iter().flat_map(|transport| &transport.streams);
        let standing = standing.filter_map(|index| self.machine.streams.get(*index));
        let standing = standing.filter(|stream| {
            !self.deleted.contains(&stream.id) && !self.put.contains_key(&stream.id)
        });
        standing.map(|stream| (stream.id, &stream.row)).chain(planned).collect()
    }

    fn channels_of(&self, transport: RowId) -> Vec<(RowId, &'a DataChannelRow)> {
        let planned = self.put.iter().filter_map(|(id, kind)| match kind {
            RowKind::DataChannel(row) if row.transport == transport => Some((*id, row)),
            RowKind::Transport(_)
            | RowKind::Stream(_)
            | RowKind::Leg(_)
            | RowKind::DataChannel(_) => None,
        });
        let standing = match self.standing(transport) {
            Some(Entity::Transport(index)) => self.machine.transports.get(index),
            _ => None,
        };
        let standing = standing.into_iter().flat_map(|transport| &transport.channels);
        let standing = standing.filter_map(|index| self.machine.channels.get(*index));
        let standing =
            standing.filter(|it| !self.deleted.contains(&it.id) && !self.put.contains_key(&it.id));
        standing.map(|channel| (channel.id, &channel.row)).chain(planned).collect()
    }

    fn legs_of(&self, transport: RowId) -> Vec<(RowId, &'a LegRow)> {
        let planned = self.put.iter().filter_map(|(id, kind)| match kind {
            RowKind::Leg(row) if row.transport == transport => Some((*id, row)),
            RowKind::Transport(_)
            | RowKind::Stream(_)
            | RowKind::Leg(_)
            | RowKind::DataChannel(_) => None,
        });
        let standing = match self.standing(transport) {
            Some(Entity::Transport(index)) => self.machine.transports.get(index),
            _ => None,
        };
        let standing = standing.into_iter().flat_map(|transport| &transport.legs);
        let standing = standing.filter_map(|index| self.machine.legs.get(*index));
        let standing = standing
            .filter(|leg| !self.deleted.contains(&leg.id) && !self.put.contains_key(&leg.id));
        standing.map(|leg| (leg.id, &leg.row)).chain(planned).collect()
    }
}

const fn refusal(row: RowId, reason: RefusalReason, detail: &'static str) -> Refusal {
    Refusal { row, reason, detail }
}
