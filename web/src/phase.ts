// Where a visit stands, and the words for it. Pure: what is shown follows from the phase alone.

export type Phase =
  | { readonly at: "welcome"; readonly name: string }
  | { readonly at: "connecting" }
  /** Alone in the room; `left` if somebody was here before. */
  | { readonly at: "waiting"; readonly left: boolean }
  | { readonly at: "connected"; readonly names: readonly string[] }
  | { readonly at: "reconnecting" }
  | { readonly at: "over"; readonly ending: Ending };

/** Why there is no call, or none any more. */
export interface Ending {
  readonly title: string;
  readonly text: string;
  /** What the gateway said, if it said something. */
  readonly detail?: string;
  /** Label of the button that joins again; none if that would not help. */
  readonly again?: string;
}

export interface Card {
  readonly title: string;
  readonly text: string;
  readonly detail: string;
  readonly action: string;
}

/** The line that is always in sight and that screen readers announce. */
export function stateLine(phase: Phase): string {
  switch (phase.at) {
    case "welcome":
      return "Not connected";
    case "connecting":
      return "Connecting…";
    case "waiting":
      return phase.left ? "The other person has left" : "Waiting for the other person";
    case "connected":
      return `Connected with ${listOf(phase.names)}`;
    case "reconnecting":
      return "Connection interrupted, reconnecting…";
    case "over":
      return "Not connected";
  }
}

/** What stands in place of a call, undefined during one. */
export function cardOf(phase: Phase): Card | undefined {
  if (phase.at === "welcome") {
    return {
      title: phase.name ? `Welcome, ${phase.name}` : "Welcome",
      text: "Your browser will ask to use your camera and microphone once you have joined.",
      detail: "",
      action: "Join the consultation",
    };
  }
  if (phase.at !== "over") return undefined;
  const { title, text, detail = "", again = "" } = phase.ending;
  return { title, text, detail, action: again };
}

/** What stands where the other person's picture will be, empty once somebody is there. */
export function emptyStage(phase: Phase): string {
  switch (phase.at) {
    case "connecting":
      return "One moment, we are connecting you.";
    case "waiting":
      return phase.left
        ? "The other person has left. You can wait here or hang up."
        : "You are in. The other person will appear here.";
    default:
      return "";
  }
}

function listOf(names: readonly string[]): string {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(names);
}
