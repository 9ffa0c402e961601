import { Api } from '../api/client';
import { dashboardPath } from '../api/dashboards';
import { ME, templatePath } from '../api/resources';
import { transportOf } from '../live/ladder';
import { connectAhead } from '../live/shared-worker';
import { isStored, placeOf } from './shell/place';

/** Who is told of what becomes of a session. */
interface Owner {
  signedOut(): void;
  renewed(): void;
}

const nothing = (): undefined => undefined;

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
  /** All has been asked that can be. */
  readonly begun: Promise<void>;

  constructor({ pathname, search }: { pathname: string; search: string }) {
    const { kind } = placeOf(pathname);
    // Who holds a link is nobody in particular.
    const isOpen = kind === 'shared' || kind === 'embedded' || kind === 'setup';
    this.signedIn = isOpen ? null : this.#begin(pathname, new URLSearchParams(search));
    this.begun = Promise.resolve(this.signedIn).then(nothing, nothing);
  }

  async #begin(path: string, params: URLSearchParams): Promise<boolean> {
    const { api } = this;
    if (!(await api.refresh())) return false;
    const dashboard = dashboardAt(path);
    if (dashboard !== null) api.askAhead(dashboard);
    api.askAhead(ME);
    if (api.user !== null && api.token !== null) {
      connectAhead(api.user, api.token, transportOf(params.get('transport')));
    }
    return true;
  }
}
