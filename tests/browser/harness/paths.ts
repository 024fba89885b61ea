// Watches every peer connection of the page from outside the client library: when its path came up,
// whether it receives. Importing this file replaces RTCPeerConnection; import it first.

export interface Path {
  readonly connection: RTCPeerConnection;
  /** performance.now() when ICE and DTLS were up, undefined before. */
  connectedMs: number | undefined;
  /** Whether the other side has offered tracks. */
  receives: boolean;
}

export const paths: Path[] = [];
const RECEPTION_EVERY_MS = 50;

class WatchedPeerConnection extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    const path: Path = { connection: this, connectedMs: undefined, receives: false };
    paths.push(path);
    this.addEventListener("connectionstatechange", () => {
      if (this.connectionState === "connected") path.connectedMs ??= performance.now();
    });
    this.addEventListener("track", () => (path.receives = true));
  }
}

globalThis.RTCPeerConnection = WatchedPeerConnection;

/** The path that brings what others send; undefined before a track was offered on it. */
export function receivingPath(): Path | undefined {
  return paths.findLast((path) => path.receives && path.connection.connectionState !== "closed");
}

/** Round trip of that path in ms as ICE measures it, undefined if it does not know yet. */
export async function roundTripMs({ connection }: Path): Promise<number | undefined> {
  for (const one of (await connection.getStats()).values()) {
    if (one.type === "candidate-pair" && one.nominated) return one.currentRoundTripTime * 1000;
  }
  return undefined;
}

/** For how long nothing was received on any connection; counts while the page is awake. */
export class Reception {
  longestMs = 0;
  private silentMs = 0;
  private packets = 0;
  private lookedMs = performance.now();

  constructor() {
    setInterval(() => void this.look(), RECEPTION_EVERY_MS);
  }

  /** Forgets the gaps so far. */
  restart(): void {
    this.longestMs = this.silentMs = 0;
  }

  private async look(): Promise<void> {
    const packets = await receivedPackets();
    const nowMs = performance.now();
    const passedMs = nowMs - this.lookedMs;
    this.lookedMs = nowMs;
    if (packets !== this.packets) this.silentMs = 0;
    else if (passedMs < 3 * RECEPTION_EVERY_MS) this.silentMs += passedMs;
    this.packets = packets;
    this.longestMs = Math.max(this.longestMs, this.silentMs);
  }
}

/** RTP packets received so far by connections that are open. */
async function receivedPackets(): Promise<number> {
  let packets = 0;
  for (const { connection } of paths) {
    if (connection.connectionState === "closed") continue;
    for (const one of (await connection.getStats()).values()) {
      if (one.type === "inbound-rtp") packets += one.packetsReceived;
    }
  }
  return packets;
}

/** The video encodings that leave this page, of all its connections. */
export async function sentVideo(): Promise<{ width: number; height: number; frames: number }[]> {
  const sent = [];
  for (const { connection } of paths) {
    if (connection.connectionState === "closed") continue;
    for (const one of (await connection.getStats()).values()) {
      if (one.type !== "outbound-rtp" || one.kind !== "video" || !one.framesSent) continue;
      sent.push({ width: one.frameWidth, height: one.frameHeight, frames: one.framesSent });
    }
  }
  return sent;
}
