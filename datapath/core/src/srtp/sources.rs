//! One replay window per SSRC, found by SSRC. Bounded by whoever adds.

use super::replay::Window;

/// Windows of `WORDS` words, by SSRC.
///
/// A transport has a handful of SSRCs, so a scan over numbers that lie side by side beats a hash.
#[derive(Debug)]
pub(super) struct Sources<const WORDS: usize> {
    ssrcs: Vec<u32>,
    windows: Vec<Window<WORDS>>,
}

impl<const WORDS: usize> Sources<WORDS> {
    pub(super) const fn new() -> Self {
        Self { ssrcs: Vec::new(), windows: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.ssrcs.len()
    }

    pub(super) fn find(&mut self, ssrc: u32) -> Option<&mut Window<WORDS>> {
        let place = self.ssrcs.iter().position(|known| *known == ssrc)?;
        self.windows.get_mut(place)
    }

    /// Adds a source that `find` does not know.
    pub(super) fn add(&mut self, ssrc: u32, window: Window<WORDS>) {
        self.ssrcs.push(ssrc);
        self.windows.push(window);
    }
}
