//! A copy of this process, for `sandbox::prove`. The datapath itself makes none.

use std::io;

use super::checked;

/// Which of the two this is.
pub(crate) enum Side {
    /// The copy.
    Child,
    /// The one that was, with the copy's process id.
    Parent(Child),
}

/// A copy that has not been waited for.
pub(crate) struct Child(libc::pid_t);

/// Copies the process. An error if it has threads or if the kernel refuses.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the caller's process has one thread (`sandbox::prove` spawns none before), so the copy
    // holds no lock of a thread that it lacks.
    match checked(unsafe { libc::fork() })? {
        0 => Ok(Side::Child),
        process => Ok(Side::Parent(Child(process))),
    }
}

/// Ends this copy without the parent's exit handlers.
pub(crate) fn end(status: i32) -> ! {
    // SAFETY: _exit takes any status.
    unsafe { libc::_exit(status) }
}

impl Child {
    /// Waits for its end: its status, or `None` when a signal ended it.
    pub(crate) fn wait(self) -> io::Result<Option<i32>> {
        let mut status = 0;
        loop {
            // SAFETY: `status` is an int for the call to fill.
            match checked(unsafe { libc::waitpid(self.0, &raw mut status, 0) }) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_copy_arrives() {
        let child = match fork().expect("a copy") {
            // Nothing is done in the copy of a process with threads.
            Side::Child => end(7),
            Side::Parent(child) => child,
        };
        assert_eq!(child.wait().expect("it is ours"), Some(7));
    }
}
