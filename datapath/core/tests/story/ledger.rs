//! What was published, and what each leg may say of it: the judge.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use datapath_wire::rtx;

use crate::house::Heard;

/// A published packet: SSRC and packet index.
pub type Key = (u32, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Lost on the way to us, so far.
    Never,
    /// Before all that follow it.
    InOrder,
    /// After some that follow it, or as a retransmission.
    Late,
    /// It holds nothing that could be forwarded.
    Withheld,
}

#[derive(Clone, Debug)]
pub struct Published {
    pub payload: Vec<u8>,
    pub timestamp: u32,
    pub came: Came,
}

/// One life of a leg's row, as its subscriber sees it.
#[derive(Debug)]
pub struct LegLife {
    pub row: u64,
    pub peer: usize,
    pub sources: &'static [u32],
    pub ssrc: u32,
    pub payload_type: u8,
    pub paused: bool,
    /// Nothing was sent since it was paused or out of reach.
    pub resumed: bool,
    pub ended: bool,
    /// Number -> packet and its timestamp.
    pub said: BTreeMap<u64, (Key, u32)>,
}

impl LegLife {
    pub const fn new(
        row: u64,
        peer: usize,
        sources: &'static [u32],
        ssrc: u32,
        payload_type: u8,
    ) -> Self {
        Self {
            row,
            peer,
            sources,
            ssrc,
            payload_type,
            paused: false,
            resumed: true,
            ended: false,
            said: BTreeMap::new(),
        }
    }

    pub const fn rtx_ssrc(&self) -> u32 {
        self.ssrc + 1
    }
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub published: HashMap<Key, Published>,
    by_payload: HashMap<Vec<u8>, Key>,
    pub legs: Vec<LegLife>,
}

impl Ledger {
    pub fn publish(&mut self, key: Key, published: Published) {
        if published.came != Came::Withheld {
            let before = self.by_payload.insert(published.payload.clone(), key);
            assert_eq!(before, None, "payloads of the test are unlike each other");
        }
        self.published.insert(key, published);
    }

    /// A peer heard an RTP packet.
    pub fn hear(&mut self, peer: usize, heard: &Heard) {
        let ssrc = heard.packet.ssrc;
        let of_peer = |leg: &&mut LegLife| leg.peer == peer && !leg.ended;
        let leg = self.legs.iter_mut().filter(of_peer);
        let leg = leg.filter(|leg| leg.ssrc == ssrc || leg.rtx_ssrc() == ssrc).last();
        let leg = leg.unwrap_or_else(|| panic!("no leg allows SSRC {ssrc} to peer {peer}"));
        assert!(!heard.packet.has_padding, "padding is for one hop");
        if ssrc == leg.ssrc {
            let key = *self.by_payload.get(&heard.payload).expect("what was published");
            hear_media(leg, &self.published, key, heard);
        } else {
            hear_again(leg, &self.published, &self.by_payload, heard);
        }
    }
}

fn hear_media(leg: &mut LegLife, published: &HashMap<Key, Published>, key: Key, heard: &Heard) {
    assert!(!leg.paused, "a paused leg is silent");
    assert!(leg.sources.contains(&key.0), "a leg carries its own stream");
    assert_eq!(heard.packet.payload_type, leg.payload_type);
    let (number, timestamp) = (heard.index, heard.packet.timestamp);
    assert!(!leg.said.values().any(|(other, _)| *other == key), "a packet has one number");
    let last = leg.said.last_key_value().map(|(number, (key, _))| (*number, *key));
    match last {
        Some((highest, before)) if number > highest => {
            let gap = number - highest - 1;
            let owed = if before.0 == key.0 && !leg.resumed {
                missing(published, before.0, before.1 + 1..key.1)
            } else {
                // What was lost behind the last one may have kept its number, and need not.
                let newest = published.keys().filter(|key| key.0 == before.0).map(|key| key.1);
                let end = newest.max().expect("it was published") + 1;
                (0, missing(published, before.0, before.1 + 1..end).1)
            };
            assert!(gap >= owed.0, "a lost packet keeps its number: {gap} left for {owed:?}");
            assert!(gap <= owed.1, "no gap of our making: {gap} left for {owed:?}");
        }
        _ => {}
    }
    assert_eq!(leg.said.insert(number, (key, timestamp)), None, "a number is used once");
    leg.resumed &= published[&key].came == Came::Late;
    check_neighbours(leg, published, number);
}

/// How many of a source's packets may still come, and how many may have left a gap.
fn missing(published: &HashMap<Key, Published>, source: u32, indices: Range<u64>) -> (u64, u64) {
    let mut counts = (0, 0);
    for index in indices {
        match published.get(&(source, index)).map(|it| it.came) {
            None | Some(Came::Never) => counts = (counts.0 + 1, counts.1 + 1),
            Some(Came::Late) => counts.1 += 1,
            // Padding is late, too, when a later one came before it.
            Some(Came::Withheld) => counts.1 += 1,
            Some(Came::InOrder) => {}
        }
    }
    counts
}

/// A packet stands between its neighbours as it was published, on one time line with them.
fn check_neighbours(leg: &LegLife, published: &HashMap<Key, Published>, number: u64) {
    let (key, timestamp) = leg.said[&number];
    let offset = |key: Key, timestamp: u32| timestamp.wrapping_sub(published[&key].timestamp);
    let before = leg.said.range(..number).next_back();
    let after = leg.said.range(number + 1..).next();
    for (other_number, (other, other_timestamp)) in before.into_iter().chain(after) {
        if other.0 == key.0 {
            assert_eq!(number < *other_number, key.1 < other.1, "numbers keep the order");
            let offsets = [offset(key, timestamp), offset(*other, *other_timestamp)];
            assert_eq!(offsets[0], offsets[1], "timestamps of a source move together");
        }
    }
}

/// RFC 4588: a number's content again, or for the first time where it was owed. Nothing else.
fn hear_again(
    leg: &mut LegLife,
    published: &HashMap<Key, Published>,
    by_payload: &HashMap<Vec<u8>, Key>,
    heard: &Heard,
) {
    assert!(!leg.paused, "a paused leg is silent");
    assert_eq!(heard.packet.payload_type, leg.payload_type + 1);
    let (original, payload) = rtx::parse(&heard.payload).expect("OSN and payload");
    let key = *by_payload.get(payload).expect("what was published");
    let (highest, _) = leg.said.last_key_value().expect("something was said");
    let number = highest - u64::from((*highest as u16).wrapping_sub(original));
    match leg.said.get(&number) {
        Some((said, timestamp)) => {
            assert_eq!(*said, key, "the number's own content");
            assert_eq!(heard.packet.timestamp, *timestamp, "RFC 4588 section 4");
        }
        None => {
            assert!(!leg.said.values().any(|(other, _)| *other == key), "one number a packet");
            leg.said.insert(number, (key, heard.packet.timestamp));
            check_neighbours(leg, published, number);
        }
    }
}
