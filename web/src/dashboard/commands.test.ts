import { describe, expect, it } from 'vitest';

import {
  addWidget,
  changeWidget,
  duplicateWidget,
  newWidgetId,
  removeWidget,
  rename,
  widgetOf,
} from './commands';
import { emptyContent } from './content';

const SHOWN = { type: 'chart', title: 'Orders', config: { text: 'kept' } };
const SIZE = { w: 6, h: 4 };
const one = addWidget(emptyContent('Shop'), 'a', SHOWN, SIZE);

describe('addWidget', () => {
  it('puts widgets where there is room', () => {
    const two = addWidget(one, 'b', SHOWN, SIZE);
    expect(two.widgets.map(({ position }) => position)).toEqual([
      { x: 0, y: 0, w: 6, h: 4 },
      { x: 6, y: 0, w: 6, h: 4 },
    ]);
    expect(emptyContent('Shop').widgets).toEqual([]);
  });
});

describe('changeWidget', () => {
  it('changes what it shows, and not where it stands', () => {
    const changed = changeWidget(one, 'a', { type: 'text', title: 'Note', config: { text: 'x' } });
    expect(changed.widgets).toEqual([
      {
        id: 'a',
        type: 'text',
        title: 'Note',
        config: { text: 'x' },
        position: { x: 0, y: 0, w: 6, h: 4 },
      },
    ]);
  });
});

describe('duplicateWidget', () => {
  it('puts a copy of its own below', () => {
    const two = duplicateWidget(one, 'a', 'b');
    const copy = widgetOf(two, 'b');
    expect(copy).toMatchObject({ title: 'Orders (copy)', position: { x: 0, y: 4, w: 6, h: 4 } });
    expect(copy?.config).toEqual(SHOWN.config);
    expect(copy?.config).not.toBe(widgetOf(two, 'a')?.config);
    expect(duplicateWidget(one, 'nobody', 'b')).toBe(one);
  });

  it('keeps the title as short as it has to be', () => {
    const long = addWidget(emptyContent('x'), 'a', { ...SHOWN, title: 'x'.repeat(200) }, SIZE);
    expect(widgetOf(duplicateWidget(long, 'a', 'b'), 'b')?.title).toHaveLength(200);
  });
});

describe('removeWidget', () => {
  it('takes away that one', () => {
    const two = addWidget(one, 'b', SHOWN, SIZE);
    expect(removeWidget(two, 'a').widgets.map(({ id }) => id)).toEqual(['b']);
  });
});

describe('rename', () => {
  it('takes a name that is none for none', () => {
    expect(rename(one, '  Orders ').name).toBe('Orders');
    expect(rename(one, '   ')).toBe(one);
    expect(rename(one, 'x'.repeat(300)).name).toHaveLength(100);
  });
});

describe('newWidgetId', () => {
  it('makes another one each time', () => {
    const ids = new Set(Array.from({ length: 100 }, newWidgetId));
    expect(ids.size).toBe(100);
    expect([...ids].every((id) => /^[0-9a-f]{12}$/.test(id))).toBe(true);
  });
});
