//! Sleeping until a descriptor is ready or a time has come, to the nanosecond: epoll_wait(2) rounds
//! up to milliseconds, ppoll(2) does not. A worker has a handful of descriptors, so the list costs
//! less than epoll's bookkeeping would.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Descriptors to wait for and, afterwards, what is ready.
#[derive(Default)]
pub(crate) struct Wait {
    fds: Vec<libc::pollfd>,
}

impl Wait {
    /// Forgets all descriptors.
    pub(crate) fn clear(&mut self) {
        self.fds.clear();
    }

    /// Adds a descriptor and returns its place.
    pub(crate) fn add(&mut self, fd: RawFd, read: bool, write: bool) -> usize {
        let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
        self.fds.push(libc::pollfd { fd, events, revents: 0 });
        self.fds.len() - 1
    }

    /// Sleeps until something is ready or `timeout` has passed; `None` waits for ever. A signal ends
    /// the sleep early with nothing ready.
    pub(crate) fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let spec = timeout.map(|span| libc::timespec {
            tv_sec: span.as_secs() as libc::time_t,
            tv_nsec: span.subsec_nanos().into(),
        });
        let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = self.fds.len() as libc::nfds_t;
        // SAFETY: the list is `count` valid pollfds; `spec` is null or points to a timespec that
        // lives until the end of this function; a null mask leaves signals as they are.
        let ready = unsafe { libc::ppoll(self.fds.as_mut_ptr(), count, spec, std::ptr::null()) };
        if ready >= 0 {
            return Ok(());
        }
        for fd in &mut self.fds {
            fd.revents = 0;
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        }
    }

    /// Is there something to read at that place, an end or an error included?
    pub(crate) fn readable(&self, place: usize) -> bool {
        self.fds[place].revents & (libc::POLLIN | libc::POLLHUP | libc::POLLERR) != 0
    }

    /// May something be written at that place?
    pub(crate) fn writable(&self, place: usize) -> bool {
        self.fds[place].revents & libc::POLLOUT != 0
    }
}

/// Can at least 4096 bytes (PIPE_BUF) be written to this pipe, or anything to this terminal or
/// file, without sleeping?
pub(crate) fn takes_a_line(fd: RawFd) -> bool {
    let mut wait = Wait::default();
    let place = wait.add(fd, false, true);
    wait.sleep(Some(Duration::ZERO)).is_ok() && wait.writable(place)
}

#[cfg(test)]
mod tests {
    use super::super::wake::Wake;
    use super::*;
    use crate::system::clock::now;

    #[test]
    fn a_wake_before_the_sleep_is_not_lost() {
        let wake = Wake::new().expect("an eventfd");
        wake.signal();
        let mut wait = Wait::default();
        let place = wait.add(wake.fd(), true, false);
        wait.sleep(None).expect("it returns");
        assert!(wait.readable(place));
        wake.clear();
        wait.sleep(Some(Duration::ZERO)).expect("it returns");
        assert!(!wait.readable(place));
    }

    #[test]
    fn a_sleep_below_a_millisecond_is_not_rounded_up_to_one() {
        let shortest = (0..20).map(|_| {
            let before = now();
            Wait::default().sleep(Some(Duration::from_micros(100))).expect("it returns");
            now().saturating_since(before)
        });
        assert!(shortest.min().expect("20 sleeps") < Duration::from_millis(1));
    }
}
