import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { afterCutOff, byTurns } from './one-tab';

class Shelf {
  readonly notes = new Map<string, string>();
  getItem(key: string): string | null {
    return this.notes.get(key) ?? null;
  }
  setItem(key: string, note: string): void {
    this.notes.set(key, note);
  }
  removeItem(key: string): void {
    this.notes.delete(key);
  }
}

describe('byTurns', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('lets tabs that start at the same moment work one after the other', async () => {
    const shelf = new Shelf();
    let working = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      working += 1;
      most = Math.max(most, working);
      await new Promise((done) => setTimeout(done, 300));
      working -= 1;
    };
    const tabs = Promise.all([1, 2, 3].map(() => byTurns(shelf, work)));
    await vi.advanceTimersByTimeAsync(2000);
    await tabs;
    expect(most).toBe(1);
    expect(shelf.notes.size).toBe(0);
  });

  it('gives the turn back when the work fails', async () => {
    const shelf = new Shelf();
    const failing = byTurns(shelf, () => Promise.reject(new Error('no answer')));
    const refused = expect(failing).rejects.toThrow('no answer');
    await vi.advanceTimersByTimeAsync(100);
    await refused;
    expect(shelf.notes.size).toBe(0);
  });

  it('does not wait for ever for a tab that was closed during its turn', async () => {
    const shelf = new Shelf();
    void byTurns(shelf, () => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(100);
    const next = byTurns(shelf, () => Promise.resolve('done'));
    await vi.advanceTimersByTimeAsync(6000);
    await expect(next).resolves.toBe('done');
  });
});

describe('afterCutOff', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('begins at once when nothing was cut off', async () => {
    const shelf = new Shelf();
    await expect(afterCutOff(shelf, () => Promise.resolve('done'))).resolves.toBe('done');
    expect(shelf.notes.size).toBe(0);
  });

  it('waits until what a page left behind has been answered', async () => {
    const shelf = new Shelf();
    void afterCutOff(shelf, () => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(500);
    const work = vi.fn(() => Promise.resolve('done'));
    const next = afterCutOff(shelf, work);
    await vi.advanceTimersByTimeAsync(900);
    expect(work).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    await expect(next).resolves.toBe('done');
  });

  it('does not trust a note from the future, when the clock was set back', async () => {
    const shelf = new Shelf();
    shelf.setItem('nowline-refresh-begun', String(Date.now() + 3_600_000));
    await expect(afterCutOff(shelf, () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
