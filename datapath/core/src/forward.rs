//! An opened packet: kept once in the history of its source, and a reference to it put into the queue
//! of each leg that takes it.

use datapath_wire::{rtx, vp8};

use crate::Time;
use crate::counters::Drop;
use crate::feedback::nack::Repair;
use crate::history::{Meta, Unkept};
use crate::ingress::Arrived;
use crate::machine::Machine;
use crate::rows::MediaKind;
use crate::stream::{Forwarding, Origin, Source, Stream};
use crate::transport::Queued;

/// A retransmission this far ahead of all that came of its source answers nothing: numbers would be
/// left for packets that never were. Reordering and loss together leave fewer.
const MOST_AHEAD: u64 = 64;

impl Machine {
    pub(crate) fn handle_media(
        &mut self,
        now: Time,
        index: u32,
        arrived: &Arrived<'_>,
    ) -> Result<(), Drop> {
        let stream = self.streams.get_mut(arrived.origin.stream).ok_or(Drop::UnknownSource)?;
        let packet = &arrived.packet;
        let (codec, false) =
            stream.codec_of(packet.payload_type).ok_or(Drop::UnknownPayloadType)?
        else {
            return Err(Drop::UnknownPayloadType);
        };
        let clock_hz = codec.clock_hz;
        let awakened = stream.is_awakened_by(now, packet.ssrc);
        stream.payload_type = packet.payload_type;
        let source = stream
            .source_or_new(now, packet.ssrc, arrived.rid, clock_hz)
            .ok_or(Drop::TooManySources)?;
        let (meta, repair) = receive(source, now, arrived);
        let newest = source.sequence.highest() == Some(meta.sequence);
        let nack_due = source.nack.poll_timeout();
        let kept = if arrived.payload.is_empty() {
            Err(Drop::Padding)
        } else {
            source.history.push(now, meta, arrived.carried, arrived.payload).map_err(unkept)
        };
        let forwarding = match kept {
            Ok(()) => stream.forwards(now, packet.ssrc, newest),
            Err(_) => Forwarding::No,
        };
        if stream.row.kind == MediaKind::Video {
            if repair == Repair::GivenUp || forwarding == Forwarding::Instead {
                stream.key_frame.request(now);
            }
            note_key_frame(stream, packet.payload_type, arrived.payload);
        }
        let due = [nack_due, stream.key_frame.poll_timeout()].into_iter().flatten().min();
        if forwarding == Forwarding::Instead {
            // Also of a leg that never left this source: it was passed over meanwhile.
            self.interrupt_legs(arrived.origin.stream);
        }
        if awakened {
            self.refresh_stream_facts(now, arrived.origin.stream);
        }
        if let Some(due) = due {
            self.wake(index, due);
        }
        match (kept, forwarding) {
            (Ok(()), Forwarding::AsBefore | Forwarding::Instead) => {
                self.fan_out(now, arrived.origin, meta, newest);
            }
            (Err(Drop::Padding), _) => self.withhold(now, arrived.origin, meta.sequence),
            (Ok(()) | Err(_), _) => {}
        }
        kept
    }

    /// RFC 4588: the payload is the original's, behind its sequence number.
    pub(crate) fn handle_repair(
        &mut self,
        now: Time,
        index: u32,
        arrived: &Arrived<'_>,
    ) -> Result<(), Drop> {
        let stream = self.streams.get_mut(arrived.origin.stream).ok_or(Drop::UnknownSource)?;
        let packet = &arrived.packet;
        let (codec, true) = stream.codec_of(packet.payload_type).ok_or(Drop::UnknownPayloadType)?
        else {
            return Err(Drop::UnknownPayloadType);
        };
        let payload_type = codec.payload_type;
        let Some((original, payload)) =
            rtx::parse(arrived.payload).filter(|(_, payload)| !payload.is_empty())
        else {
            return Err(Drop::Padding); // a bandwidth probe
        };
        let source = stream.source_mut(arrived.origin.media_ssrc).ok_or(Drop::RtxStale)?;
        let sequence = source.sequence.guess(original);
        if source.sequence.highest().is_none_or(|highest| sequence > highest + MOST_AHEAD) {
            return Err(Drop::RtxStale);
        }
        let round_trip = source.nack.recovered(sequence, now);
        let (timestamp, marker) = (packet.timestamp, packet.marker);
        let meta = Meta { sequence, timestamp, payload_type, marker };
        let kept = source.history.push(now, meta, arrived.carried, payload).map_err(unkept);
        if let (Some(sample), Some(transport)) = (round_trip, self.transports.get_mut(index)) {
            transport.measured(sample);
        }
        kept?;
        note_key_frame(stream, payload_type, payload);
        self.counters.rtx_recovered += 1;
        if stream.forwarded == Some(arrived.origin.media_ssrc) {
            self.fan_out(now, arrived.origin, meta, false);
        }
        Ok(())
    }

    /// A reference to the packet goes into the queue of each leg that takes it.
    fn fan_out(&mut self, now: Time, origin: Origin, meta: Meta, newest: bool) {
        let Some(stream) = self.streams.get(origin.stream) else { return };
        let source = origin.media_ssrc;
        for index in &stream.legs {
            let Some(leg) = self.legs.get_mut(*index) else { continue };
            let Some(transport) = self.transports.get_mut(leg.transport) else { continue };
            if leg.outgoing(meta.payload_type).is_none() {
                leg.skip(source, meta.sequence);
                continue;
            }
            if !transport.is_ready(now) {
                leg.interrupt();
                continue;
            }
            let Some(as_sent) = leg.takes(now, source, &meta, newest) else { continue };
            if transport.queue.is_empty() {
                self.outbox.waits(leg.transport);
            }
            let sequence = meta.sequence;
            transport.queue.push_back(Queued {
                leg: *index,
                source,
                sequence,
                as_sent,
                rtx: false,
            });
        }
    }

    fn interrupt_legs(&mut self, stream: u32) {
        let Some(stream) = self.streams.get(stream) else { return };
        for index in &stream.legs {
            if let Some(leg) = self.legs.get_mut(*index) {
                leg.interrupt();
            }
        }
    }

    /// A packet that no leg gets must leave no gap in their numbers.
    fn withhold(&mut self, now: Time, origin: Origin, sequence: u64) {
        let Some(stream) = self.streams.get(origin.stream) else { return };
        for index in &stream.legs {
            let Some(leg) = self.legs.get_mut(*index) else { continue };
            if self.transports.get(leg.transport).is_some_and(|transport| transport.is_ready(now)) {
                leg.skip(origin.media_ssrc, sequence);
            } else {
                leg.interrupt();
            }
        }
    }
}

/// What a source's own books say of a packet of its.
fn receive(source: &mut Source, now: Time, arrived: &Arrived<'_>) -> (Meta, Repair) {
    let packet = &arrived.packet;
    let sequence = source.sequence.extend(packet.sequence_number);
    source.newest = now;
    source.reception.received(sequence, packet.timestamp, now);
    let repair = source.nack.received(sequence, now);
    let (timestamp, marker) = (packet.timestamp, packet.marker);
    (Meta { sequence, timestamp, payload_type: packet.payload_type, marker }, repair)
}

/// Ends the asking for a key frame when one arrives. Only codecs whose key frames show in clear bytes
/// that end-to-end encryption leaves alone are looked at; for others the asking ends by itself.
fn note_key_frame(stream: &mut Stream, payload_type: u8, payload: &[u8]) {
    if stream.key_frame.poll_timeout().is_none() {
        return;
    }
    let is_vp8 = stream
        .codec_of(payload_type)
        .is_some_and(|(codec, _)| codec.name.eq_ignore_ascii_case("VP8"));
    if is_vp8
        && vp8::Descriptor::parse(payload)
            .is_some_and(|descriptor| descriptor.starts_key_frame(payload))
    {
        stream.key_frame.key_frame_arrived();
    }
}

const fn unkept(why: Unkept) -> Drop {
    match why {
        Unkept::Known => Drop::Duplicate,
        Unkept::TooLate => Drop::TooLate,
        Unkept::TooLarge => Drop::TooLarge,
    }
}
