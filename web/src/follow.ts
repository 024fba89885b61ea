// Whenever something in a room may have changed. What a page shows follows from the room as it
// stands, not from the events that led there: an event that never comes costs a second, not a call.
//
// They do not always come: livekit-client 2.23.0 declares a room reconnected up to 2 s before its
// engine agrees, and keeps what happens between the two in a buffer that nothing empties.

import { RoomEvent, type Room } from "livekit-client";

const LOOK_EVERY_MS = 1_000;

const CHANGES = [
  RoomEvent.Connected,
  RoomEvent.Reconnected,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
] as const;

/** Calls `look` after every change, until the room is left; then once more. */
export function follow(room: Room, look: () => void): void {
  for (const change of CHANGES) room.on(change, look);
  const timer = setInterval(look, LOOK_EVERY_MS);
  room.on(RoomEvent.Disconnected, () => {
    clearInterval(timer);
    look();
  });
}
