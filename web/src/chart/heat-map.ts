import { heatOf, type HeatScale } from '../series/heat';
import type { Shape } from '../series/shape';
import type { Zone } from '../series/zone';
import { translucent, type Colours } from './colours';
import { timeLabel, timeTicks } from './time-axis';

export interface HeatOptions {
  labels: readonly string[];
  /** What stands at the lower edges of rows, instead of their names; some may have nothing. */
  edges: readonly string[] | null;
  slot: number;
  bucketMs: number;
  scale: HeatScale;
  colours: Colours;
  zone: Zone;
}

/** What is under the pointer. */
export interface HeatCell {
  time: number;
  row: number;
}

const FONT = '12px system-ui, sans-serif';
export const AXIS_PX = 26;
export const RIGHT_PX = 18;
const LABEL_GAP_PX = 8;
const LETTER_PX = 13;
const WIDEST_LABELS = 0.34;
const TICK_PX = 90;
const EDGE_PX = 16;
/** Nothing is not the same as no value: it has a colour, if a faint one. */
const LEAST_ALPHA = 0.1;

/** How strongly a cell is coloured. */
export function alphaOf(value: number, scale: HeatScale): number {
  return LEAST_ALPHA + (1 - LEAST_ALPHA) * heatOf(value, scale);
}

/** Values of several series over time as colours, in a window that is moved along by `moveTo`. */
export class HeatMap {
  readonly #canvas: HTMLCanvasElement;
  readonly #options: HeatOptions;
  #shape: Shape = { times: [], columns: [] };
  #end = 0;
  #spanMs = 1;
  #drawnEnd = 0;
  #left = 0;

  constructor(canvas: HTMLCanvasElement, options: HeatOptions) {
    this.#canvas = canvas;
    this.#options = options;
  }

  setData(shape: Shape): void {
    this.#shape = shape;
    this.#drawnEnd = 0;
  }

  /** Shows the span that ends at `end`; does nothing until that moves the picture half a pixel. */
  moveTo(end: number, spanMs: number): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const moved = (Math.abs(end - this.#drawnEnd) / spanMs) * clientWidth;
    const isSized = this.#canvas.width === Math.round(clientWidth * devicePixelRatio);
    if (moved < 0.5 && spanMs === this.#spanMs && isSized) return;
    [this.#end, this.#drawnEnd, this.#spanMs] = [end, end, spanMs];
    this.#draw(clientWidth, clientHeight);
  }

  /** Where the cells begin, px from the left. */
  get left(): number {
    return this.#left;
  }

  /** The moment at a place, px from where the cells begin. */
  timeAt(px: number): number {
    return this.#end - this.#spanMs + (px / this.#width()) * this.#spanMs;
  }

  /** The place of a moment, px from where the cells begin. */
  placeOf(time: number): number {
    return ((time - this.#end + this.#spanMs) / this.#spanMs) * this.#width();
  }

  /** What is drawn at a place, px from the upper left corner of the cells. */
  cellAt(x: number, y: number): HeatCell {
    const { bucketMs, labels } = this.#options;
    const height = this.#canvas.clientHeight - AXIS_PX;
    return {
      time: Math.floor(this.timeAt(x) / bucketMs) * bucketMs,
      row: Math.floor((y / height) * labels.length),
    };
  }

  /** Where the cell of a row is at a time, px from the upper left corner of the cells. */
  boxOf({ time, row }: HeatCell): { left: number; top: number; width: number; height: number } {
    const height = (this.#canvas.clientHeight - AXIS_PX) / Math.max(1, this.#options.labels.length);
    const left = this.placeOf(time);
    const width = Math.max(2, (this.#options.bucketMs / this.#spanMs) * this.#width());
    return { left, top: row * height, width, height };
  }

  #width(): number {
    return Math.max(1, this.#canvas.clientWidth - this.#left - RIGHT_PX);
  }

  #draw(width: number, height: number): void {
    const context = this.#canvas.getContext('2d');
    if (!context || width === 0 || height === 0) return;
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
    context.font = FONT;
    this.#drawLabels(context, width, height - AXIS_PX);
    this.#drawCells(context, width - this.#left - RIGHT_PX, height - AXIS_PX);
    this.#drawTimes(context, width - this.#left - RIGHT_PX, height);
  }

  #drawLabels(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { colours, edges } = this.#options;
    const labels = edges ?? this.#options.labels;
    const most = width * WIDEST_LABELS;
    const longest = Math.max(0, ...labels.map((label) => context.measureText(label).width));
    this.#left = Math.min(most, longest) + LABEL_GAP_PX;
    context.fillStyle = colours.text;
    context.textBaseline = 'middle';
    const rowPx = height / Math.max(1, labels.length);
    let free = -Infinity;
    labels.forEach((label, row) => {
      const y = edges ? Math.min((row + 1) * rowPx, height - LETTER_PX / 2) : (row + 0.5) * rowPx;
      // Where rows are lower than letters, only some have their name.
      if (!label || y < free) return;
      free = y + LETTER_PX;
      context.fillText(fit(context, label, most), 0, y);
    });
  }

  #drawCells(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { bucketMs, scale, colours, slot, labels } = this.#options;
    const rowPx = height / Math.max(1, labels.length);
    const colour = colours.series[slot] ?? colours.text;
    context.save();
    context.beginPath();
    context.rect(this.#left, 0, width, height);
    context.clip();
    const cellPx = (bucketMs / this.#spanMs) * width;
    const gap = cellPx > 4 ? 1 : 0;
    this.#shape.columns.forEach(({ values }, row) => {
      values.forEach((value, i) => {
        if (typeof value !== 'number') return;
        const x = ((this.#shape.times[i] ?? 0) - this.#end + this.#spanMs) / this.#spanMs;
        context.fillStyle = translucent(colour, alphaOf(value, scale));
        const left = this.#left + x * width;
        context.fillRect(left, row * rowPx, Math.max(1, cellPx - gap), rowPx - (rowPx > 4 ? 1 : 0));
      });
    });
    context.restore();
  }

  #drawTimes(context: CanvasRenderingContext2D, width: number, height: number): void {
    const most = Math.max(2, Math.min(5, Math.floor(width / TICK_PX)));
    const from = this.#end - this.#spanMs;
    const edge = (this.#spanMs * EDGE_PX) / Math.max(width, 1);
    const ticks = timeTicks(from + edge, this.#end, most, this.#options.zone);
    const [first = 0, second = first + this.#spanMs] = ticks;
    const step = second - first;
    context.fillStyle = this.#options.colours.text;
    context.textAlign = 'center';
    context.textBaseline = 'bottom';
    for (const tick of ticks) {
      const x = this.#left + ((tick - from) / this.#spanMs) * width;
      context.fillText(timeLabel(tick, step, this.#options.zone), x, height - 4);
    }
  }
}

/** The text, cut to a width. */
function fit(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}
