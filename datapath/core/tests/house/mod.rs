//! A machine, participants that call through it, and a clock that only the test moves.
//!
//! A `Peer` is the other side of one transport: an ICE client, a DTLS client (the `dimpl` crate's)
//! and SRTP of this crate. Datagrams go to and fro at once; what gets lost the test decides.

// A test module's items are public to its tests, not each of which uses all; it looks for one variant among many; and it is the
// shell here, so it may read the clock once.
#![allow(dead_code, unreachable_pub, clippy::wildcard_enum_match_arm, clippy::disallowed_methods)]

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use datapath_core::dtls::{Clock, Identity};
use datapath_core::facts::{Facts, FactsKind, TransportFacts};
use datapath_core::feedback::ntp::Ntp;
use datapath_core::rows::{
    Change, Codec, Encoding, Feedback, Fingerprint, HeaderExtensions, IceCredentials, LegRow,
    MediaKind, Row, RowId, RowKind, StreamRow, TransportRow,
};
use datapath_core::srtp::{Inbound, Keys, Outbound, Profile};
use datapath_core::{Config, Machine, Time};
use datapath_wire::classify::{Class, classify};
use datapath_wire::rtcp::{Rtcp, packets};
use datapath_wire::rtp::{Header, Packet};
use datapath_wire::stun::{Builder, Class as StunClass, Message, Method, kind};
use datapath_wire::{extension, stun};

pub const ROOM: u64 = 7;
pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const VP8_RTX: u8 = 97;
pub const EXTENSIONS: HeaderExtensions = HeaderExtensions {
    mid: 1,
    rid: 0,
    repaired_rid: 0,
    transport_cc: 3,
    abs_send_time: 4,
    audio_level: 5,
    dependency_descriptor: 0,
    playout_delay: 0,
    abs_capture_time: 0,
    allow_mixed: true,
};

static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("this machine has randomness")));
static CERTIFICATE: LazyLock<dimpl::DtlsCertificate> = LazyLock::new(|| {
    dimpl::certificate::generate_self_signed_certificate().expect("this machine has randomness")
});

fn count_up(bytes: &mut [u8]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = at as u8 + 1;
    }
}

/// An RTP packet that a peer received and opened.
#[derive(Clone, Debug)]
pub struct Heard {
    pub packet: Packet,
    pub payload: Vec<u8>,
    pub elements: Vec<(u8, Vec<u8>)>,
}

/// The other side of one transport.
pub struct Peer {
    pub address: SocketAddr,
    ufrag: String,
    engine: dimpl::Dtls,
    srtp: Option<(Inbound, Outbound)>,
    pub heard: Vec<Heard>,
    /// Compound packets, opened.
    pub rtcp: Vec<Vec<u8>>,
    pub stun_answers: usize,
    pub closed: bool,
}

pub struct House {
    pub machine: Machine,
    pub now: Time,
    pub peers: Vec<Peer>,
    /// Datagrams to addresses that are no peer's.
    pub astray: usize,
    instant: Instant,
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn password(ufrag: &str) -> String {
    format!("{ufrag}-password-of-22-characters")
}

pub fn transport_row(ufrag: &str) -> TransportRow {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &CERTIFICATE.certificate);
    TransportRow {
        ice: IceCredentials {
            ufrag: ufrag.into(),
            password: password(ufrag).into(),
            remote_ufrag: "them".into(),
        },
        ice_previous: None,
        remote_fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: digest.as_ref().into(),
        }],
        extensions: EXTENSIONS,
        feedback: Feedback::None,
        not_after: None,
    }
}

pub fn opus() -> Codec {
    Codec {
        name: "opus".into(),
        payload_type: OPUS,
        clock_hz: 48_000,
        fmtp: "minptime=10".into(),
        rtx_payload_type: None,
    }
}

pub fn vp8() -> Codec {
    Codec {
        name: "VP8".into(),
        payload_type: VP8,
        clock_hz: 90_000,
        fmtp: "".into(),
        rtx_payload_type: Some(VP8_RTX),
    }
}

pub fn video(transport: RowId, mid: &str) -> RowKind {
    RowKind::Stream(StreamRow {
        transport,
        mid: mid.into(),
        kind: MediaKind::Video,
        codecs: vec![vp8()],
        encodings: vec![Encoding { rid: "".into(), ssrc: 1000, rtx_ssrc: 1001 }],
    })
}

/// A stream whose SSRC only its MID tells.
pub fn audio(transport: RowId, mid: &str) -> RowKind {
    RowKind::Stream(StreamRow {
        transport,
        mid: mid.into(),
        kind: MediaKind::Audio,
        codecs: vec![opus()],
        encodings: vec![],
    })
}

pub fn leg(stream: RowId, transport: RowId, ssrc: u32) -> RowKind {
    RowKind::Leg(LegRow {
        stream,
        transport,
        mid: "3".into(),
        ssrc,
        rtx_ssrc: ssrc + 1,
        codecs: vec![
            Codec { payload_type: 120, rtx_payload_type: Some(121), ..vp8() },
            Codec { payload_type: 122, ..opus() },
        ],
        paused: false,
    })
}

/// A VP8 payload that is the start of a key frame, or is not.
pub fn vp8_payload(key_frame: bool, filling: u8) -> Vec<u8> {
    let mut payload = vec![0x10, u8::from(!key_frame)];
    payload.extend([filling; 60]);
    payload
}

impl House {
    pub fn new() -> Self {
        let (instant, now) = (Instant::now(), Time(1_000_000_000));
        let clock = Clock::new(instant, now);
        let machine = Machine::new(Config {
            identity: IDENTITY.clone(),
            clock,
            ntp_at_zero: Ntp(0),
            random: count_up,
        });
        Self { machine, now, peers: Vec::new(), astray: 0, instant }
    }

    pub fn apply(&mut self, puts: Vec<(RowId, RowKind)>, deletes: Vec<RowId>) {
        self.try_apply(puts, deletes).expect("these rows stand");
    }

    pub fn try_apply(
        &mut self,
        puts: Vec<(RowId, RowKind)>,
        deletes: Vec<RowId>,
    ) -> Result<(), datapath_core::rows::Refusal> {
        let puts = puts.into_iter().map(|(id, kind)| Row { id, kind }).collect();
        let outcome = self.machine.apply(self.now, Change { room: ROOM, puts, deletes });
        self.settle();
        outcome
    }

    /// Puts a transport and a peer for it, which has not said anything. Returns the peer's index.
    pub fn add_peer(&mut self, transport: RowId) -> usize {
        let ufrag = format!("00u{transport}");
        self.apply(vec![(transport, RowKind::Transport(transport_row(&ufrag)))], vec![]);
        let config = Arc::new(dimpl::Config::default());
        let mut engine = dimpl::Dtls::new_12(config, CERTIFICATE.clone(), self.instant);
        engine.set_active(true);
        self.peers.push(Peer {
            address: SocketAddr::from(([127, 0, 0, 1], 10_000 + transport as u16)),
            ufrag,
            engine,
            srtp: None,
            heard: Vec::new(),
            rtcp: Vec::new(),
            stun_answers: 0,
            closed: false,
        });
        self.peers.len() - 1
    }

    /// A peer whose ICE and DTLS are up.
    pub fn connect_peer(&mut self, transport: RowId) -> usize {
        let index = self.add_peer(transport);
        self.check(index);
        self.handshake(index);
        assert!(self.peers[index].srtp.is_some(), "the handshake is done");
        index
    }

    /// The peer sends a connectivity check.
    pub fn check(&mut self, index: usize) {
        let peer = &self.peers[index];
        let (datagram, from) = (check_of(&peer.ufrag, &password(&peer.ufrag)), peer.address);
        self.datagram(from, datagram);
    }

    /// Starts the peer's DTLS and lets it run to its end.
    pub fn handshake(&mut self, index: usize) {
        let instant = self.instant + self.now.saturating_since(Time(1_000_000_000));
        self.peers[index].engine.handle_timeout(instant).expect("a client may start");
        self.pump(index);
    }

    /// Any datagram, from anywhere.
    pub fn datagram(&mut self, from: SocketAddr, mut bytes: Vec<u8>) {
        self.machine.handle_datagram(self.now, 0, from, &mut bytes);
        self.settle();
    }

    /// The peer sends an RTP packet with these extension elements.
    pub fn rtp(&mut self, index: usize, header: Header, elements: &[(u8, &[u8])], payload: &[u8]) {
        let datagram = self.sealed(index, header, elements, payload);
        let from = self.peers[index].address;
        self.datagram(from, datagram);
    }

    /// What the peer would send.
    pub fn sealed(
        &mut self,
        index: usize,
        header: Header,
        elements: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        self.peers[index].sealed(header, header.sequence_number.into(), elements, payload)
    }

    /// The peer sends a compound.
    pub fn rtcp(&mut self, index: usize, mut compound: Vec<u8>) {
        let peer = &mut self.peers[index];
        let (_, outbound) = peer.srtp.as_mut().expect("connected");
        outbound.seal_rtcp(&mut compound).expect("sealed");
        let from = peer.address;
        self.datagram(from, compound);
    }

    /// Lets time pass in steps of 1 ms.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now.plus(span);
        while self.now < end {
            self.now = self.now.plus(ms(1));
            if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
                self.machine.handle_timeout(self.now);
                self.settle();
            }
        }
    }

    pub fn drops(&self, reason: &str) -> u64 {
        self.machine.counters().drops().find(|(name, _)| *name == reason).expect("a known reason").1
    }

    pub fn facts(&mut self) -> Vec<Facts> {
        std::iter::from_fn(|| self.machine.poll_facts()).collect()
    }

    pub fn transport_facts(&mut self, transport: RowId) -> TransportFacts {
        let newest = self.facts().into_iter().rev().find_map(|facts| match facts.kind {
            FactsKind::Transport(told) if facts.row == transport => Some(told),
            _ => None,
        });
        newest.expect("facts of this transport")
    }

    /// Carries everything that the machine sends to its peers, and the peers' answers back.
    pub fn settle(&mut self) {
        loop {
            self.machine.release(self.now);
            let mut sent = Vec::new();
            while let Some(transmit) = self.machine.poll_transmit() {
                let datagrams = transmit.bytes.chunks(transmit.segment_bytes);
                sent.extend(datagrams.map(|datagram| (transmit.remote, datagram.to_vec())));
            }
            if sent.is_empty() {
                return;
            }
            for (to, datagram) in sent {
                match self.peers.iter().position(|peer| peer.address == to) {
                    Some(index) => self.peers[index].receive(datagram),
                    None => self.astray += 1,
                }
            }
            for index in 0..self.peers.len() {
                self.pump_once(index);
            }
        }
    }

    fn pump(&mut self, index: usize) {
        self.pump_once(index);
        self.settle();
    }

    fn pump_once(&mut self, index: usize) {
        let from = self.peers[index].address;
        for mut datagram in self.peers[index].poll() {
            self.machine.handle_datagram(self.now, 0, from, &mut datagram);
        }
    }
}

pub fn check_of(ufrag: &str, password: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Builder::new(&mut out, StunClass::Request, Method::Binding, stun::TransactionId([9; 12]))
        .attribute(kind::USERNAME, format!("{ufrag}:them").as_bytes())
        .attribute(kind::PRIORITY, &100u32.to_be_bytes())
        .attribute(kind::USE_CANDIDATE, &[])
        .attribute(kind::ICE_CONTROLLING, &[1; 8])
        .integrity(password.as_bytes())
        .finish_with_fingerprint()
        .expect("a short message");
    out
}

impl Peer {
    /// An RTP packet of this peer's under that packet index.
    pub fn sealed(
        &mut self,
        header: Header,
        index: u64,
        elements: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        let mut out = vec![0; 2000];
        let header = Header { has_extension: !elements.is_empty(), ..header };
        let fixed = header.write(&[], &mut out).expect("room");
        let header_bytes = fixed + extension::write(elements, &mut out[fixed..]).expect("room");
        let (_, outbound) = self.srtp.as_mut().expect("connected");
        out.truncate(header_bytes);
        out.extend_from_slice(payload);
        out.resize(out.len() + outbound.profile().tag_bytes(), 0);
        outbound.seal_rtp(&mut out, header_bytes, index).expect("sealed once");
        out
    }

    fn receive(&mut self, mut datagram: Vec<u8>) {
        match classify(&datagram) {
            Class::Stun => {
                Message::parse(&datagram).expect("the machine writes valid STUN");
                self.stun_answers += 1;
            }
            Class::Dtls => self.engine.handle_packet(&datagram).expect("DTLS goes on"),
            Class::Rtp => self.hear(&mut datagram),
            Class::Rtcp => {
                let (inbound, _) = self.srtp.as_mut().expect("keys before media");
                let bytes = inbound.open_rtcp(&mut datagram).expect("sealed for us");
                datagram.truncate(bytes);
                self.rtcp.push(datagram);
            }
            Class::TurnChannel | Class::Unknown => panic!("the machine sends nothing of this kind"),
        }
    }

    fn hear(&mut self, datagram: &mut [u8]) {
        let packet = Packet::parse(datagram).expect("the machine writes valid RTP");
        let (inbound, _) = self.srtp.as_mut().expect("keys before media");
        let opened = inbound.open_rtp(datagram, packet.header_bytes).expect("sealed for us");
        let elements = packet.elements(datagram).map(|(id, data)| (id, data.to_vec())).collect();
        let payload = datagram[packet.header_bytes..opened.bytes].to_vec();
        self.heard.push(Heard { packet, payload, elements });
    }

    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut buffer = vec![0; 4096];
        loop {
            match self.engine.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => out.push(packet.to_vec()),
                dimpl::Output::KeyingMaterial(exported, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
                        _ => Profile::Aes128CmHmacSha1_80,
                    };
                    let keys = Keys::from_exported(profile, &exported)
                        .expect("as long as the profile wants");
                    self.srtp = Some((Inbound::new(&keys.server), Outbound::new(&keys.client)));
                }
                dimpl::Output::CloseNotify => self.closed = true,
                dimpl::Output::Timeout(_) => return out,
                _ => {}
            }
        }
    }

    /// What was said by RTCP, as one line per packet, without reports.
    pub fn asked(&self) -> Vec<String> {
        let all = self.rtcp.iter().flat_map(|compound| packets(compound));
        all.filter_map(|packet| match packet.expect("the machine writes valid RTCP") {
            Rtcp::Nack(nack) => Some(format!(
                "NACK {} {:?}",
                nack.media_ssrc,
                nack.sequence_numbers().collect::<Vec<_>>()
            )),
            Rtcp::PictureLoss(loss) => Some(format!("PLI {}", loss.media_ssrc)),
            Rtcp::TransportCc(feedback) => Some(format!("TWCC {}", feedback.status_count)),
            _ => None,
        })
        .collect()
    }
}

/// The header of a packet with what tests care about.
pub fn header(payload_type: u8, ssrc: u32, sequence_number: u16, timestamp: u32) -> Header {
    Header {
        marker: false,
        payload_type,
        sequence_number,
        timestamp,
        ssrc,
        has_extension: false,
        has_padding: false,
    }
}
