import type { Link } from '../../api/shares';
import { fullLabel } from '../../chart/time-axis';
import type { Zone } from '../../series/zone';

const DAY_S = 86_400;

/** After how long a link may end. */
export const LIVES: readonly { label: string; seconds: number | null }[] = [
  { label: 'in an hour', seconds: 3600 },
  { label: 'in a day', seconds: DAY_S },
  { label: 'in a week', seconds: 7 * DAY_S },
  { label: 'in a month', seconds: 30 * DAY_S },
  { label: 'in a year', seconds: 365 * DAY_S },
  { label: 'never', seconds: null },
];

/** How far back it may show. */
export const LOOK_BACKS: readonly { label: string; value: string }[] = [
  { label: 'the last hour', value: '1h' },
  { label: 'the last day', value: '1d' },
  { label: 'the last week', value: '7d' },
  { label: 'the last month', value: '30d' },
  { label: 'the last year', value: '365d' },
];

/** What there is to know of a link, in words. */
export function linkWords({ created_by, expires_at, look_back }: Link, zone: Zone): string {
  const ends = expires_at === null ? 'no end' : `until ${fullLabel(Date.parse(expires_at), zone)}`;
  return `${ends} · looks back ${look_back} · by ${created_by}`;
}
