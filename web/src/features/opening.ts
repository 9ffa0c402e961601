import { Api } from '../api/client';
import { dashboardPath } from '../api/dashboards';
import { ME, templatePath } from '../api/resources';
import { transportOf } from '../live/ladder';
import { connectAhead, sharedWorker } from '../live/shared-worker';
import { isStored, placeOf } from './shell/place';

/** Who is told of what becomes of a session. */
interface Owner {
  signedOut(): void;
  renewed(): void;
}

/** What is there without a wait is shown in one go; for slower answers the page is there first. */
const PATIENCE_MS = 100;

const nothing = (): undefined => undefined;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

function dashboardAt(path: string): string | null {
  const place = placeOf(path);
  if (place.kind !== 'dashboard') return null;
  return isStored(place.id) ? dashboardPath(place.id) : templatePath(place.id);
}

/** Asks the server who is there and what will be shown, while the page itself comes in. */
export class Opening {
  owner: Owner | null = null;
  readonly api = new Api(
    () => this.owner?.signedOut(),
    () => this.owner?.renewed(),
  );
  /** Whether somebody is signed in; null where nobody has to be. */
  readonly signedIn: Promise<boolean> | null;
  /** All has been asked that can be, and what will be shown is there or takes its time. */
  readonly begun: Promise<void>;
  #dashboard: Promise<void> | null = null;

  constructor({ pathname, search }: { pathname: string; search: string }) {
    const { kind } = placeOf(pathname);
    // Who holds a link is nobody in particular.
    const isOpen = kind === 'shared' || kind === 'embedded' || kind === 'setup';
    this.signedIn = isOpen ? null : this.#begin(pathname, new URLSearchParams(search));
    this.begun = Promise.resolve(this.signedIn)
      .then(() => Promise.race([this.#dashboard, pause(PATIENCE_MS)]))
      .then(nothing, nothing);
  }

  async #begin(path: string, params: URLSearchParams): Promise<boolean> {
    const { api } = this;
    const refreshed = api.refresh();
    // It starts beside the main thread, and is there by the time that it is known who asks.
    const worker = sharedWorker(transportOf(params.get('transport')));
    if (!(await refreshed)) return false;
    const dashboard = dashboardAt(path);
    if (dashboard !== null) this.#dashboard = api.askAhead(dashboard);
    void api.askAhead(ME);
    const { user, token } = api;
    if (worker && user !== null && token !== null) connectAhead(worker, user, token);
    return true;
  }
}
