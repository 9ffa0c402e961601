import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Autosave, PAUSE_MS, type Outcome, type Saved, type SaveState } from './autosave';
import { emptyContent, type Content } from './content';
import { merge, type Conflict } from './merge';

/** A server that holds one dashboard, and may be gone or change under our hands. */
class Server {
  saved: Saved = { content: emptyContent('Shop'), version: 1 };
  trouble: Outcome | null = null;
  saves = 0;

  save(content: Content, version: number): Promise<Outcome> {
    this.saves += 1;
    if (this.trouble) return Promise.resolve(this.trouble);
    if (version !== this.saved.version)
      return Promise.resolve({ kind: 'stale', theirs: this.saved });
    this.saved = { content, version: version + 1 };
    return Promise.resolve({ kind: 'saved', saved: this.saved });
  }

  changes(change: Partial<Content>): void {
    this.saved = {
      content: { ...this.saved.content, ...change },
      version: this.saved.version + 1,
    };
  }
}

class Person {
  readonly server = new Server();
  content = this.server.saved.content;
  states: SaveState[] = [];
  conflicts: readonly Conflict[] = [];
  readonly autosave = new Autosave(this.server.saved, this.server, () => this.content, {
    state: (state) => this.states.push(state),
    merged: (base, theirs, conflicts) => {
      this.content = merge(base, this.content, theirs).content;
      this.conflicts = conflicts;
    },
  });

  does(change: Partial<Content>): void {
    this.content = { ...this.content, ...change };
    this.autosave.changed();
  }
}

const LATER: Outcome = { kind: 'later', reason: 'no answer', afterMs: null };

describe('Autosave', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('saves once after a row of changes', async () => {
    const person = new Person();
    for (const name of ['S', 'Sh', 'Sho']) person.does({ name });
    expect(person.server.saves).toBe(0);
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(person.server.saves).toBe(1);
    expect(person.server.saved.content.name).toBe('Sho');
    expect(person.states.at(-1)).toBe('saved');
  });

  it('does not ask the server for what it has already', async () => {
    const person = new Person();
    person.does({ name: 'Other' });
    person.does({ name: 'Shop' });
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect([person.server.saves, person.states.at(-1)]).toEqual([0, 'saved']);
  });

  it('saves what changed while it was saving', async () => {
    const person = new Person();
    person.does({ name: 'One' });
    vi.advanceTimersByTime(PAUSE_MS);
    person.does({ name: 'Two' });
    await vi.advanceTimersByTimeAsync(0);
    expect(person.server.saved.content.name).toBe('Two');
  });

  it('tries until there is an answer', async () => {
    const person = new Person();
    person.server.trouble = LATER;
    person.does({ name: 'New' });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(person.states.at(-1)).toBe('waiting');
    expect(person.server.saves).toBeGreaterThan(3);
    person.server.trouble = null;
    await vi.advanceTimersByTimeAsync(40_000);
    expect(person.server.saved.content.name).toBe('New');
    expect(person.states.at(-1)).toBe('saved');
  });

  it('waits as long as the server says, unless told to try now', async () => {
    const person = new Person();
    person.server.trouble = { kind: 'later', reason: '', afterMs: 60_000 };
    person.does({ name: 'New' });
    await vi.advanceTimersByTimeAsync(59_000);
    expect(person.server.saves).toBe(1);
    person.server.trouble = null;
    person.autosave.flush();
    await vi.advanceTimersByTimeAsync(0);
    expect(person.states.at(-1)).toBe('saved');
  });

  it('joins its change with that of somebody else', async () => {
    const person = new Person();
    person.server.changes({ description: 'theirs' });
    person.does({ name: 'Mine' });
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(person.server.saved.content).toMatchObject({ name: 'Mine', description: 'theirs' });
    expect(person.content).toEqual(person.server.saved.content);
    expect(person.conflicts).toEqual([]);
  });

  it('waits for a decision where both changed the same', async () => {
    const person = new Person();
    person.server.changes({ name: 'Theirs' });
    person.does({ name: 'Mine' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(person.states.at(-1)).toBe('conflict');
    expect(person.server.saved.content.name).toBe('Theirs');
    person.does({ description: 'more of mine' });
    person.autosave.decided();
    await vi.advanceTimersByTimeAsync(0);
    expect(person.server.saved.content).toMatchObject({
      name: 'Mine',
      description: 'more of mine',
    });
  });

  it('does not ask again for what is refused, until it changes', async () => {
    const person = new Person();
    person.server.trouble = { kind: 'refused', reason: 'too long' };
    person.does({ name: 'x' });
    await vi.advanceTimersByTimeAsync(100_000);
    expect([person.server.saves, person.states.at(-1)]).toEqual([1, 'refused']);
    person.server.trouble = null;
    person.does({ name: 'y' });
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(person.states.at(-1)).toBe('saved');
  });

  it('takes in what the server tells, and nothing that it knows', async () => {
    const person = new Person();
    person.server.changes({ name: 'Theirs' });
    person.autosave.heard(person.server.saved);
    await vi.advanceTimersByTimeAsync(0);
    expect([person.content.name, person.autosave.version]).toEqual(['Theirs', 2]);
    person.autosave.heard({ content: emptyContent('Old'), version: 1 });
    expect(person.content.name).toBe('Theirs');
  });
});
