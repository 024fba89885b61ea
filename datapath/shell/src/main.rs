//! `gateway-datapath`: the process that carries media. This file is the order in which it starts
//! and ends; what it does in between is `worker` (packets) and `control` (the contract).
//!
//! The shell owns sockets, threads and clocks and decides nothing: packets are `datapath_core`'s,
//! policy is the control plane's.

mod arguments;
mod contract;
mod control;
mod listeners;
mod log;
mod sandbox;
mod system;
mod table;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use datapath_core::dtls::{Clock, Identity};
use datapath_core::{Config, Machine};

use arguments::{Arguments, HELP, Request};
use contract::facts::listener_row;
use contract::proto;
use control::run::ControlLoop;
use control::{Control, Setup};
use listeners::Listener;
use log::{Level, Line, Log};
use sandbox::Locked;
use system::signals::StopSignals;
use system::wake::Wake;
use system::{clock, limits, random};
use worker::Worker;
use worker::mailbox::Mailbox;

/// Exit status for a command line that is not understood, as shells use it.
const USAGE: u8 = 2;
/// No line of the log would be written.
const FILE_AS_STDERR: &str = "stderr is a file, and the datapath locks itself down so that no file \
                              grows; pass the log through a pipe, as in 2> >(cat >> datapath.log)";

fn main() -> ExitCode {
    set_panic_hook();
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Request::Help) => print(HELP),
        Ok(Request::Version) => print(&format!("gateway-datapath {}\n", build())),
        Ok(Request::ProveLockdown(allowed)) => match sandbox::prove::run(&allowed) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(sentence) => fail(&sentence, ExitCode::FAILURE),
        },
        Ok(Request::Run(arguments)) => match run(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => fail(&sentence, ExitCode::FAILURE),
        },
        Err(sentence) => fail(&sentence, ExitCode::from(USAGE)),
    }
}

/// Starts, runs until a signal, and ends in good order.
fn run(arguments: Arguments) -> Result<(), String> {
    if limits::stderr_is_a_file() {
        return Err(FILE_AS_STDERR.into());
    }
    limits::forbid_leaks().map_err(|error| format!("cannot forbid core dumps: {error}"))?;
    let signals = StopSignals::new().map_err(|error| format!("cannot take signals: {error}"))?;
    let listeners = listeners::open(&arguments.listen)?;
    let socket = control::socket::open(&arguments.runtime_directory)?;
    // Before the sandbox: aws-lc looks once, at its first random bytes, how the kernel tells that a
    // virtual machine was copied (/dev/sysgenid).
    let identity = Identity::generate().map(Arc::new).map_err(|error| error.to_string())?;
    let locked = sandbox::close(&arguments.allow_missing)?;
    let wake = Arc::new(new_wake()?);
    let log = Log::new(arguments.log_level, Arc::clone(&wake));
    let setup = setup(&arguments, &listeners, &identity, locked);
    let started = vec![("build", setup.build.clone())];
    log.line(Level::Info, "datapath_started", started);
    let (level, event, fields) = locked.line();
    log.line(level, event, fields);
    for (index, listener) in (0..).zip(&listeners) {
        let bytes = listener.receive_buffer_bytes().to_string();
        let fields =
            vec![("listener", listener_row(index).to_string()), ("receive_buffer_bytes", bytes)];
        log.line(Level::Info, "listener_opened", fields);
    }
    let (mailboxes, threads) = spawn(arguments.workers, listeners, &identity, &wake, &log)?;
    let control = Control::new(setup);
    let control_loop = ControlLoop { control, listener: socket, mailboxes, log, wake, signals };
    control_loop.run().map_err(|error| format!("the control loop failed: {error}"))?;
    for thread in threads {
        // A worker's panic has already ended the process.
        let _ = thread.join();
    }
    log::write(&Line::new(Level::Info, "datapath_stopped", vec![]));
    Ok(())
}

fn setup(
    arguments: &Arguments,
    listeners: &[Listener],
    identity: &Identity,
    locked: Locked,
) -> Setup {
    let mut boot_id = [0; 16];
    random::fill(&mut boot_id);
    Setup {
        boot_id,
        build: build(),
        fingerprints: vec![proto::Fingerprint {
            algorithm: "sha-256".into(),
            value: identity.fingerprint().to_vec(),
        }],
        listeners: listeners::rows(listeners),
        workers: arguments.workers,
        lease: arguments.lease,
        locked,
    }
}

type Workers = (Vec<Arc<Mailbox>>, Vec<JoinHandle<()>>);

/// One thread per worker. With one worker it has all sockets; more need a socket per worker and
/// listener and are refused by `arguments`.
fn spawn(
    workers: u32,
    listeners: Vec<Listener>,
    identity: &Arc<Identity>,
    wake: &Arc<Wake>,
    log: &Log,
) -> Result<Workers, String> {
    let mut sockets: Vec<_> = listeners.into_iter().map(|listener| listener.socket).collect();
    let (mut mailboxes, mut threads) = (Vec::new(), Vec::new());
    for number in 0..workers {
        let mailbox = Arc::new(Mailbox::new(new_wake()?, Arc::clone(wake)));
        mailboxes.push(Arc::clone(&mailbox));
        let (sockets, log) = (std::mem::take(&mut sockets), log.clone());
        let config = machine_config(Arc::clone(identity));
        let body = move || Worker::new(Machine::new(config), sockets, mailbox, log).run();
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(body);
        threads.push(thread.map_err(|error| format!("cannot start a worker: {error}"))?);
    }
    Ok((mailboxes, threads))
}

/// The clocks' relation is read once: machines are told the time, and all workers the same.
fn machine_config(identity: Arc<Identity>) -> Config {
    let now = clock::now();
    Config {
        identity,
        clock: Clock::new(Instant::now(), now),
        ntp_at_zero: clock::ntp_at_zero(SystemTime::now(), now),
        random: random::fill,
    }
}

fn new_wake() -> Result<Wake, String> {
    Wake::new().map_err(|error| format!("cannot make an eventfd: {error}"))
}

/// Version and revision, for people.
fn build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("GATEWAY_REVISION") {
        Some(revision) => format!("{version} ({revision})"),
        None => version.to_owned(),
    }
}

/// A panic says where, never with which values, and ends the process.
fn set_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        log::write(&Line::new(Level::Error, "panicked", vec![("place", place)]));
        std::process::abort();
    }));
}

fn print(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// To stderr as a line like all others: the supervisor reads it.
fn fail(sentence: &str, status: ExitCode) -> ExitCode {
    log::write(&Line::new(Level::Error, "cannot_start", vec![("reason", sentence.to_owned())]));
    status
}
