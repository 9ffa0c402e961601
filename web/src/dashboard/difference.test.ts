import { describe, expect, it } from 'vitest';

import { addWidget, changeWidget, removeWidget } from './commands';
import { emptyContent, type Content } from './content';
import { differences } from './difference';

const SIZE = { w: 6, h: 4 };
const before = ['CPU', 'Memory', 'Disks'].reduce<Content>(
  (content, title) => addWidget(content, title, { type: 'chart', title, config: {} }, SIZE),
  emptyContent('Host'),
);

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
      'added “new”',
      'removed “Memory”',
      'changed “Cores”',
      'moved “Disks”',
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
      'renamed to “Machine”',
      'changed the description',
      'shared with all',
      'changed the updates',
      'changed the filters',
    ]);
  });

  it('says nothing of what stayed', () => {
    expect(differences(before, structuredClone(before))).toEqual([]);
  });
});
