//! Requests and answers that do not fit into one frame: a large `Apply` is gathered here until its
//! last part, a `Dump` is cut here, part by part as the socket takes them.

use std::sync::Arc;

use prost::Message;

use crate::contract::proto::{Apply, Dump, Facts, Frame, Row, frame::Body};
use crate::contract::{Reason, Refusal};

/// Most encoded bytes of all parts of one Apply. A higher value lets one controller's request take
/// more memory while it is gathered.
const MAX_APPLY_BYTES: usize = 64 << 20;
/// A part of a Dump is full once it holds this much; one row more still fits into a frame.
const PART_BYTES: usize = 512 << 10;

/// An Apply whose last part has not come.
pub(crate) struct Gathering {
    exchange: u64,
    whole: Apply,
    bytes: usize,
    /// What was wrong with an earlier part; told at the last, since a request has one answer.
    fault: Option<Refusal>,
}

impl Gathering {
    /// Begins with the first part.
    pub(crate) fn new(exchange: u64, first: Apply) -> Self {
        Self { exchange, bytes: first.encoded_len(), whole: first, fault: None }
    }

    /// Adds a part of the same request.
    pub(crate) fn add(&mut self, exchange: u64, part: Apply) {
        let whole = &self.whole;
        let same = exchange == self.exchange
            && (part.epoch, part.generation, part.room)
                == (whole.epoch, whole.generation, whole.room);
        self.bytes += part.encoded_len();
        if !same {
            let detail = "the parts of an Apply differ in exchange, epoch, generation or room";
            self.fail(Refusal::request(Reason::Malformed, detail));
        } else if self.bytes > MAX_APPLY_BYTES {
            self.fail(Refusal::request(Reason::Limit, "an Apply is above 64 MiB"));
        }
        if self.fault.is_none() {
            self.whole.puts.extend(part.puts);
            self.whole.deletes.extend(part.deletes);
        }
    }

    fn fail(&mut self, refusal: Refusal) {
        self.whole.puts = Vec::new();
        self.whole.deletes = Vec::new();
        self.fault.get_or_insert(refusal);
    }

    /// The whole, once its last part is added.
    pub(crate) fn finish(self) -> Result<Apply, Refusal> {
        match self.fault {
            Some(refusal) => Err(refusal),
            None => Ok(self.whole),
        }
    }
}

/// A Dump on its way: rows and facts as they stood when it was asked for.
pub(crate) struct Dumping {
    exchange: u64,
    epoch: u64,
    rows: std::vec::IntoIter<Arc<Row>>,
    facts: std::vec::IntoIter<Facts>,
}

impl Dumping {
    pub(crate) fn new(exchange: u64, epoch: u64, rows: Vec<Arc<Row>>, facts: Vec<Facts>) -> Self {
        Self { exchange, epoch, rows: rows.into_iter(), facts: facts.into_iter() }
    }

    /// The next part, and whether it is the last.
    pub(crate) fn next_part(&mut self) -> (Frame, bool) {
        let mut part = Dump { epoch: self.epoch, ..Dump::default() };
        let mut bytes = 0;
        while bytes < PART_BYTES {
            if let Some(row) = self.rows.next() {
                bytes += row.encoded_len();
                part.rows.push(Row::clone(&row));
            } else if let Some(facts) = self.facts.next() {
                bytes += facts.encoded_len();
                part.facts.push(facts);
            } else {
                break;
            }
        }
        part.more = self.rows.len() > 0 || self.facts.len() > 0;
        let last = !part.more;
        (Frame { exchange: self.exchange, body: Some(Body::Dump(part)) }, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::framing::MAX_FRAME_BYTES;
    use crate::contract::proto::{Memo, row::Kind};
    use crate::table::MAX_ROW_BYTES;

    fn memo(id: u64, bytes: usize) -> Row {
        let memo = Memo { value: vec![0; bytes], ..Memo::default() };
        Row { id, kind: Some(Kind::Memo(memo)), ..Row::default() }
    }

    #[test]
    fn a_dump_of_the_largest_rows_fits_into_frames_and_loses_none() {
        let rows = (1..=9).map(|id| Arc::new(memo(id, MAX_ROW_BYTES - 64))).collect();
        let mut dumping = Dumping::new(4, 2, rows, Vec::new());
        let mut ids = Vec::new();
        loop {
            let (frame, last) = dumping.next_part();
            assert!(frame.encoded_len() <= MAX_FRAME_BYTES);
            let Some(Body::Dump(part)) = frame.body else { panic!("a part of a Dump") };
            assert_eq!((part.epoch, part.more), (2, !last));
            ids.extend(part.rows.iter().map(|row| row.id));
            if last {
                break;
            }
        }
        assert_eq!(ids, (1..=9).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_dump_is_one_last_part() {
        let (frame, last) = Dumping::new(4, 2, Vec::new(), Vec::new()).next_part();
        assert!(last);
        assert_eq!(frame.exchange, 4);
    }

    #[test]
    fn parts_are_joined_in_their_order() {
        let part = |id, more| Apply { room: 3, puts: vec![memo(id, 1)], more, ..Apply::default() };
        let mut gathering = Gathering::new(1, part(1, true));
        gathering.add(1, part(2, true));
        gathering.add(1, part(3, false));
        let whole = gathering.finish().expect("alike parts");
        assert_eq!(whole.puts.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_part_of_another_room_spoils_the_whole() {
        let mut gathering = Gathering::new(1, Apply { room: 3, ..Apply::default() });
        gathering.add(1, Apply { room: 4, ..Apply::default() });
        let refusal = gathering.finish().err().expect("the rooms differ");
        assert_eq!(refusal.reason, Reason::Malformed);
    }
}
