import type { Caller } from '../api/requests';
import { Exchange } from './exchange';
import type { TransportKind } from './ladder';
import type { Line } from './line';
import { SharedLine, type Listening } from './shared-line';
import { sharedWorker } from './shared-worker';

/** A connection of this tab alone. */
function ownLine(api: Caller, forced: TransportKind | null, { told }: Listening): Line {
  const exchange = new Exchange(api, forced);
  const member = exchange.join(told);
  return {
    say: (message) => {
      exchange.hear(member, message);
    },
    close: () => {
      exchange.close();
    },
  };
}

/**
 * Opens the way to the server: one connection for all tabs of a user where there are shared
 * workers (not in Chrome for Android, not where storage is denied), else one for this tab.
 */
export function openLine(
  api: Caller,
  forced: TransportKind | null,
  shared: boolean,
  listening: Listening,
): Line {
  const { user } = api;
  const worker = shared && user !== null ? sharedWorker(forced) : null;
  if (worker === null || user === null) return ownLine(api, forced, listening);
  return new SharedLine(worker, user, listening);
}
