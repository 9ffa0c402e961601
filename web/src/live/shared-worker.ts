import ExchangeWorker from './exchange.worker?sharedworker';
import type { TransportKind } from './ladder';
import type { Said } from './line';
import type { Shared } from './shared-line';

/** The worker of all tabs of one user; null where the browser has none or lets us have none. */
export function sharedWorker(user: string, forced: TransportKind | null): Shared | null {
  if (typeof SharedWorker === 'undefined') return null;
  try {
    return new ExchangeWorker({ name: `nowline ${user} ${forced ?? 'any'}` });
  } catch {
    return null;
  }
}

/** Starts the worker, and has it connect, before there is anything to watch. */
export function connectAhead(user: string, token: string, forced: TransportKind | null): void {
  const worker = sharedWorker(user, forced);
  const messages: Said[] = [{ do: 'token', token }, { do: 'open' }, { do: 'bye' }];
  for (const message of messages) worker?.port.postMessage(message);
}
