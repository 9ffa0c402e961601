/** A point on a circle around the origin; the angle is in turns, clockwise from the top. */
export function onCircle(turn: number, radius: number): [x: number, y: number] {
  const angle = 2 * Math.PI * turn;
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

function at(turn: number, radius: number): string {
  return onCircle(turn, radius)
    .map((coordinate) => coordinate.toFixed(3))
    .join(' ');
}

/** More than this of a turn is drawn in two halves: an arc from a point to itself is nothing. */
const MOST_TURN = 0.5;

function arc(from: number, to: number, radius: number): string {
  const sweep = to > from ? 1 : 0;
  const steps = Math.max(1, Math.ceil(Math.abs(to - from) / MOST_TURN));
  return Array.from({ length: steps }, (_, i) => {
    const end = from + ((to - from) * (i + 1)) / steps;
    return `A${String(radius)} ${String(radius)} 0 0 ${String(sweep)} ${at(end, radius)}`;
  }).join('');
}

/** The outline of a piece of a ring, or of a pie where `inner` is 0, as an SVG path. */
export function ringPath(from: number, to: number, inner: number, outer: number): string {
  if (to <= from) return '';
  const out = `M${at(from, outer)}${arc(from, to, outer)}`;
  return inner === 0 ? `${out}L0 0Z` : `${out}L${at(to, inner)}${arc(to, from, inner)}Z`;
}
