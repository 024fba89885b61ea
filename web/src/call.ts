// One visit to a room: joins, publishes what there is to publish, and tells in which phase it is.
// Not here: what is shown (view.ts, others.ts) and why it ended in words (endings.ts).

import { Room, RoomEvent, Track, type LocalVideoTrack } from "livekit-client";
import { openDevices, problemOf, type Device } from "./devices";
import { endingOf, refusalOf } from "./endings";
import { nameOf } from "./others";
import type { Phase } from "./phase";
import type { Ticket } from "./ticket";

/** Whether our own devices send. "forbidden": the link allows to watch and listen only. */
export type Sending = Readonly<Record<Device, boolean>> | "forbidden";

export interface CallListener {
  readonly onPhase: (phase: Phase) => void;
  readonly onSending: (sending: Sending) => void;
  readonly onSelf: (track: LocalVideoTrack | undefined) => void;
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
  private someoneWasHere = false;

  constructor(private readonly listener: CallListener) {
    const { room } = this;
    const recount = (): void => this.tellWhoIsHere();
    const interrupted = (): void => listener.onPhase({ at: "reconnecting" });
    const sending = (): void => this.tellSending();
    room
      .on(RoomEvent.ParticipantConnected, recount)
      .on(RoomEvent.ParticipantDisconnected, recount)
      .on(RoomEvent.Reconnected, recount)
      .on(RoomEvent.SignalReconnecting, interrupted)
      .on(RoomEvent.Reconnecting, interrupted)
      .on(RoomEvent.TrackMuted, sending)
      .on(RoomEvent.TrackUnmuted, sending)
      .on(RoomEvent.LocalTrackPublished, sending)
      .on(RoomEvent.LocalTrackUnpublished, sending)
      .on(RoomEvent.ParticipantPermissionsChanged, sending)
      .on(RoomEvent.AudioPlaybackStatusChanged, () => listener.onSilenced(!room.canPlaybackAudio));
  }

  /** Joins and publishes. Tells a phase whatever happens; never rejects. */
  async join(ticket: Ticket): Promise<void> {
    this.listener.onPhase({ at: "connecting" });
    try {
      // Devices are opened only for somebody who was let in.
      await this.room.connect(location.origin, ticket.token);
    } catch (error) {
      const ending = refusalOf(error, ticket, Date.now());
      this.listener.onPhase({ at: "over", ending });
      return;
    }
    this.room.on(RoomEvent.Disconnected, (reason) => {
      this.listener.onPhase({ at: "over", ending: endingOf(reason) });
    });
    this.tellWhoIsHere();
    this.tellSending();
    if (this.mayPublish) await this.publish();
  }

  /** Mutes or unmutes a device; opens it if it was not there. */
  async toggle(device: Device): Promise<void> {
    const own = this.room.localParticipant;
    try {
      if (device === "camera") await own.setCameraEnabled(!own.isCameraEnabled);
      else await own.setMicrophoneEnabled(!own.isMicrophoneEnabled);
      this.listener.onProblems([]);
    } catch (error) {
      this.listener.onProblems([problemOf(device, error)]);
    }
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
    this.listener.onProblems(problems);
    const own = this.room.localParticipant;
    for (const track of tracks) {
      if (track.kind === Track.Kind.Video) this.listener.onSelf(track as LocalVideoTrack);
      // The call may have ended while the browser asked for permission.
      if (this.room.state === "disconnected") track.stop();
      else await own.publishTrack(track).catch((error: unknown) => this.failed(error));
    }
  }

  private failed(error: unknown): void {
    console.warn("publishing failed", error);
    this.listener.onProblems(["Your sound or picture could not be sent. Hang up and join again."]);
  }

  private tellWhoIsHere(): void {
    const names = [...this.room.remoteParticipants.values()].map(nameOf);
    this.someoneWasHere ||= names.length > 0;
    this.listener.onPhase(
      names.length > 0 ? { at: "connected", names } : { at: "waiting", left: this.someoneWasHere },
    );
  }

  private tellSending(): void {
    const own = this.room.localParticipant;
    if (this.mayPublish) {
      this.listener.onSending({ microphone: own.isMicrophoneEnabled, camera: own.isCameraEnabled });
    } else {
      this.listener.onSending("forbidden");
    }
    const track = own.getTrackPublication(Track.Source.Camera)?.videoTrack;
    if (track !== undefined) this.listener.onSelf(track as LocalVideoTrack);
  }
}
