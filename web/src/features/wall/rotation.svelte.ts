import type { Widget } from '../../panels/widget';

/** A dashboard on the wall. */
export interface Board {
  id: string;
  name: string;
  widgets: readonly Widget[];
}

/** So long before it is shown, the next one is loaded behind the one that is. */
const AHEAD_MS = 6000;
/** What cannot be loaded now may be there at its next turn. */
const AGAIN_MS = 5000;
const LOOK_MS = 60_000;
const NO_STARS = 'Nothing has a star yet. What gets one hangs here within a minute.';

/** Shows dashboards one after the other; each is there before the one before it goes. */
export class Rotation {
  /** What is shown; null until the first is loaded. */
  shown = $state.raw<Board | null>(null);
  /** What is shown next, and is drawn already. */
  next = $state.raw<Board | null>(null);
  problem = $state('');
  readonly #ids: () => readonly string[];
  readonly #everyMs: number;
  readonly #load: (id: string) => Promise<Board>;
  #at = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  /**
   * @param ids Which, in their order; asked for at each turn, since they may change.
   * @param everyMs How long each is shown.
   * @param load Asks for one.
   */
  constructor(ids: () => readonly string[], everyMs: number, load: (id: string) => Promise<Board>) {
    this.#ids = ids;
    this.#everyMs = everyMs;
    this.#load = load;
  }

  /** Goes on until the returned function is called. */
  start(): () => void {
    void this.#first();
    return () => {
      this.#over = true;
      clearTimeout(this.#timer);
    };
  }

  async #first(): Promise<void> {
    const board = await this.#get();
    if (this.#over) return;
    this.shown = board;
    if (!board) this.#in(AGAIN_MS, () => this.#first());
    else this.#goOn();
  }

  #goOn(): void {
    if (this.#ids().length > 1) this.#in(this.#everyMs - AHEAD_MS, () => this.#prepare());
    else this.#in(LOOK_MS, () => this.#lookAgain());
  }

  /** Others may change what hangs there alone; if it is gone, what was there stays. */
  async #lookAgain(): Promise<void> {
    const board = await this.#get();
    if (this.#over) return;
    this.shown = board ?? this.shown;
    this.#goOn();
  }

  async #prepare(): Promise<void> {
    this.#at += 1;
    const board = await this.#get();
    if (this.#over) return;
    this.next = board;
    if (board) this.#in(AHEAD_MS, () => this.#turn());
    else this.#in(AGAIN_MS, () => this.#prepare());
  }

  #turn(): Promise<void> {
    this.shown = this.next;
    this.next = null;
    this.#goOn();
    return Promise.resolve();
  }

  async #get(): Promise<Board | null> {
    const ids = this.#ids();
    const id = ids[this.#at % Math.max(1, ids.length)];
    try {
      // Only what is starred can be nothing at all.
      if (id === undefined) throw new Error(NO_STARS);
      const board = await this.#load(id);
      this.problem = '';
      return board;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : 'It could not be loaded.';
      return null;
    }
  }

  #in(ms: number, work: () => Promise<void>): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void work(), Math.max(0, ms));
  }
}
