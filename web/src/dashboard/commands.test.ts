import { describe, expect, it } from 'vitest';

import {
  addWidget,
  changeWidget,
  duplicateWidget,
  followWideAgain,
  newWidgetId,
  rearrangeWidgets,
  removeWidget,
  rename,
  widgetOf,
} from './commands';
import { move, overlap } from './arrange';
import { emptyContent, type Content } from './content';
import { layout } from './layout';

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

describe('a dashboard that was arranged for phones', () => {
  const two = addWidget(one, 'b', SHOWN, SIZE);
  const turned = rearrangeWidgets(two, 'small', (all) => move(all, 'a', 0, 1, 'small'));
  const small = (content: Content): string[] =>
    [...layout(content.widgets, 'small')]
      .sort(([, a], [, b]) => a.y - b.y || a.x - b.x)
      .map(([id]) => id);

  it('has what is new at its end, and where it was put', () => {
    expect(small(turned)).toEqual(['b', 'a']);
    const three = addWidget(turned, 'c', SHOWN, SIZE);
    expect(small(three)).toEqual(['b', 'a', 'c']);
    expect(widgetOf(three, 'c')?.layouts).toEqual({ small: { x: 0, y: 8, w: 2, h: 4 } });
    expect(small(rearrangeWidgets(three, 'wide', (all) => move(all, 'c', 0, 9)))).toEqual(
      small(three),
    );
  });

  it('has a copy below the widget, on the phone too', () => {
    const copied = duplicateWidget(turned, 'b', 'copy');
    expect(small(copied)).toEqual(['b', 'copy', 'a']);
    const places = [...layout(copied.widgets, 'small').values()];
    expect(
      places.some((place, i) => places.slice(i + 1).some((other) => overlap(place, other))),
    ).toBe(false);
    expect(widgetOf(copied, 'copy')?.layouts?.medium).toBeUndefined();
  });

  it('keeps its layout when a widget changes or goes', () => {
    expect(small(changeWidget(turned, 'b', { type: 'text', config: {} }))).toEqual(['b', 'a']);
    expect(small(removeWidget(turned, 'b'))).toEqual(['a']);
    expect(layout(removeWidget(turned, 'b').widgets, 'small').get('a')?.y).toBe(0);
  });

  it('follows the wide layout again', () => {
    expect(followWideAgain(turned, 'small')).toEqual(two);
    expect(rearrangeWidgets(two, 'small', (all) => all)).toBe(two);
  });

  it('has room for what is new on a tablet beside what stands there', () => {
    const arranged = rearrangeWidgets(two, 'medium', (all) => move(all, 'a', 0, 9, 'medium'));
    const three = addWidget(arranged, 'c', SHOWN, SIZE);
    expect(widgetOf(three, 'c')?.layouts).toEqual({ medium: { x: 0, y: 0, w: 3, h: 4 } });
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
