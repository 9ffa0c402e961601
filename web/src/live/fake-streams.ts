import type { Requests } from '../api/requests';
import type { Follow } from './following.svelte';
import type { StreamReader } from './stream';
import { Streams } from './streams';

/** The streams of one tab, as tests follow them. */
export class FakeStreams {
  signedOut = 0;
  readonly #readers = new Map<string, StreamReader>();
  readonly #streams: Streams;
  #names = 0;

  constructor(requests: Requests) {
    this.#streams = new Streams(requests, () => (this.signedOut += 1));
  }

  readonly follow: Follow = (path, reader) => {
    const id = String((this.#names += 1));
    this.#readers.set(id, reader);
    this.#streams.follow(this, id, path);
    return () => {
      this.#streams.unfollow(this, id);
    };
  };

  /** The server may be back. */
  retry(): void {
    this.#streams.retry();
  }

  tell: Parameters<Streams['follow']>[0]['tell'] = (told) => {
    if (told.say === 'message') this.#readers.get(told.id)?.message(told.message);
    else if (told.say === 'gone') this.#readers.get(told.id)?.gone();
    else if (told.say === 'stream') this.#readers.get(told.id)?.state(told.state);
  };
}
