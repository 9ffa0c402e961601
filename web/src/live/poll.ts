import type { Requests } from '../api/requests';
import { asFrame } from './protocol';
import type { Subscriptions } from './subscriptions';
import { endOf, streamPath, type Receiver, type Transport } from './transport';

const EVERY_MS = 1000;

interface Answer {
  frames: unknown[];
  cursor: string;
}

/** Asks again and again: the way that works through anything that lets a request through. */
class Polling implements Transport {
  readonly kind = 'poll';
  readonly #api: Requests;
  readonly #subscriptions: Subscriptions;
  readonly #receiver: Receiver;
  readonly #stop = new AbortController();
  /** Counts the sets of subscriptions: an answer for an older one has no say. */
  #set = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: Requests, subscriptions: Subscriptions, receiver: Receiver) {
    this.#api = api;
    this.#subscriptions = subscriptions;
    this.#receiver = receiver;
    this.#next(0);
  }

  subscribe(): void {
    this.#changed();
  }

  unsubscribe(): void {
    this.#changed();
  }

  ping(): void {
    // Every answer is a sign of life.
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  /** A cursor belongs to one set of subscriptions; the others know where they were left. */
  #changed(): void {
    this.#subscriptions.positions.poll = null;
    this.#set += 1;
    this.#next(0);
  }

  #next(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#ask(), afterMs);
  }

  async #ask(): Promise<void> {
    const subscriptions = this.#subscriptions.resume();
    if (subscriptions.length > 0 && !(await this.#fetch(subscriptions))) return;
    this.#next(EVERY_MS);
  }

  async #fetch(subscriptions: ReturnType<Subscriptions['resume']>): Promise<boolean> {
    const cursor = this.#subscriptions.positions.poll;
    const set = this.#set;
    try {
      const path = streamPath(
        this.#api.doors.poll,
        cursor ? subscriptions.map(withoutSince) : subscriptions,
        cursor ? { cursor } : {},
      );
      const answer = await this.#api.get<Answer>(path, this.#stop.signal);
      this.#accept(answer, set);
      return true;
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.close();
        this.#receiver.ended(endOf(error));
      }
      return false;
    }
  }

  #accept(answer: Answer, set: number): void {
    if (this.#stop.signal.aborted) return;
    this.#receiver.opened();
    this.#receiver.alive();
    for (const raw of answer.frames) {
      const frame = asFrame(raw);
      if (frame) this.#receiver.frame(frame);
    }
    if (this.#set === set) this.#subscriptions.positions.poll = answer.cursor;
  }
}

/** The address of one set of subscriptions stays the same while a cursor counts. */
function withoutSince<T extends { since?: string }>(subscription: T): T {
  return { ...subscription, since: undefined };
}

export function openPolling(
  api: Requests,
  subscriptions: Subscriptions,
  receiver: Receiver,
): Transport {
  return new Polling(api, subscriptions, receiver);
}
