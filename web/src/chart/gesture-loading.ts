import type { Gestures, Lookout, Plane } from './gestures';

export type { Gestures, Lookout };

/**
 * Takes gestures on a picture, once what that needs is there: the first picture does not wait for
 * it. Returns how to stop.
 */
export function followGestures(
  plane: Plane,
  out: Lookout,
  ready: (gestures: Gestures | null) => void,
  onclick: (event: PointerEvent) => void,
): () => void {
  let stop: (() => void) | null = null;
  let wanted = true;
  import('./gestures').then(
    ({ Gestures }) => {
      if (!wanted) return;
      const gestures = new Gestures(plane, out);
      stop = gestures.follow(onclick);
      ready(gestures);
    },
    // The server is away, or is another one by now: the picture stays, without gestures.
    () => undefined,
  );
  return () => {
    wanted = false;
    stop?.();
    ready(null);
  };
}
