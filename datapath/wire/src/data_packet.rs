//! What a forwarder must know of a LiveKit `DataPacket`, a protobuf message: to whom it goes, its
//! number, and whether it is a `UserPacket`. Only tags of the top level are read, and of a
//! `UserPacket` those that name destinations; everything else is passed over and stays as it is.
//!
//! A message is read to its end before anything is said about it: one that is cut short, or holds
//! what protobuf readers disagree on (groups, tags above 32 bits, a known field of another wire
//! type), is malformed, so that fields appended to an accepted message are always read as fields.
//!
//! Field numbers are those of `livekit_models.proto`, whose message this is; the encoding is
//! protobuf's own specification.

use std::iter;

/// Most destinations that one message may name; a room has fewer.
pub const MOST_DESTINATIONS: usize = 512;

/// Fields of DataPacket.
mod field {
    pub(super) const USER: u32 = 2;
    pub(super) const DESTINATION_IDENTITIES: u32 = 5;
    pub(super) const SEQUENCE: u32 = 16;
}

/// Deprecated fields of UserPacket, in use by clients in the field.
mod user {
    pub(super) const DESTINATION_SIDS: u32 = 3;
    pub(super) const DESTINATION_IDENTITIES: u32 = 6;
}

/// The fields of the `value` oneof: of these the last one in a message is its value.
const fn is_value(number: u32) -> bool {
    matches!(number, 2 | 3 | 6..=15 | 18)
}

/// No `DataPacket`, or one that no client means to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPacket<'a> {
    bytes: &'a [u8],
    /// The sender's number of a reliable message; 0: not numbered.
    pub sequence: u32,
    /// Its value is a `UserPacket`.
    pub is_user: bool,
    /// Destinations are named by sid, which is obsolete, and not by identity.
    pub by_sid: bool,
    named: Named,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Nobody,
    InPacket,
    InUser,
}

impl<'a> DataPacket<'a> {
    /// Reads a message to its end.
    ///
    /// # Errors
    /// [`Malformed`]: it must not be forwarded.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut packet =
            Self { bytes, sequence: 0, is_user: false, by_sid: false, named: Named::Nobody };
        let (mut in_packet, mut in_user, mut sids) = (0, 0, 0);
        for field in fields(bytes) {
            let (number, value) = field?;
            if is_value(number) {
                packet.is_user = number == field::USER;
            }
            match (number, value) {
                (field::DESTINATION_IDENTITIES, Value::Bytes(_)) => in_packet += 1,
                (field::SEQUENCE, Value::Varint(sequence)) => packet.sequence = sequence as u32,
                (field::USER, Value::Bytes(user)) => {
                    in_user += count(user, user::DESTINATION_IDENTITIES)?;
                    sids += count(user, user::DESTINATION_SIDS)?;
                }
                (field::DESTINATION_IDENTITIES | field::SEQUENCE, _) => return Err(Malformed),
                (number, Value::Bytes(_)) if is_value(number) => {}
                (number, _) if is_value(number) => return Err(Malformed),
                _ => {}
            }
        }
        packet.named = match (in_packet, in_user) {
            (1.., _) => Named::InPacket,
            (0, 1..) if packet.is_user => Named::InUser,
            (0, _) => Named::Nobody,
        };
        packet.by_sid = packet.is_user && packet.named == Named::Nobody && sids > 0;
        if in_packet.max(in_user) > MOST_DESTINATIONS { Err(Malformed) } else { Ok(packet) }
    }

    /// Whether it goes to named participants only.
    #[must_use]
    pub fn is_addressed(&self) -> bool {
        self.named != Named::Nobody
    }

    /// Identities of those that it goes to, in order, repetitions included. None: to everybody.
    pub fn destinations(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (number, nested) = match self.named {
            Named::Nobody | Named::InPacket => (field::DESTINATION_IDENTITIES, false),
            Named::InUser => (user::DESTINATION_IDENTITIES, true),
        };
        let at_top = all(self.bytes, if nested { field::USER } else { number });
        let users = self.bytes;
        let in_users = iter::once(users)
            .filter(move |_| nested)
            .flat_map(|bytes| all(bytes, field::USER))
            .flat_map(move |user| all(user, number));
        at_top.filter(move |_| !nested).chain(in_users)
    }
}

/// How often a length-delimited field occurs.
fn count(bytes: &[u8], number: u32) -> Result<usize, Malformed> {
    let mut found = 0;
    for field in fields(bytes) {
        match field? {
            (of, Value::Bytes(_)) if of == number => found += 1,
            (of, _) if of == number => return Err(Malformed),
            _ => {}
        }
    }
    Ok(found)
}

/// Each occurrence of a length-delimited field, up to where the message is malformed.
fn all(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    fields(bytes).map_while(Result::ok).filter_map(move |(of, value)| match value {
        Value::Bytes(bytes) if of == number => Some(bytes),
        Value::Varint(_) | Value::Bytes(_) | Value::Fixed => None,
    })
}

/// A field's value as far as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes that nobody here reads.
    Fixed,
}

/// The fields of a message in order; ends after the first error.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<(u32, Value<'_>), Malformed>> {
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(rest);
        rest = field.map_or(&[], |(_, after)| after);
        Some(field.map(|(field, _)| field).ok_or(Malformed))
    })
}

fn next_field(bytes: &[u8]) -> Option<((u32, Value<'_>), &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let tag = u32::try_from(tag).ok()?;
    let number = Some(tag >> 3).filter(|number| *number > 0)?;
    let (value, rest) = match tag & 7 {
        0 => varint(rest).map(|(value, rest)| (Value::Varint(value), rest))?,
        1 => (Value::Fixed, rest.get(8..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Bytes(value), rest)
        }
        5 => (Value::Fixed, rest.get(4..)?),
        _ => return None,
    };
    Some(((number, value), rest))
}

/// A base-128 number of at most ten bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        if at == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}
