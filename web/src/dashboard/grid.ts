import type { Position } from '../panels/widget';

export const COLUMNS = { desktop: 12, tablet: 4, phone: 1 } as const;
export type Device = keyof typeof COLUMNS;

const TABLET_BELOW = 1100;
const PHONE_BELOW = 640;
/** On a tablet a single column is too narrow for a chart. */
const NARROWEST = 2;

export function deviceFor(width: number): Device {
  if (width < PHONE_BELOW) return 'phone';
  return width < TABLET_BELOW ? 'tablet' : 'desktop';
}

interface Placed {
  id: string;
  position: Position;
}

function spanOn(device: Device, w: number): number {
  const columns = COLUMNS[device];
  const narrowest = Math.min(columns, NARROWEST);
  return Math.max(narrowest, Math.min(columns, Math.round((w * columns) / COLUMNS.desktop)));
}

/** Gives a row one height and widens its last widget to the edge, so that no hole is left in it. */
function flow<T extends Placed>(widgets: readonly T[], device: Device): Map<string, Position> {
  const placed = new Map<string, Position>();
  const columns = COLUMNS[device];
  let row: { id: string; position: Position }[] = [];
  let [x, y] = [0, 0];
  const close = (): void => {
    const last = row.at(-1);
    if (last) last.position.w = columns - last.position.x;
    const height = Math.max(0, ...row.map(({ position }) => position.h));
    for (const { position } of row) position.h = height;
    y += height;
    row = [];
    x = 0;
  };
  for (const { id, position } of widgets) {
    const w = spanOn(device, position.w);
    if (x + w > columns) close();
    const at = { x, y, w, h: position.h };
    placed.set(id, at);
    row.push({ id, position: at });
    x += w;
  }
  close();
  return placed;
}

/**
 * Where each widget stands: as the document says on a desktop; on narrower screens in reading
 * order, scaled to fewer columns.
 */
export function layout(widgets: readonly Placed[], device: Device): Map<string, Position> {
  if (device === 'desktop') return new Map(widgets.map(({ id, position }) => [id, position]));
  const order = [...widgets].sort(
    (a, b) => a.position.y - b.position.y || a.position.x - b.position.x,
  );
  return flow(order, device);
}
