//! `gateway-datapath prove-lockdown`: closes the sandbox as the datapath does, attempts what it
//! forbids, and prints what the kernel answered.
//!
//! It proves the sandbox of this binary on this kernel and in this container, not that of a datapath
//! that runs; that one says `locked_down` in its log and in its counters.
//!
//! The proof happens in a copy of the process, because nothing that is locked down could remove the
//! directory afterwards, or print to a file.

mod acts;
mod table;

use std::fs::{self, DirBuilder};
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Facility, close};
use crate::system::child::{self, Side};
use crate::system::limits;
use acts::Opened;
use table::Table;

/// The copy's status when everything was as it should be; shells' word for true.
const PROVEN: i32 = 0;
/// And when something was not.
const REFUTED: i32 = 1;

/// Prints the table. `Ok(true)` when all that is forbidden was refused and all that is needed works;
/// an error when the proof could not be made, a sentence for the operator.
pub(crate) fn run(allowed: &[Facility]) -> Result<bool, String> {
    let directory = Directory::new()?;
    let say = |error: io::Error| format!("cannot make a process for the proof: {error}");
    let (mut reader, writer) = io::pipe().map_err(say)?;
    let child = match child::fork().map_err(say)? {
        Side::Child => {
            drop(reader);
            child::end(inside(&directory.0, allowed, writer));
        }
        Side::Parent(child) => child,
    };
    drop(writer);
    let mut told = Vec::new();
    let read = reader.read_to_end(&mut told).and_then(|_| io::stdout().write_all(&told));
    let status = child.wait().map_err(say)?;
    read.map_err(|error| format!("cannot print the proof: {error}"))?;
    match status {
        Some(PROVEN) => Ok(true),
        Some(_) => Ok(false),
        None => Err("the kernel ended the proof: a refusal must be an answer".into()),
    }
}

/// The proof itself, in the copy. What it says goes to `writer`.
fn inside(directory: &Path, allowed: &[Facility], mut writer: PipeWriter) -> i32 {
    let (told, status) = match attempt(directory, allowed) {
        Ok(table) => (table.to_string(), if table.is_proof() { PROVEN } else { REFUTED }),
        Err(sentence) => (format!("cannot lock down: {sentence}\n"), REFUTED),
    };
    if writer.write_all(told.as_bytes()).is_err() {
        return REFUTED;
    }
    status
}

/// As `main::run` does it: leaks, sockets, sandbox.
fn attempt(directory: &Path, allowed: &[Facility]) -> Result<Table, String> {
    limits::forbid_leaks().map_err(|error| format!("cannot forbid core dumps: {error}"))?;
    let opened = Opened::new(directory)?;
    let locked = close(allowed)?;
    Ok(Table { locked, needed: acts::needed(&opened), forbidden: acts::forbidden(&opened) })
}

/// A directory of the proof's own, removed with all that is in it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self, String> {
        let name = format!("gateway-prove-lockdown-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            format!("cannot make {}: {error}; TMPDIR names another place", path.display())
        })?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing is in it that anybody needs.
        let _ = fs::remove_dir_all(&self.0);
    }
}
