import type { Api } from '../../api/client';
import { exportDashboard, type ExportFormat } from '../../api/dashboards';
import { runQuery } from '../../api/resources';
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

/** The points of a widget as JSON: one entry for each of its queries. */
export async function dataOf(api: Api, widget: Widget, view: View): Promise<Blob> {
  const { title, config } = widget;
  const queries = await Promise.all(
    config.queries.map(async (labelled) => {
      const { query, label } = labelled;
      const asked = askedOnce(query, view, askingOf(widget, labelled));
      return { label, query: asked, data: await runQuery(api, asked) };
    }),
  );
  const text = JSON.stringify({ title, queries }, null, 2);
  return new Blob([text, '\n'], { type: 'application/json' });
}
