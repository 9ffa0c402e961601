export type TransportKind = 'ws' | 'sse' | 'poll';

/** From the best transport to the one that gets through anything. */
const RUNGS: readonly TransportKind[] = ['ws', 'sse', 'poll'];
const FAILURES_PER_RUNG = 2;
const FIRST_CLIMB_MS = 15_000;
const LONGEST_CLIMB_MS = 600_000;

/**
 * Why a connection ended: `unreachable` says nothing about the transport (the server is down or
 * the network is), `blocked` means that the server answers but this transport does not get through.
 */
export type Failure = 'unreachable' | 'blocked';

/** Decides which transport to use next; a forced one is never left. */
export class Ladder {
  readonly #forced: TransportKind | null;
  #rung = 0;
  #blocked = 0;
  #climbMs = FIRST_CLIMB_MS;

  constructor(forced: TransportKind | null = null) {
    this.#forced = forced;
  }

  get current(): TransportKind {
    return this.#forced ?? RUNGS[this.#rung] ?? 'poll';
  }

  /** How long to stay on a lower rung before trying a better one; null on the best. */
  get climbAfterMs(): number | null {
    return this.#forced || this.#rung === 0 ? null : this.#climbMs;
  }

  /** Frames arrive: what failed before is forgiven. */
  worked(): void {
    this.#blocked = 0;
    if (this.#rung === 0) this.#climbMs = FIRST_CLIMB_MS;
  }

  failed(failure: Failure): void {
    if (failure === 'unreachable') return;
    this.#blocked += 1;
    if (this.#blocked < FAILURES_PER_RUNG) return;
    this.#blocked = 0;
    this.#rung = (this.#rung + 1) % RUNGS.length;
  }

  /** Goes back to the best transport, with one failure enough to leave it again. */
  climb(): void {
    this.#rung = 0;
    this.#blocked = FAILURES_PER_RUNG - 1;
    this.#climbMs = Math.min(this.#climbMs * 2, LONGEST_CLIMB_MS);
  }
}

export function transportOf(text: string | null): TransportKind | null {
  return RUNGS.find((kind) => kind === text) ?? null;
}
