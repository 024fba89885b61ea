//! Connectivity checks: the ICE-lite half of RFC 8445. We answer Binding requests whose
//! MESSAGE-INTEGRITY is right and remember their paths; we never send one. Anything else gets no
//! answer and leaves no state.

use datapath_wire::stun::{Class, Message, Method, write_binding_error, write_binding_success};

use crate::Time;
use crate::counters::Drop;
use crate::machine::Machine;
use crate::path::{Address, Check};

/// RFC 8445 section 7.3.1.1.
const ROLE_CONFLICT: u16 = 487;

impl Machine {
    pub(crate) fn handle_stun(&mut self, now: Time, from: Address, datagram: &[u8]) {
        if let Err(reason) = self.handle_check(now, from, datagram) {
            self.counters.drop(reason);
        }
    }

    fn handle_check(&mut self, now: Time, from: Address, datagram: &[u8]) -> Result<(), Drop> {
        let message = Message::parse(datagram).map_err(|_| Drop::StunMalformed)?;
        if (message.class(), message.method()) != (Class::Request, Method::Binding) {
            return Err(Drop::StunNotBinding);
        }
        let (ours, theirs) = message.username().ok_or(Drop::StunIncomplete)?;
        if !message.has_integrity() {
            return Err(Drop::StunIncomplete);
        }
        let index = *self.ufrags.get(ours).ok_or(Drop::StunUnknownUfrag)?;
        let transport = self.transports.get_mut(index).ok_or(Drop::StunUnknownUfrag)?;
        let (ice, standing) = transport.credentials(ours, theirs).ok_or(Drop::StunUnknownUfrag)?;
        if !message.integrity_ok(ice.password.as_bytes()) {
            return Err(Drop::StunBadIntegrity);
        }
        if message.fingerprint_ok() != Some(true) {
            return Err(Drop::StunIncomplete); // RFC 8445 section 7.1: every check carries it
        }
        let mut answer = self.outbox.buffer();
        let key = ice.password.as_bytes();
        if message.controlled().is_some() {
            // A lite agent is always controlled.
            write_binding_error(
                &mut answer,
                message.transaction_id(),
                ROLE_CONFLICT,
                "Role Conflict",
                Some(key),
            );
            self.outbox.send(from, answer);
            return Ok(());
        }
        write_binding_success(&mut answer, message.transaction_id(), from.remote, key);
        let check = Check {
            priority: message.priority().unwrap_or_default(),
            use_candidate: message.use_candidate(),
            nomination: message.nomination(),
            standing,
        };
        let was_ready = transport.is_ready(now);
        let checked = transport.paths.check(now, from, check).map_err(|_| Drop::TooManyPaths)?;
        if let Some(evicted) = checked.evicted {
            self.addresses.remove(&evicted);
        }
        if checked.added {
            self.claim(from, index);
        }
        self.counters.checks_answered += 1;
        self.outbox.send(from, answer);
        self.after_check(now, index, was_ready);
        Ok(())
    }

    /// From now on what comes from this address belongs to this transport.
    fn claim(&mut self, address: Address, index: u32) {
        if let Some(before) = self.addresses.insert(address, index)
            && before != index
            && let Some(other) = self.transports.get_mut(before)
        {
            other.paths.forget(address);
        }
    }

    fn after_check(&mut self, now: Time, index: u32, was_ready: bool) {
        self.refresh_transport_facts(now, index);
        let Some(transport) = self.transports.get(index) else { return };
        let is_back = !was_ready && transport.is_ready(now);
        if let Some(due) = transport.paths.poll_timeout(now) {
            self.wake(index, due);
        }
        if is_back {
            self.request_key_frames_for(now, index);
        }
    }
}
