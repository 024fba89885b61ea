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
    say("state", line);
    say("nobody", emptyStage(phase));
    const card = cardOf(phase);
    document.title = `${card?.title ?? line} · ${this.title}`;
    find("card").hidden = card === undefined;
    find("call").hidden = card !== undefined;
    if (card !== undefined) {
      say("card-title", card.title);
      say("card-text", card.text);
      say("card-detail", card.detail);
      say("card-action", card.action);
      find("card-action").hidden = card.action === "";
    }
    this.moveFocus(before, phase);
  };

  /** Shows what our own devices do, on the buttons that change it. */
  readonly showSending = (sending: Sending): void => {
    const fixed = typeof sending === "string";
    // While devices start, the buttons show what they will be.
    const on = sending === "starting";
    const { microphone, camera } = fixed ? { microphone: on, camera: on } : sending;
    showControl("microphone", microphone, microphone ? "Mute" : "Unmute", fixed);
    showControl("camera", camera, camera ? "Stop camera" : "Start camera", fixed);
    this.self.hidden = !camera;
    say("self-caption", selfCaption(sending));
  };

  /** Nothing of an earlier call is left on the page. */
  readonly clear = (): void => {
    this.self.srcObject = null;
    this.showProblems([]);
    this.showSilenced(false);
  };

  /** Shows our own picture, mirrored as people know it. */
  readonly showSelf = (track: LocalVideoTrack): void => {
    if (!track.attachedElements.includes(this.self)) track.attach(this.self);
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
    else if (phase.at === "connecting" && before !== "connecting") find("call").focus();
  }
}

function selfCaption(sending: Sending): string {
  if (sending === "starting") return "Starting camera and microphone…";
  if (sending === "forbidden") return "You watch and listen only";
  const { microphone, camera } = sending;
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

/** Writes only what is new: a screen reader would say the same sentence again. */
function say(id: string, text: string): void {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}

/** An element that index.html has. */
function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element "${id}"`);
  return element;
}
