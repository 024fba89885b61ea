//! What the process takes from itself for good, once its sockets are open and before its first
//! thread and its first byte from outside.
//!
//! What is claimed, for code of an attacker that runs in this process: **no file, no program, no TCP
//! or Unix connection**. It opens, makes, changes and removes no file, runs no program, makes no
//! process, reaches into no other process, connects to nothing that has connections, and makes no
//! memory executable. `prove` attempts all that and shows what the kernel answers.
//!
//! What is not claimed: that UDP leaves only to validated paths. The kernel lets this process send a
//! datagram to any address; that it does not is a promise of `datapath_core`, tested and fuzzed.
//! Nor that the process keeps what is in its memory from whoever holds the control socket.
//!
//! Two walls of the kernel, each sufficient for files and, with Landlock ABI 4, for TCP:
//! - `files`: Landlock, which knows objects. Required; ABI 1 is enough, newer rights are used.
//! - `calls`: seccomp, a list of system calls, which knows nothing of objects. Required.
//!
//! Before both: no_new_privs, no file grows (RLIMIT_FSIZE), and, from the start of the process, no
//! core dump and no debugger of the same user (`system::limits`).

mod calls;
mod files;
pub(crate) mod prove;

use crate::log::{Field, Level};
use crate::system::limits;

/// A wall that a kernel may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Facility {
    /// Linux 5.13, and it must be switched on at boot.
    Landlock,
    /// CONFIG_SECCOMP_FILTER.
    Seccomp,
}

impl Facility {
    /// All, by the name that the command line, logs and levels use.
    pub(crate) const ALL: [(&'static str, Self); 2] =
        [("landlock", Self::Landlock), ("seccomp", Self::Seccomp)];

    const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// How far the process is locked down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// The kernel's Landlock ABI; 0 when it has none and the operator allowed that.
    pub(crate) landlock_abi: u32,
    /// Whether system calls are filtered.
    pub(crate) seccomp: bool,
}

impl Locked {
    /// For the answer to a CountersRequest.
    pub(crate) fn levels(self) -> [(&'static str, u64); 2] {
        [("landlock_abi", self.landlock_abi.into()), ("seccomp", self.seccomp.into())]
    }

    /// For the log: somebody should know when a wall is missing.
    pub(crate) fn line(self) -> (Level, &'static str, Vec<Field>) {
        let whole = self.landlock_abi > 0 && self.seccomp;
        let level = if whole { Level::Info } else { Level::Warning };
        let fields = self.levels().map(|(name, value)| (name, value.to_string())).to_vec();
        (level, "locked_down", fields)
    }
}

/// Closes the sandbox around the calling thread, which must be the only one; there is no way back.
/// A facility that the kernel lacks is an error, a sentence for the operator, unless it is `allowed`
/// to be missing.
pub(crate) fn close(allowed: &[Facility]) -> Result<Locked, String> {
    limits::forbid_growth().map_err(|error| format!("cannot forbid files to grow: {error}"))?;
    limits::forbid_privileges()
        .map_err(|error| format!("cannot forbid new privileges: {error}"))?;
    let landlock_abi = required(Facility::Landlock, files::close(), allowed)?.unwrap_or(0);
    let seccomp = required(Facility::Seccomp, calls::close(), allowed)?.is_some();
    Ok(Locked { landlock_abi, seccomp })
}

/// `None` when it is missing and may be.
fn required<T>(
    facility: Facility,
    closed: Result<T, String>,
    allowed: &[Facility],
) -> Result<Option<T>, String> {
    match closed {
        Ok(closed) => Ok(Some(closed)),
        Err(_) if allowed.contains(&facility) => Ok(None),
        Err(reason) => Err(format!(
            "{reason}; the datapath starts without {name} only if that is allowed by name: \
             --allow-missing {name}, which is datapath.allow_missing in the gateway's settings",
            name = facility.name()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_facility_is_an_error_that_names_the_way_out() {
        let missing = || Err::<u32, _>("the kernel has none".to_owned());
        let error = required(Facility::Landlock, missing(), &[Facility::Seccomp]);
        let error = error.expect_err("landlock is not allowed to be missing");
        assert!(error.contains("the kernel has none; "), "{error}");
        assert!(error.contains("--allow-missing landlock"), "{error}");
        assert_eq!(required(Facility::Landlock, missing(), &[Facility::Landlock]), Ok(None));
    }

    #[test]
    fn what_is_allowed_to_be_missing_is_used_when_it_is_there() {
        assert_eq!(required(Facility::Landlock, Ok(7), &[Facility::Landlock]), Ok(Some(7)));
    }

    #[test]
    fn a_missing_wall_is_a_warning() {
        let whole = Locked { landlock_abi: 1, seccomp: true };
        assert_eq!(whole.line().0, Level::Info);
        for less in [Locked { landlock_abi: 0, ..whole }, Locked { seccomp: false, ..whole }] {
            assert_eq!(less.line().0, Level::Warning);
        }
    }

    #[test]
    fn names_are_those_of_the_facilities() {
        for (name, facility) in Facility::ALL {
            assert_eq!(facility.name(), name);
        }
    }
}
