//! SRTP protection profiles and their sizes. RFC 5764 section 4.1.2, RFC 7714 section 14.2.

/// A protection profile that this datapath speaks.
///
/// Which one a transport gets is decided by the DTLS crate, which today takes the first of
/// AES-256-GCM, AES-128-GCM, AES-CM that the remote offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// SRTP_AEAD_AES_128_GCM, RFC 7714.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM, RFC 7714.
    AeadAes256Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80, RFC 3711: for older clients.
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] =
        [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::Aes128CmHmacSha1_80];

    /// Bytes by which sealing grows an RTP packet.
    #[must_use]
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmHmacSha1_80 => 10,
        }
    }

    /// Bytes by which sealing grows an RTCP packet: the tag and the index word.
    #[must_use]
    pub const fn rtcp_overhead_bytes(self) -> usize {
        self.tag_bytes() + super::RTCP_TRAILER_BYTES
    }

    /// Bytes of keying material that DTLS exports: two master keys, two master salts.
    #[must_use]
    pub const fn exported_bytes(self) -> usize {
        2 * (self.key_bytes() + self.salt_bytes())
    }

    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmHmacSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    pub(super) const fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmHmacSha1_80 => 14,
        }
    }
}
