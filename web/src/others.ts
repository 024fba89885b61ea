// The pictures and sounds of the other people in a room: one tile each.

import { Track, type RemoteParticipant, type RemoteTrack, type Room } from "livekit-client";
import { follow } from "./follow";

/** Shows the others in `stage` for as long as the room lives. */
export function showOthers(room: Room, stage: HTMLElement): void {
  const tiles = new Map<string, Tile>();
  follow(room, () => {
    for (const [identity, tile] of tiles) {
      if (room.remoteParticipants.get(identity) !== tile.participant) {
        tile.remove();
        tiles.delete(identity);
      }
    }
    for (const [identity, participant] of room.remoteParticipants) {
      const tile = tiles.get(identity) ?? new Tile(participant, stage);
      tiles.set(identity, tile);
      tile.refresh();
    }
  });
}

/** The name of a person as shown to others. */
export function nameOf(participant: RemoteParticipant): string {
  return participant.name || participant.identity;
}

class Tile {
  private readonly element = document.createElement("figure");
  private readonly picture = document.createElement("div");
  private readonly initials = document.createElement("span");
  private readonly name = document.createElement("span");
  private readonly note = document.createElement("span");
  private readonly shown = new Map<RemoteTrack, HTMLMediaElement>();

  constructor(
    readonly participant: RemoteParticipant,
    stage: HTMLElement,
  ) {
    this.element.className = "tile";
    this.picture.className = "picture";
    this.initials.className = "initials";
    this.initials.ariaHidden = "true";
    this.note.className = "note";
    const caption = document.createElement("figcaption");
    caption.append(this.name, this.note);
    this.element.append(this.picture, this.initials, caption);
    stage.append(this.element);
  }

  /** Makes the tile say what is true of the participant now. */
  refresh(): void {
    const { participant } = this;
    const name = nameOf(participant);
    this.name.textContent = name;
    this.initials.textContent = initialsOf(name);
    this.note.textContent = participant.isMicrophoneEnabled ? "" : "Microphone off";
    this.element.classList.toggle("dark", !participant.isCameraEnabled);
    this.showTracks(name);
  }

  remove(): void {
    for (const track of this.shown.keys()) this.hide(track);
    this.element.remove();
  }

  private showTracks(name: string): void {
    const publications = [...this.participant.trackPublications.values()];
    const tracks = new Set(publications.flatMap(({ track }) => (track ? [track] : [])));
    for (const track of this.shown.keys()) {
      if (!tracks.has(track)) this.hide(track);
    }
    for (const track of tracks) {
      const media = this.shown.get(track) ?? track.attach();
      if (track.kind === Track.Kind.Video) media.ariaLabel = `Picture of ${name}`;
      if (!this.shown.has(track)) this.picture.append(media);
      this.shown.set(track, media);
    }
  }

  private hide(track: RemoteTrack): void {
    for (const media of track.detach()) media.remove();
    this.shown.delete(track);
  }
}

function initialsOf(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toUpperCase();
}
