import type { Api } from '../../api/client';
import { exportDashboard, type ExportFormat } from '../../api/dashboards';
import { runQuery } from '../../api/resources';
import { askedOnce } from '../../live/feed.svelte';
import type { View } from '../../live/view.svelte';
import type { Widget } from '../../panels/widget';

/** The span of time that a page shows. */
export interface Span {
  spanMs: number;
  /** Its end, epoch ms; null while that is now. */
  end: number | null;
}

export function spanOf(view: Pick<View, 'range' | 'moving' | 'now'>): Span {
  return { spanMs: view.range.spanMs, end: view.moving ? null : view.now() };
}

/** What a file shows, as the parameters of its address. */
export function parametersOf({ spanMs, end }: Span, zone: string, dark: boolean): URLSearchParams {
  const params = new URLSearchParams({ timezone: zone });
  if (end === null) params.set('range', `${String(Math.round(spanMs / 1000))}s`);
  else {
    params.set('from', String(Math.round(end - spanMs)));
    params.set('to', String(Math.round(end)));
  }
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
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const params = parametersOf(spanOf(view), zone, isDark(format));
  return (await exportDashboard(api, id, format, params)).blob();
}

/** The points of a widget as JSON: one entry for each of its queries. */
export async function dataOf(api: Api, { title, config }: Widget, view: View): Promise<Blob> {
  const queries = await Promise.all(
    config.queries.map(async ({ query, label }) => {
      const asked = askedOnce(query, view);
      return { label, query: asked, data: await runQuery(api, asked) };
    }),
  );
  const text = JSON.stringify({ title, queries }, null, 2);
  return new Blob([text, '\n'], { type: 'application/json' });
}
