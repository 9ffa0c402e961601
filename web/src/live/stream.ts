import type { Requests } from '../api/requests';
import { backoffMs } from './backoff';
import { CLOSE } from './protocol';
import { endOf, OPEN_WITHIN_MS, type End } from './transport';
import { address, endOfClose } from './websocket';

const LOOK_MS = 15_000;
/** The server says something every 30 s at the latest. */
const DEAD_AFTER_MS = 45_000;

/** How a stream stands. */
export interface StreamState {
  /** Whether messages come. */
  live: boolean;
  /** Whether they came before, and do not now. */
  lost: boolean;
}

/** Who is told of a stream. */
export interface StreamReader {
  state(state: StreamState): void;
  /** One message, a JSON object. */
  message(message: object): void;
  /** What was followed does not exist any more; nothing is told from then on. */
  gone(): void;
}

/** A WebSocket that tells of one thing; it is opened again and again until it is closed. */
export class Stream {
  state: StreamState = { live: false, lost: false };
  readonly #requests: Requests;
  readonly #path: string;
  readonly #reader: StreamReader & { signedOut(): void };
  readonly #pulse: ReturnType<typeof setInterval>;
  /** Counts the attempts: what comes of an older one has no say. */
  #attempt = 0;
  #failedTries = 0;
  #aliveAt = 0;
  #isWaiting = false;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(requests: Requests, path: string, reader: StreamReader & { signedOut(): void }) {
    this.#requests = requests;
    this.#path = path;
    this.#reader = reader;
    this.#pulse = setInterval(() => {
      this.#beat();
    }, LOOK_MS);
    void this.#connect();
  }

  /** Tries at once if it waits, whatever the back-off says. */
  retry(): void {
    if (!this.#isWaiting) return;
    this.#drop();
    this.#failedTries = 0;
    void this.#connect();
  }

  close(): void {
    clearInterval(this.#pulse);
    this.#drop();
  }

  #drop(): void {
    this.#attempt += 1;
    this.#isWaiting = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#isWaiting = false;
    this.#timer = setTimeout(() => {
      this.#ended(attempt, { reason: 'unreachable' });
    }, OPEN_WITHIN_MS);
    try {
      const ticket = await this.#requests.ticket();
      if (attempt === this.#attempt) this.#open(attempt, ticket);
    } catch (error) {
      this.#ended(attempt, endOf(error));
    }
  }

  #open(attempt: number, ticket: string): void {
    const socket = new WebSocket(address(this.#path, ticket));
    this.#socket = socket;
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (attempt === this.#attempt) this.#read(data);
    };
    socket.onclose = ({ code }) => {
      if (code === CLOSE.GONE) this.#end(attempt);
      else this.#ended(attempt, endOfClose(code, true));
    };
  }

  /** A server that is over its limits opens as well: only what it says shows that it works. */
  #read(text: string): void {
    this.#aliveAt = Date.now();
    this.#failedTries = 0;
    clearTimeout(this.#timer);
    this.#say({ live: true, lost: false });
    this.#reader.message(JSON.parse(text) as object);
  }

  #end(attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.close();
    this.#say({ live: false, lost: false });
    this.#reader.gone();
  }

  #ended(attempt: number, { reason, retryAfterMs }: End): void {
    if (attempt !== this.#attempt) return;
    const isTurnedAway = reason === 'turned-away';
    this.#drop();
    this.#isWaiting = true;
    this.#say({ live: false, lost: (this.state.lost || this.state.live) && !isTurnedAway });
    if (isTurnedAway) return;
    if (reason === 'signed-out') this.#reader.signedOut();
    const wait = Math.max(backoffMs(this.#failedTries, Math.random()), retryAfterMs ?? 0);
    this.#failedTries += 1;
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  #say(state: StreamState): void {
    if (state.live === this.state.live && state.lost === this.state.lost) return;
    this.state = state;
    this.#reader.state(state);
  }

  #beat(): void {
    const isSilent = this.state.live && Date.now() - this.#aliveAt > DEAD_AFTER_MS;
    if (isSilent) this.#ended(this.#attempt, { reason: 'unreachable' });
  }
}
