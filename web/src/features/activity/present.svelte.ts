import { explain, type Api } from '../../api/client';
import {
  readStats,
  recentEvents,
  type ActivityEvent,
  type ActivityStats,
} from '../../api/resources';
import { whileSeen } from '../../live/repeat';
import { merge } from './newest';

const EVERY_MS = 1000;

/** What people are doing now. The only place that knows how the news of it get here. */
export class Present {
  stats = $state.raw<ActivityStats | null>(null);
  /** Newest first. */
  events = $state.raw<readonly ActivityEvent[]>([]);
  loaded = $state(false);
  /** Why there is no news; what was known before stays. */
  failure = $state('');

  readonly #api: Api;
  #run = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Keeps itself up to date until the returned function is called. */
  follow(): () => void {
    const run = ++this.#run;
    const stop = whileSeen(EVERY_MS, () => this.#read(run));
    return () => {
      this.#run += 1;
      stop();
    };
  }

  async #read(run: number): Promise<void> {
    try {
      const [stats, events] = await Promise.all([readStats(this.#api), recentEvents(this.#api)]);
      if (run !== this.#run) return;
      this.stats = stats;
      this.events = merge(this.events, events);
      this.failure = '';
      this.loaded = true;
    } catch (error) {
      if (run === this.#run) this.failure = explain(error);
    }
  }
}
