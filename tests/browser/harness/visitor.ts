// One participant of a room: livekit-client as it is, driven by a test, telling what it saw and heard.

import {
  ConnectionError,
  ConnectionErrorReason,
  DefaultReconnectPolicy,
  DisconnectReason,
  Room,
  RoomEvent,
  Track,
  type LocalTrackPublication,
  type RemoteParticipant,
  type RemoteTrack,
  type RoomOptions,
  type TrackPublishOptions,
} from "livekit-client";
import { Diary, type Happening } from "./diary";
import { Reception, receivingPath, roundTripMs, sentVideo } from "./paths";
import { Hearing, Sight } from "./senses";
import { pictureTrack, toneTrack } from "./sources";

type Kind = "audio" | "video";

const LOOK_EVERY_MS = 50;
const MANY_RETRIES = 1000;

export interface Joined {
  /** Empty when the join succeeded, else the client's name for why not. */
  readonly refusal: string;
  readonly status: number;
  readonly message: string;
  readonly tookMs: number;
}

export interface Seen {
  readonly numbers: number[];
  readonly sizes: string[];
  readonly strange: number;
}

export interface Gaps {
  readonly pictures: number;
  readonly silenceMs: number;
  readonly receptionMs: number;
}

export interface FirstPicture {
  readonly afterPathMs: number;
  readonly roundTripMs: number;
}

export class Visitor {
  private readonly diary = new Diary();
  private readonly sights = new Map<string, Sight>();
  private readonly hearings = new Map<string, Hearing>();
  private readonly published = new Map<Kind, LocalTrackPublication>();
  private readonly attended = new WeakSet<RemoteTrack>();
  private room = new Room();
  private readonly reception = new Reception();
  private countingSinceMs = 0;

  /** `tonesHz`: the tone that each identity sends, if it sends one. */
  constructor(private readonly tonesHz: Readonly<Record<string, number>>) {}

  /**
   * Joins. Never rejects: a refusal is an answer. `retryMs`: a client that lost the gateway tries
   * again so often, give or take half of it, in place of its own policy.
   */
  async join(
    url: string,
    token: string,
    options: RoomOptions,
    retryMs: number | null,
  ): Promise<Joined> {
    const retries = new Array<number>(MANY_RETRIES).fill(retryMs ?? 0);
    const policy = { reconnectPolicy: new DefaultReconnectPolicy(retries) };
    this.room = new Room(retryMs === null ? options : { ...options, ...policy });
    this.follow(this.room);
    const beganMs = performance.now();
    let error: unknown;
    await this.room.connect(url, token).catch((thrown: unknown) => (error = thrown));
    const tookMs = performance.now() - beganMs;
    if (error === undefined) return { refusal: "", status: 0, message: "", tookMs };
    if (!(error instanceof ConnectionError)) throw error;
    return {
      refusal: ConnectionErrorReason[error.reason] ?? error.reasonName,
      status: error.status ?? 0,
      message: error.message,
      tookMs,
    };
  }

  /** Publishes a tone and a numbered moving picture as microphone and camera. */
  async publish(frequencyHz: number, video: TrackPublishOptions): Promise<void> {
    const own = this.room.localParticipant;
    const tone = toneTrack(frequencyHz);
    const picture = pictureTrack();
    const [audio, moving] = await Promise.all([
      own.publishTrack(tone, { source: Track.Source.Microphone }),
      own.publishTrack(picture, { source: Track.Source.Camera, ...video }),
    ]);
    this.published.set("audio", audio).set("video", moving);
  }

  async mute(kind: Kind, muted: boolean): Promise<void> {
    await (muted ? this.own(kind).mute() : this.own(kind).unmute());
  }

  async unpublish(kind: Kind): Promise<void> {
    const track = this.own(kind).track;
    if (track !== undefined) await this.room.localParticipant.unpublishTrack(track);
    this.published.delete(kind);
  }

  async subscribe(identity: string, kind: Kind, wanted: boolean): Promise<void> {
    const participant = this.room.remoteParticipants.get(identity);
    for (const one of participant?.trackPublications.values() ?? []) {
      if (one.kind === kind) one.setSubscribed(wanted);
    }
  }

  async leave(): Promise<void> {
    await this.room.disconnect();
  }

  /** Until it happened (again: `count` times since the page was opened). */
  happened(name: string, identity: string, count: number, timeoutMs: number): Promise<Happening> {
    const matching = (): Happening | undefined =>
      this.diary.happenings.filter((one) => one.name === name && one.identity === identity)[
        count - 1
      ];
    return this.diary.until(matching, `${name} of "${identity}", ${count} times`, timeoutMs);
  }

  /** Until that many further pictures of somebody were shown, each with a number of its own. */
  async seen(identity: string, count: number, timeoutMs: number): Promise<Seen> {
    const { sightings, sizes, strange } = this.sightOf(identity);
    const from = sightings.length;
    const look = (): number[] | undefined => {
      const further = sightings.slice(from).map(({ number }) => number);
      return further.length < count ? undefined : further;
    };
    const numbers = await this.diary.until(look, `${count} pictures of "${identity}"`, timeoutMs);
    return { numbers, sizes: [...sizes], strange };
  }

  /** Until the tone of somebody is heard. */
  async heard(identity: string, timeoutMs: number): Promise<void> {
    const hearing = this.hearingOf(identity);
    const look = (): true | undefined => (hearing.silentMs === 0 ? true : undefined);
    await this.diary.until(look, `the tone of "${identity}"`, timeoutMs);
  }

  /** Until the tone of somebody is not heard any more. */
  async fellSilent(identity: string, timeoutMs: number): Promise<void> {
    const hearing = this.hearingOf(identity);
    const look = (): true | undefined => (hearing.silentMs > 0 ? true : undefined);
    await this.diary.until(look, `silence of "${identity}"`, timeoutMs);
  }

  /** From now on gaps in what comes from somebody are counted for `gaps`. */
  countGaps(identity: string): void {
    this.hearingOf(identity).restart();
    this.reception.restart();
    this.countingSinceMs = performance.now();
  }

  /**
   * The longest gaps since `countGaps`: pictures in a row that were never shown, silence, and time
   * in which no packet at all came from anybody.
   */
  gaps(identity: string): Gaps {
    return {
      pictures: this.sightOf(identity).mostMissing(this.countingSinceMs),
      silenceMs: this.hearingOf(identity).longestMs,
      receptionMs: this.reception.longestMs,
    };
  }

  /** How long the first picture of somebody took once the path for it was up. */
  async firstPicture(identity: string, timeoutMs: number): Promise<FirstPicture> {
    const { sightings } = this.sightOf(identity);
    const first = await this.diary.until(() => sightings[0], "the first picture", timeoutMs);
    const path = receivingPath();
    if (path?.connectedMs === undefined) throw new Error("a picture came without a path");
    return {
      afterPathMs: first.atMs - path.connectedMs,
      roundTripMs: (await roundTripMs(path)) ?? 0,
    };
  }

  /** The video encodings that leave this page. */
  sentVideo(): ReturnType<typeof sentVideo> {
    return sentVideo();
  }

  /** Everything that happened, for the message of a test that failed. */
  story(): string {
    return this.diary.toString();
  }

  private sightOf(identity: string): Sight {
    const found = this.sights.get(identity) ?? new Sight(this.diary.changed);
    this.sights.set(identity, found);
    return found;
  }

  private hearingOf(identity: string): Hearing {
    const toneHz = this.tonesHz[identity] ?? 0;
    const found = this.hearings.get(identity) ?? new Hearing(toneHz, this.diary.changed);
    this.hearings.set(identity, found);
    return found;
  }

  private own(kind: Kind): LocalTrackPublication {
    const publication = this.published.get(kind);
    if (publication === undefined) throw new Error(`no ${kind} is published`);
    return publication;
  }

  private follow(room: Room): void {
    const { diary } = this;
    room
      .on(RoomEvent.ParticipantConnected, (one) => diary.note("joined", one.identity))
      .on(RoomEvent.ParticipantDisconnected, (one) => diary.note("left", one.identity))
      .on(RoomEvent.TrackSubscribed, () => this.attendAll(room))
      .on(RoomEvent.TrackUnsubscribed, (track, _, one) => this.forget(track, one))
      .on(RoomEvent.TrackUnpublished, (it, one) => diary.note("unpublished", one.identity, it.kind))
      .on(RoomEvent.TrackMuted, (it, one) => diary.note(`${it.kind} muted`, one.identity))
      .on(RoomEvent.TrackUnmuted, (it, one) => diary.note(`${it.kind} unmuted`, one.identity))
      .on(RoomEvent.Reconnecting, () => diary.note("reconnecting"))
      .on(RoomEvent.Reconnected, () => diary.note("reconnected"))
      .on(RoomEvent.Disconnected, (reason) =>
        diary.note("disconnected", "", DisconnectReason[reason ?? 0]),
      );
    // After a full reconnect the client may keep events to itself, see web/src/follow.ts.
    setInterval(() => this.attendAll(room), LOOK_EVERY_MS);
  }

  private attendAll(room: Room): void {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.trackPublications.values()) {
        if (track !== undefined) this.attend(track, participant);
      }
    }
  }

  private attend(track: RemoteTrack, { identity }: RemoteParticipant): void {
    if (this.attended.has(track)) return;
    this.attended.add(track);
    const element = track.attach();
    if (element instanceof HTMLVideoElement) this.sightOf(identity).watch(element);
    else this.hearingOf(identity).listen(track.mediaStreamTrack);
    this.diary.note(`${track.kind} subscribed`, identity);
  }

  private forget(track: RemoteTrack, { identity }: RemoteParticipant): void {
    for (const element of track.detach()) element.remove();
    this.diary.note(`${track.kind} unsubscribed`, identity);
  }
}
