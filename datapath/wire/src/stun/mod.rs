//! STUN messages: parsing, integrity, and the answers to connectivity checks.
//!
//! RFC 8489 (STUN), RFC 8445 section 7.1 and 16 (ICE attributes). One message fills one datagram or
//! one frame; finding messages in a byte stream is not done here. Methods of TURN (RFC 8656) are
//! known by name only. Whether a check is welcome is for the caller to say.

mod address;
mod attribute;
mod error;
mod integrity;
mod message;
mod write;

pub use attribute::{Attribute, Attributes, kind};
pub use error::Error;
pub use message::Message;
pub use write::{Builder, TooLong, write_binding_error, write_binding_success};

/// Length of the header.
pub const HEADER_BYTES: usize = 20;
/// The fixed value that tells STUN from anything else, RFC 8489 section 5.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// Most bytes of a USERNAME. RFC 8489 section 14.3 says fewer than 509, RFC 5389 section 15.3 fewer
/// than 513; two ufrags of up to 256 characters and a colon (RFC 8445 section 5.3) are 513.
pub const USERNAME_BYTES_MAX: usize = 513;

/// What a message is for, RFC 8489 section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// Answers a request that was carried out.
    Success,
    /// Answers a request that was not.
    Error,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 8489 section 3.
    Binding,
    /// RFC 8656 section 7.
    Allocate,
    /// RFC 8656 section 8.
    Refresh,
    /// RFC 8656 section 11.1.
    Send,
    /// RFC 8656 section 11.3.
    Data,
    /// RFC 8656 section 10.
    CreatePermission,
    /// RFC 8656 section 12.
    ChannelBind,
    /// An 8-bit number that none of the above has. RFC 8489 section 18.2 assigns no others, so that
    /// a first byte above 3 is never STUN (RFC 7983 section 7).
    Other(u16),
}

impl Method {
    const fn from_number(number: u16) -> Self {
        match number {
            0x001 => Self::Binding,
            0x003 => Self::Allocate,
            0x004 => Self::Refresh,
            0x006 => Self::Send,
            0x007 => Self::Data,
            0x008 => Self::CreatePermission,
            0x009 => Self::ChannelBind,
            other => Self::Other(other),
        }
    }

    const fn number(self) -> u16 {
        match self {
            Self::Binding => 0x001,
            Self::Allocate => 0x003,
            Self::Refresh => 0x004,
            Self::Send => 0x006,
            Self::Data => 0x007,
            Self::CreatePermission => 0x008,
            Self::ChannelBind => 0x009,
            Self::Other(number) => number & 0x00FF,
        }
    }
}

/// Pairs an answer with its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// The message type, RFC 8489 figure 3: the class's two bits sit at 4 and 8, in between and beside
/// them the method's.
const fn message_type(class: Class, method: Method) -> u16 {
    let bits = match class {
        Class::Request => 0,
        Class::Indication => 1,
        Class::Success => 2,
        Class::Error => 3,
    };
    let number = method.number();
    (number & 0x080) << 2
        | (number & 0x070) << 1
        | number & 0x00F
        | (bits & 2) << 7
        | (bits & 1) << 4
}

/// The reverse of [`message_type`]; the top six bits are not looked at.
const fn class_and_method(message_type: u16) -> (Class, Method) {
    let class = match (message_type >> 7 & 2) | (message_type >> 4 & 1) {
        0 => Class::Request,
        1 => Class::Indication,
        2 => Class::Success,
        _ => Class::Error,
    };
    let number = message_type >> 2 & 0x080 | message_type >> 1 & 0x070 | message_type & 0x00F;
    (class, Method::from_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_type_is_one_class_and_one_method() {
        for number in 0..0x400u16 {
            let (class, method) = class_and_method(number);
            assert_eq!(message_type(class, method), number);
        }
    }

    #[test]
    fn message_types_are_those_of_the_rfc() {
        assert_eq!(message_type(Class::Request, Method::Binding), 0x0001);
        assert_eq!(message_type(Class::Success, Method::Binding), 0x0101);
        assert_eq!(message_type(Class::Error, Method::Binding), 0x0111);
        assert_eq!(message_type(Class::Error, Method::Allocate), 0x0113);
        assert_eq!(message_type(Class::Indication, Method::Send), 0x0016);
    }
}
