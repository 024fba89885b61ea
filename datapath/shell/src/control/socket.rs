//! `control.sock`: opened once, before the process locks itself down. Only the same user may
//! connect.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::system::peer;

/// Its name in the runtime directory.
const NAME: &str = "control.sock";

/// Opens the socket, in place of one that nobody answers on. The error is a sentence for the
/// operator. The umask makes it mode 0600.
pub(crate) fn open(directory: &Path) -> Result<UnixListener, String> {
    let path = directory.join(NAME);
    clear_stale(&path)?;
    let opened = UnixListener::bind(&path).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    opened.map_err(|error| format!("cannot open {}: {error}", path.display()))
}

fn clear_stale(path: &Path) -> Result<(), String> {
    let say = |error: io::Error| format!("cannot look at {}: {error}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(say(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(format!("{} is in the way and is no socket; remove it", path.display()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(format!("another datapath answers on {}; stop it first", path.display())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(say)
        }
        Err(error) => Err(say(error)),
    }
}

/// The next connection, if one waits: nonblocking, or why it was turned away.
pub(crate) fn accept(listener: &UnixListener) -> Option<Result<UnixStream, &'static str>> {
    let stream = match listener.accept() {
        Ok((stream, _)) => stream,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
        Err(_) => return Some(Err("accept")),
    };
    match peer::is_same_user(&stream) {
        Ok(true) if stream.set_nonblocking(true).is_ok() => Some(Ok(stream)),
        Ok(false) => Some(Err("another_user")),
        Ok(true) | Err(_) => Some(Err("socket")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test alone, removed at its end.
    struct Directory(std::path::PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("gateway-datapath-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).expect("a new directory");
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_socket_that_nobody_answers_on_is_replaced() {
        let directory = Directory::new("stale");
        drop(open(&directory.0).expect("the first"));
        assert!(open(&directory.0).is_ok());
    }

    #[test]
    fn a_socket_that_somebody_answers_on_stays() {
        let directory = Directory::new("live");
        let _first = open(&directory.0).expect("the first");
        let error = open(&directory.0).expect_err("the second");
        assert!(error.contains("another datapath answers"), "{error}");
    }

    #[test]
    fn a_file_of_that_name_is_left_alone() {
        let directory = Directory::new("file");
        fs::write(directory.0.join(NAME), "mine").expect("written");
        let error = open(&directory.0).expect_err("no socket");
        assert!(error.contains("is no socket"), "{error}");
    }
}
