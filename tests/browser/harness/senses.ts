// What a page makes of what it receives: per person one sight and one hearing, which outlive the
// tracks that feed them, so that gaps between two tracks count like any other.

import { hasTone, numberOf, NUMBERS } from "./content";

/** Samples that are judged together: 85 ms at 48 kHz. */
const JUDGED_SAMPLES = 4096;
const LISTEN_EVERY_MS = 50;
/** A page that stood still did not listen: longer pauses between two looks are not silence. */
const ASLEEP_MS = 150;

interface Sighting {
  readonly number: number;
  /** performance.now() when it was shown. */
  readonly atMs: number;
  /** Pictures between this and the one before that were never shown. */
  readonly missing: number;
}

/** The pictures of one person. */
export class Sight {
  readonly sightings: Sighting[] = [];
  readonly sizes = new Set<string>();
  /** Pictures that are not ours, or damaged. */
  strange = 0;

  constructor(private readonly onChange: () => void) {}

  /** Looks at every picture that a video element shows, from now on. */
  watch(video: HTMLVideoElement): void {
    const canvas = document.createElement("canvas");
    let shownBefore = 0;
    const look: VideoFrameRequestCallback = (atMs, { presentedFrames }) => {
      const shown = shownBefore === 0 ? 1 : presentedFrames - shownBefore;
      shownBefore = presentedFrames;
      this.take(video, canvas, atMs, shown);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    document.body.append(video);
  }

  /** The longest row of pictures that were sent after `sinceMs` and never shown. */
  mostMissing(sinceMs: number): number {
    const later = this.sightings.filter(({ atMs }) => atMs > sinceMs);
    return Math.max(0, ...later.map(({ missing }) => missing));
  }

  /** `shown`: how many pictures the element showed since the last look, this one included. */
  private take(
    video: HTMLVideoElement,
    canvas: HTMLCanvasElement,
    atMs: number,
    shown: number,
  ): void {
    const { videoWidth: width, videoHeight: height } = video;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null || width === 0) return;
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
    }
    context.drawImage(video, 0, 0);
    const number = numberOf(context.getImageData(0, 0, width, height));
    if (number === undefined) {
      this.strange += 1;
    } else {
      this.note(number, atMs, shown);
      this.sizes.add(`${width}x${height}`);
    }
    this.onChange();
  }

  private note(number: number, atMs: number, shown: number): void {
    const last = this.sightings.at(-1)?.number;
    if (number === last) return;
    const step = last === undefined ? 1 : (number - last + NUMBERS) % NUMBERS;
    this.sightings.push({ number, atMs, missing: Math.max(0, step - shown) });
  }
}

/** The sound of one person. */
export class Hearing {
  /** How long it has been silent, and the longest silence since `restart`. */
  silentMs = 0;
  longestMs = 0;
  private ear: Ear | undefined;
  private lookedMs = performance.now();

  constructor(
    private readonly frequencyHz: number,
    private readonly onChange: () => void,
  ) {
    setInterval(() => this.look(), LISTEN_EVERY_MS);
  }

  /** Listens to this track, no longer to the one before. */
  listen(track: MediaStreamTrack): void {
    this.ear?.close();
    this.ear = new Ear(track);
  }

  /** Forgets the silences so far. */
  restart(): void {
    this.longestMs = this.silentMs = 0;
  }

  private look(): void {
    const nowMs = performance.now();
    const passedMs = nowMs - this.lookedMs;
    this.lookedMs = nowMs;
    if (this.ear?.hears(this.frequencyHz) ?? false) this.silentMs = 0;
    else if (passedMs < ASLEEP_MS) this.silentMs += passedMs;
    this.longestMs = Math.max(this.longestMs, this.silentMs);
    this.onChange();
  }
}

class Ear {
  private readonly audio = new AudioContext();
  private readonly analyser = new AnalyserNode(this.audio, { fftSize: JUDGED_SAMPLES });
  private readonly samples = new Float32Array(JUDGED_SAMPLES);

  constructor(track: MediaStreamTrack) {
    this.audio.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
  }

  hears(frequencyHz: number): boolean {
    this.analyser.getFloatTimeDomainData(this.samples);
    return hasTone(this.samples, this.audio.sampleRate, frequencyHz);
  }

  close(): void {
    void this.audio.close();
  }
}
