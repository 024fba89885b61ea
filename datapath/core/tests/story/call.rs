//! Carries the steps out: participants, what they publish, and what must reach whom at once.

use std::collections::HashMap;

use datapath_core::rows::{Codec, LegRow, MediaKind, RowKind, StreamRow};
use datapath_wire::rtcp::{Nack, PictureLoss, ReceiverReport, ReportBlock, ReportBlocks};
use datapath_wire::rtp::Header;
use proptest::sample::Index;

use super::ledger::{Came, Key, Ledger, LegLife, Published};
use super::{AUDIO, Form, H264, LEGS, PEERS, Step, VIDEO, VIDEO_AGAIN};
use crate::house::*;

/// Where a source's own numbering stands.
struct Numbering {
    next: u64,
    next_rtx: u64,
    began: bool,
}

pub struct Call {
    house: House,
    ledger: Ledger,
    numbers: HashMap<u32, Numbering>,
    /// The life of each of `LEGS` that stands now.
    standing: [Option<usize>; LEGS.len()],
    next_row: u64,
    next_ssrc: u32,
    replayable: Vec<Vec<u8>>,
    /// Which source the legs of the video stream are being sent, as far as it is certain.
    camera: Option<u32>,
    camera_newest: HashMap<u32, u64>,
}

impl Call {
    /// A publisher and its subscribers; first numbers of each source.
    pub fn new(first: [u16; 3]) -> Self {
        let mut house = House::new();
        for transport in 1..=PEERS as u64 {
            house.connect_peer(transport);
        }
        let RowKind::Stream(row) = video(1, "0") else { unreachable!("video is a stream") };
        let foreign = Codec { name: "H264".into(), payload_type: H264, ..vp8() };
        let foreign = Codec { rtx_payload_type: None, ..foreign };
        let row = StreamRow { codecs: vec![foreign, vp8()], kind: MediaKind::Video, ..row };
        house.apply(vec![(11, RowKind::Stream(row)), (12, audio(1, "1"))], vec![]);
        let sources = [VIDEO, VIDEO_AGAIN, AUDIO].into_iter().zip(first);
        let numbers = sources.map(|(ssrc, first)| {
            (ssrc, Numbering { next: first.max(1).into(), next_rtx: 1, began: false })
        });
        let mut call = Self {
            house,
            ledger: Ledger::default(),
            numbers: numbers.collect(),
            standing: [None; LEGS.len()],
            next_row: 100,
            next_ssrc: 5000,
            replayable: Vec::new(),
            camera: None,
            camera_newest: HashMap::new(),
        };
        for leg in 0..LEGS.len() {
            call.add(leg, true);
        }
        call
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Media { source, lost, form, bytes } => self.media(source, lost, form, bytes),
            Step::Late { which, rtx } => self.late(which, rtx),
            Step::Useless { back, source } => self.useless(back, source),
            Step::Replay(which) => {
                if !self.replayable.is_empty() {
                    let datagram = self.replayable[which.index(self.replayable.len())].clone();
                    self.house.datagram(self.house.peers[0].address, datagram);
                }
            }
            Step::Nack { leg, back } => self.nack(leg, &back),
            Step::Report { leg } => self.report(leg),
            Step::PictureLoss { leg } => {
                if let Some((peer, ssrc)) = self.ssrc_of(leg) {
                    let mut loss = Vec::new();
                    PictureLoss { sender_ssrc: 1, media_ssrc: ssrc }.write(&mut loss);
                    self.house.rtcp(peer, loss);
                }
            }
            Step::Pause { leg, paused } => self.pause(leg, paused),
            Step::Remove { leg } => self.remove(leg),
            Step::Add { leg, fresh_ssrc } => self.add(leg, fresh_ssrc),
            Step::Away { peer, packets } => self.away(peer, packets),
            Step::Pass { ms: span } => {
                self.house.pass(ms(span));
                (0..PEERS).for_each(|peer| self.house.check(peer));
            }
        }
        self.judge();
    }

    /// Everything that was heard since is entered, in order.
    fn judge(&mut self) {
        for peer in 0..PEERS {
            for heard in std::mem::take(&mut self.house.peers[peer].heard) {
                self.ledger.hear(peer, &heard);
            }
        }
        assert_eq!(self.house.astray, 0, "nothing goes where nobody is");
    }

    fn media(&mut self, source: u32, lost: u64, form: Form, bytes: usize) {
        let numbering = self.numbers.get_mut(&source).expect("a source");
        // RFC 3711 section 3.3.1: the first packet must not be one after a turn of the 16 bits.
        let lost = if std::mem::replace(&mut numbering.began, true) { lost } else { 0 };
        for index in numbering.next..numbering.next + lost {
            let (_, published) = packet(source, index, Form::Plain, bytes);
            self.ledger.publish((source, index), Published { came: Came::Never, ..published });
        }
        let index = numbering.next + lost;
        numbering.next = index + 1;
        let form =
            if source == AUDIO && matches!(form, Form::Foreign) { Form::Plain } else { form };
        let (header, published) = packet(source, index, form, bytes);
        self.ledger.publish((source, index), published.clone());
        let expected = self.expected(source, form);
        self.arrive(source, index, header, &published, form);
        for (life, said) in expected {
            let leg = &self.ledger.legs[life];
            assert_eq!(leg.said.len(), said + 1, "packet {index} reaches leg {}", leg.row);
        }
    }

    /// Legs that must hear the next packet of a source, and how much they have heard.
    fn expected(&mut self, source: u32, form: Form) -> Vec<(usize, usize)> {
        let now = self.house.now.0;
        if source != AUDIO {
            let quiet = |other: &u32| now - self.camera_newest[other] >= 300_000_000;
            let others = self.camera_newest.keys().filter(|other| **other != source);
            let alone = others.copied().collect::<Vec<_>>().iter().all(quiet);
            self.camera_newest.insert(source, now);
            if self.camera != Some(source) {
                let of_camera = |leg: &&mut LegLife| leg.sources.contains(&source);
                self.ledger.legs.iter_mut().filter(of_camera).for_each(|leg| leg.resumed = true);
            }
            if !alone && self.camera != Some(source) {
                self.camera = None;
                return Vec::new();
            }
            if !matches!(form, Form::Padding) {
                self.camera = Some(source);
            }
        }
        if matches!(form, Form::Padding | Form::Foreign) {
            return Vec::new();
        }
        let lives = self.standing.iter().flatten().copied();
        let lives = lives.filter(|life| {
            let leg = &self.ledger.legs[*life];
            leg.sources.contains(&source) && !leg.paused
        });
        lives.map(|life| (life, self.ledger.legs[life].said.len())).collect()
    }

    fn arrive(&mut self, source: u32, index: u64, header: Header, it: &Published, form: Form) {
        let mid: &[u8] = if source == AUDIO { b"1" } else { b"0" };
        let mut payload = if matches!(form, Form::Padding) { vec![] } else { it.payload.clone() };
        let padding = match form {
            Form::Padded(count) => count,
            Form::Padding => 200,
            Form::Plain | Form::KeyFrame | Form::Foreign => 0,
        };
        if padding > 0 {
            payload.resize(payload.len() + usize::from(padding) - 1, 0);
            payload.push(padding);
        }
        let publisher = &mut self.house.peers[0];
        let datagram = publisher.sealed(header, index, &[(1, mid)], &payload);
        let from = publisher.address;
        self.replayable.push(datagram.clone());
        self.house.datagram(from, datagram);
        self.judge();
    }

    fn late(&mut self, which: Index, rtx: bool) {
        let numbers = &self.numbers;
        let near = |key: &Key| key.1 + 40 > numbers[&key.0].next;
        let lost = self.ledger.published.iter().filter(|(_, it)| it.came == Came::Never);
        let mut lost: Vec<Key> = lost.map(|(key, _)| *key).filter(near).collect();
        lost.sort_unstable();
        if lost.is_empty() {
            return;
        }
        let key = lost[which.index(lost.len())];
        let it = self.ledger.published.get_mut(&key).expect("listed");
        it.came = Came::Late;
        let it = it.clone();
        if rtx && key.0 != AUDIO {
            self.retransmit(key.0, key.1 as u16, &it);
        } else {
            let (header, _) = packet(key.0, key.1, Form::Plain, 20);
            self.camera_newest.entry(key.0).and_modify(|newest| *newest = self.house.now.0);
            self.arrive(key.0, key.1, header, &it, Form::Plain);
        }
    }

    fn useless(&mut self, back: i16, source: u32) {
        let it = Published { payload: vec![0x10, 1, 9, 9, 9], timestamp: 1, came: Came::Withheld };
        // What came already, what is too old, or what is far ahead of all that was published.
        let key = (source, self.numbers[&source].next.saturating_sub(back.unsigned_abs().into()));
        let came = self.ledger.published.get(&key).map(|it| it.came);
        let lost = matches!(came, None | Some(Came::Never));
        let ahead = back < 0 && back > -600;
        if source != AUDIO && !ahead && !(lost && key.1 + 2048 > self.numbers[&source].next) {
            let original = (self.numbers[&source].next as u16).wrapping_sub(back as u16);
            if back >= 0 || back <= -600 {
                self.retransmit(source, original, &it);
            }
        }
    }

    fn retransmit(&mut self, source: u32, original: u16, it: &Published) {
        let numbering = self.numbers.get_mut(&source).expect("a source");
        let index = numbering.next_rtx;
        numbering.next_rtx += 1;
        let mut payload = original.to_be_bytes().to_vec();
        payload.extend(&it.payload);
        let header = header(VP8_RTX, source + 1, index as u16, it.timestamp);
        let publisher = &mut self.house.peers[0];
        let datagram = publisher.sealed(header, index, &[(1, b"0")], &payload);
        let from = publisher.address;
        self.house.datagram(from, datagram);
    }

    fn nack(&mut self, leg: usize, back: &[u16]) {
        let Some(life) = self.standing[leg] else { return };
        let leg = &self.ledger.legs[life];
        let Some((highest, _)) = leg.said.last_key_value() else { return };
        let (peer, ssrc) = (leg.peer, leg.ssrc);
        let asked = back.iter().map(|back| (*highest as u16).wrapping_sub(*back));
        let mut nack = Vec::new();
        for number in asked {
            Nack::write_lost(&mut nack, 1, ssrc, [number]);
        }
        self.house.rtcp(peer, nack);
    }

    fn report(&mut self, leg: usize) {
        let Some((peer, ssrc)) = self.ssrc_of(leg) else { return };
        let block = ReportBlock { ssrc, ..ReportBlock::default() };
        let mut report = Vec::new();
        ReceiverReport { ssrc: 1, blocks: ReportBlocks::of(&[block]) }.write(&mut report);
        self.house.rtcp(peer, report);
    }

    fn ssrc_of(&self, leg: usize) -> Option<(usize, u32)> {
        self.standing[leg].map(|life| (self.ledger.legs[life].peer, self.ledger.legs[life].ssrc))
    }

    fn pause(&mut self, leg: usize, paused: bool) {
        let Some(life) = self.standing[leg] else { return };
        let row = self.row_of(life, leg, paused);
        let life = &mut self.ledger.legs[life];
        if life.paused && !paused {
            life.resumed = true;
        }
        life.paused = paused;
        self.house.apply(vec![(life.row, row)], vec![]);
    }

    fn row_of(&self, life: usize, leg: usize, paused: bool) -> RowKind {
        let life = &self.ledger.legs[life];
        let (peer, stream, _) = LEGS[leg];
        RowKind::Leg(LegRow { paused, ..leg_row(stream, peer as u64 + 1, life.ssrc) })
    }

    fn remove(&mut self, leg: usize) {
        let Some(life) = self.standing[leg].take() else { return };
        self.ledger.legs[life].ended = true;
        self.house.apply(vec![], vec![self.ledger.legs[life].row]);
    }

    fn add(&mut self, leg: usize, fresh_ssrc: bool) {
        if self.standing[leg].is_some() {
            return;
        }
        let (peer, _, sources) = LEGS[leg];
        let same = |life: &&LegLife| life.peer == peer && life.sources == sources;
        let before = self.ledger.legs.iter().rfind(same).map(|life| life.ssrc);
        let ssrc = before.filter(|_| !fresh_ssrc).unwrap_or(self.next_ssrc);
        self.next_ssrc += 2;
        self.next_row += 1;
        let payload_type = if sources == [AUDIO] { 122 } else { 120 };
        let life = LegLife::new(self.next_row, peer, sources, ssrc, payload_type);
        self.ledger.legs.push(life);
        let life = self.ledger.legs.len() - 1;
        let row = self.row_of(life, leg, false);
        self.standing[leg] = Some(life);
        self.house.apply(vec![(self.next_row, row)], vec![]);
    }

    /// The others go on with their checks; the one that does not is sent nothing after 30 s.
    fn away(&mut self, peer: usize, packets: u8) {
        for _ in 0..7 {
            self.house.pass(ms(5000));
            (0..PEERS).filter(|other| *other != peer).for_each(|other| self.house.check(other));
        }
        let lives: Vec<usize> = self.standing.iter().flatten().copied().collect();
        let mut legs: Vec<&mut LegLife> = self
            .ledger
            .legs
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| lives.contains(at))
            .map(|(_, leg)| leg)
            .collect();
        legs.retain(|leg| leg.peer == peer);
        let paused: Vec<(u64, bool)> = legs.iter().map(|leg| (leg.row, leg.paused)).collect();
        legs.iter_mut().for_each(|leg| leg.paused = true);
        for _ in 0..packets {
            self.media(VIDEO, 0, Form::Plain, 100);
            self.media(AUDIO, 0, Form::Plain, 100);
        }
        for (row, paused) in paused {
            let leg = self.ledger.legs.iter_mut().find(|leg| leg.row == row).expect("it stands");
            (leg.paused, leg.resumed) = (paused, leg.resumed || packets > 0);
        }
        self.house.check(peer);
    }
}

/// A packet of a source under an index; its content is like no other's.
fn packet(source: u32, index: u64, form: Form, bytes: usize) -> (Header, Published) {
    let (own, step) = if source == AUDIO { (OPUS, 960) } else { (VP8, 3000) };
    let timestamp = source.wrapping_mul(77_777).wrapping_add((index as u32).wrapping_mul(step));
    let (payload_type, key_frame) = match form {
        Form::Foreign => (H264, false),
        Form::KeyFrame => (own, true),
        Form::Plain | Form::Padded(_) | Form::Padding => (own, false),
    };
    let padded = matches!(form, Form::Padded(_) | Form::Padding);
    let header = Header {
        has_padding: padded,
        marker: index.is_multiple_of(3),
        ..header(payload_type, source, index as u16, timestamp)
    };
    let mut payload = vec![0x10, u8::from(!key_frame)];
    payload.extend(source.to_be_bytes());
    payload.extend(index.to_be_bytes());
    payload.resize(payload.len() + bytes, index as u8);
    let withheld = matches!(form, Form::Padding | Form::Foreign);
    let came = if withheld { Came::Withheld } else { Came::InOrder };
    (header, Published { payload, timestamp, came })
}
