import { describe, expect, it } from 'vitest';

import { move } from './arrange';
import {
  addWidget,
  changeWidget,
  followWideAgain,
  rearrangeWidgets,
  removeWidget,
} from './commands';
import { emptyContent, type Content } from './content';
import { differences, shortWords } from './difference';

const SIZE = { w: 6, h: 4 };
const before = ['CPU', 'Memory', 'Disks'].reduce<Content>(
  (content, title) => addWidget(content, title, { type: 'chart', title, config: {} }, SIZE),
  emptyContent('Host'),
);

const whatsBetween = (old: Content, after: Content): string[] =>
  differences(old, after).map(({ what }) => what);
const whats = (after: Content): string[] => whatsBetween(before, after);

function withWidget(id: string, change: object): Content {
  const widgets = before.widgets.map((one) => (one.id === id ? { ...one, ...change } : one));
  return { ...before, widgets };
}

describe('differences', () => {
  it('names the widgets that came, went, changed and moved', () => {
    let after = removeWidget(before, 'Memory');
    after = changeWidget(after, 'CPU', { type: 'chart', title: 'Cores', config: {} });
    after = addWidget(after, 'new', { type: 'text', title: '', config: {} }, SIZE);
    after = {
      ...after,
      widgets: after.widgets.map((widget) =>
        widget.id === 'Disks' ? { ...widget, position: { ...widget.position, y: 9 } } : widget,
      ),
    };
    expect(differences(before, after)).toEqual([
      { what: 'added “new”', fields: [] },
      { what: 'removed “Memory”', fields: [] },
      { what: 'changed “Cores”', fields: ['title: CPU → Cores'] },
      { what: 'moved “Disks”', fields: ['column 1, row 5, 6 × 4 → column 1, row 10, 6 × 4'] },
    ]);
  });

  it('tells each field of a widget by its path', () => {
    const config = { query: { metric_name: 'a', aggregation: 'avg' }, thresholds: [{ value: 1 }] };
    const old = withWidget('CPU', { config });
    const after = withWidget('CPU', {
      type: 'metric',
      config: {
        query: { metric_name: 'a', aggregation: 'p95', group_by: ['host', 'core'] },
        unit: 'x'.repeat(80),
      },
    });
    expect(differences(old, after)[0]?.fields).toEqual([
      'type: chart → metric',
      'query.aggregation: avg → p95',
      'query.group_by: nothing → host, core',
      'thresholds: [{"value":1}] → nothing',
      `unit: nothing → ${'x'.repeat(59)}…`,
    ]);
  });

  it('says what else changed', () => {
    const after = {
      ...before,
      name: 'Machine',
      description: 'Ours',
      is_public: true,
      refresh_interval: '5s',
      filters: { host: ['a'] },
    };
    expect(differences(before, after)).toEqual([
      { what: 'renamed to “Machine”', fields: ['it was “Host”'] },
      { what: 'changed the description', fields: ['nothing → Ours'] },
      { what: 'shared with all', fields: [] },
      { what: 'changed the updates', fields: ['nothing → 5s'] },
      { what: 'changed the filters', fields: ['host: nothing → a'] },
    ]);
  });

  it('tells layouts for smaller screens apart from the wide one', () => {
    const down = (content: Content): Content =>
      rearrangeWidgets(content, 'small', (all) => move(all, 'CPU', 0, 1, 'small'));
    const arranged = down(before);
    expect(differences(before, arranged)).toEqual([
      {
        what: 'arranged for small screens',
        fields: [
          '“CPU”: column 1, row 5, 2 × 4',
          '“Memory”: column 1, row 1, 2 × 4',
          '“Disks”: column 1, row 9, 2 × 4',
        ],
      },
    ]);
    const moved = differences(arranged, down(arranged));
    expect(moved[0]).toEqual({
      what: 'moved on small screens “CPU”',
      fields: ['column 1, row 5, 2 × 4 → column 1, row 9, 2 × 4'],
    });
    expect(shortWords(moved)).toEqual(['moved on small screens “CPU”, “Disks”']);
    expect(whatsBetween(arranged, followWideAgain(arranged, 'small'))).toEqual([
      'follows the wide layout on small screens',
    ]);
  });

  it('says nothing of what stayed', () => {
    expect(whats(structuredClone(before))).toEqual([]);
  });
});

describe('shortWords', () => {
  it('puts together what has one verb', () => {
    const after = { ...removeWidget(removeWidget(before, 'CPU'), 'Disks'), name: 'added “x”' };
    expect(shortWords(differences(before, after))).toEqual([
      'renamed to “added “x””',
      'removed “CPU”, “Disks”',
    ]);
  });
});
