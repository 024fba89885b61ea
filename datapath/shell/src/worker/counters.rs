//! What a worker's sockets count, and the snapshot of socket and machine counters that goes up on
//! request. Every name is present from the start.

/// Numbers of one worker's sockets since start.
#[derive(Default)]
pub(crate) struct SocketCounters {
    pub(crate) datagrams_received: u64,
    pub(crate) bytes_received: u64,
    /// Calls that received at least one datagram.
    pub(crate) receive_calls: u64,
    pub(crate) datagrams_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) send_calls: u64,
    /// Send calls that carried more than one datagram (UDP_SEGMENT).
    pub(crate) trains_sent: u64,
    /// Trains that the kernel refused; their datagrams were sent one by one.
    pub(crate) trains_refused: u64,
    /// Times the worker woke up.
    pub(crate) wakeups: u64,
    /// Datagrams that the kernel discarded because the receive buffer was full (SO_RXQ_OVFL).
    pub(crate) receive_buffer_full: u64,
    /// Datagrams larger than a slot.
    pub(crate) oversized: u64,
    /// Datagrams not sent because the send buffer was full.
    pub(crate) send_buffer_full: u64,
    /// Datagrams not sent because of any other error.
    pub(crate) send_error: u64,
}

/// What one worker has counted, by name; names are unique within each list.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) counters: Vec<(&'static str, u64)>,
    pub(crate) levels: Vec<(&'static str, u64)>,
    pub(crate) drops: Vec<(&'static str, u64)>,
}

impl SocketCounters {
    /// Adds these numbers to a snapshot.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        snapshot.counters.extend([
            ("datagrams_received", self.datagrams_received),
            ("bytes_received", self.bytes_received),
            ("receive_calls", self.receive_calls),
            ("datagrams_sent", self.datagrams_sent),
            ("bytes_sent", self.bytes_sent),
            ("send_calls", self.send_calls),
            ("trains_sent", self.trains_sent),
            ("trains_refused", self.trains_refused),
            ("wakeups", self.wakeups),
        ]);
        snapshot.drops.extend([
            ("receive_buffer_full", self.receive_buffer_full),
            ("oversized", self.oversized),
            ("send_buffer_full", self.send_buffer_full),
            ("send_error", self.send_error),
        ]);
    }
}

impl Snapshot {
    /// Adds another worker's numbers by name.
    pub(crate) fn merge(&mut self, other: &Self) {
        merge(&mut self.counters, &other.counters);
        merge(&mut self.levels, &other.levels);
        merge(&mut self.drops, &other.drops);
    }
}

fn merge(into: &mut Vec<(&'static str, u64)>, from: &[(&'static str, u64)]) {
    for (name, value) in from {
        match into.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += value,
            None => into.push((name, *value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_workers_are_summed_by_name() {
        let one = Snapshot { counters: vec![("a", 1), ("b", 2)], ..Snapshot::default() };
        let mut sum = Snapshot::default();
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!(sum.counters, [("a", 2), ("b", 4)]);
    }
}
