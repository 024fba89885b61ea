//! The real binary's sandbox: what `prove-lockdown` says, that it can fail, and that a datapath does
//! not start on a kernel without what the sandbox is made of. A kernel without it is this one behind
//! a filter that hides it.

#[allow(dead_code, reason = "this file needs less of it than the contract's tests")]
mod process;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Output, Stdio};
use std::thread;

use process::{Controller, Datapath};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// System calls by which a process finds its sandbox.
const LANDLOCK: libc::c_long = libc::SYS_landlock_create_ruleset;
const SECCOMP: libc::c_long = libc::SYS_seccomp;

/// Does something on a thread for which, and for whose children, the kernel does not have this call.
fn on_a_kernel_without<T: Send>(call: libc::c_long, act: impl FnOnce() -> T + Send) -> T {
    let hide = move || {
        let architecture = TargetArch::try_from(std::env::consts::ARCH).expect("it is known");
        let rules = BTreeMap::from([(call, Vec::new())]);
        let missing = SeccompAction::Errno(libc::ENOSYS as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, missing, architecture);
        let program: BpfProgram = filter.and_then(TryInto::try_into).expect("it compiles");
        seccompiler::apply_filter(&program).expect("this kernel has seccomp");
        act()
    };
    thread::scope(|scope| scope.spawn(hide).join().expect("the act does not panic"))
}

fn prove(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway-datapath"))
        .arg("prove-lockdown")
        .args(options)
        .output()
        .expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The answer that the table gives for an act.
fn answer<'a>(table: &'a str, act: &str) -> &'a str {
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(act));
    line.unwrap_or_else(|| panic!("{act} is not in\n{table}")).trim()
}

#[test]
fn everything_forbidden_is_refused_and_everything_needed_works() {
    let proof = prove(&[]);
    let table = text(&proof.stdout);
    assert_eq!(proof.status.code(), Some(0), "{table}{}", text(&proof.stderr));
    for act in ["open a file to read", "run a program", "make a TCP socket", "make a Unix socket"] {
        assert!(answer(&table, act).ends_with("EPERM"), "{table}");
    }
    assert_eq!(answer(&table, "grow a file that is open"), "EFBIG");
    assert_eq!(answer(&table, "send and receive a datagram"), "done");
    assert!(!table.contains("NOT REFUSED") && !table.contains("DOES NOT WORK"), "{table}");
}

#[test]
fn the_proof_leaves_nothing_behind_and_may_be_printed_to_a_file() {
    let name = format!("gateway-datapath-lockdown-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir(&directory).expect("a new directory");
    let path = directory.join("proof");
    let status = Command::new(env!("CARGO_BIN_EXE_gateway-datapath"))
        .arg("prove-lockdown")
        .env("TMPDIR", &directory)
        .stdout(File::create(&path).expect("a file"))
        .status()
        .expect("the binary starts");
    let table = fs::read_to_string(&path).expect("it was printed");
    let left: Vec<_> = fs::read_dir(&directory).expect("a directory").collect();
    fs::remove_dir_all(&directory).expect("it is ours");
    assert!(status.success() && table.contains("forbidden acts were refused"), "{table}");
    assert_eq!(left.len(), 1, "only the table is left: {left:?}");
}

#[test]
fn without_seccomp_the_proof_fails_and_landlock_alone_still_refuses_files() {
    let refused = on_a_kernel_without(SECCOMP, || prove(&[]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("--allow-missing seccomp"), "{refused:?}");

    let proof = on_a_kernel_without(SECCOMP, || prove(&["--allow-missing", "seccomp"]));
    let table = text(&proof.stdout);
    assert_eq!(proof.status.code(), Some(1), "{table}");
    assert!(table.contains("seccomp:  MISSING"), "{table}");
    assert_eq!(answer(&table, "make a Unix socket"), "done   <- NOT REFUSED");
    assert_eq!(answer(&table, "map memory to execute"), "done   <- NOT REFUSED");
    for act in ["open a file to read (/etc/passwd)", "make a file  ", "run a program (/bin/true)"] {
        assert_eq!(answer(&table, act), "EACCES", "{table}");
    }
}

#[test]
fn without_landlock_the_proof_is_made_only_if_that_is_allowed() {
    let refused = on_a_kernel_without(LANDLOCK, || prove(&["--allow-missing", "seccomp"]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("--allow-missing landlock"), "{refused:?}");

    let proof = on_a_kernel_without(LANDLOCK, || prove(&["--allow-missing", "landlock"]));
    let table = text(&proof.stdout);
    assert!(table.contains("Landlock: MISSING"), "{table}");
    assert_eq!(proof.status.code(), Some(0), "seccomp alone refuses all of it: {table}");
}

#[test]
fn a_datapath_does_not_start_where_a_facility_is_missing() {
    for (call, name) in [(LANDLOCK, "landlock"), (SECCOMP, "seccomp")] {
        let mut datapath =
            on_a_kernel_without(call, || Datapath::spawn_unheard(&format!("without-{name}"), &[]));
        let line = datapath.first_line();
        assert!(line.contains("cannot_start"), "{line}");
        assert!(line.contains(&format!("--allow-missing {name}")), "{line}");
        assert_eq!(datapath.exit_status(), Some(1));
    }
}

#[test]
fn a_datapath_that_may_start_without_says_so_in_its_log_and_its_levels() {
    let both = ["--allow-missing", "landlock,seccomp"];
    for (call, name) in [(LANDLOCK, "landlock_abi"), (SECCOMP, "seccomp")] {
        let start = || Datapath::start(&format!("allowed-{name}"), &both);
        let mut datapath = on_a_kernel_without(call, start);
        let line = datapath.first_line();
        assert!(line.contains("\"level\":\"warning\",\"event\":\"locked_down\""), "{line}");
        assert!(line.contains(&format!("\"{name}\":\"0\"")), "{line}");
        let (mut controller, _) = Controller::greet(&datapath, 1);
        let levels = controller.counters().levels;
        let off: Vec<_> = ["landlock_abi", "seccomp"]
            .into_iter()
            .filter(|wished| levels.iter().any(|one| one.name == *wished && one.value == 0))
            .collect();
        assert_eq!(off, [name]);
    }
}

#[test]
fn every_thread_of_a_datapath_is_locked_down_and_it_says_so() {
    // What may be missing is there, so it is used.
    let mut datapath = Datapath::start("threads", &["--allow-missing", "landlock,seccomp"]);
    let line = datapath.first_line();
    assert!(line.contains("\"level\":\"info\",\"event\":\"locked_down\""), "{line}");
    let (mut controller, _) = Controller::greet(&datapath, 1);
    let levels = controller.counters().levels;
    let level = |name: &str| levels.iter().find(|one| one.name == name).map(|one| one.value);
    assert!(level("landlock_abi") >= Some(1));
    assert_eq!(level("seccomp"), Some(1));

    let proc = format!("/proc/{}", datapath.id());
    let threads: Vec<_> = fs::read_dir(format!("{proc}/task")).expect("it runs").collect();
    assert!(threads.len() >= 2, "the control thread and a worker");
    for thread in threads {
        let status = thread.expect("an entry").path().join("status");
        let status = fs::read_to_string(status).expect("it runs");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    let limits = fs::read_to_string(format!("{proc}/limits")).expect("it runs");
    for name in ["Max file size", "Max core file size"] {
        let line = limits.lines().find(|line| line.starts_with(name)).expect(name);
        let values: Vec<_> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, ["0", "0"], "{line}");
    }
}

#[test]
fn a_log_that_could_not_grow_is_refused_at_the_start() {
    let name = format!("gateway-datapath-stderr-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let status = Command::new(env!("CARGO_BIN_EXE_gateway-datapath"))
        .args(["--listen", "udp/127.0.0.1:0", "--runtime-directory", "/nowhere"])
        .stdout(Stdio::null())
        .stderr(File::create(&path).expect("a file"))
        .status()
        .expect("the binary starts");
    let said = fs::read_to_string(&path).expect("it was said");
    fs::remove_file(&path).expect("it is ours");
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("pass the log through a pipe"), "{said}");
}
