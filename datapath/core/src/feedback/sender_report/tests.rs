//! A publisher whose reports arrive late and unevenly, and what its subscribers then believe.

use proptest::prelude::*;

use super::*;

const AUDIO_HZ: u32 = 48_000;
const VIDEO_HZ: u32 = 90_000;
const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// A publisher with clocks of its own.
struct Publisher {
    /// Its NTP at our time 0, and how much faster than ours it runs.
    ntp: NtpClock,
    parts_per_million: i64,
    audio_start: u32,
    video_start: u32,
}

impl Publisher {
    fn new(ntp: u64) -> Self {
        Self {
            ntp: NtpClock::new(Ntp(ntp)),
            parts_per_million: 0,
            audio_start: 77,
            video_start: 0xffff_0000,
        }
    }

    fn own(&self, now: u64) -> u64 {
        now.saturating_add_signed(now as i64 / 1_000_000 * self.parts_per_million)
    }

    fn ntp_at(&self, now: u64) -> Ntp {
        self.ntp.at(Time(self.own(now)))
    }

    fn timestamp_at(&self, start: u32, hz: u32, now: u64) -> u32 {
        start.wrapping_add((u128::from(self.own(now)) * u128::from(hz) / u128::from(SECOND)) as u32)
    }

    fn audio_at(&self, now: u64) -> u32 {
        self.timestamp_at(self.audio_start, AUDIO_HZ, now)
    }

    fn video_at(&self, now: u64) -> u32 {
        self.timestamp_at(self.video_start, VIDEO_HZ, now)
    }
}

/// Our machines for one publisher with two streams.
struct Sfu {
    publisher: PublisherClock,
    audio: StreamClock,
    video: StreamClock,
}

const AUDIO_LEG: LegTotals =
    LegTotals { ssrc: 1, timestamp_offset: 12_345, packets: 10, octets: 1000 };
const VIDEO_LEG: LegTotals =
    LegTotals { ssrc: 2, timestamp_offset: 0x8000_0001, packets: 20, octets: 9000 };

impl Sfu {
    fn new() -> Self {
        Self {
            publisher: PublisherClock::new(),
            audio: StreamClock::new(AUDIO_HZ),
            video: StreamClock::new(VIDEO_HZ),
        }
    }

    fn audio_report(&mut self, publisher: &Publisher, sent: u64, delay: u64) {
        self.publisher.sender_report(publisher.ntp_at(sent), Time(sent + delay));
        self.audio.sender_report(publisher.ntp_at(sent), publisher.audio_at(sent));
    }

    fn video_report(&mut self, publisher: &Publisher, sent: u64, delay: u64) {
        self.publisher.sender_report(publisher.ntp_at(sent), Time(sent + delay));
        self.video.sender_report(publisher.ntp_at(sent), publisher.video_at(sent));
    }

    fn leg_reports(&self, now: u64) -> Option<(SenderReport<'static>, SenderReport<'static>)> {
        let clock = NtpClock::default();
        Some((
            self.audio.report(&self.publisher, &clock, &AUDIO_LEG, Time(now))?,
            self.video.report(&self.publisher, &clock, &VIDEO_LEG, Time(now))?,
        ))
    }
}

/// When a subscriber believes that `timestamp` was captured, in nanoseconds of our NTP clock.
fn captured(report: &SenderReport<'_>, timestamp: u32, hz: u32) -> i64 {
    let apart = i64::from(timestamp.wrapping_sub(report.rtp_timestamp) as i32);
    Ntp(report.ntp).nanos_since(Ntp(0)) + apart * SECOND as i64 / i64::from(hz)
}

/// How much later than the sound a subscriber believes the picture of the same moment.
fn picture_after_sound(
    sfu: &Sfu,
    publisher: &Publisher,
    moment: u64,
    audio_at: u64,
    video_at: u64,
) -> i64 {
    let (audio, _) = sfu.leg_reports(audio_at).expect("both streams were reported");
    let (_, video) = sfu.leg_reports(video_at).expect("both streams were reported");
    let sound = publisher.audio_at(moment).wrapping_add(AUDIO_LEG.timestamp_offset);
    let picture = publisher.video_at(moment).wrapping_add(VIDEO_LEG.timestamp_offset);
    captured(&video, picture, VIDEO_HZ) - captured(&audio, sound, AUDIO_HZ)
}

/// Rounding to whole clock ticks, there and back.
const ROUNDING: i64 = 2 * SECOND as i64 / AUDIO_HZ as i64 + 2 * SECOND as i64 / VIDEO_HZ as i64;

#[test]
fn before_the_publisher_reported_a_stream_nothing_is_said_of_its_legs() {
    let publisher = Publisher::new(1 << 63);
    let mut sfu = Sfu::new();
    sfu.audio_report(&publisher, SECOND, 0);
    let clock = NtpClock::default();
    assert!(sfu.audio.report(&sfu.publisher, &clock, &AUDIO_LEG, Time(SECOND)).is_some());
    assert!(sfu.video.report(&sfu.publisher, &clock, &VIDEO_LEG, Time(SECOND)).is_none());
}

#[test]
fn reports_of_a_publisher_without_a_clock_are_ignored() {
    let mut sfu = Sfu::new();
    sfu.publisher.sender_report(Ntp(0), Time(SECOND));
    sfu.audio.sender_report(Ntp(0), 7);
    assert_eq!(sfu.publisher.to_ours(Ntp(0)), None);
    assert_eq!(sfu.audio.timestamp_at(&sfu.publisher, Time(SECOND)), None);
}

#[test]
fn report_of_a_leg_ties_our_now_to_its_timestamp_of_now() {
    let publisher = Publisher::new(0xdead_beef_0000_0000);
    let mut sfu = Sfu::new();
    sfu.video_report(&publisher, SECOND, 0);
    let clock = NtpClock::default();
    let report = sfu
        .video
        .report(&sfu.publisher, &clock, &VIDEO_LEG, Time(3 * SECOND))
        .expect("was reported");
    assert_eq!(report.ntp, 3 << 32);
    assert_eq!(
        report.rtp_timestamp,
        publisher.video_at(3 * SECOND).wrapping_add(VIDEO_LEG.timestamp_offset)
    );
    assert_eq!((report.ssrc, report.packets, report.octets), (2, 20, 9000));
}

#[test]
fn least_delayed_report_wins_slowly() {
    let publisher = Publisher::new(5 << 32);
    let mut sfu = Sfu::new();
    sfu.audio_report(&publisher, SECOND, 80 * MS);
    let before = sfu.publisher.to_ours(publisher.ntp_at(0)).expect("known");
    assert_eq!(before, 80 * MS as i64);
    for second in 2..300 {
        sfu.audio_report(&publisher, second * SECOND, 20 * MS + second % 7 * 30 * MS);
    }
    assert_eq!(sfu.publisher.to_ours(publisher.ntp_at(0)), Some(20 * MS as i64));
}

#[test]
fn offset_follows_a_drifting_clock() {
    let mut publisher = Publisher::new(5 << 32);
    publisher.parts_per_million = -200;
    let mut sfu = Sfu::new();
    for second in 1..3600 {
        sfu.audio_report(&publisher, second * SECOND, second * 13 % 50 * MS);
        let now = second * SECOND;
        let off = sfu.publisher.to_ours(publisher.ntp_at(now)).expect("known") - now as i64;
        assert!(off.abs() < 50 * MS as i64, "{off} at {second} s");
    }
}

#[test]
fn clock_that_was_set_is_followed_at_once_forwards_and_within_a_minute_backwards() {
    let mut sfu = Sfu::new();
    let publisher = Publisher::new(1000 << 32);
    sfu.audio_report(&publisher, SECOND, 0);
    let forwards = Publisher::new(2000 << 32);
    sfu.audio_report(&forwards, 2 * SECOND, 0);
    assert_eq!(sfu.publisher.to_ours(forwards.ntp_at(0)), Some(0));
    for second in 3..64 {
        sfu.audio_report(&publisher, second * SECOND, 0);
    }
    assert_eq!(sfu.publisher.to_ours(publisher.ntp_at(0)), Some(0));
}

proptest! {
    #[test]
    fn sound_and_picture_keep_the_publishers_own_difference_however_late_its_reports_are(
        ntp: u64,
        parts_per_million in -200i64..=200,
        delays in prop::collection::vec((0..800 * MS, 0..800 * MS), 1..100),
        moment in 0..2 * SECOND,
    ) {
        let mut publisher = Publisher::new(ntp);
        publisher.parts_per_million = parts_per_million;
        let mut sfu = Sfu::new();
        let mut now = 100 * SECOND;
        for (audio, video) in delays {
            sfu.audio_report(&publisher, now, audio);
            sfu.video_report(&publisher, now + 300 * MS, video);
            now += 3 * SECOND;
            let moment = now - SECOND + moment;
            let together = picture_after_sound(&sfu, &publisher, moment, now, now);
            prop_assert!(together.abs() <= ROUNDING + 2_000, "{} ns", together);
        }
    }

    #[test]
    fn reports_of_sound_and_picture_three_seconds_apart_agree_within_three_milliseconds(
        delays in prop::collection::vec((0..800 * MS, 0..800 * MS), 2..100),
    ) {
        let publisher = Publisher::new(99 << 32);
        let mut sfu = Sfu::new();
        let mut now = 0;
        let mut audio = None;
        for (audio_delay, video_delay) in delays {
            sfu.audio_report(&publisher, now, audio_delay);
            sfu.video_report(&publisher, now + 300 * MS, video_delay);
            now += 3 * SECOND;
            let (next_audio, video) = sfu.leg_reports(now).expect("both streams were reported");
            if let Some(audio) = audio.replace(next_audio) {
                let sound = publisher.audio_at(now).wrapping_add(AUDIO_LEG.timestamp_offset);
                let picture = publisher.video_at(now).wrapping_add(VIDEO_LEG.timestamp_offset);
                let apart = captured(&video, picture, VIDEO_HZ) - captured(&audio, sound, AUDIO_HZ);
                prop_assert!(apart.abs() < 3 * MS as i64, "{} ns", apart);
            }
        }
    }

    #[test]
    fn no_report_and_no_moment_can_break_it(
        reports in prop::collection::vec((any::<u64>(), any::<u32>(), any::<u64>()), 1..50),
        asked: u64,
    ) {
        let mut sfu = Sfu::new();
        for (ntp, timestamp, now) in reports {
            sfu.publisher.sender_report(Ntp(ntp), Time(now));
            sfu.audio.sender_report(Ntp(ntp), timestamp);
            sfu.video.sender_report(Ntp(!ntp), timestamp);
            let _ = sfu.leg_reports(asked);
            let _ = sfu.leg_reports(now);
        }
    }
}
