//! What must hold of data channels after every input: see `Machine::audit`.

use super::replay;
use crate::machine::Machine;

impl Machine {
    pub(crate) fn audit_data(&self) {
        for index in self.channels.indices() {
            let channel = self.channels.get(index).expect("listed");
            let transport = self.transports.get(channel.transport);
            let known = transport.is_some_and(|it| it.channels.contains(&index));
            assert!(known, "a transport knows its data channels");
            let of_room = self.data_rooms.get(&channel.room).expect("a channel's room exists");
            let listed = of_room.delivering.contains(&index);
            assert_eq!(listed, channel.delivers(), "a room knows who delivers");
            let associated = transport.is_some_and(|it| it.sctp.is_some());
            assert!(associated || channel.stream().is_none(), "a stream is an association's");
        }
        for transport in self.transports.indices() {
            for index in &self.transports.get(transport).expect("listed").channels {
                let channel = self.channels.get(*index).expect("a transport's channel exists");
                assert_eq!(channel.transport, transport, "a data channel knows its transport");
            }
        }
        for (room, of_room) in &self.data_rooms {
            let channels = self.channels.iter().filter(|channel| channel.room == *room).count();
            assert_eq!(of_room.channels, channels, "a room is counted by its channels");
            assert!(channels > 0, "a room without channels is forgotten");
            assert!(of_room.replay.bytes() <= replay::BYTES_MAX, "what is kept is bounded");
            for held in &of_room.held {
                assert!(self.channels.get(held.channel).is_some(), "who is held exists");
            }
        }
        assert!(self.data_touched.is_empty(), "what is queued was sent");
    }
}
