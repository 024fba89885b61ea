//! A datapath as a process of its own, and the other side of its contract.

#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    include!(concat!(env!("OUT_DIR"), "/gateway.datapath.rs"));
}

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use prost::Message as _;
use proto::frame::Body;
use proto::{Counters, CountersRequest, DumpRequest, Frame, Hello, LogLine, Row};

/// Nothing here takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running datapath and its runtime directory.
pub(crate) struct Datapath {
    process: Child,
    log: BufReader<std::process::ChildStderr>,
    directory: PathBuf,
    /// The directory is this one's to remove.
    owner: bool,
}

impl Datapath {
    /// Starts it and waits until it answers.
    pub(crate) fn start(name: &str, options: &[&str]) -> Self {
        let mut datapath = Self::spawn_unheard(name, options);
        let line = datapath.first_line();
        assert!(line.contains("datapath_started"), "{line}");
        datapath
    }

    /// Starts it and waits for nothing: it may not come up.
    pub(crate) fn spawn_unheard(name: &str, options: &[&str]) -> Self {
        let name = format!("gateway-datapath-process-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a new directory");
        Self::spawn(directory, true, options)
    }

    /// Another one in the same directory, which does not come up.
    pub(crate) fn another(&self) -> Self {
        Self::spawn(self.directory.clone(), false, &[])
    }

    fn spawn(directory: PathBuf, owner: bool, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway-datapath"))
            .args(["--listen", "udp/127.0.0.1:0", "--listen", "udp/[::1]:0"])
            .arg("--runtime-directory")
            .arg(&directory)
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = BufReader::new(process.stderr.take().expect("it is piped"));
        Self { process, log, directory, owner }
    }

    /// The next line of its log.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        self.log.read_line(&mut line).expect("a line");
        line
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.directory.join("control.sock")
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().expect("kill exists");
        assert!(status.success());
    }

    pub(crate) fn exit_status(&mut self) -> Option<i32> {
        self.process.wait().expect("it is our child").code()
    }
}

impl Drop for Datapath {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if self.owner {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// One connection of a control plane.
pub(crate) struct Controller {
    stream: UnixStream,
    exchange: u64,
    lines: Vec<LogLine>,
}

impl Controller {
    /// Connects and exchanges Hellos.
    pub(crate) fn greet(datapath: &Datapath, epoch: u64) -> (Self, Hello) {
        let stream = UnixStream::connect(datapath.control_socket()).expect("it answers");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut controller = Self { stream, exchange: 0, lines: Vec::new() };
        let Some(Body::Hello(hello)) = controller.receive().body else { panic!("Hello is first") };
        let ours = Hello { schema: 1, epoch, ..Hello::default() };
        controller.send(0, Body::Hello(ours));
        (controller, hello)
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, body: Body) -> Body {
        self.exchange += 1;
        self.send(self.exchange, body);
        self.answer()
    }

    /// All rows, and the epoch that counts.
    pub(crate) fn dump(&mut self) -> (Vec<Row>, u64) {
        let mut rows = Vec::new();
        let mut answer = self.ask(Body::DumpRequest(DumpRequest {}));
        loop {
            let Body::Dump(part) = answer else { panic!("a part of a Dump") };
            rows.extend(part.rows);
            if !part.more {
                return (rows, part.epoch);
            }
            answer = self.answer();
        }
    }

    pub(crate) fn counters(&mut self) -> Counters {
        let answer = self.ask(Body::CountersRequest(CountersRequest { room: 0 }));
        let Body::Counters(counters) = answer else { panic!("counters") };
        counters
    }

    /// Asks for counters until they are as wished.
    pub(crate) fn wait_for_counters(&mut self, wished: impl Fn(&Counters) -> bool) -> Counters {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counters = self.counters();
            if wished(&counters) {
                return counters;
            }
            assert!(Instant::now() < deadline, "the counters never became as wished");
        }
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for_line(&mut self, event: &str) -> LogLine {
        loop {
            if let Some(place) = self.lines.iter().position(|line| line.event == event) {
                return self.lines.remove(place);
            }
            let frame = self.receive();
            self.keep(frame);
        }
    }

    fn answer(&mut self) -> Body {
        loop {
            let frame = self.receive();
            if frame.exchange == self.exchange {
                return frame.body.expect("an answer has a body");
            }
            self.keep(frame);
        }
    }

    fn keep(&mut self, frame: Frame) {
        if let Some(Body::Log(line)) = frame.body {
            self.lines.push(line);
        }
    }

    fn send(&mut self, exchange: u64, body: Body) {
        let frame = Frame { exchange, body: Some(body) }.encode_to_vec();
        let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend(frame);
        self.stream.write_all(&bytes).expect("it reads");
    }

    fn receive(&mut self) -> Frame {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("a frame");
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut bytes).expect("a whole frame");
        Frame::decode(bytes.as_slice()).expect("a frame of the contract")
    }
}
