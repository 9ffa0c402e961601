export type Place =
  | { kind: 'dashboard'; id: string }
  | { kind: 'explore' }
  | { kind: 'settings' }
  | { kind: 'setup' };

const HOME: Place = { kind: 'dashboard', id: 'host' };

/** What an address shows; an unknown one shows the first dashboard. */
export function placeOf(path: string): Place {
  const [first, second] = path.split('/').filter(Boolean);
  if (first === 'd' && second) return { kind: 'dashboard', id: decodeURIComponent(second) };
  if (first === 'explore' || first === 'settings' || first === 'setup') return { kind: first };
  return HOME;
}

/** The address bar, as state. */
export class Router {
  #path = $state(location.pathname);
  #search = $state(location.search);
  readonly place = $derived(placeOf(this.#path));
  readonly params = $derived(new URLSearchParams(this.#search));

  /** Follows the browser's back and forward until the returned function is called. */
  follow(): () => void {
    const moved = (): void => {
      this.#read();
    };
    window.addEventListener('popstate', moved);
    return () => {
      window.removeEventListener('popstate', moved);
    };
  }

  go(address: string): void {
    history.pushState(null, '', this.#kept(address));
    this.#read();
  }

  /** Writes the page's own state into the address without a step in the history. */
  replaceParams(params: URLSearchParams): void {
    const search = params.toString();
    const address = location.pathname + (search ? `?${search}` : '');
    if (address === location.pathname + location.search) return;
    history.replaceState(null, '', address);
    this.#read();
  }

  /** A forced transport stays forced from page to page. */
  #kept(address: string): string {
    const forced = this.params.get('transport');
    if (!forced) return address;
    const url = new URL(address, location.href);
    url.searchParams.set('transport', forced);
    return url.pathname + url.search;
  }

  #read(): void {
    this.#path = location.pathname;
    this.#search = location.search;
  }
}
