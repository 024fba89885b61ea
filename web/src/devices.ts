// Camera and microphone: opened together, and apart when that fails, so that one missing device
// does not take the other with it. What went wrong is told in sentences.

import { createLocalTracks, MediaDeviceFailure, type LocalTrack } from "livekit-client";

export type Device = "microphone" | "camera";

export interface Opened {
  readonly tracks: readonly LocalTrack[];
  /** A sentence about each device that is not there. */
  readonly problems: ReadonlyMap<Device, string>;
}

const NOT_SECURE =
  "Camera and microphone work only on pages opened over https or on this computer itself.";

/** Opens both if it can. Never rejects. */
export async function openDevices(): Promise<Opened> {
  if (navigator.mediaDevices === undefined) {
    return { tracks: [], problems: new Map([["camera", NOT_SECURE]]) };
  }
  try {
    return { tracks: await createLocalTracks({ audio: true, video: true }), problems: new Map() };
  } catch {
    return await openApart();
  }
}

/** Why a device cannot be used, and what to do next. */
export function problemOf(device: Device, error: unknown): string {
  const retry = device === "camera" ? "“Start camera”" : "“Unmute”";
  const lack = device === "camera" ? "Others cannot see you." : "Others cannot hear you.";
  switch (MediaDeviceFailure.getFailure(error)) {
    case MediaDeviceFailure.PermissionDenied:
      return `The browser does not let this page use the ${device}. ${lack} Allow it beside the address of the page, then press ${retry}.`;
    case MediaDeviceFailure.NotFound:
      return `No ${device} was found. ${lack} Connect one, then press ${retry}.`;
    case MediaDeviceFailure.DeviceInUse:
      return `The ${device} is in use by another program. ${lack} Close that program, then press ${retry}.`;
    default:
      return `The ${device} could not be started. ${lack} Press ${retry} to try again.`;
  }
}

async function openApart(): Promise<Opened> {
  const tracks: LocalTrack[] = [];
  const problems = new Map<Device, string>();
  for (const device of ["microphone", "camera"] as const) {
    const isAudio = device === "microphone";
    try {
      tracks.push(...(await createLocalTracks({ audio: isAudio, video: !isAudio })));
    } catch (error) {
      problems.set(device, problemOf(device, error));
    }
  }
  return { tracks, problems };
}
