//! What one packet costs to open and to seal, in each profile: a voice packet (100 bytes of
//! payload) and a video packet (1200).
//!
//! Every seal and open is of a new index of one source, as on the packet path.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datapath_core::srtp::{Inbound, Keys, Outbound, Profile};

const HEADER_BYTES: usize = 12;
const PAYLOAD_BYTES: [usize; 2] = [100, 1200];

fn keys(profile: Profile) -> Keys {
    Keys::from_exported(profile, &vec![7; profile.exported_bytes()])
        .expect("as long as the profile wants")
}

fn number(packet: &mut [u8], index: u64) {
    packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
}

fn packet(profile: Profile, payload_bytes: usize) -> Vec<u8> {
    let mut packet = vec![0x5a; HEADER_BYTES + payload_bytes + profile.tag_bytes()];
    packet[..2].copy_from_slice(&[0x80, 96]);
    packet
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for (profile, bytes) in cases() {
        let mut outbound = Outbound::new(&keys(profile).server);
        let (mut packet, mut index) = (packet(profile, bytes), 0);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new(format!("{profile:?}"), bytes), |bencher| {
            bencher.iter(|| {
                index += 1;
                number(&mut packet, index);
                outbound.seal_rtp(black_box(&mut packet), HEADER_BYTES, index)
            });
        });
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for (profile, bytes) in cases() {
        let keys = keys(profile);
        let mut outbound = Outbound::new(&keys.client);
        let mut inbound = Inbound::new(&keys.client);
        let plain = packet(profile, bytes);
        let mut index = 0;
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new(format!("{profile:?}"), bytes), |bencher| {
            bencher.iter_batched_ref(
                || {
                    index += 1;
                    let mut packet = plain.clone();
                    number(&mut packet, index);
                    outbound.seal_rtp(&mut packet, HEADER_BYTES, index).expect("a new index");
                    packet
                },
                |packet| inbound.open_rtp(black_box(packet), HEADER_BYTES).is_ok(),
                BatchSize::SmallInput,
            );
        });
    }
}

fn cases() -> impl Iterator<Item = (Profile, usize)> {
    Profile::ALL.into_iter().flat_map(|profile| PAYLOAD_BYTES.map(|bytes| (profile, bytes)))
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
