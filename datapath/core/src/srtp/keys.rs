//! Master keys as the handshake exports them. RFC 5764 section 4.2.
//!
//! They are zeroed on drop, cannot be printed, and have no accessor outside this module.

use std::fmt;

use zeroize::Zeroize;

use super::Profile;

const MAX_KEY_BYTES: usize = 32;
const MAX_SALT_BYTES: usize = 14;

/// What one side writes with: master key and master salt.
#[derive(Clone)]
pub struct MasterKey {
    profile: Profile,
    key: [u8; MAX_KEY_BYTES],
    salt: [u8; MAX_SALT_BYTES],
}

impl MasterKey {
    /// From `profile.key_bytes()` bytes of key and `profile.salt_bytes()` bytes of salt.
    pub(super) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        if key.len() != profile.key_bytes() || salt.len() != profile.salt_bytes() {
            return None;
        }
        let mut master = Self { profile, key: [0; _], salt: [0; _] };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        Some(master)
    }

    /// The profile that these keys are for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key[..self.profile.key_bytes()]
    }

    /// The salt as the key derivation wants it: 112 bits, a shorter one padded at its end
    /// (RFC 3711 section 4.3.1; for 96 bits the common reading of RFC 7714 section 11).
    pub(super) const fn padded_salt(&self) -> &[u8; MAX_SALT_BYTES] {
        &self.salt
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// The keys of one transport.
#[derive(Clone, Debug)]
pub struct Keys {
    /// What the DTLS client writes with: the remote, since we are always the server.
    pub client: MasterKey,
    /// What the DTLS server writes with: us.
    pub server: MasterKey,
}

impl Keys {
    /// From the bytes exported under the label "EXTRACTOR-dtls_srtp": client key, server key,
    /// client salt, server salt. `None` if there are not exactly `profile.exported_bytes()`.
    #[must_use]
    pub fn from_exported(profile: Profile, exported: &[u8]) -> Option<Self> {
        if exported.len() != profile.exported_bytes() {
            return None;
        }
        let (keys, salts) = exported.split_at(2 * profile.key_bytes());
        let (client_key, server_key) = keys.split_at(profile.key_bytes());
        let (client_salt, server_salt) = salts.split_at(profile.salt_bytes());
        Some(Self {
            client: MasterKey::new(profile, client_key, client_salt)?,
            server: MasterKey::new(profile, server_key, server_salt)?,
        })
    }

    /// The profile that these keys are for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.client.profile
    }
}
