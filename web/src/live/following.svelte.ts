import type { StreamReader, StreamState } from './stream';

/** Who reads what a stream of its own tells. */
export interface Follower {
  /** It works: what came before is to be asked for. */
  begin(): void;
  /** One message, a JSON object. */
  message(message: object): void;
  /** What was followed does not exist any more. */
  gone(): void;
}

/** Opens the stream at a path, or joins those who have it, until the returned function is called. */
export type Follow = (path: string, reader: StreamReader) => () => void;

/** A stream that tells of one thing, followed only while somebody looks. */
export class Following {
  /** Whether messages come. */
  live = $state(false);
  /** Whether they came before, and do not now. */
  lost = $state(false);

  readonly #follow: Follow;
  readonly #path: string;
  readonly #follower: Follower;
  #isGone = false;
  #stop: (() => void) | null = null;

  constructor(follow: Follow, path: string, follower: Follower) {
    this.#follow = follow;
    this.#path = path;
    this.#follower = follower;
  }

  /** Follows until the returned function is called. */
  start(): () => void {
    document.addEventListener('visibilitychange', this.#look);
    this.#look();
    return () => {
      document.removeEventListener('visibilitychange', this.#look);
      this.#leave();
    };
  }

  readonly #look = (): void => {
    this.#leave();
    if (document.hidden || this.#isGone) return;
    this.#stop = this.#follow(this.#path, {
      state: (state) => {
        this.#note(state);
      },
      message: (message) => {
        this.#follower.message(message);
      },
      gone: () => {
        this.#end();
      },
    });
  };

  #leave(): void {
    this.#stop?.();
    this.#stop = null;
    this.live = false;
  }

  #note({ live, lost }: StreamState): void {
    const begins = live && !this.live;
    this.live = live;
    this.lost = lost;
    if (begins) this.#follower.begin();
  }

  #end(): void {
    this.#leave();
    this.#isGone = true;
    this.lost = false;
    this.#follower.gone();
  }
}
