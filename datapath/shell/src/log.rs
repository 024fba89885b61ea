//! Structured logs: JSON lines on stderr, and the same lines for the controller. Any thread may log;
//! only the control thread writes, so that a worker never waits for a reader of stderr.
//!
//! Fields never hold addresses, identities or keys. Their names and the events are fixed words.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datapath_core::Time;

use crate::system::wait::takes_a_line;
use crate::system::{clock, wake::Wake};

/// Lines that may wait for the control thread. Higher costs memory in a storm; lower loses lines.
const MAX_WAITING: usize = 256;
/// Bytes of a line that a pipe takes whole (PIPE_BUF).
const MAX_LINE_BYTES: usize = 4_096;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// For somebody who looks for a fault.
    Debug,
    /// The ordinary course.
    Info,
    /// Somebody should know.
    Warning,
    /// Somebody should act.
    Error,
}

impl Level {
    /// All levels by the name that the command line and the lines use.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("error", Self::Error),
    ];

    const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// A field's name and value.
pub(crate) type Field = (&'static str, String);

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Time,
    pub(crate) level: Level,
    pub(crate) event: &'static str,
    pub(crate) fields: Vec<Field>,
}

impl Line {
    pub(crate) fn new(level: Level, event: &'static str, fields: Vec<Field>) -> Self {
        Self { at: clock::now(), level, event, fields }
    }

    /// The line as JSON, with its line end. `at` is the wall clock's time.
    pub(crate) fn to_json(&self, at: SystemTime) -> String {
        let mut json = String::from("{\"at\":");
        text(&mut json, &timestamp(at));
        json.push_str(",\"level\":");
        text(&mut json, self.level.name());
        json.push_str(",\"event\":");
        text(&mut json, self.event);
        for (name, value) in &self.fields {
            json.push(',');
            text(&mut json, name);
            json.push(':');
            text(&mut json, value);
        }
        json.push_str("}\n");
        json
    }
}

/// Where any thread leaves its lines.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    level: Level,
    waiting: Mutex<Waiting>,
    wake: Arc<Wake>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    lost: u64,
}

impl Log {
    /// `wake` wakes the control thread.
    pub(crate) fn new(level: Level, wake: Arc<Wake>) -> Self {
        Self(Arc::new(Shared { level, waiting: Mutex::default(), wake }))
    }

    /// Leaves a line, unless its level is below the one wished for.
    pub(crate) fn line(&self, level: Level, event: &'static str, fields: Vec<Field>) {
        if level < self.0.level {
            return;
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() < MAX_WAITING {
            waiting.lines.push_back(Line::new(level, event, fields));
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        self.0.wake.signal();
    }

    /// Control thread: lines that wait, and how many found no room since last time.
    pub(crate) fn take(&self) -> (VecDeque<Line>, u64) {
        let waiting = &mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.lost))
    }
}

/// Writes a line to stderr unless that would sleep. False: it was lost.
pub(crate) fn write(line: &Line) -> bool {
    let json = line.to_json(SystemTime::now());
    let stderr = std::io::stderr();
    json.len() <= MAX_LINE_BYTES
        && takes_a_line(stderr.as_raw_fd())
        && stderr.lock().write_all(json.as_bytes()).is_ok()
}

/// RFC 8259 section 7.
fn text(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

/// RFC 3339, UTC, milliseconds.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (year, month, day) = civil((since.as_secs() / 86_400) as i64);
    let second = since.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the
/// leap day is the last of its year, and in cycles of 400 years of 146 097 days.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + (month <= 2) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_json_whatever_its_fields_hold() {
        let line = Line {
            at: Time(0),
            level: Level::Warning,
            event: "apply_refused",
            fields: vec![("detail", "a \"quote\"\\ and\na\u{1} break é".into())],
        };
        let at = UNIX_EPOCH + Duration::from_millis(951_827_696_789);
        assert_eq!(
            line.to_json(at),
            "{\"at\":\"2000-02-29T12:34:56.789Z\",\"level\":\"warning\",\
             \"event\":\"apply_refused\",\
             \"detail\":\"a \\\"quote\\\"\\\\ and\\na\\u0001 break é\"}\n"
        );
    }

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }

    #[test]
    fn a_storm_of_lines_is_cut_and_counted() {
        let log = Log::new(Level::Info, Arc::new(Wake::new().expect("an eventfd")));
        for _ in 0..MAX_WAITING + 3 {
            log.line(Level::Info, "storm", Vec::new());
        }
        log.line(Level::Debug, "below_the_level", Vec::new());
        let (lines, lost) = log.take();
        assert_eq!((lines.len(), lost), (MAX_WAITING, 3));
    }
}
