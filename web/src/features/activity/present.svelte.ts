import { explain, type Api } from '../../api/client';
import {
  activityRooms,
  readStats,
  recentEvents,
  type ActivityEvent,
  type ActivityStats,
} from '../../api/resources';
import { Following, type Follow } from '../../live/following.svelte';
import { whileSeen } from '../../live/repeat';
import { merge } from './newest';

const EVERY_MS = 1000;
/** How long events are gathered before they are shown: more often, nobody would see the difference. */
const GATHER_MS = 100;

type Told =
  | { event: 'activity:new'; data: ActivityEvent }
  | { event: 'stats:update'; data: ActivityStats }
  | { event?: undefined };

/** What people do as it happens: told by the server, or asked for each second while it is not. */
export class Present {
  stats = $state.raw<ActivityStats | null>(null);
  /** Newest first. */
  events = $state.raw<readonly ActivityEvent[]>([]);
  loaded = $state(false);
  /** Why there is no news; what was known before stays. */
  failure = $state('');
  #following = $state.raw<Following | null>(null);
  /** Whether what was told before is only asked for now. */
  readonly reconnecting = $derived(this.#following?.lost ?? false);

  readonly #api: Api;
  readonly #stream: Follow;
  #run = 0;
  /** Counts the counters that were told: an answer that was asked for before them is older. */
  #told = 0;
  #came: ActivityEvent[] = [];
  #gathering: ReturnType<typeof setTimeout> | undefined;

  /** @param stream Opens the stream of what people do. */
  constructor(api: Api, stream: Follow) {
    this.#api = api;
    this.#stream = stream;
  }

  /** Keeps itself up to date until the returned function is called. */
  follow(byWebSocket: boolean): () => void {
    const run = ++this.#run;
    const following = byWebSocket ? this.#follow(run) : null;
    this.#following = following;
    const stops = [
      whileSeen(EVERY_MS, async () => {
        if (!following?.live) await this.#read(run);
      }),
      following?.start(),
    ];
    return () => {
      this.#run += 1;
      this.#following = null;
      this.#show();
      for (const stop of stops) stop?.();
    };
  }

  #follow(run: number): Following {
    return new Following(this.#stream, activityRooms(), {
      begin: () => void this.#read(run),
      message: (message) => {
        this.#take(message);
      },
      gone: () => undefined,
    });
  }

  #take(told: Told): void {
    if (told.event === 'stats:update') {
      this.#told += 1;
      this.stats = told.data;
    } else if (told.event === 'activity:new') {
      this.#came.push(told.data);
      this.#gathering ??= setTimeout(() => {
        this.#show();
      }, GATHER_MS);
    }
  }

  #show(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#came.length === 0) return;
    this.events = merge(this.events, this.#came);
    this.#came = [];
  }

  async #read(run: number): Promise<void> {
    const told = this.#told;
    try {
      const [stats, events] = await Promise.all([readStats(this.#api), recentEvents(this.#api)]);
      if (run !== this.#run) return;
      if (told === this.#told) this.stats = stats;
      this.events = merge(this.events, events);
      this.failure = '';
      this.loaded = true;
    } catch (error) {
      if (run === this.#run) this.failure = explain(error);
    }
  }
}
