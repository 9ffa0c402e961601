import { describe, expect, it } from 'vitest';

import { overlap } from './arrange';
import { addWidget, changeWidget, removeWidget, widgetOf } from './commands';
import { emptyContent, type Content } from './content';
import { keyOf, merge, takeTheirs, type Conflict } from './merge';

const SIZE = { w: 6, h: 4 };

function shown(title: string): { type: string; title: string; config: object } {
  return { type: 'chart', title, config: {} };
}

function move(content: Content, id: string, x: number, y: number): Content {
  const widgets = content.widgets.map((widget) =>
    widget.id === id ? { ...widget, position: { ...widget.position, x, y } } : widget,
  );
  return { ...content, widgets };
}

const base = addWidget(
  addWidget(emptyContent('Shop'), 'a', shown('A'), SIZE),
  'b',
  shown('B'),
  SIZE,
);

function titles({ widgets }: Content): (string | null | undefined)[] {
  return widgets.map(({ title }) => title);
}

function only(conflicts: Conflict[]): Conflict {
  expect(conflicts).toHaveLength(1);
  return conflicts[0] as Conflict;
}

describe('merge', () => {
  it('keeps what either side did to different widgets', () => {
    const mine = addWidget(changeWidget(base, 'a', shown('A of mine')), 'c', shown('C'), SIZE);
    const theirs = { ...removeWidget(base, 'b'), name: 'Shop of theirs' };
    const { content, conflicts } = merge(base, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(titles(content)).toEqual(['A of mine', 'C']);
    expect(content.name).toBe('Shop of theirs');
  });

  it('takes the same change on both sides for one', () => {
    const both = changeWidget(base, 'a', shown('New'));
    expect(merge(base, both, both)).toEqual({ content: both, conflicts: [] });
  });

  it('joins a move with a change of the same widget', () => {
    const mine = move(base, 'a', 0, 8);
    const theirs = changeWidget(base, 'a', shown('New'));
    const { content, conflicts } = merge(base, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(widgetOf(content, 'a')).toMatchObject({ title: 'New', position: { x: 0, y: 8 } });
  });

  it('keeps two new widgets apart that were put into the same place', () => {
    const mine = addWidget(base, 'c', shown('C'), SIZE);
    const theirs = addWidget(base, 'd', shown('D'), SIZE);
    const { content, conflicts } = merge(base, mine, theirs);
    expect(conflicts).toEqual([]);
    const [c, d] = [widgetOf(content, 'c'), widgetOf(content, 'd')];
    if (!c || !d) throw new Error('a widget was lost');
    expect(overlap(c.position, d.position)).toBe(false);
  });

  it('asks where both changed the same widget, and keeps mine until then', () => {
    const mine = changeWidget(base, 'a', shown('Mine'));
    const theirs = changeWidget(base, 'a', shown('Theirs'));
    const { content, conflicts } = merge(base, mine, theirs);
    expect(titles(content)).toEqual(['Mine', 'B']);
    expect(titles(takeTheirs(content, only(conflicts))).sort()).toEqual(['B', 'Theirs']);
  });

  it('asks where one changed what the other deleted', () => {
    const changed = changeWidget(base, 'a', shown('New'));
    const gone = removeWidget(base, 'a');
    const mine = merge(base, changed, gone);
    expect(titles(mine.content)).toEqual(['B', 'New']);
    expect(titles(takeTheirs(mine.content, only(mine.conflicts)))).toEqual(['B']);
    const theirs = merge(base, gone, changed);
    expect(titles(theirs.content)).toEqual(['B']);
    expect(titles(takeTheirs(theirs.content, only(theirs.conflicts)))).toEqual(['B', 'New']);
  });

  it('does not ask where one moved what the other deleted', () => {
    const { content, conflicts } = merge(base, move(base, 'a', 0, 8), removeWidget(base, 'a'));
    expect([titles(content), conflicts]).toEqual([['B'], []]);
  });

  it('asks once about all that both moved', () => {
    const mine = move(move(base, 'a', 0, 10), 'b', 6, 10);
    const theirs = move(move(base, 'a', 0, 20), 'b', 6, 20);
    const { content, conflicts } = merge(base, mine, theirs);
    expect(content.widgets.map(({ position }) => position.y)).toEqual([10, 10]);
    const taken = takeTheirs(content, only(conflicts));
    expect(taken.widgets.map(({ position }) => position.y)).toEqual([20, 20]);
  });

  it('asks about a detail that both changed', () => {
    const mine = { ...base, name: 'Mine', filters: { region: ['eu'] } };
    const theirs = { ...base, name: 'Theirs', is_public: true };
    const { content, conflicts } = merge(base, mine, theirs);
    expect(content).toMatchObject({ name: 'Mine', filters: { region: ['eu'] }, is_public: true });
    expect(keyOf(only(conflicts))).toBe('name');
    expect(takeTheirs(content, only(conflicts)).name).toBe('Theirs');
  });
});
