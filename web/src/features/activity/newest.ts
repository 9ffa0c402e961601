import type { ActivityEvent } from '../../api/resources';
import { statusOf } from './event';

/** How many events of each pace are held. */
const MOST = 100;
const SERVER_ERROR = 500;
const CHATTY = ['API_CALL', 'PAGE_VIEW'];

/** Whether an event is of a kind that comes by the dozen and that nobody reads one by one. */
export function isChatty(event: ActivityEvent): boolean {
  return CHATTY.includes(event.event_type) && (statusOf(event) ?? 0) < SERVER_ERROR;
}

/** What was known and what came, each once, newest first; only so many of each pace are kept. */
export function merge(
  known: readonly ActivityEvent[],
  came: readonly ActivityEvent[],
): ActivityEvent[] {
  const ids = new Set(came.map(({ event_id }) => event_id));
  const all = [...came, ...known.filter(({ event_id }) => !ids.has(event_id))];
  const left = { chatty: MOST, quiet: MOST };
  return all
    .map((event) => ({ event, time: Date.parse(event.timestamp) }))
    .sort((a, b) => b.time - a.time)
    .map(({ event }) => event)
    .filter((event) => left[isChatty(event) ? 'chatty' : 'quiet']-- > 0);
}

const WINDOW_MS = 10_000;
const SHORTEST_MS = 1000;

/** How many chatty events come a second, over the last few seconds. */
export function chattyRate(events: readonly ActivityEvent[], now: number): number {
  const ages = events.filter(isChatty).map(({ timestamp }) => now - Date.parse(timestamp));
  const recent = ages.filter((ms) => ms < WINDOW_MS);
  const reach = recent.length < MOST ? WINDOW_MS : Math.max(SHORTEST_MS, ...recent);
  return (recent.length / reach) * 1000;
}

/** Apart, so that a rate between them does not switch to and fro. */
const TOO_FAST = 2;
const SLOW_ENOUGH = 1;

/** Judges whether chatty events come too fast to be read. */
export class Pace {
  #tooFast = false;

  isTooFast(rate: number): boolean {
    this.#tooFast = rate > (this.#tooFast ? SLOW_ENOUGH : TOO_FAST);
    return this.#tooFast;
  }
}

/** The events of these types; all events if there are none. */
export function ofTypes(
  events: readonly ActivityEvent[],
  types: readonly string[],
): readonly ActivityEvent[] {
  return types.length === 0 ? events : events.filter((one) => types.includes(one.event_type));
}
