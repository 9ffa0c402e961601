import type { Api } from '../../api/client';
import { exportDashboard, type ExportFormat } from '../../api/dashboards';
import { queryCsv, runQuery } from '../../api/resources';
import { askedOnce } from '../../live/feed.svelte';
import type { View } from '../../live/view.svelte';
import { askingOf, type Widget } from '../../panels/widget';

/** The span of time that a page shows. */
export interface Span {
  spanMs: number;
  /** Its end, epoch ms; null while that is now. */
  end: number | null;
  /** Whether charts with a span of their own show this one all the same. */
  zoomed: boolean;
}

export function spanOf(view: Pick<View, 'spanMs' | 'moving' | 'now' | 'time'>): Span {
  const end = view.moving ? null : view.now();
  return { spanMs: view.spanMs, end, zoomed: view.time.kind === 'window' };
}

/** What a file shows, as the parameters of its address. */
export function parametersOf(span: Span, zone: string, dark: boolean): URLSearchParams {
  const { spanMs, end, zoomed } = span;
  const params = new URLSearchParams({ timezone: zone });
  if (zoomed && end !== null) params.set('from', String(Math.round(end - spanMs)));
  else params.set('range', `${String(Math.max(1, Math.round(spanMs / 1000)))}s`);
  if (end !== null) params.set('to', String(Math.round(end)));
  if (dark) params.set('theme', 'dark');
  return params;
}

/** Whether the page is dark now. A PDF is light all the same: it is printed. */
function isDark(format: ExportFormat): boolean {
  const chosen = document.documentElement.dataset['theme'];
  const system = matchMedia('(prefers-color-scheme: dark)').matches;
  const dark = chosen === undefined ? system : chosen === 'dark';
  return format === 'png' && dark;
}

/** A dashboard as a file: what it is, or what it shows in the span of the page. */
export async function fileOf(
  api: Api,
  id: string,
  format: ExportFormat,
  view: View,
): Promise<Blob> {
  const params = parametersOf(spanOf(view), view.zone.name, isDark(format));
  return (await exportDashboard(api, id, format, params)).blob();
}

interface Kept {
  /** What it is called, without an ending. */
  name: string;
  file: Blob;
}

/** The points of a widget: as CSV a file for each of its queries, as JSON one for all. */
export async function filesOf(
  api: Api,
  widget: Widget,
  view: View,
  format: 'csv' | 'json',
): Promise<Kept[]> {
  const { title, config } = widget;
  const asked = config.queries.map((labelled) => ({
    label: labelled.label,
    query: askedOnce(labelled.query, view, askingOf(widget, labelled)),
  }));
  if (format === 'json') return [{ name: title, file: await asJson(api, title, asked) }];
  const several = asked.length > 1;
  return Promise.all(
    asked.map(async ({ label, query }) => ({
      name: several ? `${title} ${label}` : title,
      file: await queryCsv(api, query),
    })),
  );
}

async function asJson(
  api: Api,
  title: string,
  asked: readonly { label: string; query: object }[],
): Promise<Blob> {
  const queries = await Promise.all(
    asked.map(async ({ label, query }) => ({ label, query, data: await runQuery(api, query) })),
  );
  const text = JSON.stringify({ title, queries }, null, 2);
  return new Blob([text, '\n'], { type: 'application/json' });
}
