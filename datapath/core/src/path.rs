//! Which path a transport uses (design decision 7; RFC 8445 section 8 as an ICE-lite agent sees it).
//!
//! A path is a listener and a remote address from which an authenticated check came. Only a path
//! with a check in the last 30 s may receive anything or be listened to. Among those: the highest
//! renomination value wins where the remote sends one; else USE-CANDIDATE on a pair of at least the
//! current priority, or when the current path is silent; until something is nominated, the path on
//! which authenticated media arrives. Firefox nominates aggressively, others regularly: both fit.
//!
//! After an ICE restart a nomination under the new credentials wins over whatever was chosen under
//! the ones before, and those choose nothing any more (RFC 8445 section 9).

use std::cmp::Ordering;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Time;
use crate::facts::Reach;

/// Without an authenticated check for this long a path is silent. libwebrtc checks every 2.5 s at
/// the slowest; lower would call a lossy minute silence.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(10);
/// Without one for this long a path is lost (RFC 7675 section 5.1 lets consent live 30 s).
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(30);
/// Addresses one transport may be reached from at a time; a client with many interfaces has few.
pub(crate) const MOST_PATHS: usize = 16;

/// Where datagrams come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Index of the listener.
    pub listener: u16,
    /// The remote end.
    pub remote: SocketAddr,
}

/// Which credentials a check was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many ICE restarts the remote had seen or begun.
    pub(crate) generation: u32,
    /// Ours were those from before the restart that is under way.
    pub(crate) previous: bool,
}

/// What an authenticated Binding request said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Check {
    pub(crate) priority: u32,
    pub(crate) use_candidate: bool,
    /// libwebrtc's renomination attribute.
    pub(crate) nomination: Option<u32>,
    pub(crate) standing: Standing,
}

impl Check {
    fn nominates(self) -> bool {
        self.use_candidate || self.nomination.is_some()
    }
}

#[derive(Clone, Copy, Debug)]
struct Path {
    address: Address,
    checked: Time,
    priority: u32,
    /// The newest check used our credentials from before a restart.
    previous: bool,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The address was not known before.
    pub(crate) added: bool,
    /// The address that had to go for it.
    pub(crate) evicted: Option<Address>,
}

/// No room for one more address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

#[derive(Debug, Default)]
pub(crate) struct Paths {
    known: Vec<Path>,
    current: Option<Address>,
    nominated: bool,
    nomination: Option<u32>,
    /// Of the check that chose the current path.
    generation: u32,
}

impl Paths {
    /// Takes an authenticated check.
    pub(crate) fn check(
        &mut self,
        now: Time,
        address: Address,
        check: Check,
    ) -> Result<Checked, TooMany> {
        let generation = check.standing.generation;
        let checked = self.note(now, address, check)?;
        if self.chooses(now, address, check) {
            if generation != self.generation {
                (self.nominated, self.nomination) = (false, None); // their numbers begin anew
            }
            self.current = Some(address);
            self.generation = generation;
            self.nominated |= check.nominates();
        }
        if generation == self.generation {
            self.nomination = self.nomination.max(check.nomination);
        }
        Ok(checked)
    }

    /// Authenticated media, or a handshake, came from `address`.
    pub(crate) fn heard_on(&mut self, now: Time, address: Address) {
        if self.current != Some(address) && (!self.nominated || self.current_is_silent(now)) {
            self.current = Some(address);
        }
    }

    /// Whether anything may be taken from `address`.
    pub(crate) fn is_valid(&self, now: Time, address: Address) -> bool {
        self.find(address).is_some_and(|path| now.saturating_since(path.checked) < LOST_AFTER)
    }

    /// Where to send, while a check there was valid in the last 30 s.
    pub(crate) fn current(&self, now: Time) -> Option<Address> {
        self.current.filter(|address| self.is_valid(now, *address))
    }

    /// Our credentials changed: every check so far was made with those before.
    pub(crate) fn restart(&mut self) {
        for path in &mut self.known {
            path.previous = true;
        }
    }

    /// Whether the current path lives on credentials of ours from before a restart.
    pub(crate) fn needs_previous(&self) -> bool {
        self.current.and_then(|current| self.find(current)).is_some_and(|path| path.previous)
    }

    /// Whether the remote can be reached by any path.
    pub(crate) fn reach(&self, now: Time) -> Reach {
        let Some(newest) = self.newest() else { return Reach::New };
        match now.saturating_since(newest) {
            silence if silence < SILENT_AFTER => Reach::Up,
            silence if silence < LOST_AFTER => Reach::Silent,
            _ => Reach::Lost,
        }
    }

    /// When `reach` changes next if no check comes.
    pub(crate) fn poll_timeout(&self, now: Time) -> Option<Time> {
        let newest = self.newest()?;
        [newest.plus(SILENT_AFTER), newest.plus(LOST_AFTER)].into_iter().find(|at| *at > now)
    }

    /// The path last chosen, valid or not.
    #[cfg(debug_assertions)]
    pub(crate) const fn chosen(&self) -> Option<Address> {
        self.current
    }

    /// Every address known, valid or not.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.known.iter().map(|path| path.address)
    }

    /// Forgets an address that now belongs to another transport.
    pub(crate) fn forget(&mut self, address: Address) {
        self.known.retain(|path| path.address != address);
        if self.current == Some(address) {
            self.current = None;
            self.nominated = false;
        }
    }

    fn chooses(&self, now: Time, address: Address, check: Check) -> bool {
        let current = self.current.and_then(|current| self.find(current));
        match check.standing.generation.cmp(&self.generation) {
            Ordering::Less => return current.is_none(),
            Ordering::Greater => return current.is_none() || check.nominates(),
            Ordering::Equal => {}
        }
        if let Some(value) = check.nomination {
            return Some(value) > self.nomination;
        }
        let Some(current) = current else {
            return true;
        };
        let better = !self.nominated
            || current.address == address
            || check.priority >= current.priority
            || self.current_is_silent(now);
        check.use_candidate && better
    }

    fn current_is_silent(&self, now: Time) -> bool {
        self.current
            .and_then(|current| self.find(current))
            .is_none_or(|path| now.saturating_since(path.checked) >= SILENT_AFTER)
    }

    /// Remembers when the address was checked, in place of the oldest other one if there are many.
    fn note(&mut self, now: Time, address: Address, check: Check) -> Result<Checked, TooMany> {
        let newest = Path {
            address,
            checked: now,
            priority: check.priority,
            previous: check.standing.previous,
        };
        if let Some(path) = self.known.iter_mut().find(|path| path.address == address) {
            *path = newest;
            return Ok(Checked::default());
        }
        let mut evicted = None;
        if self.known.len() == MOST_PATHS {
            let current = self.current;
            let (at, oldest) = self
                .known
                .iter()
                .enumerate()
                .filter(|(_, path)| Some(path.address) != current)
                .min_by_key(|(_, path)| path.checked)
                .ok_or(TooMany)?;
            if now.saturating_since(oldest.checked) < SILENT_AFTER {
                return Err(TooMany);
            }
            evicted = Some(self.known.swap_remove(at).address);
        }
        self.known.push(newest);
        Ok(Checked { added: true, evicted })
    }

    fn find(&self, address: Address) -> Option<&Path> {
        self.known.iter().find(|path| path.address == address)
    }

    fn newest(&self) -> Option<Time> {
        self.known.iter().map(|path| path.checked).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Standing = Standing { generation: 0, previous: true };
    const NEW: Standing = Standing { generation: 1, previous: false };
    const PLAIN: Check = Check {
        priority: 100,
        use_candidate: false,
        nomination: None,
        standing: Standing { generation: 0, previous: false },
    };
    const USE: Check = Check { use_candidate: true, ..PLAIN };

    fn s(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    fn from(port: u16) -> Address {
        Address { listener: 0, remote: SocketAddr::from(([192, 0, 2, 1], port)) }
    }

    fn paths(checks: &[(u64, u16, Check)]) -> Paths {
        let mut paths = Paths::default();
        for (at, port, check) in checks {
            paths.check(s(*at), from(*port), *check).expect("room");
        }
        paths
    }

    #[test]
    fn before_a_nomination_the_first_path_serves_and_media_moves_it() {
        let mut paths = paths(&[(0, 1, PLAIN), (0, 2, PLAIN)]);
        assert_eq!(paths.current(s(1)), Some(from(1)));
        paths.heard_on(s(1), from(2));
        assert_eq!(paths.current(s(1)), Some(from(2)));
    }

    #[test]
    fn a_nominated_path_is_not_moved_by_media() {
        let mut paths = paths(&[(0, 1, USE), (0, 2, PLAIN)]);
        paths.heard_on(s(1), from(2));
        assert_eq!(paths.current(s(1)), Some(from(1)));
    }

    #[test]
    fn use_candidate_on_a_lower_priority_waits_until_the_current_path_is_silent() {
        let low = Check { priority: 50, ..USE };
        assert_eq!(paths(&[(0, 1, USE), (1, 2, low)]).current(s(1)), Some(from(1)));
        assert_eq!(paths(&[(0, 1, USE), (11, 2, low)]).current(s(11)), Some(from(2)));
    }

    #[test]
    fn the_highest_renomination_wins_whatever_its_priority() {
        let nominate = |value| Check { priority: value, nomination: Some(value), ..USE };
        let paths = paths(&[(0, 1, nominate(2)), (1, 2, nominate(1)), (2, 3, nominate(3))]);
        assert_eq!(paths.current(s(2)), Some(from(3)));
    }

    #[test]
    fn after_a_restart_the_old_path_serves_until_a_new_one_is_nominated() {
        let mut paths = paths(&[(0, 1, USE)]);
        paths.restart();
        let new = Check { priority: 1, standing: NEW, ..PLAIN };
        paths.check(s(1), from(2), new).expect("room");
        assert_eq!((paths.current(s(1)), paths.needs_previous()), (Some(from(1)), true));
        paths.check(s(1), from(2), Check { use_candidate: true, ..new }).expect("room");
        assert_eq!((paths.current(s(1)), paths.needs_previous()), (Some(from(2)), false));
        paths.check(s(1), from(1), Check { standing: OLD, ..USE }).expect("room");
        assert_eq!(paths.current(s(1)), Some(from(2)), "the old credentials choose no more");
    }

    #[test]
    fn renominations_begin_anew_with_new_credentials() {
        let nominate = |value, standing| Check { nomination: Some(value), standing, ..USE };
        let paths =
            paths(&[(0, 1, nominate(7, OLD)), (1, 2, nominate(1, NEW)), (2, 3, nominate(2, NEW))]);
        assert_eq!(paths.current(s(2)), Some(from(3)));
    }

    #[test]
    fn a_path_without_a_check_for_30_s_is_not_used() {
        let paths = paths(&[(0, 1, USE)]);
        assert_eq!(paths.current(s(29)), Some(from(1)));
        assert_eq!(paths.current(s(30)), None);
        assert!(!paths.is_valid(s(30), from(1)));
    }

    #[test]
    fn reach_goes_from_up_to_silent_to_lost() {
        let paths = paths(&[(0, 1, USE)]);
        assert_eq!(
            [1, 10, 30].map(|at| paths.reach(s(at))),
            [Reach::Up, Reach::Silent, Reach::Lost]
        );
        assert_eq!(
            [0, 10, 30].map(|at| paths.poll_timeout(s(at))),
            [Some(s(10)), Some(s(30)), None]
        );
    }

    #[test]
    fn one_address_too_many_is_refused_until_an_old_one_is_silent() {
        let mut paths = Paths::default();
        for port in 0..16 {
            paths.check(s(0), from(port), PLAIN).expect("room");
        }
        assert_eq!(paths.check(s(1), from(99), PLAIN), Err(TooMany));
        let later = paths.check(s(11), from(99), PLAIN).expect("one is silent");
        assert!(later.added && later.evicted.is_some());
    }
}
