import type { Api } from './client';
import { jsonBody } from './requests';
import type {
  Dashboard,
  DashboardContent,
  DashboardSummary,
  DashboardVersion,
  TemplateSummary,
} from './resources';
import type { components } from './types.gen';

type Schemas = components['schemas'];

/** What is sent of a dashboard; what a widget is told to show is the page's own affair. */
export type SentContent = Omit<Schemas['SentDashboard'], 'widgets'> & { widgets: unknown[] };
export type ExportFormat = 'json' | 'yaml' | 'csv' | 'pdf' | 'png';

const PATH = '/api/v1/dashboards';
const STALE = 412;

export function dashboardPath(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

export { STALE };

export async function listDashboards(api: Api): Promise<DashboardSummary[]> {
  return (await api.get<Schemas['DashboardList']>(PATH)).dashboards;
}

export async function listTemplates(api: Api): Promise<TemplateSummary[]> {
  return (await api.get<Schemas['TemplateList']>('/api/v1/templates')).templates;
}

export function getDashboard(api: Api, id: string): Promise<Dashboard> {
  return api.get<Dashboard>(dashboardPath(id));
}

export function createDashboard(api: Api, content: SentContent): Promise<Dashboard> {
  return api.post<Dashboard>(PATH, content);
}

/** Makes a dashboard of an exported file, JSON or YAML. */
export async function importDashboard(api: Api, file: File): Promise<Dashboard> {
  const type = file.name.toLowerCase().endsWith('.json') ? 'application/json' : 'application/yaml';
  const init = { method: 'POST', body: await file.text(), headers: { 'content-type': type } };
  const response = await api.fetch(`${PATH}/import`, init);
  return response.json() as Promise<Dashboard>;
}

/** Changes a dashboard, and only if it is still the version that the change was made to. */
export async function saveDashboard(
  api: Api,
  id: string,
  content: SentContent,
  version: number,
): Promise<Dashboard> {
  const init = jsonBody(content);
  const headers = { ...(init.headers as object), 'if-match': `"${String(version)}"` };
  const response = await api.fetch(dashboardPath(id), { ...init, method: 'PUT', headers });
  return response.json() as Promise<Dashboard>;
}

export function deleteDashboard(api: Api, id: string): Promise<void> {
  return api.delete(dashboardPath(id));
}

export function duplicateDashboard(api: Api, id: string): Promise<Dashboard> {
  return api.post<Dashboard>(`${dashboardPath(id)}/duplicate`);
}

export async function listVersions(api: Api, id: string): Promise<DashboardVersion[]> {
  return (await api.get<Schemas['VersionList']>(`${dashboardPath(id)}/versions`)).versions;
}

export function getVersion(api: Api, id: string, version: number): Promise<DashboardContent> {
  return api.get<DashboardContent>(`${dashboardPath(id)}/versions/${String(version)}`);
}

/** A dashboard as a file; `params` says which span of time it shows, and how it looks. */
export function exportDashboard(
  api: Api,
  id: string,
  format: ExportFormat,
  params = new URLSearchParams(),
): Promise<Response> {
  const search = new URLSearchParams([['format', format], ...params]);
  return api.fetch(`${dashboardPath(id)}/export?${search.toString()}`);
}
