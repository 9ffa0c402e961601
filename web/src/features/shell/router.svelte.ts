export type Place =
  | { kind: 'dashboard'; id: string }
  | { kind: 'dashboards' }
  | { kind: 'activity'; tab: ActivityTab }
  | { kind: 'explore' }
  | { kind: 'kpis' }
  | { kind: 'settings' }
  | { kind: 'setup' }
  /** A dashboard that is shown to whoever holds its link, or its token in a frame. */
  | { kind: 'shared' | 'embedded'; token: string };

export const ACTIVITY_TABS = ['people', 'api', 'tasks', 'events'] as const;
export type ActivityTab = (typeof ACTIVITY_TABS)[number];

/** Built-in dashboards that have their place among the activity. */
const IN_ACTIVITY: Record<string, ActivityTab> = {
  'user-activity': 'people',
  'api-health': 'api',
  tasks: 'tasks',
};

const PLAIN = ['dashboards', 'explore', 'kpis', 'settings', 'setup'] as const;
const HOME: Place = { kind: 'dashboard', id: 'host' };

/** What an address shows; an unknown one shows the first dashboard. */
export function placeOf(path: string): Place {
  const [first, second] = path.split('/').filter(Boolean);
  if (first === 'd' && second) {
    const tab = IN_ACTIVITY[second];
    return tab ? { kind: 'activity', tab } : { kind: 'dashboard', id: decodeURIComponent(second) };
  }
  if (first === 'activity') {
    return { kind: 'activity', tab: ACTIVITY_TABS.find((tab) => tab === second) ?? 'people' };
  }
  if (first === 's' && second) return { kind: 'shared', token: second };
  if (first === 'embed' && second) return { kind: 'embedded', token: second };
  const plain = PLAIN.find((kind) => kind === first);
  if (plain) return { kind: plain };
  return HOME;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a dashboard is one that people keep: built-in ones have a word for an id. */
export function isStored(id: string): boolean {
  return UUID.test(id);
}

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
