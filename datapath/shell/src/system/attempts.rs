//! Acts that the sandbox forbids and that std does not offer, for `sandbox::prove`. Each undoes what
//! it did, should the kernel let it. The datapath itself calls none of them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use super::checked;
use super::child::{self, Side};

/// Bytes of the page on which memory is tried.
const PAGE: usize = 4_096;
/// Bytes that hold what io_uring_setup, bpf and perf_event_open read, all zero.
const ROOM: usize = 256;

/// Makes a process that ends at once.
pub(crate) fn fork() -> io::Result<()> {
    match child::fork()? {
        Side::Child => child::end(0),
        Side::Parent(child) => child.wait().map(drop),
    }
}

/// Becomes another program; in a copy of the process if one can be made.
pub(crate) fn execute(program: &CStr) -> io::Result<()> {
    match child::fork() {
        Err(_) => Err(execve(program)),
        Ok(Side::Child) => child::end(execve(program).raw_os_error().unwrap_or(libc::EIO)),
        Ok(Side::Parent(child)) => match child.wait()? {
            Some(0) => Ok(()),
            status => Err(io::Error::from_raw_os_error(status.unwrap_or(libc::EIO))),
        },
    }
}

fn execve(program: &CStr) -> io::Error {
    let arguments = [program.as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null()];
    // SAFETY: the path is a C string, both lists end with a null pointer.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// clone3(2), whose flags no filter sees, asked for nothing: it fails even where it is allowed.
pub(crate) fn clone3() -> io::Result<()> {
    // SAFETY: a null pointer and a length of 0 are refused before anything is read.
    answer(unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<u8>(), 0) })
}

/// A file of memory.
pub(crate) fn memfd_create() -> io::Result<()> {
    // SAFETY: the name is a C string.
    closed(unsafe { libc::memfd_create(c"proof".as_ptr(), libc::MFD_CLOEXEC) })
}

/// Memory that is executable from the start.
pub(crate) fn map_executable() -> io::Result<()> {
    map(libc::PROT_READ | libc::PROT_EXEC, |_| Ok(()))
}

/// Memory that becomes executable.
pub(crate) fn make_executable() -> io::Result<()> {
    map(libc::PROT_READ | libc::PROT_WRITE, |page| {
        // SAFETY: `page` is a mapping of PAGE bytes of which nothing else knows.
        checked(unsafe { libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_EXEC) }).map(drop)
    })
}

fn map(rights: i32, act: impl Fn(*mut libc::c_void) -> io::Result<()>) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, rights, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let acted = act(page);
    // SAFETY: `page` is the mapping made above; nothing refers to it any more.
    unsafe { libc::munmap(page, PAGE) };
    acted
}

/// A ring of system calls that no filter sees.
pub(crate) fn io_uring_setup() -> io::Result<()> {
    let mut parameters = [0u8; ROOM];
    // SAFETY: the parameters are 120 bytes that the call reads and fills; there are more.
    closed_long(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })
}

/// A program in the kernel (BPF_MAP_CREATE of an array of one).
pub(crate) fn bpf() -> io::Result<()> {
    // union bpf_attr of BPF_MAP_CREATE: type (array), bytes of a key and of a value, entries.
    let mut attributes = [0u32; ROOM / 4];
    attributes[..4].copy_from_slice(&[2, 4, 4, 1]);
    // SAFETY: the attributes are ROOM bytes, zero behind what is set.
    closed_long(unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), ROOM / 2) })
}

/// What the processor does, told by the kernel (a software event of this process).
pub(crate) fn perf_event_open() -> io::Result<()> {
    // struct perf_event_attr: type (software), bytes (PERF_ATTR_SIZE_VER0), config (CPU clock).
    let mut attributes = [0u32; ROOM / 4];
    attributes[..2].copy_from_slice(&[1, 64]);
    let all: libc::c_int = -1;
    // SAFETY: the attributes are ROOM bytes and say themselves how many count.
    let fd =
        unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, all, all, 0u64) };
    closed_long(fd)
}

/// Page faults answered by this process.
pub(crate) fn userfaultfd() -> io::Result<()> {
    // SAFETY: it takes flags only. UFFD_USER_MODE_ONLY is 1.
    closed_long(unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | 1) })
}

/// Watches another process; being watched ends with this one.
pub(crate) fn ptrace(process: u32) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE reads no memory.
    answer(unsafe { libc::ptrace(libc::PTRACE_SEIZE, process, nothing, nothing) })
}

/// Reads a byte of another process's memory.
pub(crate) fn read_memory(process: u32) -> io::Result<()> {
    let mut byte = 0u8;
    let ours = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // The same address in a copy of this process, which its parent is.
    let theirs = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: `ours` is one writable byte; the kernel checks `theirs`.
    let read = unsafe {
        libc::process_vm_readv(process as i32, &raw const ours, 1, &raw const theirs, 1, 0)
    };
    answer(read as libc::c_long)
}

/// May another process be signalled? Signal 0 asks and does nothing.
pub(crate) fn signal(process: u32) -> io::Result<()> {
    // SAFETY: it takes two integers.
    checked(unsafe { libc::kill(process as i32, 0) }).map(drop)
}

/// Takes hold of another process.
pub(crate) fn pidfd_open(process: u32) -> io::Result<()> {
    // SAFETY: it takes two integers.
    closed_long(unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) })
}

/// A file system over a directory.
pub(crate) fn mount(directory: &CStr) -> io::Result<()> {
    let kind = c"tmpfs".as_ptr();
    // SAFETY: all three are C strings; a null pointer means no options.
    checked(unsafe { libc::mount(kind, directory.as_ptr(), kind, 0, std::ptr::null()) })?;
    // SAFETY: the directory is a C string.
    checked(unsafe { libc::umount2(directory.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// A network of its own.
pub(crate) fn unshare() -> io::Result<()> {
    // SAFETY: it takes flags only; what follows in the proof needs no network.
    checked(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) }).map(drop)
}

/// A key in the kernel's keyring of this process.
pub(crate) fn add_key() -> io::Result<()> {
    let process_keyring: libc::c_int = -2;
    let (kind, name, value) = (c"user".as_ptr(), c"proof".as_ptr(), c"x".as_ptr());
    // SAFETY: kind and name are C strings, the value is one byte.
    answer(unsafe { libc::syscall(libc::SYS_add_key, kind, name, value, 1, process_keyring) })
}

/// Memory that may be executed although it was not asked for (READ_IMPLIES_EXEC).
pub(crate) fn personality() -> io::Result<()> {
    // SAFETY: it takes flags only.
    let before = unsafe { libc::personality(0x0040_0000) };
    checked(before)?;
    // SAFETY: as above; what was is put back.
    unsafe { libc::personality(before as libc::c_ulong) };
    Ok(())
}

/// Core dumps and debuggers again.
pub(crate) fn become_dumpable() -> io::Result<()> {
    // SAFETY: PR_SET_DUMPABLE takes one integer; the others are ignored.
    checked(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }).map(drop)
}

/// Files that grow again.
pub(crate) fn raise_limit() -> io::Result<()> {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `all` is a valid rlimit.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const all) }).map(drop)
}

/// A command of a descriptor's device other than the one that makes it nonblocking.
pub(crate) fn ioctl(file: &File) -> io::Result<()> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD fills an int.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), libc::FIONREAD, &raw mut bytes) }).map(drop)
}

/// Closes what should not have been given.
fn closed(fd: libc::c_int) -> io::Result<()> {
    let fd = checked(fd)?;
    // SAFETY: the call gave this descriptor to us alone.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

fn closed_long(fd: libc::c_long) -> io::Result<()> {
    // Descriptors are ints.
    closed(fd as libc::c_int)
}

fn answer(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
