// One visit to a room: joins, publishes what there is to publish, and tells in which phase it is.
// Not here: what is shown (view.ts, others.ts) and why it ended in words (endings.ts).

import {
  ConnectionState,
  LocalVideoTrack,
  Room,
  RoomEvent,
  Track,
  type LocalTrack,
} from "livekit-client";
import { openDevices, problemOf, type Device } from "./devices";
import { endingOf, refusalOf, saidEnding } from "./endings";
import { follow } from "./follow";
import { nameOf } from "./others";
import type { Ending, Phase } from "./phase";
import type { Ticket } from "./ticket";

/**
 * Whether our own devices send. "starting": they are being opened, perhaps the person is asked.
 * "forbidden": the link allows to watch and listen only.
 */
export type Sending = Readonly<Record<Device, boolean>> | "starting" | "forbidden";

export interface CallListener {
  readonly onPhase: (phase: Phase) => void;
  readonly onSending: (sending: Sending) => void;
  readonly onSelf: (track: LocalVideoTrack) => void;
  readonly onProblems: (sentences: readonly string[]) => void;
  /** The browser plays sound only after a click: true while it waits for one. */
  readonly onSilenced: (silenced: boolean) => void;
}

export class Call {
  readonly room = new Room({
    adaptiveStream: false,
    dynacast: false,
    publishDefaults: { simulcast: false },
  });
  private readonly problems = new Map<Device, string>();
  private someoneWasHere = false;
  private joined = false;
  private starting = true;
  private over = false;

  constructor(private readonly listener: CallListener) {
    const { room } = this;
    const interrupted = (): void => {
      if (!this.over) listener.onPhase({ at: "reconnecting" });
    };
    follow(room, () => {
      this.tellWhoIsHere();
      this.tellSending();
    });
    room
      .on(RoomEvent.SignalReconnecting, interrupted)
      .on(RoomEvent.Reconnecting, interrupted)
      .on(RoomEvent.Disconnected, (reason) => {
        // Before the join is through, its own failure says more, and comes right after.
        const ending = this.joined ? endingOf(reason) : saidEnding(reason);
        if (ending !== undefined) this.end(ending);
      })
      .on(RoomEvent.AudioPlaybackStatusChanged, () => listener.onSilenced(!room.canPlaybackAudio));
  }

  /** Joins and publishes. Tells a phase whatever happens; never rejects. */
  async join(ticket: Ticket): Promise<void> {
    this.listener.onPhase({ at: "connecting" });
    this.listener.onSending("starting");
    try {
      // Devices are opened only for somebody who was let in.
      await this.room.connect(location.origin, ticket.token);
    } catch (error) {
      this.end(refusalOf(error, ticket, Date.now()));
      return;
    }
    this.joined = true;
    this.tellWhoIsHere();
    if (this.mayPublish) await this.publish();
    this.starting = false;
    this.tellSending();
  }

  /** Mutes or unmutes a device; opens it if it was not there. */
  async toggle(device: Device): Promise<void> {
    const own = this.room.localParticipant;
    try {
      if (device === "camera") await own.setCameraEnabled(!own.isCameraEnabled);
      else await own.setMicrophoneEnabled(!own.isMicrophoneEnabled);
      this.problems.delete(device);
    } catch (error) {
      this.problems.set(device, problemOf(device, error));
    }
    this.tellProblems();
    this.tellSending();
  }

  async hangUp(): Promise<void> {
    await this.room.disconnect();
  }

  private get mayPublish(): boolean {
    return this.room.localParticipant.permissions?.canPublish ?? false;
  }

  private async publish(): Promise<void> {
    const { tracks, problems } = await openDevices();
    problems.forEach((sentence, device) => this.problems.set(device, sentence));
    this.tellProblems();
    // The call may have ended while the browser asked for permission.
    if (this.room.state === ConnectionState.Disconnected) tracks.forEach((track) => track.stop());
    else await Promise.all(tracks.map((track) => this.send(track)));
  }

  private async send(track: LocalTrack): Promise<void> {
    if (track instanceof LocalVideoTrack && !this.over) this.listener.onSelf(track);
    try {
      await this.room.localParticipant.publishTrack(track);
    } catch {
      track.stop();
      const device = track instanceof LocalVideoTrack ? "camera" : "microphone";
      this.problems.set(device, `The ${device} is not sent. Hang up, then join again.`);
      this.tellProblems();
    }
  }

  /** The first reason counts: what follows is its echo. */
  private end(ending: Ending): void {
    if (this.over) return;
    this.over = true;
    this.listener.onPhase({ at: "over", ending });
  }

  private tellWhoIsHere(): void {
    if (this.over || this.room.state !== ConnectionState.Connected) return;
    const names = [...this.room.remoteParticipants.values()].map(nameOf);
    this.someoneWasHere ||= names.length > 0;
    this.listener.onPhase(
      names.length > 0 ? { at: "connected", names } : { at: "waiting", left: this.someoneWasHere },
    );
  }

  private tellProblems(): void {
    if (!this.over) this.listener.onProblems([...this.problems.values()]);
  }

  private tellSending(): void {
    if (this.over) return;
    const own = this.room.localParticipant;
    if (this.starting) {
      this.listener.onSending("starting");
    } else if (this.mayPublish) {
      this.listener.onSending({ microphone: own.isMicrophoneEnabled, camera: own.isCameraEnabled });
    } else {
      this.listener.onSending("forbidden");
    }
    const track = own.getTrackPublication(Track.Source.Camera)?.track;
    if (track instanceof LocalVideoTrack) this.listener.onSelf(track);
  }
}
