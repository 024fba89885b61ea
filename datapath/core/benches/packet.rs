//! What a packet costs in the machine alone, without sockets: opened and kept once (no subscriber),
//! and rewritten and sealed once per subscriber (1, 10, 50). The slope over subscribers is the price
//! of a forwarded packet; less the price of sealing (`benches/srtp.rs`) it is that of rewriting.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

#[path = "../tests/house/mod.rs"]
mod house;

use house::{House, VP8, header, leg, video, vp8_payload};

const PUBLISHER: u64 = 1;
const STREAM: u64 = 1_000;
/// A full video packet: with headers and tag 1.2 kB on the wire.
const PAYLOAD_BYTES: usize = 1_150;

/// So little that no path is without a check for too long while a bench runs.
const STEP: Duration = Duration::from_micros(5);

/// A publisher (peer 0) of one video stream and so many subscribers of it.
fn meeting(subscribers: u64) -> House {
    let mut house = House::new();
    house.connect_peer(PUBLISHER);
    house.apply(vec![(STREAM, video(PUBLISHER, "0"))], vec![]);
    for number in 0..subscribers {
        let transport = 2 + number;
        house.connect_peer(transport);
        house.apply(vec![(2_000 + number, leg(STREAM, transport, 5_000))], vec![]);
    }
    house
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packet");
    group.measurement_time(Duration::from_secs(3)).sample_size(40);
    for subscribers in [0, 1, 10, 50] {
        let mut house = meeting(subscribers);
        let from = house.peers[0].address;
        let mut payload = vp8_payload(true, 7);
        payload.resize(PAYLOAD_BYTES, 7);
        let mut number = 0u64;
        let mut publisher = house.peers.remove(0);
        group.throughput(Throughput::Elements(subscribers.max(1)));
        group.bench_function(format!("{subscribers} subscribers"), |bencher| {
            bencher.iter_batched(
                || {
                    number += 1;
                    let low = number as u16;
                    let elements: &[(u8, &[u8])] = &[(1, b"0"), (3, &low.to_be_bytes())];
                    publisher.sealed(header(VP8, 1000, low, 3000), number, elements, &payload)
                },
                |mut datagram| {
                    house.now = house.now.plus(STEP);
                    house.machine.handle_datagram(house.now, 0, from, &mut datagram);
                    house.machine.release(house.now);
                    while let Some(transmit) = house.machine.poll_transmit() {
                        black_box(transmit.bytes);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
