//! SCTP of a transport, driven: datagrams in and out, control messages answered, messages to the
//! router. What becomes of channels is in `lifecycle`.

use bytes::Bytes;
use datapath_wire::dcep::{self, Open};

use super::channel::{DataChannel, State};
use super::sctp::{Event, Protocol, Sctp};
use crate::Time;
use crate::counters::Drop;
use crate::machine::Machine;

impl Machine {
    /// Takes a datagram that DTLS brought. Call `drive_data` when DTLS has nothing more.
    pub(crate) fn handle_sctp(
        &mut self,
        now: Time,
        index: u32,
        datagram: &[u8],
    ) -> Result<(), Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::NoValidPath)?;
        if transport.channels.is_empty() {
            return Err(Drop::SctpUnexpected);
        }
        let clock = self.config.clock;
        let sctp = transport.sctp.get_or_insert_with(|| Box::new(Sctp::new(clock)));
        sctp.handle(now, datagram).map_err(|_| Drop::SctpMalformed)
    }

    /// Does what is due; returns when SCTP wants to be served next.
    pub(crate) fn serve_data(&mut self, now: Time, index: u32) -> Option<Time> {
        let transport = self.transports.get_mut(index)?;
        transport.sctp.as_deref_mut()?.handle_timeout(now);
        self.drive_data(now, index);
        let sctp = self.transports.get(index)?.sctp.as_ref()?.poll_timeout(now);
        [sctp, self.held_until(index)].into_iter().flatten().min()
    }

    /// Carries out what SCTP has to say and sends what follows from it, here and on other transports.
    pub(crate) fn drive_data(&mut self, now: Time, index: u32) {
        let Some(room) = self.transports.get(index).map(|transport| transport.room) else { return };
        let mut driven = vec![index];
        while let Some(index) = driven.pop() {
            self.take_events(now, index);
            self.data_touched.push(index);
            self.flush_data(now);
            driven.extend(self.release_held(now, room));
        }
    }

    /// Carries out what the SCTP of one transport has to say.
    fn take_events(&mut self, now: Time, index: u32) {
        let next = |machine: &mut Self| machine.transports.get_mut(index)?.sctp.as_mut()?.poll();
        while let Some(event) = next(self) {
            let outcome = match event {
                Event::Up => {
                    self.counters.sctp_connected += 1;
                    self.open_channels(now, index);
                    Ok(())
                }
                Event::Down => {
                    self.lose_association(index);
                    Ok(())
                }
                Event::Message { stream, protocol, bytes } => {
                    self.handle_message(now, index, stream, protocol, bytes)
                }
                Event::Ended { stream } => {
                    self.handle_ended(index, stream);
                    Ok(())
                }
                Event::Freed { stream } => {
                    self.handle_freed(now, index, stream);
                    Ok(())
                }
            };
            if let Err(reason) = outcome {
                self.counters.drop(reason);
            }
        }
    }

    /// Sends what was queued on any transport since the last time.
    pub(crate) fn flush_data(&mut self, now: Time) {
        while let Some(index) = self.data_touched.pop() {
            let next = |machine: &mut Self| {
                machine.transports.get_mut(index)?.sctp.as_mut()?.poll_transmit(now)
            };
            while let Some(datagrams) = next(self) {
                for datagram in datagrams {
                    self.send_record(now, index, &datagram);
                }
            }
            let transport = self.transports.get(index);
            let sctp = transport.and_then(|transport| transport.sctp.as_ref());
            if let Some(due) = sctp.and_then(|sctp| sctp.poll_timeout(now)) {
                self.wake(index, due);
            }
        }
    }

    /// One record at a time: DTLS queues few.
    fn send_record(&mut self, now: Time, index: u32, datagram: &[u8]) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        match transport.dtls.send(datagram) {
            Ok(()) => {
                self.drain_dtls(now, index);
            }
            Err(_) => self.counters.drop(Drop::NoPath),
        }
    }

    // ------------------------------------------------------------------------------- messages

    fn handle_message(
        &mut self,
        now: Time,
        index: u32,
        stream: u16,
        protocol: Protocol,
        bytes: Vec<u8>,
    ) -> Result<(), Drop> {
        match protocol {
            Protocol::Control => match dcep::Message::parse(&bytes) {
                Some(dcep::Message::Open(open)) => self.handle_open(now, index, stream, &open),
                Some(dcep::Message::Ack) => self.handle_ack(now, index, stream),
                None => Err(Drop::DataMalformed),
            },
            Protocol::Binary => {
                let publishes = |channel: &DataChannel| !channel.delivers();
                let channel = self.channel_on(index, stream, publishes);
                self.publish(now, channel.ok_or(Drop::DataNoChannel)?, bytes)
            }
            Protocol::Other => Err(Drop::DataMalformed),
        }
    }

    /// RFC 8832 section 6: the client opens a channel. One that no row names is ended again.
    fn handle_open(
        &mut self,
        now: Time,
        index: u32,
        stream: u16,
        open: &Open<'_>,
    ) -> Result<(), Drop> {
        let transport = self.transports.get_mut(index).ok_or(Drop::DataNoChannel)?;
        let sctp = transport.sctp.as_deref_mut().ok_or(Drop::DataNoChannel)?;
        self.data_touched.push(index);
        let channels = transport.channels.iter();
        let named: Vec<u32> = channels
            .copied()
            .filter(|of| self.channels.get(*of).is_some_and(|it| *it.row.label == *open.label))
            .collect();
        let publishes =
            named.iter().filter_map(|of| self.channels.get(*of)).find(|it| !it.delivers());
        let Some(row) = publishes.map(|channel| &channel.row) else {
            sctp.reset(stream);
            return Err(Drop::DataNoChannel);
        };
        // Both directions are alike; the row says how. It fails only where the stream is gone again.
        let _ = sctp.open(stream, row.ordered, row.max_retransmits);
        let _ = sctp.send(stream, Protocol::Control, &Bytes::from_static(&dcep::ACK));
        for channel in named {
            self.mark_open(now, channel, stream);
        }
        Ok(())
    }

    fn handle_ack(&mut self, now: Time, index: u32, stream: u16) -> Result<(), Drop> {
        let opening = |channel: &DataChannel| channel.state == State::Opening(stream);
        let channel = self.channel_on(index, stream, opening).ok_or(Drop::DataNoChannel)?;
        self.mark_open(now, channel, stream);
        Ok(())
    }

    pub(super) fn mark_open(&mut self, now: Time, index: u32, stream: u16) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        channel.state = State::Open(stream);
        self.counters.data_channels_opened += 1;
        self.replay(now, index);
    }

    pub(super) fn channel_on(
        &self,
        index: u32,
        stream: u16,
        wanted: impl Fn(&DataChannel) -> bool,
    ) -> Option<u32> {
        let channels = self.transports.get(index)?.channels.iter().copied();
        let mut of_stream = channels.filter(|index| {
            let channel = self.channels.get(*index);
            channel.is_some_and(|it| it.stream() == Some(stream) && wanted(it))
        });
        of_stream.next()
    }
}
