//! The other side of one transport: an ICE client, a DTLS client (the `dimpl` crate's) and SRTP of
//! the crate under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use datapath_core::srtp::{Inbound, Keys, Outbound, Profile};
use datapath_wire::classify::{Class, classify};
use datapath_wire::rtcp::{Rtcp, packets};
use datapath_wire::rtp::{Header, Packet};
use datapath_wire::stun::{Builder, Class as StunClass, Message, Method, kind};
use datapath_wire::{extension, stun};

use super::SctpPeer;
use super::rows::{CERTIFICATE, password};

/// An RTP packet that a peer received and opened.
#[derive(Clone, Debug)]
pub struct Heard {
    pub packet: Packet,
    /// Its number of 48 bits.
    pub index: u64,
    pub payload: Vec<u8>,
    pub elements: Vec<(u8, Vec<u8>)>,
}

/// The other side of one transport.
pub struct Peer {
    pub address: SocketAddr,
    pub ufrag: String,
    pub(super) engine: dimpl::Dtls,
    pub(super) srtp: Option<(Inbound, Outbound)>,
    pub heard: Vec<Heard>,
    /// Compound packets, opened.
    pub rtcp: Vec<Vec<u8>>,
    pub stun_answers: usize,
    pub closed: bool,
    /// Once it calls by SCTP.
    pub sctp: Option<SctpPeer>,
    pub(super) now: Instant,
    /// What DTLS has to say already.
    waiting: Vec<Vec<u8>>,
}

/// A connectivity check, with what tests care about.
#[derive(Clone, Debug)]
pub struct Checking {
    pub ufrag: String,
    pub password: String,
    pub priority: u32,
    pub use_candidate: bool,
    /// libwebrtc's renomination value.
    pub nomination: Option<u32>,
}

impl Checking {
    /// Regular nomination under the credentials of that ufrag.
    pub fn of(ufrag: &str) -> Self {
        Self {
            ufrag: ufrag.into(),
            password: password(ufrag),
            priority: 100,
            use_candidate: true,
            nomination: None,
        }
    }

    pub fn datagram(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let transaction = stun::TransactionId([9; 12]);
        let username = format!("{}:them", self.ufrag);
        let mut check = Builder::new(&mut out, StunClass::Request, Method::Binding, transaction)
            .attribute(kind::USERNAME, username.as_bytes())
            .attribute(kind::PRIORITY, &self.priority.to_be_bytes())
            .attribute(kind::ICE_CONTROLLING, &[1; 8]);
        if self.use_candidate {
            check = check.attribute(kind::USE_CANDIDATE, &[]);
        }
        if let Some(value) = self.nomination {
            check = check.attribute(kind::NOMINATION, &value.to_be_bytes());
        }
        check
            .integrity(self.password.as_bytes())
            .finish_with_fingerprint()
            .expect("a short message");
        out
    }
}

/// A check with a right username and that password.
pub fn check_of(ufrag: &str, password: &str) -> Vec<u8> {
    Checking { password: password.into(), ..Checking::of(ufrag) }.datagram()
}

impl Peer {
    /// One that has not said anything.
    pub fn new(address: SocketAddr, ufrag: String, now: Instant) -> Self {
        let config = Arc::new(dimpl::Config::default());
        let mut engine = dimpl::Dtls::new_12(config, CERTIFICATE.clone(), now);
        engine.set_active(true);
        Self {
            address,
            ufrag,
            engine,
            srtp: None,
            heard: Vec::new(),
            rtcp: Vec::new(),
            stun_answers: 0,
            closed: false,
            sctp: None,
            now,
            waiting: Vec::new(),
        }
    }

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

    pub(super) fn receive(&mut self, mut datagram: Vec<u8>) {
        match classify(&datagram) {
            Class::Stun => {
                Message::parse(&datagram).expect("the machine writes valid STUN");
                self.stun_answers += 1;
            }
            // What was sent before a close_notify may come after it.
            Class::Dtls => {
                assert!(self.engine.handle_packet(&datagram).is_ok() || self.closed);
                let mut waiting = std::mem::take(&mut self.waiting);
                self.poll_dtls(&mut waiting);
                self.waiting = waiting;
            }
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
        self.heard.push(Heard { packet, index: opened.index, payload, elements });
    }

    pub(super) fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut out = std::mem::take(&mut self.waiting);
        self.poll_dtls(&mut out);
        for datagram in self.sctp.as_mut().map(|sctp| sctp.poll(self.now)).unwrap_or_default() {
            self.engine.send_application_data(&datagram).expect("connected");
            self.poll_dtls(&mut out);
        }
        out
    }

    /// Loses what the peer has to say now; returns how many datagrams.
    pub fn swallow(&mut self) -> usize {
        self.poll().len()
    }

    /// Its SCTP.
    pub fn sctp(&mut self) -> &mut SctpPeer {
        self.sctp.as_mut().expect("it calls by SCTP")
    }

    fn poll_dtls(&mut self, out: &mut Vec<Vec<u8>>) {
        let mut buffer = vec![0; 4096];
        loop {
            match self.engine.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => out.push(packet.to_vec()),
                dimpl::Output::ApplicationData(datagram) => {
                    let sctp = self.sctp.as_mut().expect("the machine never calls");
                    sctp.receive(self.now, datagram);
                }
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
                dimpl::Output::Timeout(_) => return,
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
