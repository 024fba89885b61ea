//! What may only be written: keys and passwords leave a row before the table keeps it, and never
//! appear in a `Dump`. That no message can be printed is `build.rs`'s.

use super::proto::{Row, row::Kind};

/// Takes the write-only fields out of a row.
pub(crate) fn redact(row: &mut Row) {
    match &mut row.kind {
        Some(Kind::Transport(transport)) => {
            for ice in [&mut transport.ice, &mut transport.ice_previous].into_iter().flatten() {
                ice.password.clear();
            }
        }
        Some(Kind::Allocation(allocation)) => allocation.mac_key.clear(),
        Some(Kind::Link(link)) => link.remote_key.clear(),
        Some(
            Kind::Listener(_)
            | Kind::Stream(_)
            | Kind::Leg(_)
            | Kind::DataChannel(_)
            | Kind::Permission(_)
            | Kind::Channel(_)
            | Kind::Memo(_),
        )
        | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{IceCredentials, Transport};
    use super::*;

    fn credentials() -> Option<IceCredentials> {
        Some(IceCredentials {
            ufrag: "00ab".into(),
            password: "a-password-of-ours".into(),
            remote_ufrag: "xy".into(),
        })
    }

    #[test]
    fn passwords_leave_and_everything_else_stays() {
        let mut row = Row {
            id: 9,
            room: 3,
            worker: 0,
            kind: Some(Kind::Transport(Transport {
                ice: credentials(),
                ice_previous: credentials(),
                note: vec![1, 2, 3],
                ..Transport::default()
            })),
        };
        redact(&mut row);
        let Some(Kind::Transport(transport)) = row.kind else { panic!("still a transport") };
        for ice in [transport.ice, transport.ice_previous] {
            let ice = ice.expect("the credentials stay");
            assert_eq!((ice.ufrag.as_str(), ice.remote_ufrag.as_str()), ("00ab", "xy"));
            assert_eq!(ice.password, "");
        }
        assert_eq!(transport.note, [1, 2, 3]);
    }
}
