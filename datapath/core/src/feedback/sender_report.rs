//! From a publisher's clock to ours: the sender reports (RFC 3550 section 6.4.1) of what we forward.
//!
//! A receiver plays sound and picture together by the sender reports of the two streams: each ties
//! an RTP timestamp to NTP time. Ours replace the publisher's, with our clock in place of its. There
//! is ONE offset between the two clocks per publisher transport, so that whatever error it has is
//! the same for all streams of that publisher and cancels out: lip sync is as good as the
//! publisher's own, however late its reports were.
//!
//! Before the first report of a stream came, none is made for its legs. A guess (its first packet
//! left when it arrived, say) would be wrong by a different amount for each stream, and receivers
//! that are told nothing do better than receivers that are told wrong.
//!
//! `PublisherClock` belongs to a transport, `StreamClock` to a received SSRC. Neither knows packets.

use std::time::Duration;

use datapath_wire::rtcp::{ReportBlocks, SenderReport};

use crate::feedback::ntp::{Ntp, NtpClock};
use crate::time::Time;

/// The least delayed report of this long tells the offset (at least; at most twice as long). Lower:
/// a standing queue in the path is taken for an offset sooner. Higher: a drift of the publisher's
/// clock is followed later; at 100 ppm it is 3 ms in this time.
const WINDOW: Duration = Duration::from_secs(30);

/// The offset moves by at most this many parts of the time that passes, 1/2000 = 500 ppm: more than
/// two crystals differ, and so little that reports of sound and picture a few seconds apart stay
/// within 3 ms of each other. People notice from about 45 ms (ITU-R BT.1359).
const SLEW: u64 = 2000;

/// An offset this far off is no drift: the publisher's clock was set, or slept. Followed at once.
const STEP: u64 = 1_000_000_000;

/// The offset from a publisher's NTP clock to our time: one per publisher transport.
#[derive(Clone, Debug, Default)]
pub struct PublisherClock {
    state: Option<Synced>,
}

#[derive(Clone, Copy, Debug)]
struct Synced {
    /// Some moment of the publisher's; everything is counted from it.
    origin: Ntp,
    /// Our nanoseconds at `origin`, as applied.
    offset: i64,
    /// Least of the present and of the last window.
    least: i64,
    least_before: i64,
    window_started: Time,
    updated: Time,
}

impl PublisherClock {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: None }
    }

    /// A sender report of any stream of the publisher arrived. One that says 0 is from a publisher
    /// without a clock (RFC 3550 section 6.4.1) and tells nothing.
    pub fn sender_report(&mut self, ntp: Ntp, now: Time) {
        if ntp == Ntp(0) {
            return;
        }
        match &mut self.state {
            Some(synced) => synced.update(ntp, now),
            None => self.state = Some(Synced::new(ntp, now)),
        }
    }

    /// The moment of ours at which the publisher's clock says `ntp`; in nanoseconds, and negative
    /// before `Time(0)`.
    #[must_use]
    pub fn to_ours(&self, ntp: Ntp) -> Option<i64> {
        let synced = self.state.as_ref()?;
        Some(synced.offset.saturating_add(ntp.nanos_since(synced.origin)))
    }
}

impl Synced {
    const fn new(ntp: Ntp, now: Time) -> Self {
        let offset = now.0 as i64;
        Self {
            origin: ntp,
            offset,
            least: offset,
            least_before: offset,
            window_started: now,
            updated: now,
        }
    }

    fn update(&mut self, ntp: Ntp, now: Time) {
        let sample = (now.0 as i64).saturating_sub(ntp.nanos_since(self.origin));
        if now.saturating_since(self.window_started) >= WINDOW {
            self.least_before = self.least;
            self.least = sample;
            self.window_started = now;
        }
        self.least = self.least.min(sample);
        let target = self.least.min(self.least_before);
        self.follow(target, now);
        self.updated = now;
    }

    fn follow(&mut self, target: i64, now: Time) {
        let off = target.saturating_sub(self.offset);
        if off.unsigned_abs() >= STEP {
            self.offset = target;
            return;
        }
        let most = (now.saturating_since(self.updated).as_nanos() as u64 / SLEW) as i64;
        self.offset += off.clamp(-most, most);
    }
}

/// What ties the RTP timestamps of one SSRC to the publisher's clock: one per received SSRC.
#[derive(Clone, Debug)]
pub struct StreamClock {
    clock_hz: u32,
    last: Option<(Ntp, u32)>,
}

/// What a leg says of itself in its sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegTotals {
    /// SSRC of the leg.
    pub ssrc: u32,
    /// What is added to the stream's RTP timestamps on this leg, modulo 2^32.
    pub timestamp_offset: u32,
    /// Packets sent, modulo 2^32; retransmissions are another SSRC's.
    pub packets: u32,
    /// Payload octets sent, modulo 2^32.
    pub octets: u32,
}

impl StreamClock {
    /// `clock_hz` is the RTP clock of the payload format.
    #[must_use]
    pub const fn new(clock_hz: u32) -> Self {
        Self { clock_hz, last: None }
    }

    /// A sender report of this SSRC arrived. Tell `PublisherClock` as well.
    pub const fn sender_report(&mut self, ntp: Ntp, timestamp: u32) {
        if ntp.0 != 0 {
            self.last = Some((ntp, timestamp));
        }
    }

    /// The stream's RTP timestamp at the moment `now` of ours; `None` before the first report.
    #[must_use]
    pub fn timestamp_at(&self, publisher: &PublisherClock, now: Time) -> Option<u32> {
        let (ntp, timestamp) = self.last?;
        let apart_ns = i128::from(now.0) - i128::from(publisher.to_ours(ntp)?);
        let apart = (apart_ns * i128::from(self.clock_hz)).div_euclid(1_000_000_000);
        Some(timestamp.wrapping_add(apart as u32))
    }

    /// The sender report of a leg of this stream at `now`; `None` before the publisher's first.
    #[must_use]
    pub fn report(
        &self,
        publisher: &PublisherClock,
        clock: &NtpClock,
        leg: &LegTotals,
        now: Time,
    ) -> Option<SenderReport<'static>> {
        let timestamp = self.timestamp_at(publisher, now)?;
        Some(SenderReport {
            ssrc: leg.ssrc,
            ntp: clock.at(now).0,
            rtp_timestamp: timestamp.wrapping_add(leg.timestamp_offset),
            packets: leg.packets,
            octets: leg.octets,
            blocks: ReportBlocks::of(&[]),
        })
    }
}

#[cfg(test)]
mod tests;
