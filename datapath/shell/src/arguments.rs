//! The command line. Strict: whatever is not understood is an error that says what would be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::log::Level;
use crate::sandbox::Facility;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The data plane of the gateway: carries media as the control plane's rows say.

Usage: gateway-datapath --listen ADDRESS... --runtime-directory DIR [options]
       gateway-datapath prove-lockdown [--allow-missing NAMES]

  --listen udp/IP:PORT       receive media here; may be given several times. IPv6 addresses stand in
                             brackets: udp/[::1]:7880. 0.0.0.0 and [::] mean every address of every
                             interface but loopback
  --runtime-directory DIR    where control.sock is made; the directory must exist
  --workers N                threads that carry packets (default 1, the only number yet)
  --lease-s SECONDS          how long rows stand without a controller (default 60)
  --log-level LEVEL          debug, info, warning or error (default info)
  --allow-missing NAMES      start although the kernel lacks what the sandbox is made of: landlock,
                             seccomp, or both with a comma between. What is there is used all the same
  --version                  print the version and end
  --help                     print this and end

prove-lockdown attempts, inside the same sandbox, everything that the datapath forbids itself, prints
what the kernel answered, and ends with status 0 only if all of it was refused.
";

const DEFAULT_LEASE: Duration = Duration::from_secs(60);
const MAX_LEASE_S: u64 = 86_400;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Carry packets.
    Run(Arguments),
    /// Show what the sandbox refuses, with what may be missing.
    ProveLockdown(Vec<Facility>),
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
    /// What the kernel may lack.
    pub(crate) allow_missing: Vec<Facility>,
}

/// Reads the arguments that follow the program's name. The error is a sentence for the operator.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request, String> {
    let mut arguments = arguments.into_iter().peekable();
    let proves = arguments.next_if(|first| first == PROVE_LOCKDOWN).is_some();
    let known = if proves { &OPTIONS_OF_PROOF[..] } else { &OPTIONS };
    let mut given = Given::default();
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
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            return Err(format!("unknown argument {name:?}; known are {known}"));
        }
        let value = value.or_else(|| arguments.next());
        let value = value.ok_or_else(|| format!("{name} needs a value"))?;
        given.take(&name, &value)?;
    }
    if proves {
        return Ok(Request::ProveLockdown(given.allow_missing.unwrap_or_default()));
    }
    given.finish().map(Request::Run)
}

const PROVE_LOCKDOWN: &str = "prove-lockdown";
const OPTIONS: [&str; 6] =
    ["--listen", "--runtime-directory", "--workers", "--lease-s", "--log-level", "--allow-missing"];
const OPTIONS_OF_PROOF: [&str; 1] = ["--allow-missing"];

#[derive(Default)]
struct Given {
    listen: Vec<SocketAddr>,
    runtime_directory: Option<PathBuf>,
    workers: Option<u32>,
    lease: Option<Duration>,
    log_level: Option<Level>,
    allow_missing: Option<Vec<Facility>>,
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
            "--allow-missing" => once(name, &mut self.allow_missing, facilities(value)?),
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
            allow_missing: self.allow_missing.unwrap_or_default(),
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

fn facilities(value: &str) -> Result<Vec<Facility>, String> {
    let one = |wished: &str| {
        let found = Facility::ALL.into_iter().find(|(name, _)| *name == wished);
        found.map(|(_, facility)| facility).ok_or_else(|| {
            let known = Facility::ALL.map(|(name, _)| name).join(",");
            format!("--allow-missing {value}: {wished:?} is none of {known}")
        })
    };
    value.split(',').map(one).collect()
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
            allow_missing: Vec::new(),
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
            (&format!("{complete} --allow-missing selinux"), "none of landlock,seccomp"),
            (&format!("{complete} --allow-missing landlock,"), "none of landlock,seccomp"),
            ("prove-lockdown --workers 1", "known are --allow-missing"),
            (&format!("{complete} prove-lockdown"), "unknown argument"),
            (&format!("{complete} --log-level loud"), "debug, info, warning, error"),
            (&format!("{complete} --verbose"), "unknown argument"),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn what_may_be_missing_is_named() {
        use Facility::{Landlock, Seccomp};
        let expected = Ok(Request::ProveLockdown(vec![Landlock, Seccomp]));
        assert_eq!(parse_line("prove-lockdown --allow-missing landlock,seccomp"), expected);
        assert_eq!(parse_line("prove-lockdown"), Ok(Request::ProveLockdown(vec![])));
        let line = "--listen udp/127.0.0.1:1 --runtime-directory /x --allow-missing=seccomp";
        let Ok(Request::Run(arguments)) = parse_line(line) else { panic!("{line}") };
        assert_eq!(arguments.allow_missing, [Seccomp]);
    }

    #[test]
    fn help_and_version_need_nothing_else() {
        assert_eq!(parse_line("--help"), Ok(Request::Help));
        assert_eq!(parse_line("--version"), Ok(Request::Version));
    }
}
