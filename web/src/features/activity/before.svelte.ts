import { explain, type Api } from '../../api/client';
import { eventsBefore, type ActivityEvent } from '../../api/resources';
import { merge } from './newest';

/** What people had done when a span of the past ended. */
export class Before {
  /** Newest first. */
  events = $state.raw<readonly ActivityEvent[]>([]);
  loaded = $state(false);
  failure = $state('');

  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Asks for those of the types, or of all if there are none; the returned function gives it up. */
  ask(end: number, types: readonly string[]): () => void {
    let given = false;
    const asked = types.length > 0 ? types : [null];
    Promise.all(asked.map((type) => eventsBefore(this.#api, end, type))).then(
      (found) => {
        if (given) return;
        this.events = merge([], found.flat());
        this.failure = '';
        this.loaded = true;
      },
      (error: unknown) => {
        if (!given) this.failure = explain(error);
      },
    );
    return () => {
      given = true;
    };
  }
}
