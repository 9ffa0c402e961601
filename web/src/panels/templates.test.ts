import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { RawConfig } from './config';
import { KINDS, kindOf } from './kinds';

interface Template {
  id: string;
  widgets: { id: string; type: string; config: RawConfig }[];
}

const FOLDER = new URL('../../../src/nowline/api/templates/', import.meta.url);
const TEMPLATES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Template);

describe('the built-in dashboards', () => {
  it.each(TEMPLATES)('$id has only widgets that the page knows, set as it understands', (one) => {
    for (const { id, type, config } of one.widgets) {
      const kind = kindOf(type, config);
      expect(kind, `${one.id}/${id}`).not.toBeNull();
      const known = ['query', ...Object.keys(kind?.config ?? {}), ...(kind?.fields ?? [])];
      expect(known, `${one.id}/${id}`).toEqual(expect.arrayContaining(Object.keys(config)));
    }
  });

  it('show every kind', () => {
    const shown = TEMPLATES.flatMap(({ widgets }) =>
      widgets.map(({ type, config }) => kindOf(type, config)?.id),
    );
    expect(new Set(shown)).toEqual(new Set(KINDS.map(({ id }) => id)));
  });
});
