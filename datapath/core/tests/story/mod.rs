//! Calls told at random: what can happen in them.

// Its items are public to the tests.
#![allow(unreachable_pub)]

mod call;
mod ledger;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

pub use call::Call;

pub const VIDEO: u32 = 1000;
/// The same camera after the browser began again.
pub const VIDEO_AGAIN: u32 = 1002;
pub const AUDIO: u32 = 77;
/// A codec that subscribers did not take.
pub const H264: u8 = 98;
/// Which peer is sent which stream.
pub const LEGS: [(usize, u64, &[u32]); 4] = [
    (1, 11, &[VIDEO, VIDEO_AGAIN]),
    (1, 12, &[AUDIO]),
    (2, 11, &[VIDEO, VIDEO_AGAIN]),
    (3, 12, &[AUDIO]),
];
pub const PEERS: usize = 5;

#[derive(Clone, Copy, Debug)]
pub enum Form {
    Plain,
    KeyFrame,
    Padded(u8),
    Padding,
    Foreign,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// The next packet of a source, after `lost` that do not arrive.
    Media {
        source: u32,
        lost: u64,
        form: Form,
        bytes: usize,
    },
    /// One that did not arrive does, as itself or in a retransmission.
    Late {
        which: Index,
        rtx: bool,
    },
    /// A retransmission of something that came already, or never will.
    Useless {
        back: i16,
        source: u32,
    },
    /// A datagram of the publisher's comes once more.
    Replay(Index),
    Nack {
        leg: usize,
        back: Vec<u16>,
    },
    Report {
        leg: usize,
    },
    PictureLoss {
        leg: usize,
    },
    Pause {
        leg: usize,
        paused: bool,
    },
    Remove {
        leg: usize,
    },
    Add {
        leg: usize,
        fresh_ssrc: bool,
    },
    /// A subscriber is out of reach while packets are published.
    Away {
        peer: usize,
        packets: u8,
    },
    Pass {
        ms: u64,
    },
}

fn source() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(VIDEO), 1 => Just(VIDEO_AGAIN), 3 => Just(AUDIO)]
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        12 => Just(Form::Plain),
        2 => Just(Form::KeyFrame),
        2 => (1u8..20).prop_map(Form::Padded),
        3 => Just(Form::Padding),
        1 => Just(Form::Foreign),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let lost = prop_oneof![12 => Just(0u64), 3 => 1u64..4, 1 => 4u64..300];
    let media = (source(), lost, form(), 20usize..1300)
        .prop_map(|(source, lost, form, bytes)| Step::Media { source, lost, form, bytes });
    let leg = || 0usize..LEGS.len();
    prop_oneof![
        40 => media,
        6 => (any::<Index>(), any::<bool>()).prop_map(|(which, rtx)| Step::Late { which, rtx }),
        1 => (any::<i16>(), source()).prop_map(|(back, source)| Step::Useless { back, source }),
        1 => any::<Index>().prop_map(Step::Replay),
        4 => (leg(), vec(0u16..40, 1..20)).prop_map(|(leg, back)| Step::Nack { leg, back }),
        1 => leg().prop_map(|leg| Step::Report { leg }),
        1 => leg().prop_map(|leg| Step::PictureLoss { leg }),
        3 => (leg(), any::<bool>()).prop_map(|(leg, paused)| Step::Pause { leg, paused }),
        1 => leg().prop_map(|leg| Step::Remove { leg }),
        2 => (leg(), any::<bool>()).prop_map(|(leg, fresh_ssrc)| Step::Add { leg, fresh_ssrc }),
        1 => (1usize..4, 0u8..4).prop_map(|(peer, packets)| Step::Away { peer, packets }),
        6 => prop_oneof![0u64..40, 300u64..1200].prop_map(|ms| Step::Pass { ms }),
    ]
}
