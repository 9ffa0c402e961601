import { Refused, Unreachable } from '../api/requests';
import type { TransportKind } from './ladder';
import type { Frame, Subscribe } from './protocol';

/**
 * Why a transport ended, and for how long the server asked us to stay away: `turned-away` by a
 * server that does not want us back before something is different here.
 */
export interface End {
  reason: 'unreachable' | 'blocked' | 'signed-out' | 'turned-away';
  retryAfterMs?: number;
}

/** What a transport tells the client. After `ended` it is silent. */
export interface Receiver {
  opened(): void;
  /** Bytes came, a comment included. */
  alive(): void;
  frame(frame: Frame): void;
  ended(end: End): void;
}

/** One way to carry frames. All take the same subscriptions and give the same frames. */
export interface Transport {
  readonly kind: TransportKind;
  subscribe(message: Subscribe): void;
  unsubscribe(id: string): void;
  /** Asks for the server's time where the transport can. */
  ping(): void;
  close(): void;
}

/** A stream that opens but stays silent this long is taken for blocked. */
export const OPEN_WITHIN_MS = 10_000;

/** Reads an error of a request as the end of a transport. */
export function endOf(error: unknown): End {
  if (error instanceof Unreachable) return { reason: 'unreachable' };
  if (!(error instanceof Refused)) return { reason: 'blocked' };
  if (error.status === 401) return { reason: 'signed-out' };
  const retry = error.retryAfterS === null ? {} : { retryAfterMs: error.retryAfterS * 1000 };
  // A server or a proxy in front of it that is over its limits, starting or stopping.
  if (error.status >= 500 || error.status === 429) return { reason: 'unreachable', ...retry };
  return { reason: 'blocked' };
}

/** The address of a stream that carries `subscriptions` in its query. */
export function streamPath(
  path: string,
  subscriptions: readonly Subscribe[],
  more: Record<string, string> = {},
): string {
  const list = subscriptions.map((subscription) => ({ ...subscription, type: undefined }));
  const query = new URLSearchParams({ ...more, subscriptions: JSON.stringify(list) });
  return `${path}?${query.toString()}`;
}
