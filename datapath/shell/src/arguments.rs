//! The command line. Strict: whatever is not understood is an error that says what would be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::log::Level;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The data plane of the gateway: carries media as the control plane's rows say.

Usage: gateway-datapath --listen ADDRESS... --runtime-directory DIR [options]

  --listen udp/IP:PORT       receive media here; may be given several times. IPv6 addresses stand in
                             brackets: udp/[::1]:7880. 0.0.0.0 and [::] mean every address of every
                             interface but loopback
  --runtime-directory DIR    where control.sock is made; the directory must exist
  --workers N                threads that carry packets (default 1, the only number yet)
  --lease-s SECONDS          how long rows stand without a controller (default 60)
  --log-level LEVEL          debug, info, warning or error (default info)
  --version                  print the version and end
  --help                     print this and end
";

const DEFAULT_LEASE: Duration = Duration::from_secs(60);
const MAX_LEASE_S: u64 = 86_400;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Carry packets.
    Run(Arguments),
    /// Print the version.
    Version,
    /// Print `HELP`.
    Help,
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// UDP addresses as given, wildcards not yet expanded.
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) runtime_directory: PathBuf,
    pub(crate) workers: u32,
    pub(crate) lease: Duration,
    pub(crate) log_level: Level,
}

/// Reads the arguments that follow the program's name. The error is a sentence for the operator.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request, String> {
    let mut given = Given::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--version" => return Ok(Request::Version),
            "--help" | "-h" => return Ok(Request::Help),
            _ => {}
        }
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        if !OPTIONS.contains(&name.as_str()) {
            let known = OPTIONS.join(", ");
            return Err(format!("unknown argument {name:?}; known are {known}"));
        }
        let value = value.or_else(|| arguments.next());
        let value = value.ok_or_else(|| format!("{name} needs a value"))?;
        given.take(&name, &value)?;
    }
    given.finish().map(Request::Run)
}

const OPTIONS: [&str; 5] =
    ["--listen", "--runtime-directory", "--workers", "--lease-s", "--log-level"];

#[derive(Default)]
struct Given {
    listen: Vec<SocketAddr>,
    runtime_directory: Option<PathBuf>,
    workers: Option<u32>,
    lease: Option<Duration>,
    log_level: Option<Level>,
}

impl Given {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--listen" => {
                let address = listen(value)?;
                if self.listen.contains(&address) {
                    return Err(format!("--listen {value} is given twice"));
                }
                self.listen.push(address);
                Ok(())
            }
            "--runtime-directory" => once(name, &mut self.runtime_directory, PathBuf::from(value)),
            "--workers" => once(name, &mut self.workers, workers(value)?),
            "--lease-s" => once(name, &mut self.lease, lease(value)?),
            _ => once(name, &mut self.log_level, level(value)?),
        }
    }

    fn finish(self) -> Result<Arguments, String> {
        if self.listen.is_empty() {
            return Err("--listen is missing, as in --listen udp/0.0.0.0:7880".into());
        }
        Ok(Arguments {
            listen: self.listen,
            runtime_directory: self.runtime_directory.ok_or("--runtime-directory is missing")?,
            workers: self.workers.unwrap_or(1),
            lease: self.lease.unwrap_or(DEFAULT_LEASE),
            log_level: self.log_level.unwrap_or(Level::Info),
        })
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is given twice")),
    }
}

fn listen(value: &str) -> Result<SocketAddr, String> {
    match value.split_once('/') {
        Some(("udp", address)) => address.parse().map_err(|_| {
            format!("--listen {value}: {address:?} is no IP:PORT; IPv6 addresses stand in brackets")
        }),
        Some((kind @ ("tcp" | "tls"), _)) => {
            Err(format!("--listen {value}: {kind} listeners are not built yet; use udp/"))
        }
        _ => Err(format!("--listen {value}: write it as udp/IP:PORT")),
    }
}

fn workers(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(1) => Ok(1),
        Ok(0) | Err(_) => Err(format!("--workers {value}: a number from 1 on is needed")),
        Ok(_) => Err(format!("--workers {value}: more than one worker is not built yet")),
    }
}

fn lease(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(seconds @ 1..=MAX_LEASE_S) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(format!("--lease-s {value}: whole seconds from 1 to {MAX_LEASE_S}")),
    }
}

fn level(value: &str) -> Result<Level, String> {
    let found = Level::ALL.into_iter().find(|(name, _)| *name == value);
    found.map(|(_, level)| level).ok_or_else(|| {
        format!("--log-level {value}: it is one of {}", Level::ALL.map(|(name, _)| name).join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn two_listeners_and_the_defaults() {
        let line = "--listen udp/127.0.0.1:7880 --listen=udp/[::1]:7880 --runtime-directory /run/x";
        let expected = Arguments {
            listen: vec!["127.0.0.1:7880", "[::1]:7880"]
                .into_iter()
                .map(|text| text.parse().expect("an address"))
                .collect(),
            runtime_directory: "/run/x".into(),
            workers: 1,
            lease: Duration::from_secs(60),
            log_level: Level::Info,
        };
        assert_eq!(parse_line(line), Ok(Request::Run(expected)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let complete = "--listen udp/127.0.0.1:1 --runtime-directory /x";
        for (line, said) in [
            ("", "--listen is missing"),
            ("--listen udp/127.0.0.1:1", "--runtime-directory is missing"),
            ("--listen", "--listen needs a value"),
            ("--listen tcp/127.0.0.1:1", "tcp listeners are not built yet"),
            ("--listen 127.0.0.1:1", "write it as udp/IP:PORT"),
            ("--listen udp/::1:7880:x", "IPv6 addresses stand in brackets"),
            ("--listen udp/127.0.0.1:1 --listen udp/127.0.0.1:1", "given twice"),
            (&format!("{complete} --workers 2"), "more than one worker is not built yet"),
            (&format!("{complete} --workers 0"), "a number from 1 on"),
            (&format!("{complete} --lease-s 0"), "whole seconds"),
            (&format!("{complete} --lease-s 9 --lease-s 9"), "given twice"),
            (&format!("{complete} --log-level loud"), "debug, info, warning, error"),
            (&format!("{complete} --verbose"), "unknown argument"),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn help_and_version_need_nothing_else() {
        assert_eq!(parse_line("--help"), Ok(Request::Help));
        assert_eq!(parse_line("--version"), Ok(Request::Version));
    }
}
