// What happened to a participant, in order, and waiting for what is to happen.

export interface Happening {
  readonly name: string;
  /** Whom it concerns; empty if nobody in particular. */
  readonly identity: string;
  /** Kind of track, or the reason of an end. */
  readonly detail: string;
  readonly atMs: number;
}

export class Diary {
  readonly happenings: Happening[] = [];
  private readonly waiting = new Set<() => void>();

  /** Notes it; time is performance.now(). */
  note(name: string, identity = "", detail = ""): void {
    this.happenings.push({ name, identity, detail, atMs: performance.now() });
    this.changed();
  }

  /** Something that `until` waits for may have changed. */
  readonly changed = (): void => this.waiting.forEach((look) => look());

  /** Resolves once `look` returns a value; rejects with `what` after `timeoutMs`. */
  until<T>(look: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const tooLate = setTimeout(() => {
        this.waiting.delete(again);
        reject(new Error(`waited ${timeoutMs} ms for ${what}; ${this.toString()}`));
      }, timeoutMs);
      const again = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(tooLate);
        this.waiting.delete(again);
        resolve(found);
      };
      this.waiting.add(again);
      again();
    });
  }

  toString(): string {
    const lines = this.happenings.map(
      ({ name, identity, detail, atMs }) => `${atMs.toFixed(0)} ${name} ${identity} ${detail}`,
    );
    return `what happened: ${lines.join("; ") || "nothing"}`;
  }
}
