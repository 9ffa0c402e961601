import type { Query } from '../live/protocol';
import type { Reduce } from '../series/reduce';
import type { Unit } from '../series/unit';

export interface Position {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** One query of a widget, with the name that its series has where it has no tags. */
export interface LabelledQuery {
  query: Query;
  label: string;
}

export interface WidgetConfig {
  queries: LabelledQuery[];
  subtitle: string;
  unit: Unit;
  chart: 'line' | 'area' | 'bar';
  /** Values are counts of a bucket and are shown per this time; null where they stay counts. */
  perMs: number | null;
  /** The first query's values are shown as a percentage of the second's. */
  share: boolean;
  /** A bucket without a point means zero. */
  zeroFill: boolean;
  max: number | null;
  thresholds: { value: number; label: string }[];
  reduce: Reduce;
  /** The span that a card's value covers or compares with. */
  overMs: number;
  /** Whether more is better, worse or neither. */
  good: 'up' | 'down' | null;
  text: string;
}

export interface Widget {
  id: string;
  type: 'chart' | 'metric' | 'table' | 'text';
  title: string;
  position: Position;
  config: WidgetConfig;
}

export const PLAIN_CONFIG: WidgetConfig = {
  queries: [],
  subtitle: '',
  unit: '',
  chart: 'line',
  perMs: null,
  share: false,
  zeroFill: false,
  max: null,
  thresholds: [],
  reduce: 'last',
  overMs: 60_000,
  good: null,
  text: '',
};
