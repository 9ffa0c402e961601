import { explain, Refused } from '../../api/client';
import { SharedApi, type SharedDashboard } from '../../api/shared';
import { same } from '../../dashboard/content';

const LOOK_MS = 30_000;
const AGAIN_MS = 5000;
const NOT_ANY_MORE = 401;

/** The dashboard of a link, as it is now. */
export class SharedBoard {
  shown = $state.raw<SharedDashboard | null>(null);
  /** Why it could not be loaded. */
  problem = $state('');
  /** The link does not hold: nothing more is asked. */
  over = $state(false);
  readonly api: SharedApi;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string) {
    this.api = new SharedApi(token, () => {
      this.over = true;
    });
  }

  /** Keeps it up to date until the returned function is called. */
  follow(whenBack: (back: () => void) => () => void): () => void {
    void this.look();
    const stop = whenBack(() => void this.look());
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  async look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const told = await this.api.dashboard();
      if (!same(told, this.shown)) this.shown = told;
      this.problem = '';
    } catch (error) {
      if (error instanceof Refused && error.status === NOT_ANY_MORE) return;
      this.problem = explain(error);
    }
    const wait = this.problem ? AGAIN_MS : LOOK_MS;
    this.#timer = setTimeout(() => void this.look(), wait);
  }
}
