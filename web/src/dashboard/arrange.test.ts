import { describe, expect, it } from 'vitest';

import { closeGaps, firstFree, move, overlap, readingOrder, resize, settle, swap } from './arrange';
import type { Placed } from './grid';

function at(id: string, x: number, y: number, w = 4, h = 2): Placed {
  return { id, position: { x, y, w, h } };
}

function places(widgets: readonly Placed[]): Record<string, [number, number, number, number]> {
  return Object.fromEntries(widgets.map(({ id, position: { x, y, w, h } }) => [id, [x, y, w, h]]));
}

function isFree(widgets: readonly Placed[]): boolean {
  return widgets.every((one, i) =>
    widgets.slice(i + 1).every((other) => !overlap(one.position, other.position)),
  );
}

describe('settle', () => {
  it('pushes down what overlaps, and in turn what that hits', () => {
    const settled = settle([at('a', 0, 0), at('b', 2, 1), at('c', 2, 2)], 'a');
    expect(places(settled)).toEqual({ a: [0, 0, 4, 2], b: [2, 2, 4, 2], c: [2, 4, 4, 2] });
  });

  it('leaves those that are free the same objects', () => {
    const widgets = [at('a', 0, 0), at('b', 4, 0)];
    expect(settle(widgets)[1]).toBe(widgets[1]);
  });

  it('ends without overlaps whatever it is given', () => {
    let seed = 7;
    const random = (most: number): number => (seed = (seed * 48271) % 2147483647) % most;
    for (let round = 0; round < 200; round += 1) {
      const widgets = Array.from({ length: 12 }, (_, i) => {
        const w = 1 + random(12);
        return at(String(i), random(13 - w), random(8), w, 1 + random(5));
      });
      expect(isFree(settle(widgets))).toBe(true);
      expect(isFree(closeGaps(widgets))).toBe(true);
      expect(isFree(move(widgets, '3', 2, -1))).toBe(true);
    }
  });
});

describe('move', () => {
  const widgets = [at('a', 0, 0), at('b', 4, 0)];

  it('moves, and what it hits makes room below', () => {
    expect(places(move(widgets, 'a', 1, 0))).toEqual({ a: [1, 0, 4, 2], b: [4, 2, 4, 2] });
  });

  it('stays on the grid', () => {
    expect(places(move(widgets, 'a', -3, -3))['a']).toEqual([0, 0, 4, 2]);
    expect(places(move(widgets, 'b', 30, 0))['b']).toEqual([8, 0, 4, 2]);
    expect(move(widgets, 'nobody', 1, 1)).toEqual(widgets);
  });
});

describe('resize', () => {
  it('grows to the edge and shrinks to one cell', () => {
    const widgets = [at('a', 6, 0)];
    expect(places(resize(widgets, 'a', 9, 1))['a']).toEqual([6, 0, 6, 3]);
    expect(places(resize(widgets, 'a', -9, -9))['a']).toEqual([6, 0, 1, 1]);
  });
});

describe('swap', () => {
  const widgets = [at('b', 4, 0, 8, 3), at('a', 0, 0, 4, 3), at('c', 0, 3, 12, 1)];

  it('changes places in reading order', () => {
    const swapped = swap(widgets, 'a', 1);
    expect(readingOrder(swapped).map(({ id }) => id)).toEqual(['b', 'a', 'c']);
    expect(isFree(swapped)).toBe(true);
  });

  it('does nothing at the ends', () => {
    expect(swap(widgets, 'a', -1)).toEqual(widgets);
    expect(swap(widgets, 'c', 1)).toEqual(widgets);
  });
});

describe('swap of two that stand one above the other', () => {
  it('lets both keep their heights', () => {
    const widgets = [at('a', 0, 0, 4, 2), at('b', 0, 2, 4, 5), at('c', 0, 7, 4, 1)];
    expect(places(swap(widgets, 'a', 1))).toEqual({
      ...{ b: [0, 0, 4, 5], a: [0, 5, 4, 2] },
      c: [0, 7, 4, 1],
    });
    expect(places(swap(widgets, 'b', -1))).toEqual(places(swap(widgets, 'a', 1)));
  });
});

describe('on small screens', () => {
  const stack = [at('a', 0, 0, 2, 2), at('b', 0, 2, 2, 4), at('c', 0, 6, 2, 3)];
  const order = (widgets: readonly Placed[]): string[] => readingOrder(widgets).map(({ id }) => id);

  it('passes what stands above and below, and leaves no gap', () => {
    const down = move(stack, 'a', 0, 1, 'small');
    expect(places(down)).toEqual({ b: [0, 0, 2, 4], a: [0, 4, 2, 2], c: [0, 6, 2, 3] });
    expect(order(move(down, 'a', 0, 1, 'small'))).toEqual(['b', 'c', 'a']);
    expect(places(move(down, 'a', 0, -1, 'small'))).toEqual(places(stack));
    expect(order(move(stack, 'a', 0, -1, 'small'))).toEqual(['a', 'b', 'c']);
    expect(order(move(stack, 'c', 0, 1, 'small'))).toEqual(['a', 'b', 'c']);
  });

  it('passes two that stand beside each other at once', () => {
    const widgets = [at('a', 0, 0, 1, 2), at('b', 1, 0, 1, 2), at('c', 0, 2, 2, 3)];
    expect(places(move(widgets, 'c', 0, -1, 'small'))).toEqual({
      ...{ c: [0, 0, 2, 3], a: [0, 3, 1, 2] },
      b: [1, 3, 1, 2],
    });
    expect(order(move(move(widgets, 'c', 0, -1, 'small'), 'c', 0, 1, 'small'))).toEqual([
      ...['a', 'b', 'c'],
    ]);
  });

  it('puts two beside each other, and changes the order without changing sizes', () => {
    const half = resize(resize(stack, 'a', -1, 0, 'small'), 'b', -1, -2, 'small');
    const beside = move(half, 'b', 1, 0, 'small');
    expect(places(beside)).toEqual({ a: [0, 0, 1, 2], b: [1, 0, 1, 2], c: [0, 2, 2, 3] });
    expect(places(swap(beside, 'b', 1, 'small'))).toEqual({
      ...{ a: [0, 0, 1, 2], c: [0, 2, 2, 3] },
      b: [0, 5, 1, 2],
    });
    expect(places(resize(stack, 'a', 9, 0, 'small'))['a']).toEqual([0, 0, 2, 2]);
  });

  it('leaves no gap and no overlap whatever is moved', () => {
    let seed = 11;
    const random = (most: number): number => (seed = (seed * 48271) % 2147483647) % most;
    for (let round = 0; round < 200; round += 1) {
      const widgets = closeGaps(
        Array.from({ length: 8 }, (_, i) => {
          const w = 1 + random(2);
          return at(String(i), random(3 - w), random(9), w, 1 + random(4));
        }),
      );
      for (const changed of [
        move(widgets, '3', random(3) - 1, random(3) - 1, 'small'),
        resize(widgets, '3', random(3) - 1, random(3) - 1, 'small'),
        swap(widgets, '3', 1, 'small'),
      ]) {
        expect(isFree(changed)).toBe(true);
        expect(places(closeGaps(changed))).toEqual(places(changed));
        expect(changed.every(({ position: { x, w } }) => x >= 0 && w > 0 && x + w <= 2)).toBe(true);
      }
    }
  });
});

describe('firstFree', () => {
  it('finds the first hole that is large enough', () => {
    const widgets = [at('a', 0, 0, 8), at('b', 0, 2, 12)];
    expect(firstFree(widgets, 4, 2)).toEqual({ x: 8, y: 0, w: 4, h: 2 });
    expect(firstFree(widgets, 6, 2)).toEqual({ x: 0, y: 4, w: 6, h: 2 });
    expect(firstFree([], 12, 4)).toEqual({ x: 0, y: 0, w: 12, h: 4 });
  });
});

describe('closeGaps', () => {
  it('moves up what has room above', () => {
    const closed = closeGaps([at('a', 0, 3), at('b', 0, 9), at('c', 6, 4)]);
    expect(places(closed)).toEqual({ a: [0, 0, 4, 2], b: [0, 2, 4, 2], c: [6, 0, 4, 2] });
  });
});
