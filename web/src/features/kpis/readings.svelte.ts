import type { Api } from '../../api/client';
import { explain, Refused } from '../../api/client';
import {
  kpiUpdates,
  listKpis,
  readKpi,
  type Kpi,
  type KpiReading,
  type Period,
} from '../../api/resources';
import { Following, type Follow } from '../../live/following.svelte';
import { whileSeen } from '../../live/repeat';

const EVERY_MS = 5000;
/** Each is a connection of its own, shared by all tabs; more KPIs than this are only asked for. */
const MOST_FOLLOWED = 24;

type Update = { type: 'kpi_update' } & KpiReading;

/** All KPIs with their values of one period: asked for every few seconds, told when it ends. */
export class Readings {
  kpis = $state.raw<readonly Kpi[]>([]);
  values = $state.raw<ReadonlyMap<string, KpiReading>>(new Map());
  loaded = $state(false);
  /** Why the newest try failed; the values of the last one that did not stay. */
  failure = $state('');

  readonly #api: Api;
  readonly #follow: Follow;
  readonly #followed = new Map<string, () => void>();
  #run = 0;
  #byWebSocket = false;

  constructor(api: Api, follow: Follow) {
    this.#api = api;
    this.#follow = follow;
  }

  /** Reads one period's values, now and again, until the returned function is called. */
  follow(period: Period, byWebSocket: boolean): () => void {
    const run = ++this.#run;
    this.#byWebSocket = byWebSocket;
    this.values = new Map();
    const stop = whileSeen(EVERY_MS, () => this.#read(period, run));
    return () => {
      this.#run += 1;
      stop();
      this.#followOnly([], period);
    };
  }

  /** Reads at once, after a change. */
  refresh(period: Period): Promise<void> {
    return this.#read(period, this.#run);
  }

  async #read(period: Period, run: number): Promise<void> {
    try {
      const kpis = await listKpis(this.#api);
      const found = await Promise.all(kpis.map(({ code }) => this.#value(code, period)));
      if (run !== this.#run) return;
      this.kpis = kpis.sort((a, b) => a.name.localeCompare(b.name));
      this.values = new Map(found.flatMap((each) => (each ? [[each.code, each]] : [])));
      this.failure = '';
      this.loaded = true;
      if (this.#byWebSocket) this.#followOnly([...this.values.keys()], period);
    } catch (error) {
      if (run === this.#run) this.failure = explain(error);
    }
  }

  #followOnly(codes: readonly string[], period: Period): void {
    const wanted = codes.slice(0, MOST_FOLLOWED);
    for (const [code, stop] of this.#followed) {
      if (wanted.includes(code)) continue;
      stop();
      this.#followed.delete(code);
    }
    for (const code of wanted) {
      if (!this.#followed.has(code)) this.#followed.set(code, this.#followOne(code, period));
    }
  }

  #followOne(code: string, period: Period): () => void {
    const following = new Following(this.#follow, kpiUpdates(code, period), {
      begin: () => undefined,
      message: (message) => {
        if (isUpdate(message)) this.#take(message);
      },
      gone: () => void this.refresh(period),
    });
    return following.start();
  }

  /** What was asked for since the period ended is of the next one already. */
  #take(told: KpiReading): void {
    const shown = this.values.get(told.code);
    if (!shown || shown.timestamp > told.timestamp) return;
    this.values = new Map(this.values).set(told.code, told);
  }

  /** One value; none where the KPI was deleted since it was listed. */
  async #value(code: string, period: Period): Promise<KpiReading | null> {
    try {
      return await readKpi(this.#api, code, period);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    }
  }
}

function isUpdate(message: object): message is Update {
  return 'type' in message && message.type === 'kpi_update';
}
