//! DTLS of one transport: handshake, SRTP keys, data channel datagrams.
//!
//! Serves RFC 5764 (DTLS-SRTP), RFC 6347 (DTLS 1.2) and RFC 9147 (DTLS 1.3), always as the server.
//! The protocol itself is the `dimpl` crate's and appears in no signature outside this folder. What
//! is ours: nothing is answered before signalling told a fingerprint, nothing is believed before
//! the certificate matches it, keys leave only after both.
//!
//! The crate chooses the SRTP profile: AES-256-GCM, then AES-128-GCM, then AES-CM with HMAC-SHA1,
//! whatever order the client prefers.
//!
//! What it costs: nothing but this struct while it waits; a handshake takes about 0.15 ms of one
//! core; a connected association holds 9 KiB (DTLS 1.2) to 12 KiB (DTLS 1.3), most of it the
//! crate's buffers and a copy of our certificate. SRTP contexts add 3 KiB (AEAD) or 7 KiB (AES-CM).
//!
//! The crate does not wipe its memory: of a transport's DTLS, the exported SRTP keys (once, in a
//! freed allocation), traffic secrets and a copy of our private key may stay in freed memory.

mod clock;
mod fingerprint;
mod identity;
mod outcome;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dimpl::SrtpProfile;

pub use clock::Clock;
pub use identity::{Identity, IdentityError};
pub use outcome::{Failure, NotConnected, Output, Refused};

use crate::Time;
use crate::srtp::{Keys, Profile};
use fingerprint::Announced;

/// The DTLS association of one transport.
///
/// After each call of `handle`, `handle_timeout`, `send` or `close`: [`Dtls::poll`] until it gives
/// [`Output::Timeout`].
pub struct Dtls {
    identity: Arc<Identity>,
    clock: Clock,
    announced: Announced,
    now: Time,
    state: State,
}

enum State {
    /// No datagram was let in yet; there is no engine, so a transport that waits costs nothing.
    Waiting,
    /// From the first datagram to the SRTP keys.
    Handshaking { engine: Box<dimpl::Dtls>, certificate_matched: bool, finished: bool },
    /// Keys were handed out.
    Connected { engine: Box<dimpl::Dtls> },
    /// `close_notify` was said by one side or both; what is left is to send ours.
    Closing { engine: Box<dimpl::Dtls> },
    /// To be reported.
    Failed(Failure),
    /// The remote is gone; to be reported.
    Lost,
    /// Nothing will happen any more.
    Over,
}

/// RFC 6347 section 4.1: the content type of handshake records.
const HANDSHAKE_RECORD: u8 = 22;
/// Room for any datagram we send; more is made when more is needed.
const LEAST_BUFFER_BYTES: usize = 2048;

impl Dtls {
    /// An association that waits for its remote.
    #[must_use]
    pub fn new(identity: Arc<Identity>, clock: Clock) -> Self {
        let announced = Announced::default();
        Self { identity, clock, announced, now: Time(0), state: State::Waiting }
    }

    /// Replaces the announced fingerprints: pairs of hash function name and digest. None that is
    /// usable: no datagram is let in. A certificate that matched before stays believed.
    pub fn set_fingerprints<'a>(
        &mut self,
        announced: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) {
        self.announced = Announced::new(announced);
    }

    /// Whether SRTP keys were handed out and the association still stands.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Takes a datagram.
    ///
    /// # Errors
    /// [`Refused`]: it changed nothing.
    pub fn handle(&mut self, now: Time, datagram: &[u8]) -> Result<(), Refused> {
        if self.announced.is_empty() {
            return Err(Refused::NoFingerprint);
        }
        if let State::Waiting = self.state {
            if datagram.first() != Some(&HANDSHAKE_RECORD) {
                return Err(Refused::NotHandshake);
            }
            let engine = Box::new(self.identity.engine(self.clock.instant(now)));
            self.state = State::Handshaking { engine, certificate_matched: false, finished: false };
        }
        let instant = self.advance(now);
        let engine = self.state.engine().ok_or(Refused::Over)?;
        let result = engine.handle_timeout(instant).and_then(|()| engine.handle_packet(datagram));
        self.settle(result);
        Ok(())
    }

    /// Lets time pass: retransmissions, the end of a handshake that takes too long.
    pub fn handle_timeout(&mut self, now: Time) {
        let instant = self.advance(now);
        let Some(engine) = self.state.engine() else {
            return;
        };
        let result = engine.handle_timeout(instant);
        self.settle(result);
    }

    /// Sends a datagram of application data.
    ///
    /// # Errors
    /// [`NotConnected`]: it was dropped.
    pub fn send(&mut self, data: &[u8]) -> Result<(), NotConnected> {
        let State::Connected { engine } = &mut self.state else {
            return Err(NotConnected);
        };
        let result = engine.send_application_data(data).map(|_| ());
        self.settle(result);
        if self.is_connected() { Ok(()) } else { Err(NotConnected) }
    }

    /// Ends the association: close_notify if it stands, silence if not. SRTP keys that were handed
    /// out are the caller's to drop.
    pub fn close(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Connected { mut engine } => match engine.close() {
                Ok(()) => State::Closing { engine },
                Err(_) => State::Over,
            },
            closing @ State::Closing { .. } => closing,
            State::Waiting
            | State::Handshaking { .. }
            | State::Failed(_)
            | State::Lost
            | State::Over => State::Over,
        };
    }

    /// What is to be done now. `buffer` is grown where it is too small.
    pub fn poll<'a>(&mut self, buffer: &'a mut Vec<u8>) -> Output<'a> {
        loop {
            match self.step(buffer) {
                Step::Again => {}
                Step::Packet(bytes) => return Output::Packet(&buffer[..bytes]),
                Step::ApplicationData(bytes) => return Output::ApplicationData(&buffer[..bytes]),
                Step::Connected(keys) => return Output::Connected(keys),
                Step::Closed => return Output::Closed,
                Step::Failed(failure) => return Output::Failed(failure),
                Step::Timeout(time) => return Output::Timeout(time),
            }
        }
    }

    fn advance(&mut self, now: Time) -> Instant {
        self.now = now;
        self.clock.instant(now)
    }

    fn step(&mut self, buffer: &mut Vec<u8>) -> Step {
        let Some(engine) = self.state.engine() else {
            return self.report_end();
        };
        if buffer.len() < LEAST_BUFFER_BYTES {
            buffer.resize(LEAST_BUFFER_BYTES, 0);
        }
        // The crate fills the buffer from its start, so a length names the bytes.
        match engine.poll_output(buffer) {
            dimpl::Output::Packet(packet) => Step::Packet(packet.len()),
            dimpl::Output::BufferTooSmall { needed } => {
                buffer.resize(needed, 0);
                Step::Again
            }
            dimpl::Output::PeerCert(certificate) => {
                let matched = self.announced.names(certificate);
                self.handle_certificate(matched)
            }
            dimpl::Output::Connected => self.handle_finished(),
            dimpl::Output::KeyingMaterial(exported, profile) => {
                self.handle_keys(&exported, profile)
            }
            dimpl::Output::ApplicationData(data) => {
                let bytes = data.len();
                if self.is_connected() { Step::ApplicationData(bytes) } else { Step::Again }
            }
            dimpl::Output::CloseNotify => {
                self.close();
                Step::Closed
            }
            dimpl::Output::Timeout(instant) => self.handle_idle(instant),
            // The enum may grow; what we do not know, we do not act on.
            _ => Step::Again,
        }
    }

    fn handle_certificate(&mut self, matched: bool) -> Step {
        if let State::Handshaking { certificate_matched, .. } = &mut self.state
            && matched
        {
            *certificate_matched = true;
            return Step::Again;
        }
        self.fail(Failure::Fingerprint)
    }

    fn handle_finished(&mut self) -> Step {
        if let State::Handshaking { finished, .. } = &mut self.state {
            *finished = true;
        }
        Step::Again
    }

    fn handle_keys(&mut self, exported: &[u8], profile: SrtpProfile) -> Step {
        let keys = profile_of(profile).and_then(|profile| Keys::from_exported(profile, exported));
        match (std::mem::replace(&mut self.state, State::Over), keys) {
            (
                State::Handshaking { engine, certificate_matched: true, finished: true },
                Some(keys),
            ) => {
                self.state = State::Connected { engine };
                Step::Connected(keys)
            }
            (_, None) => self.fail(Failure::NoSrtpProfile),
            (_, Some(_)) => self.fail(Failure::Fingerprint),
        }
    }

    /// The engine has nothing more to say.
    fn handle_idle(&mut self, instant: Instant) -> Step {
        match &self.state {
            // RFC 5764 section 4.1: without a profile in common there is no SRTP.
            State::Handshaking { finished: true, .. } => self.fail(Failure::NoSrtpProfile),
            State::Closing { .. } => {
                self.state = State::Over;
                Step::Timeout(None)
            }
            State::Waiting
            | State::Handshaking { finished: false, .. }
            | State::Connected { .. }
            | State::Failed(_)
            | State::Lost
            | State::Over => Step::Timeout(self.clock.due(instant, self.now)),
        }
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.state = State::Failed(failure);
        Step::Again
    }

    /// What a state without an engine has to report: its end, once.
    fn report_end(&mut self) -> Step {
        match self.state {
            State::Failed(failure) => {
                self.state = State::Over;
                Step::Failed(failure)
            }
            State::Lost => {
                self.state = State::Over;
                Step::Closed
            }
            State::Waiting
            | State::Handshaking { .. }
            | State::Connected { .. }
            | State::Closing { .. }
            | State::Over => Step::Timeout(None),
        }
    }

    /// Every error of the engine is final, says its documentation.
    fn settle(&mut self, result: Result<(), dimpl::Error>) {
        let Err(error) = result else { return };
        let failure = if matches!(error, dimpl::Error::Timeout(_)) {
            Failure::Timeout
        } else {
            Failure::Handshake
        };
        self.state = match &self.state {
            State::Handshaking { .. } => State::Failed(failure),
            State::Connected { .. } => State::Lost,
            State::Waiting
            | State::Closing { .. }
            | State::Failed(_)
            | State::Lost
            | State::Over => State::Over,
        };
    }
}

/// [`Output`], but with lengths where that has borrows.
enum Step {
    Again,
    Packet(usize),
    ApplicationData(usize),
    Connected(Keys),
    Closed,
    Failed(Failure),
    Timeout(Option<Time>),
}

impl State {
    fn engine(&mut self) -> Option<&mut dimpl::Dtls> {
        match self {
            Self::Handshaking { engine, .. }
            | Self::Connected { engine }
            | Self::Closing { engine } => Some(engine),
            Self::Waiting | Self::Failed(_) | Self::Lost | Self::Over => None,
        }
    }
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmHmacSha1_80),
        _ => None,
    }
}

impl fmt::Debug for Dtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dtls").finish_non_exhaustive()
    }
}
