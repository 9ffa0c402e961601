const DAY_MS = 86_400_000;
const MOST_KEPT = 4000;
const BIDI_MARKS = /[\u061c\u200e\u200f]/g;

/** What of a moment is written. */
const KINDS = {
  day: { day: 'numeric', month: 'short' },
  date: { day: 'numeric', month: 'short', year: 'numeric' },
  full: { dateStyle: 'medium', timeStyle: 'medium' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

type Writer = (wall: Date) => string;

/** The tag with Latin digits and the Gregorian calendar, unless it says otherwise itself. */
function settled(tag: string): string {
  const asked = new Intl.Locale(tag);
  const { numberingSystem = 'latn', calendar = 'gregory' } = asked;
  return new Intl.Locale(tag, { numberingSystem, calendar }).toString();
}

/** Keeps what was written last: the ticks of an axis are the same in each frame. */
function kept(format: Intl.DateTimeFormat, cycleMs = Infinity): Writer {
  const texts = new Map<number, string>();
  return (wall) => {
    const at = cycleMs === Infinity ? wall.getTime() : wall.getTime() % cycleMs;
    let text = texts.get(at);
    if (text === undefined) {
      if (texts.size >= MOST_KEPT) texts.clear();
      text = format.format(wall);
      texts.set(at, text);
    }
    return text;
  };
}

/**
 * Numbers, dates and clocks as a language and region writes them. Moments are wall times: dates
 * of which the UTC fields are what the zone's clocks show.
 */
export class Locale {
  /** BCP 47, with its digits and calendar. */
  readonly tag: string;
  /** What stands around the figure of a percentage: `%` before it, or after a gap. */
  readonly percent: { before: string; gap: string; after: string };
  readonly #numbers = new Map<number, Intl.NumberFormat>();
  readonly #writers = new Map<string, Writer>();
  #hour: 'numeric' | '2-digit' | null = null;

  /** Throws a RangeError for what is no language tag. */
  constructor(tag: string) {
    this.tag = settled(tag);
    const parts = new Intl.NumberFormat(this.tag, { style: 'percent' }).formatToParts(0);
    const at = parts.findIndex(({ type }) => type === 'integer');
    const text = (some: typeof parts): string =>
      some.map(({ value }) => value.replace(BIDI_MARKS, '')).join('');
    const after = text(parts.slice(at + 1));
    const sign = after.trim();
    const gap = sign && after.slice(0, after.indexOf(sign));
    this.percent = { before: text(parts.slice(0, at)), gap, after: sign };
  }

  /** A number with at least and at most so many decimals. */
  number(value: number, least = 0, most = least): string {
    const key = least * 100 + most;
    let format = this.#numbers.get(key);
    // Making one takes a hundred times as long as writing a number with it.
    if (!format) {
      format = new Intl.NumberFormat(this.tag, {
        minimumFractionDigits: least,
        maximumFractionDigits: most,
      });
      this.#numbers.set(key, format);
    }
    return format.format(value);
  }

  /** `14:03`, `2:03 PM`, or with its seconds. */
  clock(wall: Date, withSeconds: boolean): string {
    return this.#writer(withSeconds ? 'seconds' : 'minutes', () =>
      kept(this.#dates(this.#clockFields(withSeconds)), DAY_MS),
    )(wall);
  }

  /** `23 Nov`. */
  day(wall: Date): string {
    return this.#writer('day', () => kept(this.#dates(KINDS.day)))(wall);
  }

  /** `23 Nov, 14:03`, or with its seconds. */
  dayAndClock(wall: Date, withSeconds: boolean): string {
    return this.#writer(withSeconds ? 'day seconds' : 'day minutes', () =>
      kept(this.#dates({ ...KINDS.day, ...this.#clockFields(withSeconds) })),
    )(wall);
  }

  /** `23 Nov 2026`. */
  date(wall: Date): string {
    return this.#writer('date', () => kept(this.#dates(KINDS.date)))(wall);
  }

  /** `23 Nov 2026, 14:03:05`. */
  full(wall: Date): string {
    return this.#writer('full', () => kept(this.#dates(KINDS.full)))(wall);
  }

  /** On which day weeks begin, 1 for Monday to 7 for Sunday; Monday where the browser cannot tell. */
  get firstDay(): number {
    const known = new Intl.Locale(this.tag) as Intl.Locale & {
      getWeekInfo?: () => { firstDay: number };
      weekInfo?: { firstDay: number };
    };
    return (known.getWeekInfo?.() ?? known.weekInfo)?.firstDay ?? 1;
  }

  #writer(name: string, make: () => Writer): Writer {
    let writer = this.#writers.get(name);
    if (!writer) {
      writer = make();
      this.#writers.set(name, writer);
    }
    return writer;
  }

  #dates(fields: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    return new Intl.DateTimeFormat(this.tag, { timeZone: 'UTC', ...fields });
  }

  /** Whether nine o'clock is `09:00` or `9:00` is told by the usual short time only. */
  #clockFields(withSeconds: boolean): Intl.DateTimeFormatOptions {
    this.#hour ??= this.#dates({ timeStyle: 'short' })
      .formatToParts(9 * 3_600_000)
      .some(({ type, value }) => type === 'hour' && value.length === 2)
      ? '2-digit'
      : 'numeric';
    const fields: Intl.DateTimeFormatOptions = { hour: this.#hour, minute: '2-digit' };
    return withSeconds ? { ...fields, second: '2-digit' } : fields;
  }
}

/** What this page is written in; set once at its start, and where another one is chosen. */
let spoken: Locale | null = null;

export function locale(): Locale {
  spoken ??= new Locale('en-GB');
  return spoken;
}

/** The language and region of the browser. */
export function ownLocale(): string {
  return navigator.languages[0] ?? navigator.language;
}

/** Writes numbers and times in this language and region from now on; in the browser's for null, or what no browser knows. */
export function speak(tag: string | null): void {
  try {
    spoken = new Locale(tag ?? ownLocale());
  } catch {
    spoken = new Locale('en-GB');
  }
}

const KEPT = 'nowline.locale';

/** What was chosen in this browser; null for its own. */
export function keptLocale(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Keeps the choice for the next visit; null for the browser's own. */
export function keepLocale(tag: string | null): void {
  try {
    if (tag === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, tag);
  } catch {
    // Without storage it holds until the page is left.
  }
}
