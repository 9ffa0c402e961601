import { describe, expect, it } from 'vitest';

import { move as moveOn, overlap, resize } from './arrange';
import {
  addWidget,
  changeWidget,
  followWideAgain,
  rearrangeWidgets,
  removeWidget,
  widgetOf,
} from './commands';
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

  describe('of layouts for smaller screens', () => {
    const down = (content: Content, id: string): Content =>
      rearrangeWidgets(content, 'small', (all) => moveOn(all, id, 0, 1, 'small'));
    const taller = (content: Content, id: string): Content =>
      rearrangeWidgets(content, 'medium', (all) => resize(all, id, 0, 1, 'medium'));
    const rows = ({ widgets }: Content): unknown => widgets.map(({ layouts }) => layouts?.small?.y);

    it('joins each with the others, and with the wide one', () => {
      const mine = down(base, 'a');
      const theirs = move(taller(base, 'b'), 'a', 0, 8);
      const { content, conflicts } = merge(base, mine, theirs);
      expect(conflicts).toEqual([]);
      expect(rows(content)).toEqual(rows(mine));
      expect(content.widgets.map(({ position }) => position.y)).toEqual([8, 0]);
      expect(widgetOf(content, 'b')?.layouts?.medium?.h).toBe(5);
    });

    it('keeps a layout whole that one side arranged while the other added and changed', () => {
      const mine = down(base, 'a');
      const theirs = addWidget(changeWidget(base, 'a', shown('New')), 'c', shown('C'), SIZE);
      const { content, conflicts } = merge(base, mine, theirs);
      expect(conflicts).toEqual([]);
      expect(titles(content)).toEqual(['New', 'B', 'C']);
      expect(rows(content)).toEqual([4, 0, undefined]);
    });

    it('asks for each layout that both changed', () => {
      const mine = taller(down(base, 'a'), 'a');
      const other = rearrangeWidgets(base, 'small', (all) => resize(all, 'b', 0, 3, 'small'));
      const theirs = taller(taller(other, 'a'), 'a');
      const { content, conflicts } = merge(base, mine, theirs);
      expect(conflicts.map(keyOf)).toEqual(['places medium', 'places small']);
      expect(rows(content)).toEqual(rows(mine));
      const taken = conflicts.reduce(takeTheirs, content);
      expect(taken).toEqual(theirs);
    });

    it('takes it as a whole where one side has it follow the wide one again', () => {
      const arranged = down(base, 'a');
      const follows = followWideAgain(arranged, 'small');
      expect(merge(arranged, follows, arranged)).toEqual({ content: follows, conflicts: [] });
      expect(merge(arranged, arranged, follows)).toEqual({ content: follows, conflicts: [] });
      const moved = rearrangeWidgets(arranged, 'small', (all) => resize(all, 'a', 0, 2, 'small'));
      const mine = merge(arranged, moved, follows);
      expect(mine.content).toEqual(moved);
      expect(takeTheirs(mine.content, only(mine.conflicts))).toEqual(follows);
      const theirs = merge(arranged, follows, moved);
      expect(theirs.content).toEqual(follows);
      expect(takeTheirs(theirs.content, only(theirs.conflicts))).toEqual(moved);
    });

    it('keeps them where the other side’s widget is taken', () => {
      const arranged = down(base, 'a');
      const mine = changeWidget(arranged, 'a', shown('Mine'));
      const theirs = changeWidget(arranged, 'a', shown('Theirs'));
      const { content, conflicts } = merge(arranged, mine, theirs);
      const taken = takeTheirs(content, only(conflicts));
      expect(widgetOf(taken, 'a')).toMatchObject({ title: 'Theirs', layouts: { small: { y: 4 } } });
    });
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
