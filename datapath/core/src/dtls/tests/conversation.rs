//! A client, our association, and a network between them that can lose packets.
//!
//! The client is the same crate's: interoperation with others' is a matter for integration tests.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, DtlsCertificate};

use super::super::{Clock, Dtls, Failure, Identity, Output, profile_of};
use crate::Time;
use crate::srtp::Keys;

/// What a client may speak.
#[derive(Clone, Copy, Debug)]
pub(super) enum Version {
    Dtls12,
    Dtls13,
    Both,
}

pub(super) const VERSIONS: [Version; 3] = [Version::Dtls12, Version::Dtls13, Version::Both];

/// What one side learned.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) keys: Option<Keys>,
    pub(super) data: Vec<Vec<u8>>,
    pub(super) closed: bool,
    pub(super) failure: Option<Failure>,
}

pub(super) struct Client {
    engine: dimpl::Dtls,
    pub(super) certificate: Vec<u8>,
    pub(super) learned: Learned,
    due: Option<Instant>,
}

pub(super) struct Server {
    pub(super) dtls: Dtls,
    buffer: Vec<u8>,
    pub(super) learned: Learned,
    due: Option<Time>,
}

/// Which packet, counted over both directions, arrives.
pub(super) type Arrives<'a> = &'a mut dyn FnMut(usize) -> bool;

pub(super) struct Conversation {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) now: Time,
    clock: Clock,
    sent: usize,
}

static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("this machine has randomness")));
static CLIENT: LazyLock<DtlsCertificate> =
    LazyLock::new(|| generate_self_signed_certificate().expect("this machine has randomness"));

impl Conversation {
    /// Nobody has said anything; signalling has told no fingerprint.
    pub(super) fn new(version: Version) -> Self {
        // The only clock that makes an Instant. From here on time is what `now` says.
        #[allow(clippy::disallowed_methods)]
        let instant = Instant::now();
        let now = Time(1_000_000_000);
        let clock = Clock::new(instant, now);
        // Slower than the server to repeat itself, and more patient: loss is to cost nothing but time.
        let config =
            Config::builder().flight_start_rto(Duration::from_millis(200)).flight_retries(20);
        let config = Arc::new(config.build().expect("a valid configuration"));
        let mut engine = match version {
            Version::Dtls12 => dimpl::Dtls::new_12(config, CLIENT.clone(), instant),
            Version::Dtls13 => dimpl::Dtls::new_13(config, CLIENT.clone(), instant),
            Version::Both => dimpl::Dtls::new_auto(config, CLIENT.clone(), instant),
        };
        engine.set_active(true);
        engine.handle_timeout(instant).expect("a client may start");
        let certificate = CLIENT.certificate.clone();
        let client = Client { engine, certificate, learned: Learned::default(), due: None };
        let dtls = Dtls::new(IDENTITY.clone(), clock);
        let server = Server { dtls, buffer: Vec::new(), learned: Learned::default(), due: None };
        Self { client, server, now, clock, sent: 0 }
    }

    /// Signalling has told the client's fingerprint.
    pub(super) fn announced(version: Version) -> Self {
        let mut conversation = Self::new(version);
        conversation.announce();
        conversation
    }

    pub(super) fn announce(&mut self) {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.client.certificate);
        self.server.dtls.set_fingerprints([("sha-256", digest.as_ref())]);
    }

    /// A conversation in which both sides have keys.
    pub(super) fn connected(version: Version) -> Self {
        let mut conversation = Self::announced(version);
        conversation.run(&mut |_| true);
        assert!(conversation.server.dtls.is_connected());
        conversation
    }

    /// Lets packets and time pass until both have keys, one failed, or 60 s are over.
    pub(super) fn run(&mut self, arrives: Arrives<'_>) {
        let end = self.now.plus(Duration::from_secs(60));
        while self.now < end && !self.is_settled() {
            self.exchange(arrives);
            if !self.is_settled() {
                self.pass_time(end);
            }
        }
        self.exchange(arrives);
    }

    fn is_settled(&self) -> bool {
        let both = self.client.learned.keys.is_some() && self.server.learned.keys.is_some();
        both || self.client.learned.failure.is_some() || self.server.learned.failure.is_some()
    }

    /// Lets packets pass until neither side has one.
    pub(super) fn exchange(&mut self, arrives: Arrives<'_>) {
        loop {
            let (up, down) = (self.client.poll(), self.server.poll());
            if up.is_empty() && down.is_empty() {
                return;
            }
            for packet in up {
                self.sent += 1;
                if arrives(self.sent) {
                    self.server.dtls.handle(self.now, &packet).ok();
                }
            }
            for packet in down {
                self.sent += 1;
                if arrives(self.sent) {
                    self.client.handle(&packet);
                }
            }
        }
    }

    /// Goes to the next timer of either side.
    pub(super) fn pass_time(&mut self, end: Time) {
        let client_due = self.client.due.and_then(|due| self.clock.due(due, self.now));
        let due = [client_due, self.server.due].into_iter().flatten().min().unwrap_or(end);
        self.now = due.max(self.now.plus(Duration::from_millis(1)));
        self.server.dtls.handle_timeout(self.now);
        let result = self.client.engine.handle_timeout(self.clock.instant(self.now));
        self.client.settle(result);
    }
}

impl Client {
    /// Datagrams to send; the rest is learned.
    pub(super) fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut buffer = [0; 4096];
        while self.learned.failure.is_none() {
            match self.engine.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => packets.push(packet.to_vec()),
                dimpl::Output::KeyingMaterial(exported, profile) => {
                    let profile = profile_of(profile).expect("a profile that the crate has");
                    self.learned.keys = Keys::from_exported(profile, &exported);
                }
                dimpl::Output::ApplicationData(data) => self.learned.data.push(data.to_vec()),
                dimpl::Output::CloseNotify => self.learned.closed = true,
                dimpl::Output::Timeout(due) => {
                    self.due = Some(due);
                    break;
                }
                dimpl::Output::Connected
                | dimpl::Output::PeerCert(_)
                | dimpl::Output::BufferTooSmall { .. }
                | _ => {}
            }
        }
        packets
    }

    pub(super) fn handle(&mut self, packet: &[u8]) {
        if self.learned.failure.is_none() {
            let result = self.engine.handle_packet(packet);
            self.settle(result);
        }
    }

    pub(super) fn send(&mut self, data: &[u8]) {
        self.engine.send_application_data(data).expect("connected");
    }

    pub(super) fn close(&mut self) {
        self.engine.close().expect("connected");
    }

    fn settle(&mut self, result: Result<(), dimpl::Error>) {
        if result.is_err() {
            self.learned.failure = Some(Failure::Handshake);
        }
    }
}

impl Server {
    /// Datagrams to send; the rest is learned.
    pub(super) fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        loop {
            match self.dtls.poll(&mut self.buffer) {
                Output::Packet(packet) => packets.push(packet.to_vec()),
                Output::Connected(keys) => {
                    assert!(self.learned.keys.replace(keys).is_none(), "keys come once");
                }
                Output::ApplicationData(data) => self.learned.data.push(data.to_vec()),
                Output::Closed => {
                    assert!(!self.learned.closed, "the end comes once");
                    self.learned.closed = true;
                }
                Output::Failed(failure) => {
                    assert!(self.learned.failure.replace(failure).is_none(), "the end comes once");
                }
                Output::Timeout(due) => {
                    self.due = due;
                    return packets;
                }
            }
        }
    }
}
