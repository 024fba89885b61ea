//! The SCTP side of a peer: a client of the `sctp-proto` crate that opens channels as clients do, and
//! takes those that are opened to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use datapath_wire::dcep::{self, Message, Open, Reliability};
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier as Ppid, ReliabilityType, StreamEvent, TransportConfig,
};

/// What clients accept.
const MESSAGE_BYTES: u32 = 262_144;

pub struct SctpPeer {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
    pub up: bool,
    /// Channels opened to us: label by stream.
    pub offered: HashMap<u16, String>,
    /// Streams whose opening was confirmed.
    pub confirmed: Vec<u16>,
    /// Messages by label of the stream; of streams that we opened too.
    pub heard: Vec<(String, Vec<u8>)>,
    pub ended: Vec<u16>,
    /// Does not read: its window closes.
    pub deaf: bool,
    ours: HashMap<u16, String>,
}

impl SctpPeer {
    pub fn new() -> Self {
        let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::new()), None);
        let mut config = ClientConfig::new();
        let transport = TransportConfig::default()
            .with_max_send_message_size(MESSAGE_BYTES)
            .with_max_receive_message_size(MESSAGE_BYTES);
        config.transport = Arc::new(transport);
        let (handle, association) = endpoint
            .connect(config, std::net::SocketAddr::from(([127, 0, 0, 1], 5000)))
            .expect("an association can begin");
        Self {
            endpoint,
            handle,
            association,
            up: false,
            offered: HashMap::new(),
            confirmed: Vec::new(),
            heard: Vec::new(),
            ended: Vec::new(),
            deaf: false,
            ours: HashMap::new(),
        }
    }

    /// Opens a channel as a client does.
    pub fn open(&mut self, stream: u16, label: &str, retransmits: Option<u32>) {
        let mut opened = self.association.open_stream(stream, Ppid::Binary).expect("a free number");
        let (kind, times) =
            retransmits.map_or((ReliabilityType::Reliable, 0), |n| (ReliabilityType::Rexmit, n));
        opened.set_reliability_params(retransmits.is_some(), kind, times).expect("open");
        let open = Open {
            ordered: retransmits.is_none(),
            reliability: retransmits.map_or(Reliability::Reliable, Reliability::Retransmits),
            priority: 256,
            label,
            protocol: "",
        };
        let mut message = Vec::new();
        open.write(&mut message).expect("a short label");
        opened.write_with_ppi(&message, Ppid::Dcep).expect("written");
        self.ours.insert(stream, label.to_owned());
    }

    pub fn send(&mut self, stream: u16, message: &[u8]) {
        self.send_as(stream, message, Ppid::Binary);
    }

    pub fn send_as(&mut self, stream: u16, message: &[u8], ppid: Ppid) {
        let mut stream = self.association.stream(stream).expect("open");
        stream.write_with_ppi(message, ppid).expect("written");
    }

    pub fn close(&mut self, stream: u16) {
        self.association.stream(stream).expect("open").close().expect("established");
    }

    /// What was heard on channels of that label.
    pub fn heard_on(&self, label: &str) -> Vec<&[u8]> {
        self.heard.iter().filter(|(of, _)| of == label).map(|(_, message)| &message[..]).collect()
    }

    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let remote = std::net::SocketAddr::from(([127, 0, 0, 1], 5000));
        let bytes = Bytes::copy_from_slice(datagram);
        match self.endpoint.handle(now, remote, None, None, bytes) {
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                self.association.handle_event(event);
            }
            Some((_, DatagramEvent::NewAssociation(_))) => panic!("the machine never calls"),
            None => panic!("the machine sends packets of this association only"),
        }
        self.collect();
    }

    /// Datagrams to send now.
    pub fn poll(&mut self, now: Instant) -> Vec<Bytes> {
        if self.association.poll_timeout().is_some_and(|at| at <= now) {
            self.association.handle_timeout(now);
        }
        self.collect();
        let mut out = Vec::new();
        while let Some(sent) = self.association.poll_transmit(now) {
            let Payload::RawEncode(datagrams) = sent.payload else { panic!("bytes are sent") };
            out.extend(datagrams);
        }
        out
    }

    /// Reads again.
    pub fn listen(&mut self) {
        self.deaf = false;
        for stream in self.association.stream_ids() {
            self.read(stream);
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.association.poll_endpoint_event() {
            let _ = self.endpoint.handle_event(self.handle, event);
        }
        while let Some(event) = self.association.poll() {
            match event {
                Event::Connected => self.up = true,
                Event::Stream(StreamEvent::Opened { id } | StreamEvent::Readable { id })
                    if !self.deaf =>
                {
                    self.read(id);
                }
                Event::Stream(StreamEvent::Finished { id }) => self.ended.push(id),
                _ => {}
            }
        }
    }

    fn read(&mut self, id: u16) {
        while self.association.accept_stream().is_some() {}
        while let Ok(mut stream) = self.association.stream(id)
            && let Ok(Some(message)) = stream.read()
        {
            let mut bytes = vec![0; message.len()];
            message.read(&mut bytes).expect("room");
            self.take(id, message.ppi, bytes);
        }
    }

    fn take(&mut self, id: u16, ppid: Ppid, bytes: Vec<u8>) {
        if ppid != Ppid::Dcep {
            let label = self.ours.get(&id).or_else(|| self.offered.get(&id));
            let label = label.cloned().unwrap_or_default();
            self.heard.push((label, bytes));
            return;
        }
        match Message::parse(&bytes).expect("the machine writes valid DCEP") {
            Message::Ack => self.confirmed.push(id),
            Message::Open(open) => {
                self.offered.insert(id, open.label.to_owned());
                let mut stream = self.association.stream(id).expect("open");
                stream.write_with_ppi(&dcep::ACK, Ppid::Dcep).expect("written");
            }
        }
    }
}
