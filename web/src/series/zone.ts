const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;

/** The zone that the browser is in. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The clocks of an IANA time zone. Times are epoch ms; a wall time is what its clocks show, as if they stood in UTC. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  /** Clocks change only on the quarter of an hour: one offset for each that was asked for. */
  readonly #offsets = new Map<number, number>();

  /** Throws a RangeError for a name that the browser does not know. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  }

  /** What its clocks show, to be read with `getUTC…`. */
  wall(at: number): Date {
    return new Date(at + this.offsetMs(at));
  }

  /** When its clocks show this: the first time if twice; if never, when they jump over it. */
  moment(wallMs: number): number {
    const [early, late] = [-DAY_MS, DAY_MS].map(
      (away) => wallMs - this.offsetMs(wallMs + away),
    ) as [number, number];
    const shows = (at: number): boolean => this.wall(at).getTime() === wallMs;
    return !shows(early) && shows(late) ? late : early;
  }

  /** The midnight that a moment comes after, or one that lies days before or after that. */
  dayStart(at: number, days = 0): number {
    const wall = this.wall(at);
    return this.moment(
      Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate() + days),
    );
  }

  /** How far its clocks are ahead of UTC. */
  offsetMs(at: number): number {
    const quarter = Math.floor(at / QUARTER_MS);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      offset = this.#shown(quarter * QUARTER_MS) - quarter * QUARTER_MS;
      this.#offsets.set(quarter, offset);
    }
    return offset;
  }

  #shown(at: number): number {
    const parts = Object.fromEntries(
      this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute);
  }
}

/** The zone of that name, or the browser's own. */
export function zoneOf(name: string | null): Zone {
  try {
    return new Zone(name ?? ownZone());
  } catch {
    return new Zone(ownZone());
  }
}

const KEPT = 'nowline.zone';

/** The zone that was chosen in this browser; null for its own. */
export function keptZone(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Keeps the choice of a zone for the next visit. */
export function keepZone(name: string): void {
  try {
    if (name === ownZone()) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, name);
  } catch {
    // Without storage it holds until the page is left.
  }
}
