import type { DashboardSummary, TemplateSummary } from '../../api/resources';

export interface Listing {
  /** What has a star, the first that was starred first. */
  starred: (DashboardSummary | TemplateSummary)[];
  mine: DashboardSummary[];
  /** Public ones of others. */
  shared: DashboardSummary[];
  /** Private ones of others, which only admins see. */
  others: DashboardSummary[];
  templates: TemplateSummary[];
}

function finder(text: string): (one: { name: string; description: string | null }) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ({ name, description }) => {
    const said = `${name} ${description ?? ''}`.toLowerCase();
    return words.every((word) => said.includes(word));
  };
}

/**
 * What a person may see, as it concerns them, of which name or description hold every word.
 *
 * @param stars What has a star, in its order; it stands there and nowhere else.
 */
export function arrangeListing(
  dashboards: readonly DashboardSummary[],
  templates: readonly TemplateSummary[],
  me: string | undefined,
  text: string,
  stars: readonly string[],
): Listing {
  const all = [...dashboards, ...templates].filter(finder(text));
  const starred = stars.flatMap((id) => all.find((one) => one.id === id) ?? []);
  const plain = ({ id }: { id: string }): boolean => !stars.includes(id);
  const found = dashboards.filter(finder(text)).filter(plain);
  const foreign = found.filter(({ owner }) => owner !== me);
  return {
    starred,
    mine: found.filter(({ owner }) => owner === me),
    shared: foreign.filter(({ is_public }) => is_public),
    others: foreign.filter(({ is_public }) => !is_public),
    templates: templates.filter(finder(text)).filter(plain),
  };
}

const STEPS: [limit: number, divisor: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60_000, 1000, 'second'],
  [3_600_000, 60_000, 'minute'],
  [86_400_000, 3_600_000, 'hour'],
  [30 * 86_400_000, 86_400_000, 'day'],
  [365 * 86_400_000, 30 * 86_400_000, 'month'],
  [Infinity, 365 * 86_400_000, 'year'],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** `3 minutes ago`, `yesterday`; what is only seconds old is `just now`. */
export function ago(at: string, nowMs: number): string {
  const ms = Math.max(0, nowMs - Date.parse(at));
  const [, divisor, unit] = STEPS.find(([limit]) => ms < limit) ?? [0, 1000, 'second' as const];
  return unit === 'second' ? 'just now' : relative.format(-Math.floor(ms / divisor), unit);
}
