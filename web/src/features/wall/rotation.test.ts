import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Rotation, type Board } from './rotation.svelte';

const NO_STARS = 'Nothing has a star yet. What gets one hangs here within a minute.';
const board = (id: string): Board => ({ id, name: id.toUpperCase(), widgets: [] });
const later = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000);

describe('Rotation', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('has each one there before it shows it', async () => {
    const rotation = new Rotation(
      () => ['a', 'b'],
      30_000,
      (id) => Promise.resolve(board(id)),
    );
    const stop = rotation.start();
    await later(0);
    expect([rotation.shown?.id, rotation.next]).toEqual(['a', null]);
    await later(25);
    expect([rotation.shown?.id, rotation.next?.id]).toEqual(['a', 'b']);
    await later(5);
    expect([rotation.shown?.id, rotation.next]).toEqual(['b', null]);
    await later(30);
    expect(rotation.shown?.id).toBe('a');
    stop();
    await later(120);
    expect(rotation.shown?.id).toBe('a');
  });

  it('stays where it is while another cannot be loaded, and passes over it', async () => {
    const rotation = new Rotation(
      () => ['a', 'gone', 'c'],
      30_000,
      (id) =>
        id === 'gone'
          ? Promise.reject(new Error('No such dashboard.'))
          : Promise.resolve(board(id)),
    );
    const stop = rotation.start();
    await later(28);
    expect([rotation.shown?.id, rotation.problem]).toEqual(['a', 'No such dashboard.']);
    await later(12);
    expect([rotation.shown?.id, rotation.problem]).toEqual(['c', '']);
    stop();
  });

  it('takes up what is added, and goes on when all but one are taken away', async () => {
    let ids: string[] = [];
    const rotation = new Rotation(
      () => ids,
      30_000,
      (id) => Promise.resolve(board(id)),
    );
    const stop = rotation.start();
    await later(0);
    expect([rotation.shown, rotation.problem]).toEqual([null, NO_STARS]);
    ids = ['a'];
    await later(5);
    expect([rotation.shown?.id, rotation.problem]).toEqual(['a', '']);
    ids = ['a', 'b'];
    await later(60 + 30);
    expect(rotation.shown?.id).toBe('b');
    ids = ['a'];
    await later(30);
    expect(rotation.shown?.id).toBe('a');
    ids = [];
    await later(70);
    expect([rotation.shown?.id, rotation.problem]).toEqual(['a', NO_STARS]);
    stop();
  });

  it('tries again where even the first is not to be had', async () => {
    let tries = 0;
    const rotation = new Rotation(
      () => ['a'],
      30_000,
      (id) => {
        tries += 1;
        return tries < 3 ? Promise.reject(new Error('Away.')) : Promise.resolve(board(id));
      },
    );
    const stop = rotation.start();
    await later(0);
    expect([rotation.shown, rotation.problem]).toEqual([null, 'Away.']);
    await later(10);
    expect([rotation.shown?.id, rotation.problem]).toEqual(['a', '']);
    stop();
  });
});
