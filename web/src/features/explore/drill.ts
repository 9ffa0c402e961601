import { tagValues } from '../../api/resources';
import type { Query } from '../../live/protocol';
import type { Tags } from '../../series/point';
import type { App } from '../page.svelte';
import { drilled, exploreAddress, questionOf, type Question } from './question';

/** The next tag that tells the series of a metric apart, after those that it is narrowed to. */
export async function nextTag(
  { api, catalogue }: Pick<App, 'api' | 'catalogue'>,
  question: Question,
): Promise<string | null> {
  for (const key of catalogue.find(question.metric)?.tags ?? []) {
    if (key in question.filters) continue;
    const values = await tagValues(api, question.metric, key).catch(() => []);
    if (values.length > 1) return key;
  }
  return null;
}

/** Goes to Explore, to one member of what was asked for and what that is made of. */
export async function drill(app: App, query: Query, tags: Tags): Promise<void> {
  const member = drilled(questionOf(query), tags, null);
  app.router.go(exploreAddress(drilled(member, {}, await nextTag(app, member))));
}
