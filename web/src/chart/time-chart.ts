import uPlot from 'uplot';

import { niceScale } from '../series/scale';
import type { Shape } from '../series/shape';
import { stack, type Layer } from '../series/stack';
import type { Mark as ThresholdMark } from '../series/threshold';
import { format, type Unit } from '../series/unit';
import type { Zone } from '../series/zone';
import { barPaths } from './bars';
import { translucent, type Colours } from './colours';
import { nearestRow, nearestValue } from './nearest';
import { drawThresholds } from './threshold-lines';
import { timeLabel, timeTicks } from './time-axis';

export type Mark = 'line' | 'area' | 'bar';

export interface SeriesStyle {
  label: string;
  slot: number;
  hidden: boolean;
  /** It is of an earlier time: drawn beside the others, as a dashed line. */
  isEarlier?: boolean;
}

export interface ChartOptions {
  mark: Mark;
  unit: Unit;
  /** Whether areas and bars stand on one another. */
  stacked: boolean;
  /** The ends of the scale where they are known, e.g. 100 %. */
  min: number | null;
  max: number | null;
  bucketMs: number;
  series: readonly SeriesStyle[];
  colours: Colours;
  zone: Zone;
}

/** What a chart shows at a moment. */
export interface Readings {
  /** The bucket that the moment lies in or next to. */
  time: number;
  /** One for each series; null for one that has none near it, or is hidden. */
  values: (number | null)[];
}

/** A revised point that is to glow. */
export interface GlowAt {
  series: number;
  time: number;
}

const AXIS_FONT = '12px system-ui, sans-serif';
const AREA_ALPHA = 0.08;
const EARLIER_ALPHA = 0.65;
const EARLIER_DASH = [4, 4];
/** Layers of a stack are told apart by their colour, not by a line alone. */
const LAYER_ALPHA = 0.55;
const LINE_PX = 1.5;
/** Where points stand this close, a wider line is a blur, and takes many times as long to draw. */
const DENSE_LINE_PX = 1;
const DENSE_PX = 2;
/** The picture moves along in steps of this many device pixels, which the eye takes for gliding. */
const STEP_PX = 1;
/** Where each bucket moves it by no more than this, it moves when the bucket's points come. */
const SMALL_BUCKET_PX = 2;
/** How far the cursor looks for a value of a series that reports seldom: so many buckets, or so far. */
const REACH_BUCKETS = 3;
const REACH_PX = 12;

const AXIS_GAP = 8;
const CHARACTER_WIDTH = 7;
const EDGE_PX = 16;
const NARROWEST_AXIS = 40;

/** Room for the longest label, in steps so that the plot does not tremble as labels change. */
function axisWidth(labels: readonly string[] | null): number {
  const longest = Math.max(0, ...(labels ?? []).map((label) => label.length));
  return Math.max(NARROWEST_AXIS, AXIS_GAP + longest * CHARACTER_WIDTH);
}

/** The series that stand on or beside one another. */
function standing(series: readonly SeriesStyle[]): number[] {
  return series.flatMap(({ hidden, isEarlier }, i) => (hidden || isEarlier ? [] : [i]));
}

/** A dashed line; beside bars one with their outline. */
function earlierOf(label: string, hidden: boolean, stroke: string, mark: Mark): uPlot.Series {
  const steps = mark === 'bar' ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    label,
    show: !hidden,
    stroke: translucent(stroke, EARLIER_ALPHA),
    width: 1.5,
    dash: EARLIER_DASH,
    points: { show: false },
    ...(steps ? { paths: steps } : {}),
  };
}

type Columns = (number | null | undefined)[][];

/** A chart over time whose window is moved along by `moveTo`. The only place that knows uPlot. */
export class TimeChart {
  readonly #plot: uPlot;
  readonly #options: ChartOptions;
  #lonely: number[][] = [];
  #ticks: number[] = [];
  #glowing: readonly GlowAt[] = [];
  #thresholds: readonly ThresholdMark[] = [];
  #columns: Shape['columns'] = [];
  #layers: readonly Layer[] = [];
  #drawnEnd = 0;
  #spanMs = 0;
  #pointed: number | null = null;

  constructor(host: HTMLElement, width: number, height: number, options: ChartOptions) {
    this.#options = options;
    const empty: Columns = [[], ...options.series.map(() => [])];
    this.#plot = new uPlot(this.#config(width, height), empty as uPlot.AlignedData, host);
  }

  setData({ times, columns }: Shape): void {
    const { stacked, series } = this.#options;
    const values = columns.map((column) => column.values);
    this.#columns = columns;
    this.#lonely = columns.map((column) => column.lonely);
    const isApart = (column: number): boolean =>
      series[column]?.hidden === true || series[column]?.isEarlier === true;
    this.#layers = stacked ? stack(values, isApart) : [];
    const drawn = values.map((own, i) =>
      stacked && !series[i]?.isEarlier ? (this.#layers[i]?.top ?? own) : own,
    );
    const data: Columns = [times, ...drawn];
    this.#plot.setData(data as uPlot.AlignedData, false);
    this.#drawnEnd = 0;
  }

  setThresholds(thresholds: readonly ThresholdMark[]): void {
    this.#thresholds = thresholds;
    this.#drawnEnd = 0;
  }

  setGlow(glowing: readonly GlowAt[]): void {
    if (glowing.length > 0 || this.#glowing.length > 0) this.#drawnEnd = 0;
    this.#glowing = glowing;
  }

  resize(width: number, height: number): void {
    if (width === this.#plot.width && height === this.#plot.height) return;
    this.#plot.setSize({ width, height });
    this.#drawnEnd = 0;
  }

  /** Shows the span that ends at `end`; does nothing until that moves the picture by a step. */
  moveTo(end: number, spanMs: number): void {
    const perMs = (this.#plot.bbox.width || 1) / spanMs;
    const bucketPx = this.#options.bucketMs * perMs;
    const step = bucketPx <= SMALL_BUCKET_PX ? SMALL_BUCKET_PX : STEP_PX;
    const moved = Math.abs(end - this.#drawnEnd) * perMs;
    if (moved < step && spanMs === this.#spanMs) return;
    this.#drawnEnd = end;
    this.#spanMs = spanMs;
    this.#setLines(bucketPx < DENSE_PX * devicePixelRatio ? DENSE_LINE_PX : LINE_PX);
    this.#plot.setScale('x', { min: end - spanMs, max: end });
  }

  #setLines(width: number): void {
    if (this.#options.mark === 'bar') return;
    for (const series of this.#plot.series.slice(1)) series.width = width;
  }

  destroy(): void {
    this.#plot.destroy();
  }

  /** What takes the pointer: the picture without its scales. */
  get area(): HTMLElement {
    return this.#plot.over;
  }

  /** The moment at a place, px from the left of the area. */
  timeAt(px: number): number {
    return this.#plot.posToVal(px, 'x');
  }

  /** The place of a moment, px from the left of the area. */
  placeOf(time: number): number {
    return this.#plot.valToPos(time, 'x');
  }

  /** Draws the cursor at a moment, or none. */
  pointAt(time: number | null): void {
    if (time === null && this.#pointed === null) return;
    const left = time === null ? -1 : this.placeOf(time);
    const isInside = left >= 0 && left <= this.area.clientWidth;
    this.#pointed = time;
    this.#plot.setCursor({ left: isInside ? left : -10, top: isInside ? 1 : -10 }, false);
  }

  /** What stands at a moment; null where nothing does. */
  readAt(time: number): Readings | null {
    const times = this.#plot.data[0] as number[];
    const row = nearestRow(times, time);
    if (row < 0) return null;
    const values = this.#columns.map((column, i) => {
      if (this.#options.series[i]?.hidden) return null;
      const at = nearestValue(column.values, times, row, this.#reachMs());
      return at === null ? null : (column.values[at] ?? null);
    });
    return { time: times[row] ?? 0, values };
  }

  /** The moment of the next row that is shown, `steps` away from another one. */
  stepFrom(time: number | null, steps: number): number | null {
    const times = (this.#plot.data[0] as number[]).filter(
      (one) => one > this.#drawnEnd - this.#spanMs && one <= this.#drawnEnd,
    );
    const row = time === null ? times.length - 1 : nearestRow(times, time) + steps;
    return times[Math.max(0, Math.min(times.length - 1, row))] ?? null;
  }

  #reachMs(): number {
    const ofPixels = (REACH_PX * this.#spanMs) / Math.max(1, this.area.clientWidth);
    return Math.max(REACH_BUCKETS * this.#options.bucketMs, ofPixels);
  }

  #config(width: number, height: number): uPlot.Options {
    const { series, colours } = this.#options;
    return {
      width,
      height,
      ms: 1,
      padding: [6, 18, 0, 0],
      legend: { show: false },
      cursor: this.#cursor(),
      scales: { x: { time: true, auto: false }, y: { range: this.#yRange } },
      axes: [this.#xAxis(colours), this.#yAxis(colours)],
      series: [{}, ...series.map((style, i) => this.#seriesOf(style, i))],
      bands: this.#bands(),
      hooks: { draw: [this.#drawThresholds, this.#drawGlow] },
    };
  }

  /** It is put where the page's cursor is: the library's own gestures are off. */
  #cursor(): uPlot.Cursor {
    const none = (): null => null;
    return {
      y: false,
      drag: { x: false, y: false, setScale: false },
      bind: {
        mousedown: none,
        mouseup: none,
        click: none,
        dblclick: none,
        mousemove: none,
        mouseleave: none,
        mouseenter: none,
      },
      points: { size: 7 },
      dataIdx: (plot, index, row) => {
        if (index === 0) return row;
        const [times, values] = [plot.data[0] as number[], plot.data[index] as Columns[number]];
        return nearestValue(values, times, row, this.#reachMs()) ?? row;
      },
    };
  }

  #xAxis(colours: Colours): uPlot.Axis {
    return {
      stroke: colours.text,
      font: AXIS_FONT,
      size: 26,
      gap: 4,
      grid: { show: false },
      ticks: { show: false },
      splits: (plot, _axis, min, max) => {
        const most = Math.max(2, Math.min(5, Math.floor(plot.width / 90)));
        // A label at the left edge would run into those of the other axis.
        const edge = ((max - min) * EDGE_PX) / Math.max(plot.width, 1);
        return timeTicks(min + edge, max, most, this.#options.zone);
      },
      values: (_plot, splits) => {
        const [first = 0, second = first + this.#spanMs] = splits;
        const step = second - first;
        return splits.map((split) => timeLabel(split, step, this.#options.zone));
      },
    };
  }

  #yAxis(colours: Colours): uPlot.Axis {
    return {
      stroke: colours.text,
      font: AXIS_FONT,
      size: (_plot, labels) => axisWidth(labels),
      gap: 6,
      grid: { stroke: colours.grid, width: 1 },
      ticks: { show: false },
      splits: () => this.#ticks,
      values: (_plot, splits) => splits.map((split) => format(split, this.#options.unit)),
    };
  }

  #yRange = (_plot: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax => {
    const { min, max, unit } = this.#options;
    const top = Math.max(high ?? 0, max ?? 0, ...this.#thresholds.map(({ at }) => at));
    const base = unit.startsWith('bytes') ? 1024 : 10;
    const scale = niceScale(low ?? min ?? 0, top, base, min ?? 0);
    this.#ticks = scale.ticks;
    return [scale.min, scale.max];
  };

  /** Each layer of a stack is filled down to the one below that is shown. */
  #bands(): uPlot.Band[] {
    const { series, stacked, mark, colours } = this.#options;
    if (!stacked || mark === 'bar') return [];
    const shown = standing(series);
    return shown.slice(1).map((upper, i) => ({
      series: [upper + 1, (shown[i] ?? 0) + 1],
      fill: translucent(colours.series[series[upper]?.slot ?? 0] ?? '', LAYER_ALPHA),
    }));
  }

  #fillOf(stroke: string): string {
    const { mark, stacked } = this.#options;
    if (mark === 'bar') return translucent(stroke, 0.85);
    return translucent(stroke, stacked ? LAYER_ALPHA : AREA_ALPHA);
  }

  #barsOf(index: number): uPlot.Series.PathBuilder {
    const { stacked, bucketMs, series } = this.#options;
    const shown = standing(series);
    return barPaths({
      bucketMs,
      place: stacked ? 0 : Math.max(0, shown.indexOf(index)),
      places: stacked ? 1 : Math.max(1, shown.length),
      base: (row) => this.#layers[index]?.base[row] ?? 0,
    });
  }

  #seriesOf({ slot, hidden, label, isEarlier }: SeriesStyle, index: number): uPlot.Series {
    const { mark, colours } = this.#options;
    const stroke = colours.series[slot] ?? colours.text;
    if (isEarlier) return earlierOf(label, hidden, stroke, mark);
    const bar = mark === 'bar';
    return {
      label,
      show: !hidden,
      stroke,
      width: bar ? 0 : LINE_PX,
      ...(mark === 'line' ? {} : { fill: this.#fillOf(stroke) }),
      ...(bar ? { paths: this.#barsOf(index) } : {}),
      points: {
        show: () => !bar,
        filter: (_plot, column) => this.#lonely[column - 1] ?? [],
        size: 5,
        fill: stroke,
      },
    };
  }

  #drawThresholds = (plot: uPlot): void => {
    drawThresholds(plot, this.#thresholds, this.#options.colours);
  };

  #drawGlow = (plot: uPlot): void => {
    const { ctx } = plot;
    for (const { series, time } of this.#glowing) {
      const row = plot.data[0].indexOf(time);
      const value = plot.data[series + 1]?.[row];
      const slot = this.#options.series[series]?.slot ?? 0;
      if (value === null || value === undefined) continue;
      ctx.save();
      ctx.fillStyle = translucent(this.#options.colours.series[slot] ?? '', 0.35);
      ctx.beginPath();
      const [x, y] = [plot.valToPos(time, 'x', true), plot.valToPos(value, 'y', true)];
      ctx.arc(x, y, 7 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
      ctx.restore();
    }
  };
}
