// The pictures and sounds of the other people: one tile each. Follows the events of a room.

import {
  RoomEvent,
  Track,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  type Room,
} from "livekit-client";

interface Tile {
  readonly element: HTMLElement;
  readonly picture: HTMLElement;
  readonly note: HTMLElement;
}

/** Shows the others in `stage` for as long as the room lives. */
export function showOthers(room: Room, stage: HTMLElement): void {
  const tiles = new Map<string, Tile>();

  const tileOf = (participant: RemoteParticipant): Tile => {
    const found = tiles.get(participant.sid);
    if (found !== undefined) return found;
    const tile = makeTile(nameOf(participant));
    tiles.set(participant.sid, tile);
    stage.append(tile.element);
    return tile;
  };

  const refresh = (participant: RemoteParticipant): void => {
    const { element, note } = tileOf(participant);
    element.classList.toggle("dark", !participant.isCameraEnabled);
    note.textContent = participant.isMicrophoneEnabled ? "" : "Microphone off";
  };

  const attach = (
    track: RemoteTrack,
    _publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ): void => {
    const media = track.attach();
    if (track.kind === Track.Kind.Video) media.ariaLabel = `Picture of ${nameOf(participant)}`;
    tileOf(participant).picture.append(media);
    refresh(participant);
  };

  const detach = (
    track: RemoteTrack,
    _publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ): void => {
    for (const media of track.detach()) media.remove();
    if (tiles.has(participant.sid)) refresh(participant);
  };

  const leave = (participant: RemoteParticipant): void => {
    tiles.get(participant.sid)?.element.remove();
    tiles.delete(participant.sid);
  };

  const refreshAll = (): void => room.remoteParticipants.forEach(refresh);

  room
    .on(RoomEvent.ParticipantConnected, refresh)
    .on(RoomEvent.ParticipantDisconnected, leave)
    .on(RoomEvent.TrackSubscribed, attach)
    .on(RoomEvent.TrackUnsubscribed, detach)
    .on(RoomEvent.TrackPublished, refreshAll)
    .on(RoomEvent.TrackUnpublished, refreshAll)
    .on(RoomEvent.TrackMuted, refreshAll)
    .on(RoomEvent.TrackUnmuted, refreshAll)
    .on(RoomEvent.Connected, refreshAll)
    .on(RoomEvent.Disconnected, () => {
      stage.replaceChildren();
      tiles.clear();
    });
}

/** The name of a person as shown to others. */
export function nameOf(participant: RemoteParticipant): string {
  return participant.name || participant.identity;
}

function makeTile(name: string): Tile {
  const element = document.createElement("figure");
  element.className = "tile dark";
  const picture = document.createElement("div");
  picture.className = "picture";
  const initials = document.createElement("span");
  initials.className = "initials";
  initials.ariaHidden = "true";
  initials.textContent = initialsOf(name);
  const caption = document.createElement("figcaption");
  const note = document.createElement("span");
  note.className = "note";
  caption.append(name, note);
  element.append(picture, initials, caption);
  return { element, picture, note };
}

function initialsOf(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters.map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase();
}
