// What a page makes of what it receives: an eye per video track, an ear per audio track.

import { hasTone, numberOf } from "./content";

/** Samples that are judged together: 85 ms at 48 kHz. */
const JUDGED_SAMPLES = 4096;
const LISTEN_EVERY_MS = 50;

/** Looks at every picture that a video element shows. */
export class Eye {
  /** Numbers read, each once in a row, and the sizes they came in. */
  readonly numbers: number[] = [];
  readonly sizes = new Set<string>();
  /** Pictures that are not ours, or damaged. */
  strange = 0;
  /** performance.now() when the first picture of ours was shown. */
  firstMs: number | undefined;
  private readonly canvas = document.createElement("canvas");

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onChange: () => void,
  ) {
    document.body.append(video);
    this.wait();
  }

  private wait(): void {
    this.video.requestVideoFrameCallback((nowMs) => {
      this.look(nowMs);
      this.wait();
    });
  }

  private look(nowMs: number): void {
    const { videoWidth: width, videoHeight: height } = this.video;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (context === null || width === 0) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
    }
    context.drawImage(this.video, 0, 0);
    const number = numberOf(context.getImageData(0, 0, width, height));
    if (number === undefined) {
      this.strange += 1;
    } else if (number !== this.numbers.at(-1)) {
      this.firstMs ??= nowMs;
      this.numbers.push(number);
      this.sizes.add(`${width}x${height}`);
    }
    this.onChange();
  }
}

/** Listens to a received audio track. */
export class Ear {
  private readonly audio = new AudioContext();
  private readonly analyser = new AnalyserNode(this.audio, { fftSize: JUDGED_SAMPLES });
  private readonly samples = new Float32Array(JUDGED_SAMPLES);

  constructor(
    track: MediaStreamTrack,
    private readonly onChange: () => void,
  ) {
    this.audio.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
    setInterval(() => this.onChange(), LISTEN_EVERY_MS);
  }

  /** Whether what was heard last is a sine of that frequency. */
  hears(frequencyHz: number): boolean {
    this.analyser.getFloatTimeDomainData(this.samples);
    return hasTone(this.samples, this.audio.sampleRate, frequencyHz);
  }
}
