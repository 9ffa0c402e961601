export type Command =
  | 'dashboards'
  | 'activity'
  | 'search'
  | 'pause'
  | 'earlier'
  | 'later'
  | 'zoom-in'
  | 'zoom-out'
  | 'live'
  | 'wall'
  | 'star'
  | 'help';

const SINGLE: Record<string, Command> = {
  '/': 'search',
  ' ': 'pause',
  '[': 'earlier',
  ']': 'later',
  '+': 'zoom-in',
  '=': 'zoom-in',
  '-': 'zoom-out',
  Escape: 'live',
  w: 'wall',
  s: 'star',
  '?': 'help',
};
const AFTER_G: Record<string, Command> = { d: 'dashboards', a: 'activity' };
const PREFIX_MS = 1500;

/** Turns key presses into commands; `g` waits for a second key. */
export class Keyboard {
  #prefixUntil = 0;

  press(key: string, nowMs: number): Command | null {
    if (key === 'g') {
      this.#prefixUntil = nowMs + PREFIX_MS;
      return null;
    }
    const command = nowMs < this.#prefixUntil ? AFTER_G[key] : SINGLE[key];
    this.#prefixUntil = 0;
    return command ?? null;
  }
}

/** Whether a key press belongs to what has the focus and is not a command. */
export function belongsToFocus(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  const target = event.target;
  if (!(target instanceof Element)) return false;
  if (target.closest('input, select, textarea, dialog, [popover], [contenteditable]')) return true;
  // Space presses a button that has the focus.
  return event.key === ' ' && target.closest('button, a, summary') !== null;
}
