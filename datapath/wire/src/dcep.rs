//! The Data Channel Establishment Protocol: how one end of an SCTP association tells the other what
//! a stream is for. Not SCTP itself, and not what travels in a channel. Serves RFC 8832.

use crate::bytes::{array_at, u8_at, u16_at, u32_at};

/// RFC 8832 section 8.2.1.
const DATA_CHANNEL_ACK: u8 = 0x02;
/// RFC 8832 section 8.2.1.
const DATA_CHANNEL_OPEN: u8 = 0x03;
/// RFC 8832 section 5.1: everything before the label.
const OPEN_HEADER_BYTES: usize = 12;
/// RFC 8832 section 8.2.2: this bit of the channel type says that messages may overtake each other.
const UNORDERED: u8 = 0x80;

/// A message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Section 5.1: the stream that this came on is a channel.
    Open(Open<'a>),
    /// Section 5.2: agreed.
    Ack,
}

/// What a channel is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Messages keep their order.
    pub ordered: bool,
    /// How long a lost message is repeated.
    pub reliability: Reliability,
    /// Section 5.1: WebRTC uses 128, 256, 512 and 1024.
    pub priority: u16,
    /// What the channel is called. Any bytes that are UTF-8, none allowed too.
    pub label: &'a str,
    /// A subprotocol; empty where none.
    pub protocol: &'a str,
}

/// How long a lost message is repeated (section 8.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// Until it has arrived.
    Reliable,
    /// At most so many times.
    Retransmits(u32),
    /// For so many milliseconds.
    LifetimeMs(u32),
}

impl<'a> Message<'a> {
    /// Reads a message. `None`: it is cut short, of no known type, or its text is no UTF-8. Bytes
    /// after its end are passed over.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match u8_at(bytes, 0)? {
            DATA_CHANNEL_ACK => Some(Self::Ack),
            DATA_CHANNEL_OPEN => Open::parse(bytes).map(Self::Open),
            _ => None,
        }
    }
}

impl<'a> Open<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [_, channel_type] = *array_at(bytes, 0)?;
        let parameter = u32_at(bytes, 4)?;
        let label_bytes = usize::from(u16_at(bytes, 8)?);
        let protocol_bytes = usize::from(u16_at(bytes, 10)?);
        let (label, rest) = bytes.get(OPEN_HEADER_BYTES..)?.split_at_checked(label_bytes)?;
        Some(Self {
            ordered: channel_type & UNORDERED == 0,
            reliability: match channel_type & !UNORDERED {
                0 => Reliability::Reliable,
                1 => Reliability::Retransmits(parameter),
                2 => Reliability::LifetimeMs(parameter),
                _ => return None,
            },
            priority: u16_at(bytes, 2)?,
            label: str::from_utf8(label).ok()?,
            protocol: str::from_utf8(rest.get(..protocol_bytes)?).ok()?,
        })
    }

    /// Appends the message to `out`. `None`, and nothing is written, when a text is above 65 535
    /// bytes.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        let label_bytes = u16::try_from(self.label.len()).ok()?;
        let protocol_bytes = u16::try_from(self.protocol.len()).ok()?;
        let (kind, parameter) = match self.reliability {
            Reliability::Reliable => (0, 0),
            Reliability::Retransmits(times) => (1, times),
            Reliability::LifetimeMs(ms) => (2, ms),
        };
        out.extend([DATA_CHANNEL_OPEN, if self.ordered { kind } else { kind | UNORDERED }]);
        out.extend(self.priority.to_be_bytes());
        out.extend(parameter.to_be_bytes());
        out.extend(label_bytes.to_be_bytes());
        out.extend(protocol_bytes.to_be_bytes());
        out.extend_from_slice(self.label.as_bytes());
        out.extend_from_slice(self.protocol.as_bytes());
        Some(())
    }
}

/// The whole of section 5.2's message.
pub const ACK: [u8; 1] = [DATA_CHANNEL_ACK];
