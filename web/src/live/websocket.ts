import type { Requests } from '../api/requests';
import { CLOSE, parseFrame, type Subscribe } from './protocol';
import type { Subscriptions } from './subscriptions';
import { endOf, OPEN_WITHIN_MS, type End, type Receiver, type Transport } from './transport';

const OVER_CAPACITY_MS = 10_000;

/** Where a WebSocket of this server is, for whom the ticket is. */
export function address(path: string, ticket: string): string {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('ticket', ticket);
  return url.href;
}

/** Reads how the server closed a WebSocket; `worked` tells that it had said something before. */
export function endOfClose(code: number, worked: boolean): End {
  if (code === CLOSE.SIGNED_OUT) return { reason: 'signed-out' };
  if (code === CLOSE.ASKED_TOO_MUCH) return { reason: 'turned-away' };
  if (code === CLOSE.RESTARTING) return { reason: 'unreachable' };
  if (code === CLOSE.OVER_CAPACITY) {
    return { reason: 'unreachable', retryAfterMs: OVER_CAPACITY_MS };
  }
  return { reason: worked ? 'unreachable' : 'blocked' };
}

/** One WebSocket, opened with a fresh ticket, that carries every subscription of the tab. */
class Socket implements Transport {
  readonly kind = 'ws';
  readonly #subscriptions: Subscriptions;
  readonly #receiver: Receiver;
  readonly #patience: ReturnType<typeof setTimeout>;
  #socket: WebSocket | null = null;
  #asked = false;
  #worked = false;
  #over = false;

  constructor(api: Requests, subscriptions: Subscriptions, receiver: Receiver) {
    this.#subscriptions = subscriptions;
    this.#receiver = receiver;
    this.#patience = setTimeout(() => {
      this.#end({ reason: this.#socket ? 'blocked' : 'unreachable' });
    }, OPEN_WITHIN_MS);
    api.ticket().then(
      (ticket) => {
        this.#connect(address(api.doors.socket, ticket));
      },
      (error: unknown) => {
        this.#end(endOf(error));
      },
    );
  }

  subscribe(message: Subscribe): void {
    this.#send(message);
  }

  unsubscribe(id: string): void {
    this.#send({ type: 'unsubscribe', id });
  }

  ping(): void {
    this.#send({ type: 'ping' });
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#patience);
    this.#socket?.close();
  }

  #connect(url: string): void {
    if (this.#over) return;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#opened();
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      this.#read(data);
    };
    socket.onclose = ({ code }) => {
      this.#end(endOfClose(code, this.#worked));
    };
  }

  #opened(): void {
    if (this.#over) return;
    clearTimeout(this.#patience);
    this.#receiver.opened();
    this.#asked = true;
    // First, so that it is not held up by the snapshots.
    this.ping();
    for (const message of this.#subscriptions.resume()) this.#send(message);
  }

  #read(text: string): void {
    if (this.#over) return;
    this.#worked = true;
    this.#receiver.alive();
    const frame = parseFrame(text);
    if (frame) this.#receiver.frame(frame);
  }

  /** Before the subscriptions were asked for as a whole, each is still to come with them. */
  #send(message: object): void {
    if (!this.#asked || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(message));
  }

  #end(why: End): void {
    if (this.#over) return;
    this.close();
    this.#receiver.ended(why);
  }
}

export function openWebSocket(
  api: Requests,
  subscriptions: Subscriptions,
  receiver: Receiver,
): Transport {
  return new Socket(api, subscriptions, receiver);
}
