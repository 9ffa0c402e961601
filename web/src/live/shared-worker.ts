import ExchangeWorker from './exchange.worker?sharedworker';
import type { TransportKind } from './ladder';
import type { Said } from './line';
import type { Shared } from './shared-line';

/** The worker of all tabs; null where the browser has none or lets us have none. */
export function sharedWorker(forced: TransportKind | null): Shared | null {
  if (typeof SharedWorker === 'undefined') return null;
  try {
    return new ExchangeWorker({ name: `nowline ${forced ?? 'any'}` });
  } catch {
    return null;
  }
}

/** Has a worker connect before there is anything to watch. */
export function connectAhead(worker: Shared, user: string, token: string): void {
  const messages: Said[] = [
    { do: 'join', user },
    { do: 'token', token },
    { do: 'open' },
    { do: 'bye' },
  ];
  for (const message of messages) worker.port.postMessage(message);
}
