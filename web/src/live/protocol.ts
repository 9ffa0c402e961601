import type { CatalogueEntry } from '../api/resources';
import type { Point, Tags } from '../series/point';

export interface Query {
  metric_name: string;
  aggregation: string;
  filters?: Record<string, string | string[]>;
  group_by?: string[];
  /** Bucket width. */
  interval?: string;
  time_range?: { last?: string; start?: number; end?: number };
  max_points?: number;
  /** The IANA zone whose days buckets of whole days are. */
  timezone?: string;
  /** How far back what it is compared with lies. */
  compare?: string;
}

/** What a reader wants to see: the points of a query, or the catalogue of metrics. */
export type Wanted = { query: Query; interval: string } | { catalogue: true; interval: string };

export interface DataFrame {
  type: 'snapshot' | 'metrics_update';
  id: string;
  frame: string;
  data: (Point | CatalogueEntry)[];
  published_at: string;
  newest_at: string | null;
  skipped?: number;
  /** The server shows what its store has, every few seconds, until it has repaired itself. */
  degraded?: boolean;
}

export interface ErrorFrame {
  type: 'error';
  id?: string;
  status: number;
  detail: string;
}

export type Frame =
  | DataFrame
  | ErrorFrame
  | { type: 'reset'; id: string }
  | { type: 'heartbeat'; time?: string }
  | { type: 'pong'; time: string };

export type Subscribe = Wanted & { type: 'subscribe'; id: string; since?: string };

/** How the server may close a WebSocket, and what a client does then. */
export const CLOSE = {
  /** It was asked for more than it gives: to come back at once would be the same again. */
  ASKED_TOO_MUCH: 1008,
  RESTARTING: 1012,
  OVER_CAPACITY: 1013,
  SIGNED_OUT: 4401,
  GONE: 4404,
} as const;

const FRAME_TYPES = new Set(['snapshot', 'metrics_update', 'error', 'reset', 'heartbeat', 'pong']);

/** A frame of a type that this page knows; null for anything else, so that new types do no harm. */
export function parseFrame(text: string): Frame | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  return asFrame(parsed);
}

export function asFrame(parsed: unknown): Frame | null {
  if (typeof parsed !== 'object' || parsed === null || !('type' in parsed)) return null;
  return FRAME_TYPES.has(String(parsed.type)) ? (parsed as Frame) : null;
}

export function isPoint(row: Point | CatalogueEntry): row is Point {
  return 'timestamp' in row;
}

export type { CatalogueEntry, Point, Tags };
