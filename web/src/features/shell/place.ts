export type Place =
  | { kind: 'dashboard'; id: string }
  | { kind: 'dashboards' }
  | { kind: 'activity'; tab: ActivityTab }
  | { kind: 'explore' }
  | { kind: 'kpis' }
  | { kind: 'settings' }
  | { kind: 'setup' }
  | { kind: 'nowhere' }
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

/** What an address shows. */
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
  return first === undefined ? HOME : { kind: 'nowhere' };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a dashboard is one that people keep: built-in ones have a word for an id. */
export function isStored(id: string): boolean {
  return UUID.test(id);
}
