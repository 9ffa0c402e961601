import type { Api } from '../../api/client';
import { createDashboard } from '../../api/dashboards';
import { getTemplate, type Dashboard } from '../../api/resources';
import { emptyContent } from '../../dashboard/content';

/** Makes a dashboard of one's own that shows what a template does. */
export async function copyOfTemplate(api: Api, template: string): Promise<Dashboard> {
  const { name, description, widgets } = await getTemplate(api, template);
  return createDashboard(api, { ...emptyContent(name), description, widgets });
}

/** Where a dashboard is changed. */
export function editAddress(id: string): string {
  return `/d/${encodeURIComponent(id)}?edit=1`;
}
