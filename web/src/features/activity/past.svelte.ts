import { explain, type Api } from '../../api/client';
import { listEvents, type ActivityEvent } from '../../api/resources';
import { asked, type Question } from './question';

/** The events that answer a question, page by page. */
export class Past {
  events = $state.raw<readonly ActivityEvent[]>([]);
  loaded = $state(false);
  busy = $state(false);
  failure = $state('');
  hasMore = $state(false);

  readonly #api: Api;
  #question: Question | null = null;
  #askedAt = 0;
  #cursor: string | null = null;
  #run = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Asks anew; what answers the question before goes once there is an answer. */
  ask(question: Question, now: number): Promise<void> {
    this.#question = question;
    this.#askedAt = now;
    this.#cursor = null;
    return this.#read([]);
  }

  /** Adds the next page. */
  more(): Promise<void> {
    return this.#read(this.events);
  }

  async #read(before: readonly ActivityEvent[]): Promise<void> {
    if (!this.#question) return;
    const run = ++this.#run;
    this.busy = true;
    this.failure = '';
    try {
      const params = asked(this.#question, this.#askedAt, this.#cursor);
      const page = await listEvents(this.#api, params);
      if (run !== this.#run) return;
      this.events = [...before, ...page.events];
      this.#cursor = page.next_cursor;
      this.hasMore = page.next_cursor !== null;
      this.loaded = true;
    } catch (error) {
      if (run === this.#run) this.failure = explain(error);
    } finally {
      if (run === this.#run) this.busy = false;
    }
  }
}
