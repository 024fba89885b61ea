//! What is attempted inside the sandbox: what an intruder would want, and what the datapath needs.
//! Each forbidden act succeeds outside of the sandbox, given the rights, and leaves nothing behind.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use datapath_core::dtls::Identity;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::table::Act;
use crate::system::wait::Wait;
use crate::system::wake::Wake;
use crate::system::{attempts, random, receive};
use crate::{control, listeners};

/// What the datapath has open when the sandbox closes, and what an intruder might wish it had.
pub(super) struct Opened {
    directory: PathBuf,
    /// The directory as system calls want it.
    mount_point: CString,
    udp: UdpSocket,
    _control: UnixListener,
    /// A file that somebody forgot to close.
    forgotten: File,
    /// As above, sockets that are not connected.
    tcp: Socket,
    unix: Socket,
    /// As above, bound.
    idle: Socket,
    /// On loopback.
    tcp_listener: TcpListener,
    /// The process that prints the proof.
    parent: u32,
}

impl Opened {
    /// The error is a sentence for the operator.
    pub(super) fn new(directory: &Path) -> Result<Self, String> {
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let udp = listeners::open(&[loopback])?.remove(0).socket;
        let control = control::socket::open(directory)?;
        let say = |error: io::Error| format!("cannot prepare the proof: {error}");
        let idle = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(say)?;
        idle.bind(&loopback.into()).map_err(say)?;
        Ok(Self {
            directory: directory.into(),
            mount_point: CString::new(directory.as_os_str().as_bytes())
                .map_err(|error| say(error.into()))?,
            udp,
            _control: control,
            forgotten: File::create(directory.join("forgotten")).map_err(say)?,
            tcp: Socket::new(Domain::IPV4, Type::STREAM, None).map_err(say)?,
            unix: Socket::new(Domain::UNIX, Type::STREAM, None).map_err(say)?,
            idle,
            tcp_listener: TcpListener::bind(loopback).map_err(say)?,
            parent: std::os::unix::process::parent_id(),
        })
    }

    fn forgotten_path(&self) -> PathBuf {
        self.directory.join("forgotten")
    }
}

/// Refused by seccomp, or by Landlock where that is alone.
const DENIED: &[i32] = &[libc::EPERM, libc::EACCES];

/// Attempts everything that is forbidden.
pub(super) fn forbidden(opened: &Opened) -> Vec<Act> {
    let denied = [files(opened), programs(opened), connections(opened), kernel(opened)];
    let denied = denied.into_iter().flatten();
    let denied = denied.map(|(name, answer)| Act { name, answer, refusals: DENIED });
    denied.chain(others(opened)).collect()
}

type Attempts = Vec<(&'static str, io::Result<()>)>;

fn files(opened: &Opened) -> Attempts {
    let (directory, path) = (&opened.directory, opened.forgotten_path());
    let new = directory.join("new");
    vec![
        ("open a file to read (/etc/passwd)", File::open("/etc/passwd").map(drop)),
        ("read what the kernel tells (/proc/self/maps)", File::open("/proc/self/maps").map(drop)),
        ("open a file to write", OpenOptions::new().append(true).open(&path).map(drop)),
        ("make a file", File::create(&new).map(drop)),
        ("list a directory", fs::read_dir(directory).map(drop)),
        ("make a directory", fs::create_dir(&new)),
        ("make a symbolic link", std::os::unix::fs::symlink("/", directory.join("link"))),
        ("look at a file", fs::metadata(&path).map(drop)),
        ("change a file's mode", fs::set_permissions(&path, Permissions::from_mode(0o600))),
        ("cut a file that is open", opened.forgotten.set_len(0)),
        ("make a file of memory (memfd_create)", attempts::memfd_create()),
        ("remove a file", fs::remove_file(&path)),
    ]
}

fn programs(opened: &Opened) -> Attempts {
    vec![
        ("make a process (fork)", attempts::fork()),
        ("run a program (/bin/true)", attempts::execute(c"/bin/true")),
        ("map memory to execute", attempts::map_executable()),
        ("make memory executable (mprotect)", attempts::make_executable()),
        ("make all memory executable (personality)", attempts::personality()),
        ("debug another process (ptrace)", attempts::ptrace(opened.parent)),
        ("read another process's memory", attempts::read_memory(opened.parent)),
        ("signal another process (kill)", attempts::signal(opened.parent)),
        ("hold another process (pidfd_open)", attempts::pidfd_open(opened.parent)),
    ]
}

fn connections(opened: &Opened) -> Attempts {
    let tcp = opened.tcp_listener.local_addr().map(SockAddr::from);
    let control = SockAddr::unix(opened.directory.join("control.sock"));
    let socket = |domain, kind, protocol| Socket::new(domain, kind, protocol).map(drop);
    vec![
        ("make a TCP socket", socket(Domain::IPV4, Type::STREAM, None)),
        ("make a Unix socket", socket(Domain::UNIX, Type::STREAM, None)),
        ("make a pair of Unix sockets", UnixStream::pair().map(drop)),
        (
            "make a raw socket",
            socket(Domain::IPV4, Type::from(libc::SOCK_RAW), Some(Protocol::ICMPV4)),
        ),
        ("make a netlink socket", socket(Domain::from(libc::AF_NETLINK), Type::DGRAM, None)),
        ("make a packet socket", socket(Domain::from(libc::AF_PACKET), Type::DGRAM, None)),
        ("connect a TCP socket that is open", tcp.and_then(|to| opened.tcp.connect(&to))),
        ("connect a Unix socket that is open", control.and_then(|to| opened.unix.connect(&to))),
        ("listen on a TCP socket that is open", opened.idle.listen(1)),
        ("connect a UDP socket", opened.udp.local_addr().and_then(|to| opened.udp.connect(to))),
        ("undo a TCP listener (shutdown)", SockRef::from(&opened.tcp_listener).shutdown(READING)),
        ("reach a whole network (SO_BROADCAST)", opened.udp.set_broadcast(true)),
    ]
}

/// See `sandbox::calls` for what it would make of a listener.
const READING: Shutdown = Shutdown::Read;

fn kernel(opened: &Opened) -> Attempts {
    vec![
        ("make calls that no filter sees (io_uring_setup)", attempts::io_uring_setup()),
        ("load into the kernel (bpf)", attempts::bpf()),
        ("measure the processor (perf_event_open)", attempts::perf_event_open()),
        ("answer page faults (userfaultfd)", attempts::userfaultfd()),
        ("keep a key in the kernel (add_key)", attempts::add_key()),
        ("command a device (ioctl)", attempts::ioctl(&opened.forgotten)),
        ("mount a file system", attempts::mount(&opened.mount_point)),
        ("change the root directory (chroot)", std::os::unix::fs::chroot("/")),
        ("allow core dumps again (prctl)", attempts::become_dumpable()),
        ("raise the limit of files again (setrlimit)", attempts::raise_limit()),
        ("have a network of its own (unshare)", attempts::unshare()),
    ]
}

/// Refused in another way.
fn others(opened: &Opened) -> [Act; 2] {
    let grown = (&opened.forgotten).write(b"x").map(drop);
    [
        Act { name: "grow a file that is open", answer: grown, refusals: &[libc::EFBIG] },
        Act {
            name: "clone with flags that no filter sees (clone3)",
            answer: attempts::clone3(),
            refusals: &[libc::ENOSYS],
        },
    ]
}

/// Does what the datapath does.
pub(super) fn needed(opened: &Opened) -> Vec<(&'static str, io::Result<()>)> {
    vec![
        ("send and receive a datagram", datagram(&opened.udp)),
        ("open a UDP socket on loopback, for a relay", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("start a thread and wait for it", a_thread()),
        ("random bytes of the kernel", random_bytes()),
        ("a DTLS certificate and its key", certificate()),
        ("64 MiB of memory", memory()),
        ("wake a thread (eventfd)", Wake::new().map(|wake| wake.signal())),
    ]
}

fn datagram(socket: &UdpSocket) -> io::Result<()> {
    socket.send_to(b"proof", socket.local_addr()?)?;
    let mut wait = Wait::default();
    wait.add(socket.as_raw_fd(), true, false);
    wait.sleep(Some(Duration::from_secs(1)))?;
    let count = receive::Slab::new().receive(socket.as_raw_fd())?;
    if count == 1 { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}

fn a_thread() -> io::Result<()> {
    let thread = thread::Builder::new().name("proof".into()).spawn(|| ())?;
    thread.join().map_err(|_| io::ErrorKind::Other.into())
}

fn random_bytes() -> io::Result<()> {
    let mut bytes = [0; 32];
    random::fill(&mut bytes);
    if bytes == [0; 32] { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
}

fn certificate() -> io::Result<()> {
    Identity::generate().map(drop).map_err(|error| io::Error::other(error.to_string()))
}

fn memory() -> io::Result<()> {
    let mut bytes = Vec::<u8>::new();
    bytes.try_reserve_exact(64 << 20).map_err(io::Error::other)?;
    bytes.resize(64 << 20, 1);
    std::hint::black_box(&bytes);
    Ok(())
}
