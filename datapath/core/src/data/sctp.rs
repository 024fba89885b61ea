//! SCTP of one transport: datagrams of DTLS in and out, messages of streams out and in.
//!
//! Serves RFC 8831 (SCTP over DTLS) and RFC 8261, always as the side that is called: clients send
//! INIT. The protocol itself is the `sctp-proto` crate's and appears in no signature outside this
//! file. What is ours: the bounds, what becomes of a broken association, and that a sender
//! whose messages find no room further on is held back by its window.
//!
//! What it costs: nothing before the first datagram, about 3 KiB while it stands, and what is
//! queued; `queued_bytes` says how much that is, so that the caller can bound it.

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event as Told,
    Payload, PayloadProtocolIdentifier as Ppid, ReliabilityType, ServerConfig, StreamEvent,
    TransportConfig,
};

use super::MESSAGE_BYTES_MAX;
use crate::Time;
use crate::dtls::Clock;

/// What the remote may have on its way to us: incomplete messages of a few streams. Higher helps one
/// sender over a long path (this much a round trip); lower bounds what a transport may cost.
const RECEIVE_BYTES: u32 = 512 << 10;
/// Streams of one association; clients use six. Each costs us a few hundred bytes.
const STREAMS_MAX: usize = 64;
/// RFC 8832 section 6: the DTLS server opens channels on streams of odd numbers.
const FIRST_STREAM: u16 = 1;
/// RFC 9260 section 16 suggests 1 s, made for links of its time; real-time stacks use 400 ms. A
/// lower value repeats what only came late.
const RETRANSMISSION_LEAST_MS: u64 = 400;
/// Before the round trip is known.
const RETRANSMISSION_FIRST_MS: u64 = 500;
/// A path that comes back is used again after this at the latest.
const RETRANSMISSION_MOST_MS: u64 = 5_000;

/// RFC 9260 section 3: the type of the first chunk follows the common header ...
const FIRST_CHUNK_AT: usize = 12;
/// ... and is 0 for data.
const DATA_CHUNK: u8 = 0;

/// SCTP over DTLS has no addresses; the crate wants one.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let transport = TransportConfig::default()
        .with_max_receive_buffer_size(RECEIVE_BYTES)
        .with_max_receive_message_size(MESSAGE_BYTES_MAX as u32)
        .with_max_send_message_size(MESSAGE_BYTES_MAX as u32)
        // ICE says when a remote is gone, not SCTP.
        .with_max_data_retransmits(None)
        .with_rto_initial_ms(RETRANSMISSION_FIRST_MS)
        .with_rto_min_ms(RETRANSMISSION_LEAST_MS)
        .with_rto_max_ms(RETRANSMISSION_MOST_MS);
    let mut server = ServerConfig::new();
    server.transport = Arc::new(transport);
    Arc::new(server)
});

/// What a message is (RFC 8831 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 8832: about the stream itself.
    Control,
    /// Bytes.
    Binary,
    /// Text, or of a protocol that data channels do not know.
    Other,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The association stands.
    Up,
    /// It is gone, with all its streams. The remote may begin a new one.
    Down,
    /// A whole message came.
    Message {
        /// On which stream.
        stream: u16,
        /// What it is.
        protocol: Protocol,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The stream carries nothing any more, by the remote's will or ours (RFC 6525).
    Ended {
        /// Which stream.
        stream: u16,
    },
    /// The remote knows of the end, or never will: nothing of the stream is left to wait for.
    Freed {
        /// Which stream.
        stream: u16,
    },
}

/// A stream does not take a message, or a datagram is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// The SCTP side of one transport.
///
/// After each call of `handle`, `handle_timeout`, `open`, `send` or `reset`: [`Sctp::poll`] until
/// there is nothing, then [`Sctp::poll_transmit`] until there is nothing.
pub struct Sctp {
    clock: Clock,
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// Its handshake is done.
    is_up: bool,
    events: VecDeque<Event>,
    /// Streams that may have a whole message.
    readable: VecDeque<u16>,
    /// Streams that are not read for now.
    held: Vec<u16>,
    /// The remote's newest packet with data.
    newest: Bytes,
    /// The remote does not know yet that there is room again.
    window_opens: bool,
}

impl Sctp {
    /// Waits for the remote's INIT.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            endpoint: Endpoint::new(Arc::new(EndpointConfig::new()), Some(SERVER.clone())),
            association: None,
            is_up: false,
            events: VecDeque::new(),
            readable: VecDeque::new(),
            held: Vec::new(),
            newest: Bytes::new(),
            window_opens: false,
        }
    }

    /// Takes what one DTLS record held.
    ///
    /// # Errors
    /// [`Refused`]: no packet of the association, and none that begins one.
    pub fn handle(&mut self, now: Time, datagram: &[u8]) -> Result<(), Refused> {
        let (instant, bytes) = (self.clock.instant(now), Bytes::copy_from_slice(datagram));
        if datagram.get(FIRST_CHUNK_AT) == Some(&DATA_CHUNK) {
            self.newest = bytes.clone();
        }
        match self.endpoint.handle(instant, NOWHERE, None, None, bytes) {
            Some((_, DatagramEvent::NewAssociation(_))) if self.association.is_some() => {
                // RFC 9260 section 5.2.2: an INIT with another tag is a remote that began anew.
                self.give_up();
                return self.handle(now, datagram);
            }
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => match &mut self.association {
                Some((ours, association)) if *ours == handle => association.handle_event(event),
                _ => return Err(Refused),
            },
            None => return Err(Refused),
        }
        self.collect();
        Ok(())
    }

    /// Lets time pass: retransmissions, delayed acknowledgements.
    pub fn handle_timeout(&mut self, now: Time) {
        let instant = self.clock.instant(now);
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(instant);
        }
        self.collect();
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        let (_, association) = self.association.as_ref()?;
        self.clock.due(association.poll_timeout()?, now)
    }

    /// What happened, in order.
    pub fn poll(&mut self) -> Option<Event> {
        loop {
            self.collect();
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            self.read_next()?;
        }
    }

    /// Reads nothing of a stream until `release`: what the remote sends fills our window, and then
    /// the remote waits.
    pub fn hold(&mut self, stream: u16) {
        if !self.held.contains(&stream) {
            self.held.push(stream);
        }
    }

    /// Reads a stream again.
    pub fn release(&mut self, stream: u16) {
        if self.held.contains(&stream) {
            self.held.retain(|held| *held != stream);
            self.window_opens = true;
        }
    }

    /// Datagrams to send, until there are none; each goes into one DTLS record.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Vec<Bytes>> {
        if std::mem::take(&mut self.window_opens) {
            self.tell_window(now);
        }
        let instant = self.clock.instant(now);
        let (_, association) = self.association.as_mut()?;
        let sent = association.poll_transmit(instant).or_else(|| self.endpoint.poll_transmit())?;
        match sent.payload {
            Payload::RawEncode(datagrams) => Some(datagrams),
            Payload::PartialDecode(_) => None,
        }
    }

    /// Whether streams can be opened.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Opens the lowest stream of ours that is free and not among `used`; returns its number.
    ///
    /// # Errors
    /// [`Refused`]: there is none, or the association does not stand.
    pub fn open_free(
        &mut self,
        used: &[u16],
        ordered: bool,
        retransmits: Option<u32>,
    ) -> Result<u16, Refused> {
        for stream in (FIRST_STREAM..).step_by(2).take(STREAMS_MAX) {
            let (_, association) = self.association.as_mut().ok_or(Refused)?;
            let is_free = !used.contains(&stream) && association.stream(stream).is_err();
            if is_free && self.open(stream, ordered, retransmits).is_ok() {
                return Ok(stream);
            }
        }
        Err(Refused)
    }

    /// Makes a stream ready for sending; one that the remote uses already is taken as it is.
    /// `retransmits`: `None` repeats a message until it has arrived.
    ///
    /// # Errors
    /// [`Refused`]: its number is not free yet, or there is no association.
    pub fn open(
        &mut self,
        stream: u16,
        ordered: bool,
        retransmits: Option<u32>,
    ) -> Result<(), Refused> {
        let (_, association) = self.association.as_mut().ok_or(Refused)?;
        if association.stream(stream).is_err() {
            association.open_stream(stream, Ppid::Binary).map_err(|_| Refused)?;
        }
        let (kind, times) =
            retransmits.map_or((ReliabilityType::Reliable, 0), |n| (ReliabilityType::Rexmit, n));
        let mut opened = association.stream(stream).map_err(|_| Refused)?;
        opened.set_reliability_params(!ordered, kind, times).map_err(|_| Refused)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`Refused`]: the stream is not open, or the message is empty or too large.
    pub fn send(&mut self, stream: u16, protocol: Protocol, bytes: &Bytes) -> Result<(), Refused> {
        let ppid = match protocol {
            Protocol::Control => Ppid::Dcep,
            Protocol::Binary => Ppid::Binary,
            Protocol::Other => return Err(Refused),
        };
        let (_, association) = self.association.as_mut().ok_or(Refused)?;
        if bytes.is_empty() {
            return Err(Refused);
        }
        let mut stream = association.stream(stream).map_err(|_| Refused)?;
        stream.write_sctp(bytes, ppid).map(|_| ()).map_err(|_| Refused)
    }

    /// Bytes of a stream that have not been acknowledged.
    pub fn queued_bytes(&mut self, stream: u16) -> usize {
        let Some((_, association)) = &mut self.association else { return 0 };
        association.stream(stream).and_then(|stream| stream.buffered_amount()).unwrap_or(0)
    }

    /// Ends a stream in both directions (RFC 8831 section 6.7). What is queued still leaves.
    pub fn reset(&mut self, stream: u16) {
        let Some((_, association)) = &mut self.association else { return };
        if let Ok(mut stream) = association.stream(stream) {
            // It fails only where there is nothing to end: the association is not established.
            let _ = stream.close();
        }
        self.collect();
    }

    /// RFC 9260 section 6.2: a receiver whose window opens should say so. The crate does not by
    /// itself, but a packet that comes again and again is acknowledged, with the window as it is.
    fn tell_window(&mut self, now: Time) {
        for _ in 0..2 {
            let (instant, bytes) = (self.clock.instant(now), self.newest.clone());
            if let Some((_, DatagramEvent::AssociationEvent(event))) =
                self.endpoint.handle(instant, NOWHERE, None, None, bytes)
                && let Some((_, association)) = &mut self.association
            {
                association.handle_event(event);
            }
        }
    }

    /// Turns what the crate tells into events.
    fn collect(&mut self) {
        let mut lost = false;
        while let Some((_, association)) = &mut self.association
            && let Some(told) = association.poll()
        {
            match told {
                Told::Connected => {
                    self.is_up = true;
                    self.events.push_back(Event::Up);
                }
                Told::HandshakeFailed { .. } | Told::AssociationLost { .. } => lost = true,
                Told::Stream(event) => self.collect_stream(event),
                Told::DataChannelStatsFinal(_) | Told::DatagramReceived | _ => {}
            }
        }
        if lost {
            self.give_up();
        }
    }

    fn collect_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Opened { id } | StreamEvent::Readable { id } => self.note_readable(id),
            StreamEvent::Finished { id } => self.events.push_back(Event::Ended { stream: id }),
            StreamEvent::ResetComplete { id } | StreamEvent::ResetFailed { id, .. } => {
                self.events.push_back(Event::Freed { stream: id });
            }
            // Queues are looked at when something is to be sent.
            StreamEvent::Writable { .. }
            | StreamEvent::Stopped { .. }
            | StreamEvent::Available
            | StreamEvent::BufferedAmountLow { .. }
            | StreamEvent::BufferedAmountHigh { .. }
            | _ => {}
        }
    }

    fn note_readable(&mut self, id: u16) {
        let Some((_, association)) = &mut self.association else { return };
        while association.accept_stream().is_some() {}
        if association.stream_ids().len() > STREAMS_MAX {
            // Told as lost with the next poll.
            let _ = association.close();
        } else if !self.readable.contains(&id) {
            self.readable.push_back(id);
        }
    }

    /// Takes a whole message of a stream that has one and is not held.
    fn read_next(&mut self) -> Option<()> {
        let (_, association) = self.association.as_mut()?;
        loop {
            let at = self.readable.iter().position(|id| !self.held.contains(id))?;
            let id = *self.readable.get(at)?;
            let Ok(Some(message)) = association.stream(id).and_then(|mut stream| stream.read())
            else {
                self.readable.remove(at);
                continue;
            };
            let mut bytes = vec![0; message.len()];
            if message.read(&mut bytes).is_err() {
                continue;
            }
            let protocol = match message.ppi {
                Ppid::Dcep => Protocol::Control,
                Ppid::Binary => Protocol::Binary,
                Ppid::String | Ppid::StringEmpty | Ppid::BinaryEmpty | Ppid::Unknown => {
                    Protocol::Other
                }
            };
            self.events.push_back(Event::Message { stream: id, protocol, bytes });
            return Some(());
        }
    }

    /// Forgets the association. The endpoint forgets it too, so that a new one may begin.
    fn give_up(&mut self) {
        if self.association.take().is_some() {
            self.endpoint = Endpoint::new(Arc::new(EndpointConfig::new()), Some(SERVER.clone()));
            self.is_up = false;
            self.readable.clear();
            self.held.clear();
            self.events.push_back(Event::Down);
        }
    }
}

impl fmt::Debug for Sctp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sctp").field("is_up", &self.is_up).finish_non_exhaustive()
    }
}
