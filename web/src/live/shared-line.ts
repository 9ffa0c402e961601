import type { Line, Said, Told } from './line';

const BEAT_MS = 15_000;
/** A worker that is there answers at once; its script may take a moment to load. */
const ANSWER_MS = 5000;
/** Beats that stay without an answer from a worker that crashed. */
const UNANSWERED = 2;

/** What a tab knows of a shared worker. */
export type Shared = Pick<SharedWorker, 'port' | 'onerror'>;

/** Who is told of what comes over a line. */
export interface Listening {
  told(message: Told): void;
  /** The worker does not know this tab any more: it was silent for too long. */
  forgotten(): void;
  /** The worker is gone, or never came: `worked` tells which. */
  dead(worked: boolean): void;
}

/** A line to the worker that keeps one connection for all tabs. */
export class SharedLine implements Line {
  readonly #worker: Shared;
  readonly #listening: Listening;
  readonly #patience: ReturnType<typeof setTimeout>;
  readonly #pulse: ReturnType<typeof setInterval>;
  #unanswered = 0;
  #worked = false;
  #over = false;

  constructor(worker: Shared, user: string, listening: Listening) {
    this.#worker = worker;
    this.#listening = listening;
    worker.port.onmessage = ({ data }: MessageEvent<Told>) => {
      this.#hear(data);
    };
    worker.onerror = () => {
      this.#end();
    };
    this.#patience = setTimeout(() => {
      if (!this.#worked) this.#end();
    }, ANSWER_MS);
    this.#pulse = setInterval(() => {
      this.#beat();
    }, BEAT_MS);
    this.say({ do: 'join', user });
  }

  say(message: Said): void {
    if (!this.#over) this.#worker.port.postMessage(message);
  }

  close(): void {
    this.say({ do: 'bye' });
    this.#over = true;
    clearTimeout(this.#patience);
    clearInterval(this.#pulse);
    this.#worker.onerror = null;
    this.#worker.port.onmessage = null;
    this.#worker.port.close();
  }

  #hear(message: Told): void {
    if (this.#over) return;
    this.#worked = true;
    this.#unanswered = 0;
    if (message.say !== 'beat') this.#listening.told(message);
    else if (!message.known) this.#listening.forgotten();
  }

  #beat(): void {
    if (this.#unanswered >= UNANSWERED) {
      this.#end();
      return;
    }
    this.#unanswered += 1;
    this.say({ do: 'beat' });
  }

  #end(): void {
    if (this.#over) return;
    this.close();
    this.#listening.dead(this.#worked);
  }
}
