import { explain, type Api } from '../../api/client';
import { listStars, setStar } from '../../api/stars';
import { isStored } from '../shell/place';

/** What the user has starred, on whatever screen. */
export class Stars {
  /** The first that was starred first; null until it is known. */
  ids = $state.raw<readonly string[] | null>(null);
  /** Why the newest change was not made. */
  problem = $state('');
  readonly #api: Api;
  /** Counts the changes: an answer that was asked for before one is out of date. */
  #changes = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  has(id: string): boolean {
    return this.ids?.includes(id) ?? false;
  }

  /** Reads what is starred; where that fails, what was known stays. */
  async load(): Promise<void> {
    const changes = this.#changes;
    const ids = await listStars(this.#api).catch(() => this.ids);
    if (changes === this.#changes) this.ids = ids;
  }

  /** Shows the change at once, and takes it back if the server refuses it. */
  async toggle(id: string): Promise<void> {
    if (this.ids === null) return;
    const starred = !this.has(id);
    this.#show(id, starred);
    this.problem = '';
    try {
      await setStar(this.#api, isStored(id) ? 'dashboards' : 'templates', id, starred);
    } catch (error) {
      this.problem = explain(error);
      this.#show(id, !starred);
    }
  }

  #show(id: string, starred: boolean): void {
    this.#changes += 1;
    const others = (this.ids ?? []).filter((one) => one !== id);
    this.ids = starred ? [...others, id] : others;
  }
}
