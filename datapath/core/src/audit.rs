//! What must hold between the tables after every input. Tests and fuzzing ask; no release has it.

use std::collections::HashSet;

use crate::apply::ufrags_of;
use crate::history::MOST_BYTES;
use crate::machine::{Entity, Machine};
use crate::path::MOST_PATHS;
use crate::stream::{MOST_SOURCES, Stream};
use crate::transport::Transport;

impl Machine {
    /// Looks whether every reference between the tables leads somewhere and back, and whether what
    /// is bounded is within its bounds.
    ///
    /// # Panics
    /// Where something does not hold, with a sentence that says what.
    pub fn audit(&self) {
        let media = self.transports.len() + self.streams.len() + self.legs.len();
        let rows = media + self.channels.len();
        assert_eq!(self.ids.len(), rows, "each row has one id");
        for (id, entity) in &self.ids {
            let found = match entity {
                Entity::Transport(index) => self.transports.get(*index).map(|it| it.id),
                Entity::Stream(index) => self.streams.get(*index).map(|it| it.id),
                Entity::Leg(index) => self.legs.get(*index).map(|it| it.id),
                Entity::DataChannel(index) => self.channels.get(*index).map(|it| it.id),
            };
            assert_eq!(found, Some(*id), "an id leads to its row");
        }
        for index in self.transports.indices() {
            let transport = self.transports.get(index).expect("listed");
            self.audit_reach(index, transport);
            self.audit_timer(index, transport);
            self.audit_children(index, transport);
            self.audit_queue(index, transport);
        }
        for index in self.streams.indices() {
            self.audit_stream(index, self.streams.get(index).expect("listed"));
        }
        self.audit_legs();
        self.audit_data();
        self.audit_sizes();
    }

    /// Addresses and ufrags.
    fn audit_reach(&self, index: u32, transport: &Transport) {
        for ufrag in ufrags_of(&transport.row) {
            assert_eq!(self.ufrags.get(&ufrag), Some(&index), "a ufrag leads to its transport");
        }
        let addresses: Vec<_> = transport.paths.addresses().collect();
        assert!(addresses.len() <= MOST_PATHS, "paths of one transport are bounded");
        for address in &addresses {
            assert_eq!(self.addresses.get(address), Some(&index), "a path is one transport's");
        }
        let current = transport.paths.chosen();
        assert!(current.is_none_or(|it| addresses.contains(&it)), "the current path is a path");
    }

    fn audit_timer(&self, index: u32, transport: &Transport) {
        if let Some(at) = transport.armed {
            assert!(self.timers.contains(&(at, index)), "an armed transport has its timer");
        }
    }

    fn audit_children(&self, index: u32, transport: &Transport) {
        for stream in &transport.streams {
            let stream = self.streams.get(*stream).expect("a transport's stream exists");
            assert_eq!(stream.transport, index, "a stream knows its transport");
        }
        for leg in &transport.legs {
            let leg = self.legs.get(*leg).expect("a transport's leg exists");
            assert_eq!(leg.transport, index, "a leg knows its transport");
        }
        for (ssrc, leg) in &transport.legs_by_ssrc {
            let leg = self.legs.get(*leg).expect("an SSRC of ours is a leg's");
            assert!([leg.row.ssrc, leg.row.rtx_ssrc].contains(ssrc), "the leg has that SSRC");
        }
        for origin in transport.origins.values() {
            assert!(transport.streams.contains(&origin.stream), "an SSRC is one of its streams'");
        }
    }

    fn audit_queue(&self, index: u32, transport: &Transport) {
        for queued in &transport.queue {
            assert!(transport.legs.contains(&queued.leg), "what waits is for a leg of it");
        }
        let will_leave = transport.queue.is_empty() || self.outbox.is_waiting(index);
        assert!(will_leave, "what waits is going to be released");
    }

    fn audit_stream(&self, index: u32, stream: &Stream) {
        let transport = self.transports.get(stream.transport).expect("a stream's transport exists");
        assert!(transport.streams.contains(&index), "a transport knows its streams");
        for leg in &stream.legs {
            let leg = self.legs.get(*leg).expect("a stream's leg exists");
            assert_eq!(leg.stream, index, "a leg knows its stream");
        }
        assert!(stream.sources.len() <= MOST_SOURCES, "sources of one stream are bounded");
        for source in &stream.sources {
            assert!(source.history.footprint_bytes() <= MOST_BYTES, "histories are bounded");
        }
    }

    fn audit_legs(&self) {
        for index in self.legs.indices() {
            let leg = self.legs.get(index).expect("listed");
            let (stream, transport) =
                (self.streams.get(leg.stream), self.transports.get(leg.transport));
            assert!(stream.is_some_and(|it| it.legs.contains(&index)), "a stream knows its legs");
            let known = transport.is_some_and(|it| it.legs.contains(&index));
            assert!(known, "a transport knows its legs");
        }
    }

    fn audit_sizes(&self) {
        let armed = self.transports.iter().filter(|it| it.armed.is_some()).count();
        assert_eq!(self.timers.len(), armed, "a timer is an armed transport's");
        let paths: usize = self.transports.iter().map(|it| it.paths.addresses().count()).sum();
        assert_eq!(self.addresses.len(), paths, "an address is some transport's path");
        let ufrags = self.transports.iter().flat_map(|it| ufrags_of(&it.row));
        let ufrags: HashSet<_> = ufrags.collect();
        assert_eq!(self.ufrags.len(), ufrags.len(), "a ufrag is some transport's");
        self.changed.audit();
    }
}
