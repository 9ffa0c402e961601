import type { Requests } from '../api/requests';
import type { Told } from './line';
import { Stream } from './stream';

/** A tab that follows streams. */
interface Tab {
  readonly tell: (message: Told) => void;
}

/** One stream and who reads it. */
interface Followed {
  stream: Stream;
  readers: { tab: Tab; id: string }[];
}

/** Shares streams among tabs: what several of them follow is opened once, and told to each. */
export class Streams {
  readonly #requests: Requests;
  readonly #signedOut: () => void;
  readonly #byPath = new Map<string, Followed>();

  constructor(requests: Requests, signedOut: () => void) {
    this.#requests = requests;
    this.#signedOut = signedOut;
  }

  follow(tab: Tab, id: string, path: string): void {
    this.unfollow(tab, id);
    const known = this.#byPath.get(path);
    if (!known) {
      this.#open(path, { tab, id });
      return;
    }
    known.readers.push({ tab, id });
    const { state } = known.stream;
    if (state.live || state.lost) tab.tell({ say: 'stream', id, state });
    // Whoever comes anew may have what the server wanted to be different.
    known.stream.retry();
  }

  unfollow(tab: Tab, id: string): void {
    this.#forget((reader) => reader.tab === tab && reader.id === id);
  }

  /** Nothing is to be told to a tab any more. */
  part(tab: Tab): void {
    this.#forget((reader) => reader.tab === tab);
  }

  /** The server may be there again. */
  retry(): void {
    for (const { stream } of this.#byPath.values()) stream.retry();
  }

  close(): void {
    this.#forget(() => true);
  }

  #open(path: string, first: Followed['readers'][number]): void {
    const readers = [first];
    const tell = (message: (id: string) => Told): void => {
      for (const { tab, id } of followed.readers) tab.tell(message(id));
    };
    const stream = new Stream(this.#requests, path, {
      state: (state) => {
        tell((id) => ({ say: 'stream', id, state }));
      },
      message: (message) => {
        tell((id) => ({ say: 'message', id, message }));
      },
      gone: () => {
        this.#byPath.delete(path);
        tell((id) => ({ say: 'gone', id }));
      },
      signedOut: this.#signedOut,
    });
    const followed: Followed = { stream, readers };
    this.#byPath.set(path, followed);
  }

  #forget(leaves: (reader: Followed['readers'][number]) => boolean): void {
    for (const [path, followed] of this.#byPath) {
      followed.readers = followed.readers.filter((reader) => !leaves(reader));
      if (followed.readers.length > 0) continue;
      followed.stream.close();
      this.#byPath.delete(path);
    }
  }
}
