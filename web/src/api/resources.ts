import type { Point } from '../series/point';
import type { Api } from './client';
import type { Requests } from './requests';
import type { components } from './types.gen';

type Schemas = components['schemas'];

export type Role = Schemas['Role'];
export type Scope = Schemas['Scope'];
export type Me = Schemas['Me'];
export type User = Schemas['UserView'];
export type Key = Schemas['KeyView'];
export type NewKey = Schemas['CreatedKey'];
export type UserChange = Schemas['UserPatch'];
export type Template = Schemas['Template'];
export type TemplateSummary = Schemas['TemplateSummary'];
export type Dashboard = Schemas['DashboardView'];
export type DashboardContent = Schemas['Content'];
export type DashboardSummary = Schemas['DashboardSummary'];
export type DashboardVersion = Schemas['VersionSummary'];
export type Kpi = Schemas['Kpi'];
export type KpiReading = Schemas['KpiReading'];
export type Period = Schemas['Period'];
export type CatalogueEntry = Schemas['Entry'];
export type ActivityEvent = Schemas['EventShown'];
export type ActivityPage = Schemas['EventPage'];
export type ActivityStats = Schemas['Stats'];

const id = encodeURIComponent;

export const ME = '/api/v1/me';

export function getMe(api: Api): Promise<Me> {
  return api.get<Me>(ME);
}

export async function listUsers(api: Api): Promise<User[]> {
  return (await api.get<Schemas['UserList']>('/api/v1/users')).users;
}

export function createUser(api: Api, email: string, password: string, role: Role): Promise<User> {
  return api.post<User>('/api/v1/users', { email, password, role });
}

export function changeUser(api: Api, user: string, change: UserChange): Promise<User> {
  return api.patch<User>(`/api/v1/users/${id(user)}`, change);
}

export function deleteUser(api: Api, user: string): Promise<void> {
  return api.delete(`/api/v1/users/${id(user)}`);
}

export async function listKeys(api: Api): Promise<Key[]> {
  return (await api.get<Schemas['KeyList']>('/api/v1/keys')).keys;
}

export function createKey(api: Api, name: string, scopes: Scope[]): Promise<NewKey> {
  return api.post<NewKey>('/api/v1/keys', { name, scopes });
}

export function deleteKey(api: Api, key: string): Promise<void> {
  return api.delete(`/api/v1/keys/${id(key)}`);
}

export async function tagValues(api: Api, metric: string, key: string): Promise<string[]> {
  const path = `/api/v1/metrics/${id(metric)}/tags/${id(key)}`;
  return (await api.get<Schemas['TagValues']>(path)).values;
}

export function templatePath(template: string): string {
  return `/api/v1/templates/${id(template)}`;
}

export function getTemplate(api: Api, template: string): Promise<Template> {
  return api.get<Template>(templatePath(template));
}

export async function runQuery(
  api: Requests,
  query: unknown,
  signal?: AbortSignal,
): Promise<Point[]> {
  return (await api.post<{ data: Point[] }>(api.doors.query, query, signal)).data;
}

/** The points of the range that a query is compared with, at the times that they belong beside. */
export async function runComparison(
  api: Requests,
  query: unknown,
  signal: AbortSignal,
): Promise<Point[]> {
  const answer = await api.post<{ compare?: Point[] }>(api.doors.query, query, signal);
  return answer.compare ?? [];
}

/** The answer as a table: a row for each point. */
export async function queryCsv(api: Requests, query: unknown): Promise<Blob> {
  const headers = { 'content-type': 'application/json', accept: 'text/csv' };
  const init = { method: 'POST', body: JSON.stringify(query), headers };
  return (await api.fetch(api.doors.query, init)).blob();
}

export async function listKpis(api: Api): Promise<Kpi[]> {
  return (await api.get<Schemas['KpiList']>('/api/v1/kpis')).kpis;
}

export function createKpi(api: Api, kpi: Kpi): Promise<Kpi> {
  return api.post<Kpi>('/api/v1/kpis', kpi);
}

export function replaceKpi(api: Api, kpi: Kpi): Promise<Kpi> {
  return api.put<Kpi>(`/api/v1/kpis/${id(kpi.code)}`, kpi);
}

export function deleteKpi(api: Api, code: string): Promise<void> {
  return api.delete(`/api/v1/kpis/${id(code)}`);
}

export function readKpi(api: Api, code: string, period: Period): Promise<KpiReading> {
  return api.get<KpiReading>(`/kpi/${id(code)}?period=${period}`);
}

/** As a parameter, the time zone that the browser is in: its day is today. */
function timezone(): string {
  return `timezone=${id(Intl.DateTimeFormat().resolvedOptions().timeZone)}`;
}

/** The counters of now. */
export function readStats(api: Api): Promise<ActivityStats> {
  return api.get<ActivityStats>(`/api/v1/activity/stats?${timezone()}`);
}

/** Where events and counters are told as they come. */
export function activityRooms(): string {
  return `/ws/activity?${timezone()}`;
}

/** Where a KPI's value is told when a period ends. */
export function kpiUpdates(code: string, period: Period): string {
  return `/ws/kpi/${id(code)}?period=${period}`;
}

export async function recentEvents(api: Api): Promise<ActivityEvent[]> {
  return (await api.get<Schemas['EventList']>('/api/v1/activity/recent')).events;
}

/** Events, newest first; `params` says which, and where the page begins. */
export function listEvents(api: Api, params: URLSearchParams): Promise<ActivityPage> {
  return api.get<ActivityPage>(`/api/v1/activity?${params.toString()}`);
}

/** The newest events before `end`, epoch ms: of one type, or of all for null; newest first. */
export async function eventsBefore(
  api: Api,
  end: number,
  type: string | null,
): Promise<ActivityEvent[]> {
  const params = new URLSearchParams({ end: String(end) });
  if (type !== null) params.set('event_type', type);
  return (await listEvents(api, params)).events;
}
