// What a page sends and how it recognises it: the layout of gateway/probe/content.py, so that a page
// and the probe can check each other. 4 by 4 black or white cells over the left half, 12 bits of
// number and 4 bits of check, most significant first; a grey bar that moves on the right half.

export const WIDTH = 640;
export const HEIGHT = 360;
export const NUMBERS = 1 << 12;
/** Share of the energy of a block that must lie at the tone's frequency. */
const TONE_SHARE = 0.6;
/** Below this mean square a block is silence. */
const SILENCE = 1e-5;

/** Paints the picture of that number (modulo 4096) over a canvas of WIDTH by HEIGHT. */
export function paint(canvas: CanvasRenderingContext2D, number: number): void {
  canvas.fillStyle = "#303030";
  canvas.fillRect(0, 0, WIDTH, HEIGHT);
  const code = withCheck(number % NUMBERS);
  for (let cell = 0; cell < 16; cell++) {
    canvas.fillStyle = (code >> (15 - cell)) & 1 ? "#ffffff" : "#000000";
    const x = (cell % 4) * (WIDTH / 8);
    canvas.fillRect(x, Math.floor(cell / 4) * (HEIGHT / 4), WIDTH / 8, HEIGHT / 4);
  }
  canvas.fillStyle = "#909090";
  canvas.fillRect(WIDTH / 2 + ((number * 8) % (WIDTH / 2 - 32)), 0, 32, HEIGHT);
}

/** The number that a picture of any size carries, undefined if it is not one of ours. */
export function numberOf({ data, width, height }: ImageData): number | undefined {
  let code = 0;
  for (let cell = 0; cell < 16; cell++) {
    const x = Math.floor(((2 * (cell % 4) + 1) * width) / 16);
    const y = Math.floor(((2 * Math.floor(cell / 4) + 1) * height) / 8);
    let sum = 0;
    for (const dy of [-2, 0, 2]) {
      for (const dx of [-2, 0, 2]) sum += data[4 * ((y + dy) * width + x + dx) + 1] ?? 0;
    }
    code = (code << 1) | (sum > 9 * 128 ? 1 : 0);
  }
  const number = code >> 4;
  return withCheck(number) === code ? number : undefined;
}

/** Whether most of the energy of these samples (-1..1) lies at that frequency (Goertzel). */
export function hasTone(samples: Float32Array, rateHz: number, frequencyHz: number): boolean {
  const turn = 2 * Math.cos((2 * Math.PI * frequencyHz) / rateHz);
  let [energy, before, last] = [0, 0, 0];
  for (const value of samples) {
    energy += value * value;
    [before, last] = [last, value + turn * last - before];
  }
  if (energy / samples.length < SILENCE) return false;
  const power = before * before + last * last - turn * before * last;
  return (2 * power) / samples.length > TONE_SHARE * energy;
}

function withCheck(number: number): number {
  const digits = (number >> 8) + ((number >> 4) & 15) + (number & 15);
  return (number << 4) | ((digits + 5) % 16);
}
