import type { Api } from './client';
import type { components } from './types.gen';

type Kind = 'dashboards' | 'templates';

/** The ids of what one has starred, the first that was starred first. */
export async function listStars(api: Api): Promise<readonly string[]> {
  return (await api.get<components['schemas']['StarList']>('/api/v1/stars')).stars;
}

export async function setStar(api: Api, kind: Kind, id: string, starred: boolean): Promise<void> {
  const path = `/api/v1/${kind}/${encodeURIComponent(id)}/star`;
  // It is shown at once, so it must arrive even if the page is left before the answer.
  await api.fetch(path, { method: starred ? 'PUT' : 'DELETE', keepalive: true });
}
