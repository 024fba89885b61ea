//! Header extension elements that travel from publisher to subscriber with a packet, and the block
//! that a leg writes at release.
//!
//! Elements are kept beside the payload as (what, length, bytes), because both sides number them
//! differently. What says something about one hop (MID, RID, send time, transport-wide number) is
//! not carried.

use datapath_wire::extension::{Form, Writer};

use crate::rows::HeaderExtensions;

/// Room for the elements of one packet. A dependency descriptor with a template structure is the
/// largest; one that does not fit is dropped, and its next key frame brings another.
const MOST_BYTES: usize = 255;

/// What is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum What {
    AudioLevel = 1,
    DependencyDescriptor = 2,
    PlayoutDelay = 3,
    AbsCaptureTime = 4,
}

/// The carried elements of one packet.
#[derive(Debug)]
pub(crate) struct Carried {
    bytes: [u8; MOST_BYTES],
    used: usize,
}

/// What a received packet's extensions say to us.
#[derive(Debug, Default)]
pub(crate) struct Hop<'a> {
    pub(crate) mid: Option<&'a [u8]>,
    pub(crate) rid: Option<&'a [u8]>,
    pub(crate) repaired_rid: Option<&'a [u8]>,
    pub(crate) transport_sequence: Option<u16>,
}

impl Carried {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; MOST_BYTES], used: 0 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Sorts a packet's elements into what is for us and what travels on.
    pub(crate) fn sort<'a>(
        &mut self,
        ids: &HeaderExtensions,
        elements: impl Iterator<Item = (u8, &'a [u8])>,
    ) -> Hop<'a> {
        let mut hop = Hop::default();
        for (id, data) in elements {
            match id {
                0 => {}
                id if id == ids.transport_cc => {
                    hop.transport_sequence =
                        data.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                }
                id if id == ids.mid => hop.mid = Some(data),
                id if id == ids.rid => hop.rid = Some(data),
                id if id == ids.repaired_rid => hop.repaired_rid = Some(data),
                id if id == ids.audio_level => self.keep(What::AudioLevel, data),
                id if id == ids.dependency_descriptor => {
                    self.keep(What::DependencyDescriptor, data)
                }
                id if id == ids.playout_delay => self.keep(What::PlayoutDelay, data),
                id if id == ids.abs_capture_time => self.keep(What::AbsCaptureTime, data),
                _ => {}
            }
        }
        hop
    }

    fn keep(&mut self, what: What, data: &[u8]) {
        let end = self.used + 2 + data.len();
        let (Some(space), Ok(length)) =
            (self.bytes.get_mut(self.used..end), u8::try_from(data.len()))
        else {
            return;
        };
        space[0] = what as u8;
        space[1] = length;
        space[2..].copy_from_slice(data);
        self.used = end;
    }
}

/// What a leg adds to each packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// 6.18 fixed point seconds.
    pub(crate) send_time: [u8; 3],
    pub(crate) transport_sequence: u16,
    /// Until the subscriber is known to know the SSRC.
    pub(crate) mid: Option<&'a str>,
}

/// Writes the extension block of a packet to `out`; returns its length, 0 when nothing is negotiated.
pub(crate) fn write_block(
    ids: &HeaderExtensions,
    stamp: Stamp<'_>,
    carried: &[u8],
    out: &mut [u8],
) -> usize {
    let wide = needs_two_byte_form(ids, stamp, carried);
    if wide && !ids.allow_mixed {
        // The receiver reads one-byte headers only: leave out what does not fit them.
        return write_in(Form::OneByte, ids, stamp, carried, out);
    }
    write_in(if wide { Form::TwoByte } else { Form::OneByte }, ids, stamp, carried, out)
}

fn write_in(
    form: Form,
    ids: &HeaderExtensions,
    stamp: Stamp<'_>,
    carried: &[u8],
    out: &mut [u8],
) -> usize {
    let mut writer = Writer::new(out, form);
    let mut push = |id: u8, data: &[u8]| {
        if id != 0 {
            // An element that the form cannot carry is left out.
            let _ = writer.push(id, data);
        }
    };
    push(ids.abs_send_time, &stamp.send_time);
    push(ids.transport_cc, &stamp.transport_sequence.to_be_bytes());
    if let Some(mid) = stamp.mid {
        push(ids.mid, mid.as_bytes());
    }
    for (id, data) in elements(ids, carried) {
        push(id, data);
    }
    writer.finish()
}

fn needs_two_byte_form(ids: &HeaderExtensions, stamp: Stamp<'_>, carried: &[u8]) -> bool {
    let wide_id = [ids.abs_send_time, ids.transport_cc, ids.mid].iter().any(|id| *id > 14);
    let wide_mid = stamp.mid.is_some_and(|mid| mid.len() > 16);
    wide_id || wide_mid || elements(ids, carried).any(|(id, data)| id > 14 || data.len() > 16)
}

/// The carried elements under the subscriber's identifiers, those it negotiated.
fn elements<'a>(ids: &HeaderExtensions, carried: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> {
    let ids = *ids;
    let mut rest = carried;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<2>()?;
        let (data, behind) = after.split_at_checked(usize::from(head[1]))?;
        rest = behind;
        Some((head[0], data))
    })
    .map(move |(what, data)| (id_of(&ids, what), data))
    .filter(|(id, _)| *id != 0)
}

const fn id_of(ids: &HeaderExtensions, what: u8) -> u8 {
    match what {
        what if what == What::AudioLevel as u8 => ids.audio_level,
        what if what == What::DependencyDescriptor as u8 => ids.dependency_descriptor,
        what if what == What::PlayoutDelay as u8 => ids.playout_delay,
        what if what == What::AbsCaptureTime as u8 => ids.abs_capture_time,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use datapath_wire::extension;

    use super::*;

    const STAMP: Stamp<'_> = Stamp { send_time: [1, 2, 3], transport_sequence: 258, mid: None };

    fn read(block: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let profile = u16::from_be_bytes([block[0], block[1]]);
        extension::elements(profile, &block[4..]).map(|(id, data)| (id, data.to_vec())).collect()
    }

    #[test]
    fn elements_are_renumbered_from_publisher_to_subscriber() {
        let publisher =
            HeaderExtensions { mid: 1, audio_level: 2, transport_cc: 3, ..Default::default() };
        let subscriber = HeaderExtensions { audio_level: 9, transport_cc: 5, ..Default::default() };
        let mut carried = Carried::new();
        let packet = [(1, &b"7"[..]), (2, &[0x85][..]), (3, &[1, 0][..])];
        let hop = carried.sort(&publisher, packet.into_iter());
        assert_eq!((hop.mid, hop.transport_sequence), (Some(&b"7"[..]), Some(256)));
        let mut out = [0; 64];
        let bytes = write_block(&subscriber, STAMP, carried.as_bytes(), &mut out);
        assert_eq!(read(&out[..bytes]), [(5, vec![1, 2]), (9, vec![0x85])]);
    }

    #[test]
    fn a_long_descriptor_takes_the_two_byte_form_where_it_is_allowed_and_is_left_out_elsewhere() {
        let publisher = HeaderExtensions { dependency_descriptor: 4, ..Default::default() };
        let mut carried = Carried::new();
        carried.sort(&publisher, [(4, &[7u8; 40][..])].into_iter());
        let mut out = [0; 64];
        for (allow_mixed, expected) in [(true, 2), (false, 1)] {
            let ids = HeaderExtensions {
                abs_send_time: 2,
                dependency_descriptor: 4,
                allow_mixed,
                ..Default::default()
            };
            let bytes = write_block(&ids, STAMP, carried.as_bytes(), &mut out);
            assert_eq!(read(&out[..bytes]).len(), expected);
        }
    }

    #[test]
    fn nothing_negotiated_writes_nothing() {
        assert_eq!(write_block(&HeaderExtensions::default(), STAMP, &[], &mut [0; 64]), 0);
    }
}
