// Why a call ended or never began, in words that say what to do next.

import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";
import type { Ending } from "./phase";
import { isPast, type Ticket } from "./ticket";

const AGAIN = "Join again";

export const NO_TICKET: Ending = {
  title: "This link is incomplete",
  text: "The part after “#token=” is missing or damaged. Open the link from your invitation again, or ask for a new one.",
};

const EXPIRED: Ending = {
  title: "This link has expired",
  text: "Please ask for a new link to your consultation.",
};

const REFUSED: Ending = {
  title: "This link does not let you in",
  text: "Please ask for a new link to your consultation.",
};

const UNREACHABLE: Ending = {
  title: "No connection to the consultation",
  text: "Check that this device is online, then try again.",
  again: "Try again",
};

const LOST: Ending = {
  title: "The connection was lost",
  text: "Check that this device is online, then join again.",
  again: AGAIN,
};

const BY_REASON: Partial<Record<DisconnectReason, Ending>> = {
  [DisconnectReason.CLIENT_INITIATED]: {
    title: "You have left the consultation",
    text: "You can close this page.",
    again: AGAIN,
  },
  [DisconnectReason.DUPLICATE_IDENTITY]: {
    title: "Opened in another place",
    text: "Your consultation goes on in another window or on another device. Join again to move it here.",
    again: "Move it here",
  },
  [DisconnectReason.SERVER_SHUTDOWN]: {
    title: "The service was stopped",
    text: "Please try again in a few minutes.",
    again: AGAIN,
  },
  [DisconnectReason.PARTICIPANT_REMOVED]: {
    title: "You were removed from the consultation",
    text: "If you did not expect this, contact the person who invited you.",
  },
  [DisconnectReason.ROOM_DELETED]: {
    title: "The consultation has ended",
    text: "You can close this page.",
  },
};

/** Why a call ended, if the gateway or the person said so. */
export function saidEnding(reason: DisconnectReason | undefined): Ending | undefined {
  return reason === undefined ? undefined : BY_REASON[reason];
}

/** Why a call that stood has ended. */
export function endingOf(reason: DisconnectReason | undefined): Ending {
  return saidEnding(reason) ?? LOST;
}

/** Why a join did not succeed. `nowMs` tells an expired link from another refused one. */
export function refusalOf(error: unknown, ticket: Ticket, nowMs: number): Ending {
  if (!(error instanceof ConnectionError)) return UNREACHABLE;
  switch (error.reason) {
    case ConnectionErrorReason.NotAllowed:
      return { ...(isPast(ticket, nowMs) ? EXPIRED : REFUSED), detail: wordsOf(error) };
    case ConnectionErrorReason.LeaveRequest:
      return endingOf(undefined);
    case ConnectionErrorReason.Cancelled:
      return endingOf(DisconnectReason.CLIENT_INITIATED);
    default:
      return UNREACHABLE;
  }
}

/** The gateway's own sentence, without what the client library puts before it. */
function wordsOf(error: ConnectionError): string {
  return error.message.replace(/^could not establish signal connection: /, "").trim();
}
