import type { Position } from '../panels/widget';

/** What changes where a widget stands. */
export type ArrangeCommand =
  { kind: 'move' | 'resize'; columns: number; rows: number } | { kind: 'swap'; step: -1 | 1 };

/** What a key does to the widget that has the focus. */
export type WidgetCommand = ArrangeCommand | { kind: 'configure' } | { kind: 'remove' };

const ARROWS: Record<string, [columns: number, rows: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** The command of a key. */
export function commandOf(event: Pressed): WidgetCommand | null {
  const { key, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (key === 'Enter') return { kind: 'configure' };
  if (key === 'Delete' || key === 'Backspace') return { kind: 'remove' };
  const [columns, rows] = ARROWS[key] ?? [0, 0];
  if (columns === 0 && rows === 0) return null;
  return { kind: shiftKey ? 'resize' : 'move', columns, rows };
}

/** A place in words, counted from one. */
export function placeWords({ x, y, w, h }: Position): string {
  return `column ${String(x + 1)}, row ${String(y + 1)}, ${String(w)} wide, ${String(h)} high`;
}
