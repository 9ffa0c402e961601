import type uPlot from 'uplot';

import type { Mark } from '../series/threshold';
import type { Colours } from './colours';

/** Room that a threshold's label needs above its line. */
const LABEL_PX = 16;
/** The edge around a label, in the colour of what is behind all: series go through it. */
const EDGE_PX = 4;

/** Draws each threshold as a hairline with its label above, or below where there is no room. */
export function drawThresholds(
  { ctx, bbox, valToPos }: uPlot,
  thresholds: readonly Mark[],
  { tones, surface }: Colours,
): void {
  for (const { at, label, tone } of thresholds) {
    const y = Math.round(valToPos(at, 'y', true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = tones[tone];
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const isAtTop = y - bbox.top < LABEL_PX * devicePixelRatio;
    ctx.textAlign = 'right';
    ctx.textBaseline = isAtTop ? 'top' : 'bottom';
    ctx.font = `${String(12 * devicePixelRatio)}px system-ui, sans-serif`;
    write(ctx, label, bbox.left + bbox.width - 4, isAtTop ? y + 4 : y - 2, surface);
    ctx.restore();
  }
}

function write(
  ctx: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  behind: string,
): void {
  ctx.setLineDash([]);
  ctx.lineJoin = 'round';
  ctx.lineWidth = EDGE_PX * devicePixelRatio;
  ctx.strokeStyle = behind;
  ctx.strokeText(text, x, y);
  ctx.fillText(text, x, y);
}
