//! What arrives: classify, find the transport by its address, open, find the stream, keep the packet
//! once, and put a reference to it into the queue of each leg.

use datapath_wire::classify::{Class, classify};
use datapath_wire::rtp::Packet;
use datapath_wire::{extension, rtx, vp8};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Time;
use crate::carried::{Carried, Hop};
use crate::counters::Drop;
use crate::feedback::nack::Repair;
use crate::feedback::transport_cc::TransportCcRecorder;
use crate::history::{Meta, Unkept};
use crate::machine::Machine;
use crate::path::Address;
use crate::rows::MediaKind;
use crate::srtp::OpenError;
use crate::stream::{Origin, Stream};
use crate::transport::{Queued, Transport};

/// Largest RTP payload that is forwarded: what fits an Ethernet frame with everything we add.
const PAYLOAD_BYTES_MAX: usize = 1500;

/// An opened RTP packet and where it belongs.
struct Arrived<'a> {
    packet: Packet,
    /// Without padding.
    payload: &'a [u8],
    carried: &'a [u8],
    origin: Origin,
    rid: &'a str,
}

impl Machine {
    /// Takes a datagram that arrived at a listener. Its bytes are scratch space afterwards.
    pub fn handle_datagram(
        &mut self,
        now: Time,
        listener: u16,
        remote: SocketAddr,
        datagram: &mut [u8],
    ) {
        let from = Address { listener, remote };
        let class = classify(datagram);
        if class == Class::Stun {
            return self.handle_stun(now, from, datagram);
        }
        let outcome = match class {
            Class::Dtls | Class::Rtp | Class::Rtcp => match self.transport_at(now, from) {
                Some(index) if class == Class::Dtls => self.handle_dtls(now, index, from, datagram),
                Some(index) if class == Class::Rtp => self.handle_rtp(now, index, from, datagram),
                Some(index) => self.handle_rtcp(now, index, from, datagram),
                None => Err(Drop::NoValidPath),
            },
            Class::TurnChannel => Err(Drop::TurnChannel),
            Class::Stun | Class::Unknown => Err(Drop::Unclassified),
        };
        if let Err(reason) = outcome {
            self.counters.drop(reason);
        }
    }

    /// The transport that was validly checked from an address in the last 30 s.
    fn transport_at(&self, now: Time, from: Address) -> Option<u32> {
        let index = *self.addresses.get(&from)?;
        let transport = self.transports.get(index)?;
        transport.paths.is_valid(now, from).then_some(index)
    }

    fn handle_rtp(
        &mut self,
        now: Time,
        index: u32,
        from: Address,
        datagram: &mut [u8],
    ) -> Result<(), Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::NoValidPath)?;
        let packet = Packet::parse(datagram).map_err(|_| Drop::RtpMalformed)?;
        let srtp = transport.srtp.as_deref_mut().ok_or(Drop::SrtpNotReady)?;
        let opened = srtp.inbound.open_rtp(datagram, packet.header_bytes);
        let authentic = matches!(opened, Ok(_) | Err(OpenError::Replayed { .. }));
        let mut carried = Carried::new();
        let hop = carried.sort(&transport.row.extensions, packet.elements(datagram));
        if authentic {
            self.note_arrival(now, index, from, hop.transport_sequence);
        }
        let bytes = opened.map_err(drop_of)?.bytes;
        self.counters.rtp_received += 1;
        let datagram = datagram.get(..bytes).ok_or(Drop::RtpMalformed)?;
        let padding = packet.padding_bytes(datagram).map_err(|_| Drop::RtpMalformed)?;
        let payload =
            datagram.get(packet.header_bytes..bytes - padding).ok_or(Drop::RtpMalformed)?;
        let origin = self.origin_of(index, &packet, &hop).ok_or(Drop::UnknownSource)?;
        let rid = hop.rid.and_then(extension::rid).unwrap_or_default();
        let arrived = Arrived { packet, payload, carried: carried.as_bytes(), origin, rid };
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Drop::TooLarge);
        }
        if origin.rtx {
            self.repaired(now, index, &arrived)
        } else {
            self.media(now, index, &arrived)
        }
    }

    /// An authentic packet: its path is alive, and its arrival is told to the publisher's estimator.
    fn note_arrival(
        &mut self,
        now: Time,
        index: u32,
        from: Address,
        transport_sequence: Option<u16>,
    ) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        transport.paths.heard_on(now, from);
        if let Some(number) = transport_sequence {
            let recorder =
                transport.recorder.get_or_insert_with(|| Box::new(TransportCcRecorder::new()));
            recorder.record(number, now);
            if let Some(due) = recorder.poll_timeout() {
                self.wake(index, due);
            }
        }
    }

    /// Whose packet it is: by SSRC, else by MID and RID, else by a payload type that one stream has.
    fn origin_of(&mut self, index: u32, packet: &Packet, hop: &Hop<'_>) -> Option<Origin> {
        let transport = self.transports.get_mut(index)?;
        if let Some(origin) = transport.origins.get(&packet.ssrc) {
            return Some(*origin);
        }
        let stream = stream_of(transport, &self.streams, packet.payload_type, hop.mid)?;
        let (_, rtx) = self.streams.get(stream)?.codec_of(packet.payload_type)?;
        let media_ssrc = match (rtx, hop.repaired_rid.and_then(extension::rid)) {
            (false, _) => packet.ssrc,
            (true, Some(rid)) => self.streams.get(stream)?.ssrc_of_rid(rid)?,
            (true, None) => self.streams.get(stream)?.forwarded?,
        };
        let origin = Origin { stream, media_ssrc, rtx };
        transport.origins.insert(packet.ssrc, origin);
        Some(origin)
    }

    fn media(&mut self, now: Time, index: u32, arrived: &Arrived<'_>) -> Result<(), Drop> {
        let stream = self.streams.get_mut(arrived.origin.stream).ok_or(Drop::UnknownSource)?;
        let packet = &arrived.packet;
        let (codec, false) =
            stream.codec_of(packet.payload_type).ok_or(Drop::UnknownPayloadType)?
        else {
            return Err(Drop::UnknownPayloadType);
        };
        let kind = stream.row.kind;
        let fresh = stream.source(packet.ssrc).is_none();
        let source = stream.source_or_new(now, packet.ssrc, arrived.rid, codec);
        let sequence = source.sequence.extend(packet.sequence_number);
        let awakened = fresh || now.saturating_since(source.newest) > Duration::from_secs(1);
        source.newest = now;
        source.reception.received(sequence, packet.timestamp, now);
        let repair = source.nack.received(sequence, now);
        let due = source.nack.poll_timeout();
        let meta = Meta { sequence, timestamp: packet.timestamp, codec, marker: packet.marker };
        let kept = if arrived.payload.is_empty() {
            Err(Drop::Padding)
        } else {
            source.history.push(now, meta, arrived.carried, arrived.payload).map_err(unkept)
        };
        if repair == Repair::GivenUp && kind == MediaKind::Video {
            stream.key_frame.request(now);
        }
        note_key_frame(stream, codec, arrived.payload);
        let due = [due, stream.key_frame.poll_timeout()].into_iter().flatten().min();
        if awakened {
            self.refresh_stream_facts(now, arrived.origin.stream, Some(packet.payload_type));
        }
        if let Some(due) = due {
            self.wake(index, due);
        }
        match kept {
            Ok(()) => self.fan_out(now, arrived.origin, meta),
            Err(Drop::Padding) => self.withhold(arrived.origin, sequence),
            Err(_) => {}
        }
        kept
    }

    /// RFC 4588: the payload is the original's, behind its sequence number.
    fn repaired(&mut self, now: Time, index: u32, arrived: &Arrived<'_>) -> Result<(), Drop> {
        let stream = self.streams.get_mut(arrived.origin.stream).ok_or(Drop::UnknownSource)?;
        let (codec, _) =
            stream.codec_of(arrived.packet.payload_type).ok_or(Drop::UnknownPayloadType)?;
        let Some((original, payload)) =
            rtx::parse(arrived.payload).filter(|(_, payload)| !payload.is_empty())
        else {
            return Err(Drop::Padding); // a bandwidth probe
        };
        let source = stream.source_mut(arrived.origin.media_ssrc).ok_or(Drop::RtxStale)?;
        let sequence = source.sequence.guess(original);
        let round_trip = source.nack.recovered(sequence, now);
        let meta = Meta {
            sequence,
            timestamp: arrived.packet.timestamp,
            codec,
            marker: arrived.packet.marker,
        };
        let kept = source.history.push(now, meta, arrived.carried, payload).map_err(unkept);
        if let (Some(sample), Some(transport)) = (round_trip, self.transports.get_mut(index)) {
            transport.measured(sample);
        }
        kept?;
        note_key_frame(stream, codec, payload);
        self.counters.rtx_recovered += 1;
        self.fan_out(now, arrived.origin, meta);
        Ok(())
    }

    /// A reference to the packet goes into the queue of each leg that takes it.
    fn fan_out(&mut self, now: Time, origin: Origin, meta: Meta) {
        let Some(stream) = self.streams.get_mut(origin.stream) else { return };
        if !stream.forwards(now, origin.media_ssrc) {
            return;
        }
        for index in &stream.legs {
            let Some(leg) = self.legs.get_mut(*index) else { continue };
            let Some(transport) = self.transports.get_mut(leg.transport) else { continue };
            let Some(outgoing) = leg.outgoing(meta.codec).filter(|_| transport.is_ready(now))
            else {
                continue;
            };
            if !leg.takes(now, origin.media_ssrc, meta.sequence, meta.timestamp, outgoing.clock_hz)
            {
                continue;
            }
            if transport.queue.is_empty() {
                self.outbox.waits(leg.transport);
            }
            transport.queue.push_back(Queued {
                leg: *index,
                source: origin.media_ssrc,
                sequence: meta.sequence,
                rtx: false,
            });
        }
    }

    /// A packet that no leg gets must leave no gap in their numbers.
    fn withhold(&mut self, origin: Origin, sequence: u64) {
        let Some(stream) = self.streams.get(origin.stream) else { return };
        for index in &stream.legs {
            if let Some(leg) = self.legs.get_mut(*index) {
                leg.skip(origin.media_ssrc, sequence);
            }
        }
    }
}

/// The stream of the transport that a MID names, or the only one with that payload type.
fn stream_of(
    transport: &Transport,
    streams: &crate::slots::Slots<Stream>,
    payload_type: u8,
    mid: Option<&[u8]>,
) -> Option<u32> {
    let indexed =
        || transport.streams.iter().filter_map(|index| streams.get(*index).map(|it| (*index, it)));
    if let Some(mid) = mid.and_then(extension::mid) {
        return indexed().find(|(_, stream)| &*stream.row.mid == mid).map(|(index, _)| index);
    }
    let mut having = indexed().filter(|(_, stream)| stream.codec_of(payload_type).is_some());
    let (index, _) = having.next()?;
    having.next().is_none().then_some(index)
}

/// Ends the asking for a key frame when one arrives. Only codecs whose key frames show in clear bytes
/// that end-to-end encryption leaves alone are looked at; for others the asking ends by itself.
fn note_key_frame(stream: &mut Stream, codec: u8, payload: &[u8]) {
    if stream.key_frame.poll_timeout().is_none() {
        return;
    }
    let is_vp8 = stream
        .row
        .codecs
        .get(usize::from(codec))
        .is_some_and(|codec| codec.name.eq_ignore_ascii_case("VP8"));
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

pub(crate) const fn drop_of(error: OpenError) -> Drop {
    match error {
        OpenError::Malformed | OpenError::Unencrypted => Drop::RtpMalformed,
        OpenError::Unauthentic => Drop::SrtpAuth,
        OpenError::Replayed { .. } => Drop::SrtpReplay,
        OpenError::TooOld => Drop::SrtpTooOld,
        OpenError::TooManySources => Drop::TooManySources,
    }
}
