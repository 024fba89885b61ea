// What a page sends: a moving picture that carries its number, and a tone.

import { HEIGHT, paint, WIDTH } from "./content";

const EVERY_MS = 50;

/** A video track of numbered pictures, 20 a second, from now on. */
export function pictureTrack(): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no 2d canvas");
  let number = 0;
  let dueMs = 0;
  // Only what is rendered is captured: a number painted between two renderings would never leave.
  const draw = (nowMs: number): void => {
    if (nowMs >= dueMs) {
      paint(context, number++);
      dueMs = Math.max(dueMs + EVERY_MS, nowMs);
    }
    requestAnimationFrame(draw);
  };
  draw(performance.now());
  return only(canvas.captureStream().getVideoTracks());
}

/** An audio track with a sine of that frequency, from now on. */
export function toneTrack(frequencyHz: number): MediaStreamTrack {
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: frequencyHz });
  const volume = new GainNode(audio, { gain: 0.3 });
  const out = audio.createMediaStreamDestination();
  tone.connect(volume).connect(out);
  tone.start();
  return only(out.stream.getAudioTracks());
}

function only(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const [track] = tracks;
  if (track === undefined) throw new Error("the browser made no track");
  return track;
}
