//! RTCP: what subscribers and publishers tell us, what we tell them, and all that is due by time.
//!
//! Nothing of RTCP is passed through: each side's reports are about its own hop. Sender reports are
//! made anew on our clock, receiver reports are about what reached us, NACK is answered from the
//! history, and one question for a key frame stands for all subscribers.

use datapath_wire::rtcp::{
    Nack, PictureLoss, ReceiverReport, ReportBlock, ReportBlocks, Rtcp, Sdes, packets,
};

use crate::Time;
use crate::counters::Drop;
use crate::feedback::nack::{Repair, SUPPOSED_ROUND_TRIP};
use crate::feedback::ntp::{Ntp, round_trip};
use crate::feedback::sender_report::LegTotals;
use crate::ingress::drop_of;
use crate::machine::Machine;
use crate::path::Address;
use crate::renumber::{Numbered, Original};
use crate::rows::MediaKind;
use crate::transport::Queued;

/// A compound is cut here: with the SRTCP trailer it fits the smallest path MTU, 1280 for IPv6.
const COMPOUND_BYTES: usize = 1100;
/// A NACK before its entries, of which a number takes one at most.
const NACK_BYTES: usize = 12;
/// What may stand in one compound with a transport-wide feedback, which may take 1100 alone.
const BESIDE_TRANSPORT_CC: usize = 100;
/// Report blocks that one receiver report can hold (RFC 3550 section 6.4.1).
const REPORT_BLOCKS: usize = 31;
/// The same packet is not sent again within this time: a second request that comes so soon left
/// before the first answer can have arrived. Receivers ask again after a round trip, and no more
/// often than each 20 ms; higher would refuse what they mean, lower answers a request that the
/// network doubled.
const RTX_SPACING_NS: u64 = 15_000_000;

impl Machine {
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Time,
        index: u32,
        from: Address,
        datagram: &mut [u8],
    ) -> Result<(), Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::NoValidPath)?;
        let srtp = transport.srtp.as_deref_mut().ok_or(Drop::SrtpNotReady)?;
        let bytes = srtp.inbound.open_rtcp(datagram).map_err(drop_of)?;
        transport.paths.heard_on(now, from);
        self.counters.rtcp_received += 1;
        for packet in packets(datagram.get(..bytes).ok_or(Drop::RtcpMalformed)?) {
            match packet.map_err(|_| Drop::RtcpMalformed)? {
                Rtcp::SenderReport(report) => {
                    self.handle_sender_report(
                        now,
                        index,
                        report.ssrc,
                        Ntp(report.ntp),
                        report.rtp_timestamp,
                    );
                    self.handle_blocks(now, index, report.blocks);
                }
                Rtcp::ReceiverReport(report) => self.handle_blocks(now, index, report.blocks),
                Rtcp::Nack(nack) => {
                    self.handle_nack(now, index, nack.media_ssrc, nack.sequence_numbers())
                }
                Rtcp::PictureLoss(loss) => self.handle_picture_loss(now, index, loss.media_ssrc),
                Rtcp::FullIntra(full) => {
                    for request in full.requests() {
                        self.handle_picture_loss(now, index, request.ssrc);
                    }
                }
                // Estimates are read once congestion control is ours; the others ask nothing of us.
                Rtcp::TransportCc(_)
                | Rtcp::Remb(_)
                | Rtcp::Sdes(_)
                | Rtcp::Bye(_)
                | Rtcp::ExtendedReport(_)
                | Rtcp::Other(_) => {}
            }
        }
        Ok(())
    }

    fn handle_sender_report(&mut self, now: Time, index: u32, ssrc: u32, ntp: Ntp, timestamp: u32) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        let Some(origin) = transport.origins.get(&ssrc).filter(|origin| !origin.rtx) else {
            return;
        };
        transport.clock.sender_report(ntp, now);
        let Some(stream) = self.streams.get_mut(origin.stream) else { return };
        let Some(source) = stream.source_mut(ssrc) else { return };
        let first = source.clock.timestamp_at(&transport.clock, now).is_none();
        source.reception.sender_report(ntp, now);
        source.clock.sender_report(ntp, timestamp);
        if first {
            let legs = stream.legs.clone();
            self.hasten_reports(now, &legs);
        }
    }

    /// Receivers of these legs cannot play sound and picture together before our next report.
    fn hasten_reports(&mut self, now: Time, legs: &[u32]) {
        for leg in legs {
            let Some(index) = self.legs.get(*leg).map(|leg| leg.transport) else { continue };
            let Some(transport) = self.transports.get_mut(index) else { continue };
            transport.reports.hasten(now);
            let due = transport.reports.poll_timeout();
            self.wake(index, due);
        }
    }

    fn handle_blocks(&mut self, now: Time, index: u32, blocks: ReportBlocks<'_>) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        for block in blocks.iter() {
            let Some(leg) = transport.legs_by_ssrc.get(&block.ssrc) else { continue };
            if let Some(leg) = self.legs.get_mut(*leg).filter(|leg| leg.row.ssrc == block.ssrc) {
                leg.ssrc_known = true;
            }
            let sample = round_trip(
                self.ntp.at(now),
                block.last_sender_report,
                block.delay_since_last_sender_report,
            );
            if let Some(sample) = sample {
                transport.measured(sample);
            }
        }
    }

    fn handle_nack(&mut self, now: Time, index: u32, ssrc: u32, asked: impl Iterator<Item = u16>) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        let Some(leg_index) = transport.legs_by_ssrc.get(&ssrc).copied() else { return };
        let Some(leg) = self.legs.get_mut(leg_index) else { return };
        if leg.row.ssrc != ssrc || leg.row.paused {
            return;
        }
        let Some(stream) = self.streams.get(leg.stream) else { return };
        for low in asked {
            self.counters.nacks_received += 1;
            let Some((number, original)) = leg.asked(now, low, RTX_SPACING_NS) else { continue };
            let Original { source, sequence, timestamp_offset } = original;
            let kept = stream.source(source).and_then(|source| source.history.get(sequence));
            let outgoing = kept.and_then(|kept| leg.outgoing(kept.meta.payload_type));
            let can = outgoing.is_some_and(|it| it.rtx_payload_type.is_some());
            if leg.row.rtx_ssrc == 0 || !can || !leg.spend() {
                self.counters.drop(Drop::NackUnanswered);
                continue;
            }
            if transport.queue.is_empty() {
                self.outbox.waits(index);
            }
            let as_sent = Numbered { number, timestamp_offset };
            let queued = Queued { leg: leg_index, source, sequence, as_sent, rtx: true };
            transport.queue.push_back(queued);
        }
    }

    fn handle_picture_loss(&mut self, now: Time, index: u32, ssrc: u32) {
        let Some(transport) = self.transports.get(index) else { return };
        let Some(leg) = transport.legs_by_ssrc.get(&ssrc).and_then(|leg| self.legs.get(*leg))
        else {
            return;
        };
        let (stream, paused) = (leg.stream, leg.row.paused);
        self.counters.plis_received += 1;
        if !paused {
            self.request_key_frame(now, stream);
        }
    }

    /// Asks the publisher of a video stream for a key frame, soon.
    pub(crate) fn request_key_frame(&mut self, now: Time, stream: u32) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        if stream.row.kind == MediaKind::Audio {
            return;
        }
        stream.key_frame.request(now);
        let (publisher, due) = (stream.transport, stream.key_frame.poll_timeout());
        if let Some(due) = due {
            self.wake(publisher, due);
        }
    }

    /// A leg may begin: its picture begins with a key frame.
    pub(crate) fn request_key_frame_if_ready(&mut self, now: Time, leg: u32) {
        let Some(leg) = self.legs.get(leg).filter(|leg| !leg.row.paused) else { return };
        if self.transports.get(leg.transport).is_some_and(|transport| transport.is_ready(now)) {
            self.request_key_frame(now, leg.stream);
        }
    }

    /// A subscriber's transport came up: all that it is sent begins.
    pub(crate) fn request_key_frames_for(&mut self, now: Time, index: u32) {
        let legs = self.transports.get(index).map(|transport| transport.legs.clone());
        for leg in legs.unwrap_or_default() {
            self.request_key_frame_if_ready(now, leg);
        }
    }

    /// Does all that is due for a transport; returns when it is to be served next.
    pub(crate) fn serve(&mut self, now: Time, index: u32) -> Option<Time> {
        let transport = self.transports.get_mut(index)?;
        if transport.row.not_after.is_some_and(|at| at <= now) {
            let (id, room, revision) = (transport.id, transport.room, transport.revision + 1);
            self.delete_transport(now, index);
            self.tell_ended(id, room, revision);
            return None;
        }
        let not_after = transport.row.not_after;
        transport.dtls.handle_timeout(now);
        let dtls = self.drain_dtls(now, index);
        self.refresh_transport_facts(now, index);
        let feedback = self.serve_feedback(now, index);
        let reports = self.serve_reports(now, index);
        let transport = self.transports.get(index)?;
        [not_after, dtls, transport.paths.poll_timeout(now), feedback, reports]
            .into_iter()
            .flatten()
            .min()
    }

    /// Transport-wide feedback, NACK and key frame requests toward a publisher.
    fn serve_feedback(&mut self, now: Time, index: u32) -> Option<Time> {
        let transport = self.transports.get_mut(index)?;
        transport.srtp.as_ref()?;
        let mut compound = self.outbox.buffer();
        let mut full = Vec::new();
        let mut due = None;
        let mut next = |at: Option<Time>| due = [due, at].into_iter().flatten().min();
        let round_trip = transport.round_trip.unwrap_or(SUPPOSED_ROUND_TRIP);
        for stream in &transport.streams {
            let Some(stream) = self.streams.get_mut(*stream) else { continue };
            let mut beyond_repair = false;
            for source in &mut stream.sources {
                self.asked.clear();
                beyond_repair |=
                    source.nack.poll(now, round_trip, &mut self.asked) == Repair::GivenUp;
                self.counters.nacks_sent += self.asked.len() as u64;
                if compound.len() + NACK_BYTES + 4 * self.asked.len() > COMPOUND_BYTES {
                    full.push(std::mem::replace(&mut compound, self.outbox.buffer()));
                }
                Nack::write_lost(
                    &mut compound,
                    transport.own_ssrc,
                    source.ssrc,
                    self.asked.iter().copied(),
                );
                next(source.nack.poll_timeout());
            }
            if beyond_repair && stream.row.kind == MediaKind::Video {
                stream.key_frame.request(now);
            }
            // Before the first packet there is no SSRC to ask; it brings a key frame anyway.
            if let Some(media_ssrc) = stream.forwarded {
                if stream.key_frame.poll(now) {
                    PictureLoss { sender_ssrc: transport.own_ssrc, media_ssrc }
                        .write(&mut compound);
                    self.counters.plis_sent += 1;
                }
                next(stream.key_frame.poll_timeout());
            }
        }
        if compound.len() > BESIDE_TRANSPORT_CC {
            full.push(std::mem::replace(&mut compound, self.outbox.buffer()));
        }
        if let Some(recorder) = transport.recorder.as_deref_mut() {
            let media_ssrc = transport.origins.keys().next().copied().unwrap_or_default();
            while recorder.poll(now, transport.own_ssrc, media_ssrc, &mut compound) {
                self.counters.transport_cc_sent += 1;
                full.push(std::mem::replace(&mut compound, self.outbox.buffer()));
            }
            next(recorder.poll_timeout());
        }
        for compound in full {
            self.send_rtcp(now, index, compound);
        }
        self.send_rtcp(now, index, compound);
        due
    }

    /// Sender reports of the legs and receiver reports of the sources, while anything flows.
    fn serve_reports(&mut self, now: Time, index: u32) -> Option<Time> {
        let transport = self.transports.get_mut(index)?;
        transport.srtp.as_ref()?;
        if transport.legs.is_empty() && transport.streams.is_empty() {
            return None;
        }
        if transport.reports.poll(now) {
            for stream in transport.streams.clone() {
                self.refresh_stream_facts(now, stream);
            }
            self.note_legs_that_ceased(now, index);
            self.write_sender_reports(now, index);
            self.write_receiver_reports(now, index);
        }
        self.transports.get(index).map(|transport| transport.reports.poll_timeout())
    }

    fn note_legs_that_ceased(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index) else { return };
        for leg in &transport.legs {
            if let Some(leg) = self.legs.get_mut(*leg)
                && leg.ceased_to_flow(now)
            {
                self.changed.note(leg.id);
            }
        }
    }

    fn write_sender_reports(&mut self, now: Time, index: u32) {
        let mut compound = self.outbox.buffer();
        let Some(legs) = self.transports.get(index).map(|transport| transport.legs.clone()) else {
            return;
        };
        for leg in legs {
            if compound.len() > COMPOUND_BYTES {
                let full = std::mem::replace(&mut compound, self.outbox.buffer());
                self.send_rtcp(now, index, full);
            }
            self.write_sender_report(now, leg, &mut compound);
        }
        self.send_rtcp(now, index, compound);
    }

    /// A leg that sent since its last report says where its clock stands.
    fn write_sender_report(&mut self, now: Time, leg: u32, compound: &mut Vec<u8>) {
        let Some(leg) = self.legs.get_mut(leg) else { return };
        if leg.packets == leg.packets_reported {
            return;
        }
        let Some(stream) = self.streams.get(leg.stream) else { return };
        let Some(publisher) = self.transports.get(stream.transport) else { return };
        let Some(source) = leg.source.and_then(|source| stream.source(source)) else { return };
        let totals = LegTotals {
            ssrc: leg.row.ssrc,
            timestamp_offset: leg.timestamp_offset,
            packets: leg.packets,
            octets: leg.octets,
        };
        let Some(report) = source.clock.report(&publisher.clock, &self.ntp, &totals, now) else {
            return;
        };
        leg.packets_reported = leg.packets;
        report.write(compound);
        if let Some(subscriber) = self.transports.get(leg.transport) {
            Sdes::write_cname(compound, leg.row.ssrc, subscriber.cname.as_str());
        }
    }

    fn write_receiver_reports(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index) else { return };
        let mut blocks: Vec<ReportBlock> = Vec::new();
        for stream in &transport.streams {
            let Some(stream) = self.streams.get_mut(*stream) else { continue };
            for source in &mut stream.sources {
                blocks.extend(source.reception.report(source.ssrc, now));
            }
        }
        let (own_ssrc, cname) = (transport.own_ssrc, transport.cname);
        for blocks in blocks.chunks(REPORT_BLOCKS) {
            let mut compound = self.outbox.buffer();
            ReceiverReport { ssrc: own_ssrc, blocks: ReportBlocks::of(blocks) }
                .write(&mut compound);
            Sdes::write_cname(&mut compound, own_ssrc, cname.as_str());
            self.send_rtcp(now, index, compound);
        }
    }

    /// Seals and sends a compound; an empty one is put back.
    fn send_rtcp(&mut self, now: Time, index: u32, mut compound: Vec<u8>) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        let to = transport.paths.current(now);
        let (Some(to), Some(srtp), false) =
            (to, transport.srtp.as_deref_mut(), compound.is_empty())
        else {
            return self.outbox.put_back(compound);
        };
        if srtp.outbound.seal_rtcp(&mut compound).is_err() {
            self.counters.drop(Drop::Unsealed);
            return self.outbox.put_back(compound);
        }
        self.counters.rtcp_sent += 1;
        self.outbox.send(to, compound);
    }
}
