//! What was attempted and what the kernel answered, and whether that is a proof.

use std::fmt::{self, Display, Formatter};
use std::io;

use crate::sandbox::Locked;

/// Columns of an act's name.
const NAME_WIDTH: usize = 54;

/// One attempt.
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) answer: io::Result<()>,
    /// The errors that are refusals of this act; others mean that something else was in the way.
    pub(super) refusals: &'static [i32],
}

/// All attempts of one proof.
pub(super) struct Table {
    pub(super) locked: Locked,
    pub(super) forbidden: Vec<Act>,
    pub(super) needed: Vec<(&'static str, io::Result<()>)>,
}

impl Act {
    fn is_refused(&self) -> bool {
        let code = self.answer.as_ref().err().and_then(io::Error::raw_os_error);
        code.is_some_and(|code| self.refusals.contains(&code))
    }
}

impl Table {
    /// Was all that is forbidden refused, and does all that is needed work?
    pub(super) fn is_proof(&self) -> bool {
        self.refused() == self.forbidden.len() && self.working() == self.needed.len()
    }

    fn refused(&self) -> usize {
        self.forbidden.iter().filter(|act| act.is_refused()).count()
    }

    fn working(&self) -> usize {
        self.needed.iter().filter(|(_, answer)| answer.is_ok()).count()
    }
}

impl Display for Table {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Locked { landlock_abi, seccomp } = self.locked;
        match landlock_abi {
            0 => writeln!(to, "Landlock: MISSING")?,
            abi => writeln!(to, "Landlock: ABI {abi}")?,
        }
        writeln!(to, "seccomp:  {}", if seccomp { "on" } else { "MISSING" })?;
        writeln!(to, "\nforbidden")?;
        for act in &self.forbidden {
            let remark = if act.is_refused() { "" } else { "   <- NOT REFUSED" };
            let answer = answer(&act.answer);
            writeln!(to, "  {:NAME_WIDTH$} {answer}{remark}", act.name)?;
        }
        writeln!(to, "\nneeded")?;
        for (name, answered) in &self.needed {
            let remark = if answered.is_ok() { "" } else { "   <- DOES NOT WORK" };
            writeln!(to, "  {name:NAME_WIDTH$} {}{remark}", answer(answered))?;
        }
        let (refused, forbidden) = (self.refused(), self.forbidden.len());
        let (working, needed) = (self.working(), self.needed.len());
        writeln!(to, "\n{refused} of {forbidden} forbidden acts were refused.")?;
        writeln!(to, "{working} of {needed} needed acts work.")
    }
}

/// The error's name as manuals have it. seccomp says EPERM, Landlock mostly EACCES.
fn answer(answer: &io::Result<()>) -> String {
    let Err(error) = answer else {
        return "done".into();
    };
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".into(),
        Some(libc::EACCES) => "EACCES".into(),
        Some(libc::EFBIG) => "EFBIG".into(),
        Some(libc::ENOSYS) => "ENOSYS".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(answer: io::Result<()>) -> Table {
        let refusals = &[libc::EPERM];
        let locked = Locked { landlock_abi: 3, seccomp: true };
        let act = Act { name: "open a file", answer, refusals };
        Table { locked, forbidden: vec![act], needed: vec![("wait", Ok(()))] }
    }

    fn error(code: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn all_refused_and_all_working_is_a_proof() {
        let table = table(error(libc::EPERM));
        assert!(table.is_proof());
        let text = table.to_string();
        assert!(text.contains("ABI 3"), "{text}");
        assert!(text.contains("EPERM\n"), "{text}");
        assert!(text.contains("1 of 1 forbidden acts were refused."), "{text}");
    }

    #[test]
    fn an_act_that_was_done_is_no_proof_and_neither_is_an_error_for_another_reason() {
        for answer in [Ok(()), error(libc::ENOENT)] {
            let table = table(answer);
            assert!(!table.is_proof());
            assert!(table.to_string().contains("NOT REFUSED"));
        }
    }

    #[test]
    fn a_needed_act_that_fails_is_no_proof() {
        let mut table = table(error(libc::EPERM));
        table.needed = vec![("wait", error(libc::EPERM))];
        assert!(!table.is_proof());
        assert!(table.to_string().contains("DOES NOT WORK"));
    }
}
