import { describe, expect, it } from 'vitest';

import { begin, rebase, redo, step, undo } from './history';

describe('a history', () => {
  it('goes back and forth', () => {
    const two = step(step(begin('a'), 'b'), 'c');
    const back = undo(undo(two));
    expect(back.present).toBe('a');
    expect(undo(back)).toBe(back);
    expect(redo(redo(back)).present).toBe('c');
    expect(redo(two)).toBe(two);
  });

  it('forgets what was undone at the next step', () => {
    const other = step(undo(step(begin('a'), 'b')), 'c');
    expect(redo(other).present).toBe('c');
    expect(undo(other).present).toBe('a');
  });

  it('joins steps of one kind, until another comes between', () => {
    let history = begin('');
    for (const text of ['n', 'na', 'nam']) history = step(history, text, 'name');
    expect(undo(history).present).toBe('');
    history = step(step(history, 'x'), 'xy', 'name');
    expect(undo(history).present).toBe('x');
    expect(undo(undo(history)).present).toBe('nam');
  });

  it('does not join what came before it was gone back to', () => {
    const back = undo(step(step(begin('a'), 'b'), 'bc', 'name'));
    expect(undo(step(back, 'bd', 'name')).present).toBe('b');
  });

  it('remembers the last hundred steps', () => {
    let history = begin(0);
    for (let i = 1; i <= 150; i += 1) history = step(history, i);
    for (let i = 0; i < 150; i += 1) history = undo(history);
    expect(history.present).toBe(50);
  });

  it('takes what somebody else did into every step', () => {
    const history = rebase(undo(step(begin('a'), 'b')), (state) => `${state}!`);
    expect([history.present, redo(history).present]).toEqual(['a!', 'b!']);
  });
});
