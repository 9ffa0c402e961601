const NAME = 'nowline-refresh';
/** A tab that was closed or crashed during its turn holds the others up for no longer. */
const LEASE_MS = 5000;
/** Two tabs that write at once both see the later writing after this. */
const SETTLE_MS = 40;

const BEGUN = 'nowline-refresh-begun';
/** A request that outlives its page has been answered by then, and its cookie is in place. */
const CUT_OFF_MS = 1500;

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
 * Waits for the work of a page that was left in the middle of it: its turn ended with the page,
 * while the request that it made goes on.
 */
export async function afterCutOff<T>(shelf: Shelf, work: () => Promise<T>): Promise<T> {
  const rest = Number(shelf.getItem(BEGUN) ?? '0') + CUT_OFF_MS - Date.now();
  if (rest > 0 && rest <= CUT_OFF_MS) await pause(rest);
  shelf.setItem(BEGUN, String(Date.now()));
  try {
    return await work();
  } finally {
    shelf.removeItem(BEGUN);
  }
}

/**
 * Does `work` in one tab at a time: they share one refresh cookie, and using an old one twice
 * ends the session. A page on a plain LAN address has no Web Locks.
 */
export function oneTabAtATime<T>(work: () => Promise<T>): Promise<T> {
  const { locks } = navigator as { locks?: LockManager };
  const careful = (): Promise<T> => afterCutOff(localStorage, work);
  return locks ? (locks.request(NAME, careful) as Promise<T>) : byTurns(localStorage, careful);
}
