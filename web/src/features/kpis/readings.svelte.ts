import type { Api } from '../../api/client';
import { explain, Refused } from '../../api/client';
import { listKpis, readKpi, type Kpi, type KpiReading, type Period } from '../../api/resources';
import { whileSeen } from '../../live/repeat';

const EVERY_MS = 5000;

/** All KPIs with their values of one period, asked for again every few seconds. */
export class Readings {
  kpis = $state.raw<readonly Kpi[]>([]);
  values = $state.raw<ReadonlyMap<string, KpiReading>>(new Map());
  loaded = $state(false);
  /** Why the newest try failed; the values of the last one that did not stay. */
  failure = $state('');

  readonly #api: Api;
  #run = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Reads one period's values, now and again, until the returned function is called. */
  follow(period: Period): () => void {
    const run = ++this.#run;
    this.values = new Map();
    const stop = whileSeen(EVERY_MS, () => this.#read(period, run));
    return () => {
      this.#run += 1;
      stop();
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
    } catch (error) {
      if (run === this.#run) this.failure = explain(error);
    }
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
