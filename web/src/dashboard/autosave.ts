import { backoffMs } from '../live/backoff';
import { same, type Content } from './content';
import { merge, type Conflict } from './merge';

/** A dashboard as the server has it. */
export interface Saved {
  content: Content;
  version: number;
}

/** How an attempt to save ended. */
export type Outcome =
  | { kind: 'saved'; saved: Saved }
  /** Somebody else changed it meanwhile: this is what they made of it. */
  | { kind: 'stale'; theirs: Saved }
  /** No answer, or one that another attempt may better. */
  | { kind: 'later'; reason: string; afterMs: number | null }
  /** The server will not have it, however often it is asked. */
  | { kind: 'refused'; reason: string };

export interface Store {
  save(content: Content, version: number): Promise<Outcome>;
}

export type SaveState = 'saved' | 'changed' | 'saving' | 'waiting' | 'conflict' | 'refused';

export interface Told {
  state(state: SaveState, reason: string): void;
  /** Others' changes came in: `base` is what both sides began with. */
  merged(base: Content, theirs: Content, conflicts: readonly Conflict[]): void;
}

/** After the last of a row of changes. */
export const PAUSE_MS = 800;

/** Saves a document a moment after each change, until the server has it; loses nothing of others. */
export class Autosave {
  #saved: Saved;
  readonly #store: Store;
  readonly #current: () => Content;
  readonly #told: Told;
  #state: SaveState = 'saved';
  #failedTries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param saved What the server has.
   * @param store Where it is saved.
   * @param current What is to be saved, whenever that is asked.
   * @param told Who is told how it goes.
   */
  constructor(saved: Saved, store: Store, current: () => Content, told: Told) {
    this.#saved = saved;
    this.#store = store;
    this.#current = current;
    this.#told = told;
  }

  get version(): number {
    return this.#saved.version;
  }

  /** The document is another one. */
  changed(): void {
    if (this.#state === 'saving' || this.#state === 'conflict') return;
    if (this.#state === 'waiting') return;
    this.#failedTries = 0;
    this.#tell('changed');
    this.#in(PAUSE_MS);
  }

  /** Saves now what waits for a moment without changes, or for another try. */
  flush(): void {
    if (this.#state === 'changed' || this.#state === 'waiting') void this.#save();
  }

  /** All conflicts are decided. */
  decided(): void {
    if (this.#state === 'conflict') void this.#save();
  }

  /** The server told of another version. */
  heard(theirs: Saved): void {
    if (this.#state !== 'saved' || theirs.version <= this.#saved.version) return;
    this.#merge(theirs);
  }

  async #save(): Promise<void> {
    clearTimeout(this.#timer);
    const content = this.#current();
    if (same(content, this.#saved.content)) {
      this.#tell('saved');
      return;
    }
    this.#tell('saving');
    this.#ended(await this.#store.save(content, this.#saved.version));
  }

  #ended(outcome: Outcome): void {
    switch (outcome.kind) {
      case 'saved':
        this.#saved = outcome.saved;
        this.#failedTries = 0;
        void this.#save();
        break;
      case 'stale':
        this.#merge(outcome.theirs);
        break;
      case 'later':
        this.#failedTries += 1;
        this.#tell('waiting', outcome.reason);
        this.#in(Math.max(backoffMs(this.#failedTries, Math.random()), outcome.afterMs ?? 0));
        break;
      case 'refused':
        this.#tell('refused', outcome.reason);
    }
  }

  #merge(theirs: Saved): void {
    const base = this.#saved.content;
    const { conflicts } = merge(base, this.#current(), theirs.content);
    this.#saved = theirs;
    this.#told.merged(base, theirs.content, conflicts);
    if (conflicts.length > 0) this.#tell('conflict');
    else void this.#save();
  }

  #in(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(), ms);
  }

  #tell(state: SaveState, reason = ''): void {
    this.#state = state;
    this.#told.state(state, reason);
  }
}
