import type { Api } from '../api/client';
import { backoffMs } from './backoff';
import { CLOSE } from './protocol';
import { endOf, OPEN_WITHIN_MS, type End } from './transport';
import { address, endOfClose } from './websocket';

const LOOK_MS = 15_000;
/** The server says something every 30 s at the latest. */
const DEAD_AFTER_MS = 45_000;

/** Who reads what a WebSocket of its own tells. */
export interface Follower {
  /** It works: what came before is to be asked for. */
  begin(): void;
  /** One message, a JSON object. */
  message(message: object): void;
  /** What was followed does not exist any more. */
  gone(): void;
}

/** Calls back when the server may be there again, until the returned function is called. */
export type WhenBack = (back: () => void) => () => void;

/** A WebSocket that tells of one thing; it is opened again and again, and only while somebody looks. */
export class Following {
  /** Whether messages come. */
  live = $state(false);
  /** Whether they came before, and do not now. */
  lost = $state(false);

  readonly #api: Api;
  readonly #path: string;
  readonly #follower: Follower;
  readonly #whenBack: WhenBack;
  /** Counts the attempts: what comes of an older one has no say. */
  #attempt = 0;
  #failedTries = 0;
  #aliveAt = 0;
  #isGone = false;
  #isWaiting = false;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;

  constructor(api: Api, whenBack: WhenBack, path: string, follower: Follower) {
    this.#api = api;
    this.#whenBack = whenBack;
    this.#path = path;
    this.#follower = follower;
  }

  /** Follows until the returned function is called. */
  start(): () => void {
    document.addEventListener('visibilitychange', this.#look);
    this.#pulse = setInterval(() => {
      this.#beat();
    }, LOOK_MS);
    const stopHearing = this.#whenBack(() => {
      if (this.#isWaiting) this.#look();
    });
    this.#look();
    return () => {
      stopHearing();
      document.removeEventListener('visibilitychange', this.#look);
      clearInterval(this.#pulse);
      this.#drop();
    };
  }

  readonly #look = (): void => {
    this.#drop();
    if (document.hidden || this.#isGone) return;
    this.#failedTries = 0;
    void this.#connect();
  };

  #drop(): void {
    this.#attempt += 1;
    this.#isWaiting = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    this.live = false;
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#isWaiting = false;
    this.#timer = setTimeout(() => {
      this.#ended(attempt, { reason: 'unreachable' });
    }, OPEN_WITHIN_MS);
    try {
      const ticket = await this.#api.ticket();
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
    if (!this.live) {
      this.live = true;
      this.lost = false;
      this.#follower.begin();
    }
    this.#follower.message(JSON.parse(text) as object);
  }

  #end(attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.#drop();
    this.#isGone = true;
    this.lost = false;
    this.#follower.gone();
  }

  #ended(attempt: number, { reason, retryAfterMs }: End): void {
    if (attempt !== this.#attempt) return;
    const isTurnedAway = reason === 'turned-away';
    this.lost = (this.lost || this.live) && !isTurnedAway;
    this.#drop();
    this.#isWaiting = true;
    if (isTurnedAway) return;
    if (reason === 'signed-out') void this.#api.recheck().catch(() => undefined);
    const wait = Math.max(backoffMs(this.#failedTries, Math.random()), retryAfterMs ?? 0);
    this.#failedTries += 1;
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  #beat(): void {
    const isSilent = this.live && Date.now() - this.#aliveAt > DEAD_AFTER_MS;
    if (isSilent) this.#ended(this.#attempt, { reason: 'unreachable' });
  }
}
