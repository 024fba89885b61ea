//! What arrives: classify, find the transport by its address, open, find the stream. What becomes of
//! the opened packet is in `forward`.

use datapath_wire::classify::{Class, classify};
use datapath_wire::rtp::Packet;
use datapath_wire::{extension, rtx};
use std::net::SocketAddr;

use crate::Time;
use crate::carried::{Carried, Hop};
use crate::counters::Drop;
use crate::feedback::transport_cc::TransportCcRecorder;
use crate::machine::Machine;
use crate::path::Address;
use crate::slots::Slots;
use crate::srtp::OpenError;
use crate::stream::{Origin, Stream};
use crate::transport::Transport;

/// Largest RTP payload that is forwarded: what fits an Ethernet frame with everything we add.
const PAYLOAD_BYTES_MAX: usize = 1500;

/// An opened RTP packet and where it belongs.
pub(crate) struct Arrived<'a> {
    pub(crate) packet: Packet,
    /// Without padding.
    pub(crate) payload: &'a [u8],
    pub(crate) carried: &'a [u8],
    pub(crate) origin: Origin,
    pub(crate) rid: &'a str,
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
        let mut carried = Carried::new();
        let hop = carried.sort(&transport.row.extensions, packet.elements(datagram));
        match opened {
            Ok(_) => {
                transport.paths.heard_on(now, from);
                self.note_arrival(now, index, hop.transport_sequence);
            }
            // It may have been sent twice; whoever repeats it must not move the path.
            Err(OpenError::Replayed { .. }) => {
                self.note_arrival(now, index, hop.transport_sequence);
            }
            Err(_) => {}
        }
        let bytes = opened.map_err(drop_of)?.bytes;
        self.counters.rtp_received += 1;
        let datagram = datagram.get(..bytes).ok_or(Drop::RtpMalformed)?;
        let padding = packet.padding_bytes(datagram).map_err(|_| Drop::RtpMalformed)?;
        let payload =
            datagram.get(packet.header_bytes..bytes - padding).ok_or(Drop::RtpMalformed)?;
        let origin = self.origin_of(index, &packet, payload, &hop)?;
        let rid = hop.rid.and_then(extension::rid).unwrap_or_default();
        let arrived = Arrived { packet, payload, carried: carried.as_bytes(), origin, rid };
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Drop::TooLarge);
        }
        if origin.rtx {
            self.handle_repair(now, index, &arrived)
        } else {
            self.handle_media(now, index, &arrived)
        }
    }

    /// The arrival of an authentic packet is told to the publisher's estimator.
    fn note_arrival(&mut self, now: Time, index: u32, transport_sequence: Option<u16>) {
        let Some(transport) = self.transports.get_mut(index) else { return };
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
    fn origin_of(
        &mut self,
        index: u32,
        packet: &Packet,
        payload: &[u8],
        hop: &Hop<'_>,
    ) -> Result<Origin, Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::UnknownSource)?;
        let latched = transport.origins.get(&packet.ssrc).copied();
        if let Some(origin) = latched.filter(|it| is_named(&self.streams, it.stream, hop.mid)) {
            return Ok(origin);
        }
        let named = stream_of(transport, &self.streams, packet.payload_type, hop.mid);
        // A MID that no row has says nothing against what the SSRC said.
        let Some(index) = named else { return latched.ok_or(Drop::UnknownSource) };
        let stream = self.streams.get(index).ok_or(Drop::UnknownSource)?;
        let (_, rtx) = stream.codec_of(packet.payload_type).ok_or(Drop::UnknownPayloadType)?;
        let media_ssrc = match (rtx, hop.repaired_rid.and_then(extension::rid)) {
            (false, _) => Some(packet.ssrc),
            (true, Some(rid)) => stream.ssrc_of_rid(rid),
            (true, None) => rtx::parse(payload).and_then(|(osn, _)| stream.ssrc_missing(osn)),
        };
        let media_ssrc = media_ssrc.ok_or(Drop::UnknownSource)?;
        let origin = Origin { stream: index, media_ssrc, rtx };
        transport.origins.insert(packet.ssrc, origin);
        Ok(origin)
    }
}

/// Whether a packet's MID, if it has one, is that of the stream: RFC 8843 section 9.2 lets it change.
fn is_named(streams: &Slots<Stream>, stream: u32, mid: Option<&[u8]>) -> bool {
    let Some(mid) = mid else { return true };
    streams.get(stream).is_some_and(|stream| stream.row.mid.as_bytes() == mid)
}

/// The stream of the transport that a MID names, or the only one with that payload type.
fn stream_of(
    transport: &Transport,
    streams: &Slots<Stream>,
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

pub(crate) const fn drop_of(error: OpenError) -> Drop {
    match error {
        OpenError::Malformed | OpenError::Unencrypted => Drop::RtpMalformed,
        OpenError::Unauthentic => Drop::SrtpAuth,
        OpenError::Replayed { .. } => Drop::SrtpReplay,
        OpenError::TooOld => Drop::SrtpTooOld,
        OpenError::TooManySources => Drop::TooManySources,
    }
}
