/** What was, is, and could be again. */
export interface History<T> {
  past: readonly T[];
  present: T;
  future: readonly T[];
  /** What the last step did: further steps of the same kind join it, as letters join a word. */
  kind: string | null;
}

const MOST_STEPS = 100;

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [], kind: null };
}

/** One step on; a step of the kind of the last one joins it, one without a kind stands alone. */
export function step<T>(history: History<T>, present: T, kind: string | null = null): History<T> {
  const joins = kind !== null && kind === history.kind && history.past.length > 0;
  const past = joins ? history.past : [...history.past, history.present].slice(-MOST_STEPS);
  return { past, present, future: [], kind };
}

export function undo<T>(history: History<T>): History<T> {
  const present = history.past.at(-1);
  if (present === undefined) return history;
  const future = [history.present, ...history.future];
  return { past: history.past.slice(0, -1), present, future, kind: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [present, ...future] = history.future;
  if (present === undefined) return history;
  return { past: [...history.past, history.present], present, future, kind: null };
}

/** Every state changed in the same way: what somebody else did is in none of our steps. */
export function rebase<T>(history: History<T>, change: (state: T) => T): History<T> {
  return {
    past: history.past.map(change),
    present: change(history.present),
    future: history.future.map(change),
    kind: null,
  };
}
