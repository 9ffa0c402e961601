import { addWidget, LONGEST_TITLE } from '../../dashboard/commands';
import { emptyContent, LONGEST_NAME, type Content } from '../../dashboard/content';
import type { CatalogueEntry } from '../../live/protocol';
import type { RawConfig } from '../../panels/config';
import { KINDS } from '../../panels/kinds';
import type { Point } from '../../series/point';
import { chooseMetric, configure, newDraft } from '../dashboards/edit/draft';

/** The kinds of widgets that it has, and how wide each is. */
const WIDTHS = new Map([
  ['area', 9],
  ['metric', 3],
]);

/** What is shown of the metric, in a word. */
function subtitleOf({ query, reduce }: RawConfig): string | undefined {
  if (reduce === 'last') return 'latest';
  return query?.aggregation === 'rate' ? 'each second' : query?.aggregation;
}

/** A private dashboard of one metric: how it goes over time, and its number. */
export function firstDashboard(entry: CatalogueEntry): Content {
  const name = entry.name.slice(0, LONGEST_NAME);
  const title = entry.name.slice(0, LONGEST_TITLE);
  return KINDS.reduce((content, kind) => {
    const w = WIDTHS.get(kind.id);
    if (w === undefined) return content;
    const draft = chooseMetric({ ...newDraft(kind), title }, 0, entry.name, entry);
    const shown = configure(draft, { subtitle: subtitleOf(draft.config) });
    return addWidget(content, kind.id, shown, { w, h: kind.size.h });
  }, emptyContent(name));
}

/** The value of the newest point that has one. */
export function newestValue(points: readonly Point[]): number | null {
  const [newest] = points
    .filter(({ value }) => value !== null)
    .sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
  return newest?.value ?? null;
}
