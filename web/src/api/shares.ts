import type { Api } from './client';
import type { components } from './types.gen';

type Schemas = components['schemas'];

export type Link = Schemas['LinkView'];
export type CreatedLink = Schemas['CreatedLink'];
export type Embed = Schemas['EmbedView'];
export type CreatedEmbed = Schemas['CreatedEmbed'];
export type LinkWish = Partial<Schemas['NewLink']>;
export type EmbedWish = Partial<Schemas['NewEmbed']> &
  Pick<Schemas['NewEmbed'], 'origins' | 'expires_in'>;

function of(dashboard: string, kind: 'shares' | 'embeds', id?: string): string {
  const all = `/api/v1/dashboards/${encodeURIComponent(dashboard)}/${kind}`;
  return id === undefined ? all : `${all}/${encodeURIComponent(id)}`;
}

export async function listLinks(api: Api, dashboard: string): Promise<Link[]> {
  return (await api.get<Schemas['LinkList']>(of(dashboard, 'shares'))).shares;
}

export function createLink(api: Api, dashboard: string, wish: LinkWish): Promise<CreatedLink> {
  return api.post<CreatedLink>(of(dashboard, 'shares'), wish);
}

export function revokeLink(api: Api, dashboard: string, id: string): Promise<void> {
  return api.delete(of(dashboard, 'shares', id));
}

export async function listEmbeds(api: Api, dashboard: string): Promise<Embed[]> {
  return (await api.get<Schemas['EmbedList']>(of(dashboard, 'embeds'))).embeds;
}

export function createEmbed(api: Api, dashboard: string, wish: EmbedWish): Promise<CreatedEmbed> {
  return api.post<CreatedEmbed>(of(dashboard, 'embeds'), wish);
}

export function revokeEmbed(api: Api, dashboard: string, id: string): Promise<void> {
  return api.delete(of(dashboard, 'embeds', id));
}
