import type { Requests } from '../api/requests';
import { EventStreamParser } from './event-stream';
import { parseFrame } from './protocol';
import type { Subscriptions } from './subscriptions';
import {
  endOf,
  OPEN_WITHIN_MS,
  streamPath,
  type End,
  type Receiver,
  type Transport,
} from './transport';

/** Widgets come and go together: wait for all of them before the stream is opened again. */
const SETTLE_MS = 50;

async function read(
  body: ReadableStream<Uint8Array>,
  receiver: Receiver,
  positions: Subscriptions['positions'],
): Promise<void> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  const parser = new EventStreamParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    receiver.alive();
    for (const event of parser.feed(value)) {
      const frame = parseFrame(event.data);
      if (frame) receiver.frame(frame);
      positions.sse = event.id ?? positions.sse;
    }
  }
}

/** Server-Sent Events over fetch, which shows the status of a refusal and needs no ticket. */
class EventStream implements Transport {
  readonly kind = 'sse';
  readonly #api: Requests;
  readonly #subscriptions: Subscriptions;
  readonly #receiver: Receiver;
  #request = new AbortController();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #worked = false;
  #over = false;

  constructor(api: Requests, subscriptions: Subscriptions, receiver: Receiver) {
    this.#api = api;
    this.#subscriptions = subscriptions;
    this.#receiver = {
      ...receiver,
      alive: () => {
        this.#worked = true;
        receiver.alive();
      },
      frame: (frame) => {
        receiver.frame(frame);
      },
    };
    this.#reopen();
  }

  subscribe(): void {
    this.#changed();
  }

  unsubscribe(): void {
    this.#changed();
  }

  ping(): void {
    // One way only: the server's comments tell that it is alive.
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#settling);
    this.#request.abort();
  }

  /** An event id belongs to one set of subscriptions. */
  #changed(): void {
    this.#subscriptions.positions.sse = null;
    this.#reopen();
  }

  #reopen(): void {
    clearTimeout(this.#settling);
    if (this.#over) return;
    this.#settling = setTimeout(() => {
      this.#request.abort();
      this.#request = new AbortController();
      void this.#run(this.#request);
    }, SETTLE_MS);
  }

  async #run(request: AbortController): Promise<void> {
    const patience = setTimeout(() => {
      this.#end({ reason: 'blocked' });
    }, OPEN_WITHIN_MS);
    try {
      const path = streamPath(this.#api.doors.stream, this.#subscriptions.resume());
      const headers = new Headers({ accept: 'text/event-stream' });
      const { positions } = this.#subscriptions;
      if (positions.sse !== null) headers.set('last-event-id', positions.sse);
      const response = await this.#api.fetch(path, { headers, signal: request.signal });
      clearTimeout(patience);
      this.#receiver.opened();
      if (response.body) await read(response.body, this.#receiver, positions);
      if (!request.signal.aborted) this.#end(this.#lost());
    } catch (error) {
      clearTimeout(patience);
      if (!request.signal.aborted) this.#end(this.#worked ? this.#lost() : endOf(error));
    }
  }

  #lost(): End {
    return { reason: this.#worked ? 'unreachable' : 'blocked' };
  }

  #end(end: End): void {
    if (this.#over) return;
    this.close();
    this.#receiver.ended(end);
  }
}

export function openEventStream(
  api: Requests,
  subscriptions: Subscriptions,
  receiver: Receiver,
): Transport {
  return new EventStream(api, subscriptions, receiver);
}
