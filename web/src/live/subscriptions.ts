import type { DataFrame, Frame, Subscribe, Wanted } from './protocol';

interface Position {
  epoch: string;
  sequence: number;
}

interface Subscription {
  wanted: Wanted;
  last: string | null;
}

function position(frame: string): Position {
  const dash = frame.lastIndexOf('-');
  return { epoch: frame.slice(0, dash), sequence: Number(frame.slice(dash + 1)) };
}

/** Whether `frame` was seen already by a reader whose last frame is `last`. */
function seen(frame: string, last: string | null): boolean {
  if (last === null) return false;
  const now = position(frame);
  const before = position(last);
  return now.epoch === before.epoch && now.sequence <= before.sequence;
}

function ask(id: string, { wanted, last }: Subscription): Subscribe {
  return { type: 'subscribe', id, ...wanted, ...(last === null ? {} : { since: last }) };
}

/**
 * What somebody is subscribed to and how far it was read, over any transport: it says what to
 * ask for after a reconnect, and lets each frame through once.
 */
export class Subscriptions {
  readonly #byId = new Map<string, Subscription>();

  /** Where each one-way transport stands in all subscriptions at once, as the server named it. */
  readonly positions: { sse: string | null; poll: string | null } = { sse: null, poll: null };

  get size(): number {
    return this.#byId.size;
  }

  /** Begins with a picture, or after the frame `since`. */
  add(id: string, wanted: Wanted, since: string | null = null): Subscribe {
    const subscription = { wanted, last: since };
    this.#byId.set(id, subscription);
    return ask(id, subscription);
  }

  wanted(id: string): Wanted | null {
    return this.#byId.get(id)?.wanted ?? null;
  }

  /** The last frame that was let through; null before the first picture. */
  position(id: string): string | null {
    return this.#byId.get(id)?.last ?? null;
  }

  remove(id: string): boolean {
    return this.#byId.delete(id);
  }

  /** One subscription as `resume` would ask for it; null if it is not there any more. */
  resumeOne(id: string): Subscribe | null {
    const subscription = this.#byId.get(id);
    return subscription ? ask(id, subscription) : null;
  }

  /** Everything to ask for on a new connection, each from where it was left. */
  resume(): Subscribe[] {
    return [...this.#byId].map(([id, subscription]) => ask(id, subscription));
  }

  /** Reads everything anew: the next connection starts with snapshots. */
  forget(): void {
    for (const subscription of this.#byId.values()) subscription.last = null;
    this.positions.sse = null;
    this.positions.poll = null;
  }

  /** Takes note of a frame; true if it is news for a reader that is still there. */
  admit(frame: Frame): boolean {
    if (frame.type === 'reset') return this.#forget(frame.id);
    if (frame.type !== 'snapshot' && frame.type !== 'metrics_update') return true;
    return this.#advance(frame);
  }

  #forget(id: string): boolean {
    const subscription = this.#byId.get(id);
    if (subscription) subscription.last = null;
    return subscription !== undefined;
  }

  #advance(frame: DataFrame): boolean {
    const subscription = this.#byId.get(frame.id);
    if (!subscription) return false;
    // What was on its way when a new picture was asked for is in that picture.
    if (frame.type === 'metrics_update' && subscription.last === null) return false;
    // A snapshot stands at the position of the last frame before it, which may be known already.
    if (frame.type === 'metrics_update' && seen(frame.frame, subscription.last)) return false;
    subscription.last = frame.frame;
    return true;
  }
}
