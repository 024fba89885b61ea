// What is on the page, and nothing else: phases and devices in, clicks out.

import type { LocalVideoTrack } from "livekit-client";
import type { Sending } from "./call";
import type { Device } from "./devices";
import { cardOf, emptyStage, stateLine, type Phase } from "./phase";

export interface Clicks {
  readonly join: () => void;
  readonly toggle: (device: Device) => void;
  readonly hangUp: () => void;
  readonly sound: () => void;
}

export class View {
  readonly others = find("others");
  private readonly self = find("self") as HTMLVideoElement;
  private readonly title = document.title;

  constructor(clicks: Clicks) {
    find("card-action").addEventListener("click", clicks.join);
    find("microphone").addEventListener("click", () => clicks.toggle("microphone"));
    find("camera").addEventListener("click", () => clicks.toggle("camera"));
    find("hang-up").addEventListener("click", clicks.hangUp);
    find("sound").addEventListener("click", clicks.sound);
  }

  /** Shows where the visit stands. */
  readonly showPhase = (phase: Phase): void => {
    const before = document.body.dataset["phase"];
    document.body.dataset["phase"] = phase.at;
    const line = stateLine(phase);
    find("state").textContent = line;
    document.title = phase.at === "welcome" ? this.title : `${line} · ${this.title}`;
    find("nobody").textContent = emptyStage(phase);
    const card = cardOf(phase);
    find("card").hidden = card === undefined;
    find("call").hidden = card !== undefined;
    if (card !== undefined) {
      find("card-title").textContent = card.title;
      find("card-text").textContent = card.text;
      find("card-detail").textContent = card.detail;
      find("card-action").textContent = card.action;
      find("card-action").hidden = card.action === "";
    }
    this.moveFocus(before, phase);
  };

  /** Shows what our own devices do, on the buttons that change it. */
  readonly showSending = (sending: Sending): void => {
    const forbidden = sending === "forbidden";
    const { microphone, camera } = forbidden ? { microphone: false, camera: false } : sending;
    showControl("microphone", microphone, microphone ? "Mute" : "Unmute", forbidden);
    showControl("camera", camera, camera ? "Stop camera" : "Start camera", forbidden);
    this.self.hidden = !camera;
    find("self-caption").textContent = forbidden
      ? "You watch and listen only"
      : selfCaption(microphone, camera);
  };

  /** Shows our own picture, mirrored as people know it. */
  readonly showSelf = (track: LocalVideoTrack | undefined): void => {
    if (track === undefined) this.self.srcObject = null;
    else if (!track.attachedElements.includes(this.self)) track.attach(this.self);
  };

  /** Shows sentences that the person should act on; an empty list takes them away. */
  readonly showProblems = (sentences: readonly string[]): void => {
    find("notices").replaceChildren(...sentences.map(paragraph));
  };

  readonly showSilenced = (silenced: boolean): void => {
    find("sound").hidden = !silenced;
  };

  /** Keyboard and screen reader follow when card and call take turns. */
  private moveFocus(before: string | undefined, phase: Phase): void {
    if (phase.at === "over") find("card-title").focus();
    else if (phase.at === "connecting" && before !== "connecting") find("microphone").focus();
  }
}

function selfCaption(microphone: boolean, camera: boolean): string {
  if (camera) return microphone ? "You" : "You, muted";
  return microphone ? "Your camera is off" : "Your camera and microphone are off";
}

function showControl(device: Device, on: boolean, label: string, forbidden: boolean): void {
  const button = find(device) as HTMLButtonElement;
  button.disabled = forbidden;
  button.classList.toggle("off", !on);
  const text = button.querySelector("span");
  const use = button.querySelector("use");
  if (text !== null) text.textContent = label;
  use?.setAttribute("href", `#symbol-${device}${on ? "" : "-off"}`);
}

function paragraph(sentence: string): HTMLElement {
  const element = document.createElement("p");
  element.textContent = sentence;
  return element;
}

/** An element that index.html has. */
function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element "${id}"`);
  return element;
}
