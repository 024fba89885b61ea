//! The fields of DataChannel rows (RFC 8831), and to whom a Send goes.

use datapath_core::data::SendTo;
use datapath_core::rows as core;

use super::{Fault, note};
use crate::contract::Reason;
use crate::contract::proto;

/// Labels and groups are a client's or ours; RFC 8832 would allow 65 535.
const MAX_NAME_BYTES: usize = 255;
/// An identity, and twice that with a sid and tags.
const MAX_IDENTITY_BYTES: usize = 4096;
const MAX_STAMP_BYTES: usize = 2 * MAX_IDENTITY_BYTES;

pub(super) fn channel(row: &proto::DataChannel) -> Result<core::DataChannelRow, Fault> {
    note(&row.note)?;
    if row.label.is_empty() || row.label.len() > MAX_NAME_BYTES {
        return Err((Reason::Malformed, "a data channel's label has 1 to 255 bytes"));
    }
    if row.identity.len() > MAX_IDENTITY_BYTES {
        return Err((Reason::Limit, "the identity is above 4 KiB"));
    }
    if row.stamp.len() > MAX_STAMP_BYTES || row.user_stamp.len() > MAX_STAMP_BYTES {
        return Err((Reason::Limit, "a stamp is above 8 KiB"));
    }
    Ok(core::DataChannelRow {
        transport: row.transport,
        label: row.label.as_str().into(),
        ordered: row.ordered,
        max_retransmits: row.max_retransmits,
        role: match row.role() {
            proto::data_channel::Role::Publish => core::DataRole::Publish,
            proto::data_channel::Role::Deliver => core::DataRole::Deliver,
            proto::data_channel::Role::Unspecified => {
                return Err((Reason::Malformed, "a data channel publishes or delivers"));
            }
        },
        group: group(&row.group)?,
        identity: row.identity.as_str().into(),
        may_publish: row.may_publish,
        stamp: row.stamp.as_slice().into(),
        user_stamp: row.user_stamp.as_slice().into(),
        max_message_bytes: row.max_message_bytes,
    })
}

fn group(name: &str) -> Result<Box<str>, Fault> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err((Reason::Malformed, "a group's name has 1 to 255 bytes"));
    }
    Ok(name.into())
}

/// To whom a Send goes.
pub(super) fn destination(send: &proto::Send) -> Result<SendTo, Fault> {
    match send.row {
        0 => group(&send.group).map(SendTo::Group),
        row => Ok(SendTo::Channel(row)),
    }
}
