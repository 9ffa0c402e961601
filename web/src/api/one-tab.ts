const NAME = 'nowline-refresh';
/** A tab that was closed or crashed during its turn holds the others up for no longer. */
const LEASE_MS = 5000;
/** Two tabs that write at once both see the later writing after this. */
const SETTLE_MS = 40;

type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

interface Lease {
  owner: string;
  until: number;
}

function leaseOn(shelf: Shelf): Lease {
  const [owner = '', until = '0'] = (shelf.getItem(NAME) ?? '').split(' ');
  return { owner, until: Number(until) };
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Takes turns by notes in the storage that the tabs share. */
export async function byTurns<T>(shelf: Shelf, work: () => Promise<T>): Promise<T> {
  const owner = Math.random().toString(36).slice(2);
  for (;;) {
    if (leaseOn(shelf).until < Date.now()) {
      shelf.setItem(NAME, `${owner} ${String(Date.now() + LEASE_MS)}`);
    }
    await pause(SETTLE_MS);
    if (leaseOn(shelf).owner === owner) break;
  }
  try {
    return await work();
  } finally {
    if (leaseOn(shelf).owner === owner) shelf.removeItem(NAME);
  }
}

/**
 * Does `work` in one tab at a time: they share one refresh cookie, and using an old one twice
 * ends the session. A page on a plain LAN address has no Web Locks.
 */
export function oneTabAtATime<T>(work: () => Promise<T>): Promise<T> {
  const { locks } = navigator as { locks?: LockManager };
  return locks ? (locks.request(NAME, work) as Promise<T>) : byTurns(localStorage, work);
}
