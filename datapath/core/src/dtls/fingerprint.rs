//! Which certificates signalling announced. RFC 8122 section 5.
//!
//! SHA-1 and older are not accepted; a description that offers nothing better has no fingerprint.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use subtle::ConstantTimeEq;

/// Fingerprints under the strongest hash function that was announced.
#[derive(Debug, Default)]
pub(super) struct Announced {
    strength: usize,
    values: Vec<Box<[u8]>>,
}

/// Weakest first.
const ALGORITHMS: [(&str, &Algorithm); 3] =
    [("sha-256", &SHA256), ("sha-384", &SHA384), ("sha-512", &SHA512)];

impl Announced {
    /// From pairs of hash function name (any case) and digest. Unknown names and digests of a
    /// wrong length are left out; RFC 8122 section 5 has only the strongest function count.
    pub(super) fn new<'a>(announced: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut result = Self::default();
        for (name, value) in announced {
            let known = ALGORITHMS.iter().position(|(known, algorithm)| {
                known.eq_ignore_ascii_case(name) && algorithm.output_len() == value.len()
            });
            let Some(strength) = known else { continue };
            if strength > result.strength {
                result.values.clear();
                result.strength = strength;
            }
            if strength == result.strength {
                result.values.push(value.into());
            }
        }
        result
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether this is a certificate that was announced.
    pub(super) fn names(&self, certificate_der: &[u8]) -> bool {
        let (_, algorithm) = ALGORITHMS[self.strength];
        let fingerprint = digest(algorithm, certificate_der);
        self.values.iter().any(|value| fingerprint.as_ref().ct_eq(value).into())
    }
}
