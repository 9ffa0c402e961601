import { describe, expect, it } from 'vitest';

import { Turns, type Change } from './turns';

/** A browser whose frames come when they are told to, and whose changes take a while each. */
class Screen {
  hidden = false;
  at = 0;
  made: string[] = [];
  #step: (() => void) | null = null;

  now(): number {
    return this.at;
  }

  request(step: () => void): void {
    expect(this.#step).toBeNull();
    this.#step = step;
  }

  get waits(): boolean {
    return this.#step !== null;
  }

  frame(): string[] {
    const step = this.#step;
    this.#step = null;
    this.made = [];
    step?.();
    return this.made;
  }

  change(name: string, takesMs = 0): Change {
    return () => {
      this.at += takesMs;
      this.made.push(name);
    };
  }
}

function turns(screen: Screen): Turns {
  return new Turns(screen, (change) => {
    change();
  });
}

describe('changes in turns', () => {
  it('makes as many in a frame as it has time for, in their order', () => {
    const screen = new Screen();
    const waiting = turns(screen);
    for (const name of ['a', 'b', 'c', 'd', 'e']) waiting.soon(screen.change(name, 3));
    expect(screen.frame()).toEqual(['a', 'b']);
    expect(screen.frame()).toEqual(['c', 'd']);
    expect(screen.frame()).toEqual(['e']);
    expect(screen.waits).toBe(false);
  });

  it('makes at least one in a frame', () => {
    const screen = new Screen();
    const waiting = turns(screen);
    for (const name of ['a', 'b']) waiting.soon(screen.change(name, 500));
    expect(screen.frame()).toEqual(['a']);
    expect(screen.frame()).toEqual(['b']);
  });

  it('makes a change that was asked for again once', () => {
    const screen = new Screen();
    const waiting = turns(screen);
    const change = screen.change('a');
    waiting.soon(change);
    waiting.soon(change);
    expect(screen.frame()).toEqual(['a']);
    waiting.soon(change);
    expect(screen.frame()).toEqual(['a']);
  });

  it('forgets what nobody wants any more', () => {
    const screen = new Screen();
    const waiting = turns(screen);
    const change = screen.change('a');
    waiting.soon(change);
    waiting.drop(change);
    expect(screen.frame()).toEqual([]);
    expect(screen.waits).toBe(false);
  });

  it('does not wait for frames that do not come while the page is hidden', () => {
    const screen = new Screen();
    screen.hidden = true;
    turns(screen).soon(screen.change('a'));
    expect(screen.made).toEqual(['a']);
    expect(screen.waits).toBe(false);
  });
});
