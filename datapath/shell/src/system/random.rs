//! Random bytes of the kernel.

/// Fills with bytes that nobody can foretell. Without them the process must not serve, so a failure
/// ends it.
pub(crate) fn fill(bytes: &mut [u8]) {
    // Up to 256 bytes are given whole or not at all (getrandom(2)).
    for chunk in bytes.chunks_mut(256) {
        // SAFETY: the pointer and length are those of `chunk`.
        let filled = unsafe { libc::getrandom(chunk.as_mut_ptr().cast(), chunk.len(), 0) };
        assert_eq!(filled, chunk.len() as isize, "the kernel has no random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_filled() {
        let mut bytes = [0; 1_000];
        fill(&mut bytes);
        assert!(bytes.chunks(100).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }
}
