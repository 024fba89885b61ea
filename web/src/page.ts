// The trial page: a link lets one person into one consultation. Puts ticket, call and view together.

import "./page.css";
import { Call } from "./call";
import { NO_TICKET } from "./endings";
import { showOthers } from "./others";
import { ticketOf } from "./ticket";
import { View } from "./view";

let call: Call | undefined;

const view = new View({
  join: () => void join(),
  toggle: (device) => void call?.toggle(device),
  hangUp: () => void call?.hangUp(),
  sound: () => void call?.room.startAudio(),
});

/** Every visit is a call of its own: what the last one left behind does not matter. */
async function join(): Promise<void> {
  const ticket = ticketOf(location.hash);
  if (ticket === undefined) {
    view.showPhase({ at: "over", ending: NO_TICKET });
    return;
  }
  await call?.hangUp();
  view.clear();
  call = new Call({
    onPhase: view.showPhase,
    onSending: view.showSending,
    onSelf: view.showSelf,
    onProblems: view.showProblems,
    onSilenced: view.showSilenced,
  });
  showOthers(call.room, view.others);
  await call.join(ticket);
}

function welcome(): void {
  const ticket = ticketOf(location.hash);
  view.showPhase(
    ticket === undefined
      ? { at: "over", ending: NO_TICKET }
      : { at: "welcome", name: ticket.name },
  );
}

// Another link pasted into the same window is another visit.
addEventListener("hashchange", () => location.reload());
welcome();
