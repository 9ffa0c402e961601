import { Requests, Unreachable } from '../api/requests';

/** A tab that is frozen does not answer. */
const ANSWER_MS = 5000;

/** Requests with the token of the tabs, who alone can renew it. */
export class SharedRequests extends Requests {
  readonly #ask: (stale: string | null) => void;
  readonly #waiting = new Set<() => void>();

  /** `ask` asks some tab for another token than `stale`; it comes by `accept`. */
  constructor(ask: (stale: string | null) => void) {
    super();
    this.#ask = ask;
  }

  accept(token: string | null): void {
    if (token === null || token === this.held) return;
    this.held = token;
    for (const done of this.#waiting) done();
  }

  protected override renew(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(patience);
        this.#waiting.delete(done);
        resolve(true);
      };
      const patience = setTimeout(() => {
        this.#waiting.delete(done);
        reject(new Unreachable());
      }, ANSWER_MS);
      this.#waiting.add(done);
      this.#ask(this.held);
    });
  }

  protected override end(): void {
    // The tabs find out by themselves, and leave.
  }
}
