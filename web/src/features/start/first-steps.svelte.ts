import type { Catalogue } from '../../live/catalogue.svelte';
import type { CatalogueEntry } from '../../live/protocol';
import { ownMetrics } from '../dashboards/own-metrics';
import type { Session } from '../session.svelte';

/** Where it is kept that a user does not want the guide. */
function dismissalOf(user: string): string {
  return `nowline-first-steps-dismissed:${user}`;
}

function isDismissed(user: string): boolean {
  try {
    return localStorage.getItem(dismissalOf(user)) !== null;
  } catch {
    return false;
  }
}

/** The first metric of one's own that was not there before; what comes after it changes nothing. */
export function arrival(
  entries: readonly CatalogueEntry[],
  before: ReadonlySet<string>,
): CatalogueEntry | undefined {
  return ownMetrics(entries.filter(({ name }) => !before.has(name))).at(-1);
}

/** The guide to a first metric of one's own on a chart, for who may make the key that it takes. */
export class FirstSteps {
  /** The metrics that there were when the guide began; null while it is not wanted. */
  #before = $state.raw<ReadonlySet<string> | null>(null);
  #considered = false;
  readonly #session: Session;
  readonly #catalogue: Catalogue;

  readonly isOpen = $derived.by(() => this.#before !== null && this.#session.isAdmin);
  readonly came = $derived.by(() =>
    this.#before === null ? undefined : arrival(this.#catalogue.entries, this.#before),
  );

  constructor(session: Session, catalogue: Catalogue) {
    this.#session = session;
    this.#catalogue = catalogue;
  }

  get before(): ReadonlySet<string> {
    return this.#before ?? new Set();
  }

  /** Begins by itself, once, where nothing was sent yet. */
  consider(): void {
    const { me, isAdmin } = this.#session;
    if (this.#considered || me === null || !this.#catalogue.loaded) return;
    this.#considered = true;
    const isNew = ownMetrics(this.#catalogue.entries).length === 0;
    if (isAdmin && isNew && !isDismissed(me.id)) this.begin();
  }

  begin(): void {
    this.#before = new Set(this.#catalogue.entries.map(({ name }) => name));
  }

  end(): void {
    this.#before = null;
  }

  /** Ends, and does not begin by itself again for this user in this browser. */
  dismiss(): void {
    this.end();
    const { me } = this.#session;
    if (me === null) return;
    try {
      localStorage.setItem(dismissalOf(me.id), new Date().toISOString());
    } catch {
      // A browser that keeps nothing asks again next time.
    }
  }
}
