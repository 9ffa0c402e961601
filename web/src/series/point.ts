export type Tags = Record<string, string>;

/** One row of an answer or a frame, as the server writes it; a null value is a filled gap. */
export interface Point {
  timestamp: string;
  value: number | null;
  tags: Tags;
}

/** The same text for equal tags in any order. */
export function tagsKey(tags: Tags): string {
  return JSON.stringify(Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** What a legend calls a series: its tag values, or `fallback` for a series without tags. */
export function tagsLabel(tags: Tags, fallback: string): string {
  const values = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  return values.map(([, value]) => value).join(' · ') || fallback;
}
