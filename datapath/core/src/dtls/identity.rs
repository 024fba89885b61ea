//! Who we are in DTLS: a self-signed certificate made at start, never written down. RFC 8827
//! section 6.5: a fingerprint in signalling, not a name in the certificate, is what is believed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, DtlsCertificate};
use zeroize::Zeroize;

/// Our certificate, its key, and how handshakes are run. One per process.
pub struct Identity {
    certificate: DtlsCertificate,
    fingerprint: [u8; 32],
    config: Arc<Config>,
}

/// The largest datagram a handshake sends. Lower costs packets, higher is lost on paths that
/// tunnel: 1200 fits IPv6's least MTU with room for a relay's headers.
const MTU_BYTES: usize = 1200;
/// First retransmission; it doubles from there. Lower costs duplicates on slow paths, higher costs
/// joining time where a packet is lost.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(100);
/// A handshake that takes longer will not succeed; the client has shown an error by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// More than fit into the timeout, so that the timeout decides. The remote's retransmissions are
/// answered out of the same budget.
const RETRANSMISSIONS: usize = 40;
/// Datagrams held for reassembly: a client's flight with a post-quantum key share and a chain of
/// certificates is below 8. A full queue ends the association.
const MAX_HELD_DATAGRAMS: usize = 24;
/// Datagrams waiting to be polled: our longest flight is below 6.
const MAX_WAITING_DATAGRAMS: usize = 16;

impl Identity {
    /// Makes a key pair (ECDSA, P-256) and a certificate for it.
    ///
    /// # Errors
    /// [`IdentityError`] if the machine has no randomness or the crypto library is broken: the
    /// process cannot serve.
    pub fn generate() -> Result<Self, IdentityError> {
        let certificate = generate_self_signed_certificate().map_err(|_| IdentityError)?;
        let fingerprint = certificate.fingerprint().try_into().map_err(|_| IdentityError)?;
        let config = Config::builder()
            .mtu(MTU_BYTES)
            .max_queue_rx(MAX_HELD_DATAGRAMS)
            .max_queue_tx(MAX_WAITING_DATAGRAMS)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .require_client_certificate(true)
            // A cookie proves a return path. Only datagrams from a path with a valid ICE check come
            // here, which proves the same; it would cost each join a round trip.
            .use_server_cookie(false)
            .build()
            .map_err(|_| IdentityError)?;
        Ok(Self { certificate, fingerprint, config: Arc::new(config) })
    }

    /// SHA-256 of the certificate, for `a=fingerprint:sha-256`.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    pub(super) fn engine(&self, now: std::time::Instant) -> dimpl::Dtls {
        dimpl::Dtls::new_auto(self.config.clone(), self.certificate.clone(), now)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.certificate.private_key.zeroize();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// No certificate could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityError;

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no DTLS certificate could be made: check the machine's source of randomness")
    }
}

impl std::error::Error for IdentityError {}
