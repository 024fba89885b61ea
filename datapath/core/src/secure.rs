//! DTLS of a transport, driven: records in and out, keys into place, its end told.

use crate::Time;
use crate::counters::Drop;
use crate::dtls::{Failure, Output, Refused};
use crate::facts::{DtlsFailure, DtlsState};
use crate::machine::{LEAST_WAIT, Machine};
use crate::path::Address;
use crate::transport::Srtp;

impl Machine {
    pub(crate) fn handle_dtls(
        &mut self,
        now: Time,
        index: u32,
        from: Address,
        datagram: &[u8],
    ) -> Result<(), Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::NoValidPath)?;
        transport.dtls.handle(now, datagram).map_err(|refused| match refused {
            Refused::NoFingerprint => Drop::DtlsUnexpected,
            Refused::NotHandshake | Refused::Over => Drop::DtlsFailed,
        })?;
        // Until something is nominated the handshake itself shows which path works.
        transport.paths.heard_on(now, from);
        self.drain_dtls(now, index);
        Ok(())
    }

    /// Carries out what DTLS has to say; returns when it wants to be called.
    pub(crate) fn drain_dtls(&mut self, now: Time, index: u32) -> Option<Time> {
        let mut record = std::mem::take(&mut self.record);
        let due = loop {
            let Some(transport) = self.transports.get_mut(index) else { break None };
            match transport.dtls.poll(&mut record) {
                Output::Packet(bytes) => {
                    let Some(to) = transport.paths.current(now) else {
                        self.counters.drop(Drop::NoPath);
                        continue;
                    };
                    let mut datagram = self.outbox.buffer();
                    datagram.extend_from_slice(bytes);
                    self.outbox.send(to, datagram);
                }
                Output::Connected(keys) => {
                    transport.srtp = Some(Box::new(Srtp::new(&keys)));
                    transport.facts.srtp_profile = Some(keys.profile());
                    transport.facts.connected = Some(now);
                    self.counters.dtls_connected += 1;
                    self.set_dtls_state(index, DtlsState::Connected);
                    self.request_key_frames_for(now, index);
                    self.wake(index, now); // reports begin
                }
                Output::ApplicationData(_) => self.counters.drop(Drop::SctpUnsupported),
                Output::Closed => {
                    transport.srtp = None;
                    self.set_dtls_state(index, DtlsState::Closed);
                }
                Output::Failed(failure) => {
                    self.counters.dtls_failed += 1;
                    self.set_dtls_state(index, DtlsState::Failed(told(failure)));
                }
                Output::Timeout(due) => break due,
            }
        };
        self.record = record;
        let due = due.map(|due| due.max(now.plus(LEAST_WAIT)));
        if let Some(due) = due {
            self.wake(index, due);
        }
        due
    }

    /// Says close_notify if the association stands.
    pub(crate) fn close_dtls(&mut self, now: Time, index: u32) {
        if let Some(transport) = self.transports.get_mut(index) {
            transport.dtls.close();
            self.drain_dtls(now, index);
        }
    }

    fn set_dtls_state(&mut self, index: u32, state: DtlsState) {
        if let Some(transport) = self.transports.get_mut(index)
            && transport.facts.dtls != state
        {
            transport.facts.dtls = state;
            transport.revision += 1;
            self.changed.note(transport.id);
        }
    }
}

const fn told(failure: Failure) -> DtlsFailure {
    match failure {
        Failure::Fingerprint => DtlsFailure::Fingerprint,
        Failure::Handshake => DtlsFailure::Handshake,
        Failure::Timeout => DtlsFailure::Timeout,
        Failure::NoSrtpProfile => DtlsFailure::NoSrtpProfile,
    }
}
