//! RTP header extensions: elements of a block, their writer, and the elements that we read.
//!
//! RFC 8285. Which local identifier means which element is negotiated and not known here. A block
//! of another profile has no elements. Damage ends the iteration: what came before it counts, as
//! section 4.2 has it for identifiers 0 and 15.

use crate::bytes::{padded_to_4, u8_at, u16_at, u24_at};

/// Profile of a block with one-byte element headers, section 4.2.
pub const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// Profile of a block with two-byte element headers and zero application bits, section 4.3.
pub const TWO_BYTE_PROFILE: u16 = 0x1000;
/// Length of a block's own header: profile and length.
pub const BLOCK_HEADER_BYTES: usize = 4;
/// Most data that a block's length, in words, can say.
const DATA_BYTES_MAX: usize = 4 * 0xFFFF;

/// How the headers of a block's elements look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Identifiers 1 to 14, 1 to 16 bytes of data; section 4.2.
    OneByte,
    /// Identifiers 1 to 255, up to 255 bytes of data; section 4.3.
    TwoByte,
}

impl Form {
    /// The form that a profile names, if it is one of RFC 8285.
    #[must_use]
    pub const fn of_profile(profile: u16) -> Option<Self> {
        match profile {
            ONE_BYTE_PROFILE => Some(Self::OneByte),
            // The low four bits are "appbits", not ours to interpret.
            0x1000..=0x100F => Some(Self::TwoByte),
            _ => None,
        }
    }

    /// The smallest form that carries all of these elements.
    pub fn for_elements<'a>(elements: impl IntoIterator<Item = (u8, &'a [u8])>) -> Self {
        let fits = |(id, data): (u8, &[u8])| Self::OneByte.carries(id, data);
        if elements.into_iter().all(fits) { Self::OneByte } else { Self::TwoByte }
    }

    const fn carries(self, id: u8, data: &[u8]) -> bool {
        match self {
            Self::OneByte => id >= 1 && id <= 14 && !data.is_empty() && data.len() <= 16,
            Self::TwoByte => id >= 1 && data.len() <= 255,
        }
    }
}

/// The elements of a block's data (without the block's header).
#[must_use]
pub const fn elements(profile: u16, block: &[u8]) -> Elements<'_> {
    Elements { form: Form::of_profile(profile), rest: block }
}

/// Iterator over `(local identifier, data)`.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Option<Form>,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The data of the first element with this identifier. `None` for identifier 0, which callers
    /// use for "not negotiated".
    #[must_use]
    pub fn find(mut self, id: u8) -> Option<&'a [u8]> {
        if id == 0 {
            return None;
        }
        self.by_ref().find(|(found, _)| *found == id).map(|(_, data)| data)
    }

    fn step(&mut self) -> Option<(u8, &'a [u8])> {
        let form = self.form?;
        while let [0, rest @ ..] = self.rest {
            self.rest = rest; // a padding byte
        }
        let (id, data_bytes, after) = match (form, self.rest) {
            (Form::OneByte, [head, after @ ..]) => (head >> 4, usize::from(head & 15) + 1, after),
            (Form::TwoByte, [id, data_bytes, after @ ..]) => (*id, usize::from(*data_bytes), after),
            (Form::OneByte | Form::TwoByte, _) => return None,
        };
        // Section 4.2: 15 is reserved, 0 with a length is wrong; both end the processing.
        if form == Form::OneByte && (id == 0 || id == 15) {
            return None;
        }
        let (data, rest) = after.split_at_checked(data_bytes)?;
        self.rest = rest;
        Some((id, data))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.step();
        if element.is_none() {
            self.form = None; // nothing after damage
        }
        element
    }
}

/// Why an element was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The form cannot carry this identifier or length.
    Form,
    /// The output is full.
    Space,
}

/// Writes a block, its header included, to the start of a slice.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    form: Form,
    at: usize,
}

impl<'a> Writer<'a> {
    /// A block of this form. Nothing is written to `out` before the first [`Writer::push`].
    #[must_use]
    pub const fn new(out: &'a mut [u8], form: Form) -> Self {
        Self { out, form, at: BLOCK_HEADER_BYTES }
    }

    /// Adds an element. After an error the block is as it was before.
    ///
    /// # Errors
    /// [`WriteError::Form`], [`WriteError::Space`].
    pub fn push(&mut self, id: u8, data: &[u8]) -> Result<(), WriteError> {
        if !self.form.carries(id, data) {
            return Err(WriteError::Form);
        }
        // Both within u8: `carries` bounds the length by 16 or 255.
        let data_bytes = data.len() as u8;
        let (header, header_bytes) = match self.form {
            Form::OneByte => ([id << 4 | data_bytes.wrapping_sub(1), 0], 1),
            Form::TwoByte => ([id, data_bytes], 2),
        };
        let end = self.at + header_bytes + data.len();
        if padded_to_4(end) > self.out.len().min(BLOCK_HEADER_BYTES + DATA_BYTES_MAX) {
            return Err(WriteError::Space);
        }
        let space = self.out.get_mut(self.at..end).ok_or(WriteError::Space)?;
        for (to, from) in space.iter_mut().zip(header.iter().take(header_bytes).chain(data)) {
            *to = *from;
        }
        self.at = end;
        Ok(())
    }

    /// Pads to 32 bits, writes the block's header, and returns the length of the whole: 0 when no
    /// element was pushed, then the X bit is to stay clear.
    #[must_use]
    pub fn finish(self) -> usize {
        let end = padded_to_4(self.at);
        if self.at == BLOCK_HEADER_BYTES {
            return 0;
        }
        let Some(block) = self.out.get_mut(..end) else {
            return 0; // `push` made room for the padding too
        };
        let profile = match self.form {
            Form::OneByte => ONE_BYTE_PROFILE,
            Form::TwoByte => TWO_BYTE_PROFILE,
        };
        let words = ((end - BLOCK_HEADER_BYTES) / 4) as u16; // at most DATA_BYTES_MAX: `push`
        let ([p0, p1], [w0, w1]) = (profile.to_be_bytes(), words.to_be_bytes());
        block.iter_mut().skip(self.at).for_each(|padding| *padding = 0);
        block.iter_mut().zip([p0, p1, w0, w1]).for_each(|(to, from)| *to = from);
        end
    }
}

/// Writes a block in the smallest form that carries all elements; returns its length, 0 for none.
///
/// # Errors
/// [`WriteError::Form`] if even two-byte headers cannot carry one of them, [`WriteError::Space`].
pub fn write(elements: &[(u8, &[u8])], out: &mut [u8]) -> Result<usize, WriteError> {
    let mut writer = Writer::new(out, Form::for_elements(elements.iter().copied()));
    for (id, data) in elements {
        writer.push(*id, data)?;
    }
    Ok(writer.finish())
}

/// A MID, RFC 8843 section 15.1: UTF-8, not empty.
#[must_use]
pub fn mid(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|mid| !mid.is_empty())
}

/// An RtpStreamId or RepairedRtpStreamId, RFC 8852 section 3: ASCII letters and digits, and the
/// "-" and "_" that RFC 8851 section 10 lets a=rid use; not empty.
#[must_use]
pub fn rid(data: &[u8]) -> Option<&str> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    mid(data).filter(|_| data.iter().all(legal))
}

/// A client-to-mixer audio level, RFC 6464 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// V: the encoder believes that this is voice.
    pub voice: bool,
    /// Level in -dBov: 0 is the loudest, 127 is silence.
    pub minus_dbov: u8,
}

impl AudioLevel {
    /// Reads the element.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        u8_at(data, 0).map(|byte| Self { voice: byte & 0x80 != 0, minus_dbov: byte & 0x7F })
    }

    /// The element; only the lower seven bits of the level are written.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 1] {
        [(self.voice as u8) << 7 | self.minus_dbov & 0x7F]
    }
}

/// A transport-wide sequence number, draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2.
#[must_use]
pub fn transport_cc(data: &[u8]) -> Option<u16> {
    u16_at(data, 0)
}

/// The element that [`transport_cc`] reads.
#[must_use]
pub const fn transport_cc_bytes(sequence_number: u16) -> [u8; 2] {
    sequence_number.to_be_bytes()
}

/// An absolute send time: 24 bits, seconds as 6.18 fixed point
/// (<http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time>).
#[must_use]
pub fn abs_send_time(data: &[u8]) -> Option<u32> {
    u24_at(data, 0)
}

/// The element that [`abs_send_time`] reads, for a time in nanoseconds of any epoch. Wraps every
/// 64 s.
#[must_use]
pub const fn abs_send_time_bytes(time_ns: u64) -> [u8; 3] {
    let within_wrap_ns = time_ns % 64_000_000_000;
    let fixed = (within_wrap_ns << 18) / 1_000_000_000;
    let [_, _, _, _, _, a, b, c] = fixed.to_be_bytes();
    [a, b, c]
}
