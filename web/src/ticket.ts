// The token that a link carries after "#", and what it says. The part after "#" never reaches a
// server; the page keeps it nowhere. Nothing is verified here: that is the gateway's affair.

export interface Ticket {
  readonly token: string;
  /** Who joins, as others will see it; empty if the token has neither name nor identity. */
  readonly name: string;
  /** Seconds since 1970, undefined if the token does not say. */
  readonly expiresS: number | undefined;
}

/** Reads "#token=..."; undefined if there is no token or it is no JWT. */
export function ticketOf(fragment: string): Ticket | undefined {
  const token = new URLSearchParams(fragment.replace(/^#/, "")).get("token") ?? "";
  const claims = claimsOf(token);
  if (claims === undefined) return undefined;
  const name = textOf(claims["name"]) || textOf(claims["sub"]);
  const expires = claims["exp"];
  return { token, name, expiresS: typeof expires === "number" ? expires : undefined };
}

/** Whether this device's clock says that the token has expired. */
export function isPast(ticket: Ticket, nowMs: number): boolean {
  return ticket.expiresS !== undefined && ticket.expiresS * 1000 < nowMs;
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  const [, payload] = token.split(".");
  if (payload === undefined) return undefined;
  try {
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (one) => one.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null
      ? (claims as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
