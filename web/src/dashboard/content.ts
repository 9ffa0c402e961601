import type { Dashboard, DashboardContent } from '../api/resources';
import type { RawWidget } from './document';

/** What a person makes of a dashboard: all of it that is saved. */
export interface Content {
  name: string;
  description: string | null;
  widgets: RawWidget[];
  /** How often it is refreshed; null for the usual. */
  refresh_interval: string | null;
  /** By tag, the values that its queries are narrowed to. */
  filters: Filters;
  is_public: boolean;
}

export type Filters = Record<string, string[]>;

export const REFRESH_INTERVALS = ['live', '1s', '5s', '30s', '1m', '1h', '1d'] as const;
export const USUAL_REFRESH = '1s';
export const LONGEST_NAME = 100;

/** The content among what the server tells of a dashboard. */
export function contentOf(told: Dashboard | DashboardContent): Content {
  const { name, description, widgets, refresh_interval, filters, is_public } = told;
  return {
    name,
    description: description ?? null,
    widgets: widgets as RawWidget[],
    refresh_interval: refresh_interval ?? null,
    filters: filters ?? {},
    is_public,
  };
}

/** A dashboard on which nothing stands yet. */
export function emptyContent(name: string): Content {
  return {
    name,
    description: null,
    widgets: [],
    refresh_interval: null,
    filters: {},
    is_public: false,
  };
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, canonical(one)]),
  );
}

/** Whether two values say the same; the order of an object's fields says nothing. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}
