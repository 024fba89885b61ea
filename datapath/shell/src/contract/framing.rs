//! Frames of the contract on a stream socket: a 4-byte big-endian length and one `Frame` of at most
//! 1 MiB. Told bytes, owns no socket.

use prost::Message;

use super::proto::Frame;

/// Most bytes of one frame, its length not counted.
pub(crate) const MAX_FRAME_BYTES: usize = 1 << 20;
const LENGTH_BYTES: usize = 4;

/// The other side does not speak the contract. The connection is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramingError {
    /// A length above `MAX_FRAME_BYTES`.
    TooLarge,
    /// The bytes are no `Frame`.
    Undecodable,
}

impl FramingError {
    /// As logs spell it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "frame_too_large",
            Self::Undecodable => "frame_undecodable",
        }
    }
}

/// Cuts a stream of bytes into frames.
#[derive(Default)]
pub(crate) struct FrameReader {
    bytes: Vec<u8>,
    /// Where the first frame not yet taken begins.
    start: usize,
}

impl FrameReader {
    /// Adds bytes as they came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes held; the caller stops reading from its socket while a whole frame waits.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        let waiting = &self.bytes[self.start..];
        let Some((length, rest)) = waiting.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(FramingError::TooLarge);
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Frame::decode(body).map_err(|_| FramingError::Undecodable)?;
        self.start += LENGTH_BYTES + length;
        Ok(Some(frame))
    }
}

/// Appends one frame to `out`. The caller keeps frames within `MAX_FRAME_BYTES`.
pub(crate) fn write(frame: &Frame, out: &mut Vec<u8>) {
    let length = frame.encoded_len();
    debug_assert!(length <= MAX_FRAME_BYTES, "a frame was not cut into parts");
    out.extend_from_slice(&(length as u32).to_be_bytes());
    frame.encode_raw(out);
}

#[cfg(test)]
mod tests {
    use super::super::proto::{CountersRequest, frame::Body};
    use super::*;

    fn frame(exchange: u64) -> Frame {
        Frame { exchange, body: Some(Body::CountersRequest(CountersRequest { room: 7 })) }
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let mut bytes = Vec::new();
        for exchange in 1..=3 {
            write(&frame(exchange), &mut bytes);
        }
        for step in 1..=bytes.len() {
            let mut reader = FrameReader::default();
            let mut exchanges = Vec::new();
            for chunk in bytes.chunks(step) {
                reader.push(chunk);
                while let Some(frame) = reader.next_frame().ok().flatten() {
                    exchanges.push(frame.exchange);
                }
            }
            assert_eq!(exchanges, [1, 2, 3], "in chunks of {step}");
            assert_eq!(reader.waiting_bytes(), 0);
        }
    }

    #[test]
    fn a_length_above_the_limit_is_an_error_before_its_bytes_arrive() {
        let mut reader = FrameReader::default();
        reader.push(&(MAX_FRAME_BYTES as u32 + 1).to_be_bytes());
        assert_eq!(reader.next_frame().err(), Some(FramingError::TooLarge));
    }

    #[test]
    fn a_frame_of_exactly_the_limit_is_waited_for() {
        let mut reader = FrameReader::default();
        reader.push(&(MAX_FRAME_BYTES as u32).to_be_bytes());
        assert!(matches!(reader.next_frame(), Ok(None)));
    }

    #[test]
    fn bytes_that_are_no_frame_are_an_error() {
        let mut reader = FrameReader::default();
        reader.push(&[0, 0, 0, 2, 0xff, 0xff]);
        assert_eq!(reader.next_frame().err(), Some(FramingError::Undecodable));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_keep_more_than_it_was_given(
            chunks: Vec<Vec<u8>>
        ) {
            let mut reader = FrameReader::default();
            let mut given = 0;
            for chunk in chunks {
                given += chunk.len();
                reader.push(&chunk);
                while let Ok(Some(_)) = reader.next_frame() {}
                assert!(reader.waiting_bytes() <= given);
            }
        }
    }
}
