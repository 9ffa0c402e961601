import type { TransportKind } from './ladder';
import type { Frame } from './protocol';
import type { StreamState } from './stream';

/**
 * Whether frames come: not yet, now, not any more, not for so long that few would wait, or not
 * before somebody says so, because the server turned us away.
 */
export type Phase = 'catching-up' | 'up' | 'reconnecting' | 'offline' | 'turned-away';

/** How the connection to the server stands. */
export interface Status {
  phase: Phase;
  transport: TransportKind;
  /** When the next attempt is made, epoch ms; null while connected or connecting. */
  retryAt: number | null;
  /** How many tries to connect failed since the last that worked. */
  failedTries: number;
  /** How far the server's clock is ahead of ours. */
  aheadMs: number;
}

export const AT_FIRST: Status = {
  phase: 'catching-up',
  transport: 'ws',
  retryAt: null,
  failedTries: 0,
  aheadMs: 0,
};

/** What a tab says to whoever keeps the connection for it. */
export type Said =
  /** Whose tab it is: the first message to a worker. */
  | { do: 'join'; user: string }
  /** The access token; before anything that takes one, and again whenever there is another. */
  | { do: 'token'; token: string | null }
  /** Something will be watched soon. */
  | { do: 'open' }
  /** `wanted` as JSON: equal texts share one subscription. */
  | { do: 'watch'; id: string; wanted: string; since: string | null }
  | { do: 'leave'; id: string }
  /** Equal paths share one stream. */
  | { do: 'follow'; id: string; path: string }
  | { do: 'unfollow'; id: string }
  /** Try at once, whatever the back-off says. */
  | { do: 'reconnect' }
  | { do: 'beat' }
  | { do: 'bye' };

/** What a tab is told of a stream of one thing. */
export type ToldOfStream =
  | { say: 'stream'; id: string; state: StreamState }
  | { say: 'message'; id: string; message: object }
  /** What it was of does not exist any more. */
  | { say: 'gone'; id: string };

/** What a tab is told. */
export type Told =
  | { say: 'status'; status: Status }
  | { say: 'frame'; frame: Frame }
  | ToldOfStream
  /** The server refused the token `stale`: another one is wanted. */
  | { say: 'renew'; stale: string | null }
  | { say: 'signed-out' }
  /** The answer to a beat; a tab that was silent for too long is not known any more. */
  | { say: 'beat'; known: boolean };

/** A tab's way to the connection, which may be its own or that of all tabs. */
export interface Line {
  say(message: Said): void;
  close(): void;
}
