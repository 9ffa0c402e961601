import { placeOf } from './place';

const KEPT = ['transport', 'range', 'from', 'to', 'tz', 'compare'];

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

  /** Follows a link inside the page; a click for a new tab or window is left to the browser. */
  click(event: MouseEvent, href: string): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.go(href);
  }

  go(address: string): void {
    history.pushState(null, '', this.#kept(address));
    this.#read();
  }

  /** Writes the page's own state into the address: a step in the history, or in place. */
  setParams(params: URLSearchParams, how: 'push' | 'replace' = 'replace'): void {
    const search = params.toString();
    const address = location.pathname + (search ? `?${search}` : '');
    if (address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.#read();
  }

  /** The page's own state with some of it changed; what is null is taken out. */
  change(changes: Record<string, string | null>, how: 'push' | 'replace' = 'replace'): void {
    const params = new URLSearchParams(this.params);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) params.delete(name);
      else params.set(name, value);
    }
    this.setParams(params, how);
  }

  /** The span of time and a forced transport stay from page to page. */
  #kept(address: string): string {
    const url = new URL(address, location.href);
    for (const name of KEPT) {
      const value = this.params.get(name);
      if (value !== null) url.searchParams.set(name, value);
    }
    return url.pathname + url.search;
  }

  #read(): void {
    this.#path = location.pathname;
    this.#search = location.search;
  }
}
