import type { components } from './types.gen';

type Schemas = components['schemas'];
type Problem = Partial<Schemas['Problem']>;
type FieldError = Schemas['FieldError'];

/** The server refused a request and said why. */
export class Refused extends Error {
  readonly status: number;
  readonly errors: readonly FieldError[];
  readonly retryAfterS: number | null;

  constructor(status: number, problem: Problem, retryAfterS: number | null) {
    super(problem.detail ?? problem.title ?? `The server answered ${String(status)}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
    this.retryAfterS = retryAfterS;
  }
}

/** No answer came: the server is down or the network is. */
export class Unreachable extends Error {
  constructor() {
    super('The server did not answer. Check that it is running, then try again.');
  }
}

export async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const retryAfter = Number(response.headers.get('retry-after'));
  return new Refused(response.status, problem, retryAfter || null);
}

export function jsonBody(body: unknown): RequestInit {
  if (body === undefined) return {};
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

export async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Unreachable();
  }
}

/** The same answer with its text at hand: to read it takes no further turn of the event loop. */
async function complete(response: Response): Promise<Response> {
  if (!response.ok) return response;
  const { status, headers } = response;
  return new Response(await response.text(), { status, headers });
}

/** What was asked ahead of need is answered with for so long. */
const AHEAD_MS = 10_000;

/** A request that was made ahead of need, and with which token. */
interface Ahead {
  asked: number;
  token: string | null;
  answer: Promise<Response>;
}

/** Where the server is asked for what dashboards show. */
export interface Doors {
  ticket: string;
  query: string;
  socket: string;
  stream: string;
  poll: string;
}

const DOORS: Doors = {
  ticket: '/api/auth/ticket',
  query: '/api/v1/metrics/query',
  socket: '/ws/analytics',
  stream: '/api/dashboard/stream',
  poll: '/api/v1/live/poll',
};

/** Requests that carry an access token, which lives in memory only. */
export abstract class Requests {
  readonly doors: Doors = DOORS;
  readonly #ahead = new Map<string, Ahead>();
  protected held: string | null = null;

  /** Puts another token in the place of the one that the server refused; false if there is none. */
  protected abstract renew(): Promise<boolean>;

  /** The server knows none of our tokens. */
  protected abstract end(): void;

  /** A ticket for a stream. */
  async ticket(): Promise<string> {
    const { ticket } = await this.post<Schemas['Ticket']>(this.doors.ticket);
    return ticket;
  }

  /**
   * Asks for what will be wanted soon: the next `get` of the same path is answered with it.
   * Resolves once all of the answer is there, or none will come.
   */
  askAhead(path: string): Promise<void> {
    const answer = this.#send(path, {}).then(complete);
    this.#ahead.set(path, { asked: Date.now(), token: this.held, answer });
    const nothing = (): undefined => undefined;
    // Who takes it is told what went wrong.
    return answer.then(nothing, nothing);
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json<T>(path, signal ? { signal } : {});
  }

  post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const init = { method: 'POST', ...jsonBody(body) };
    return this.#json<T>(path, signal ? { ...init, signal } : init);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>(path, { method: 'PUT', ...jsonBody(body) });
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>(path, { method: 'PATCH', ...jsonBody(body) });
  }

  async delete(path: string): Promise<void> {
    await this.fetch(path, { method: 'DELETE' });
  }

  /** A request with the token; renews it once if the server does not know it any more. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    let response = await (this.#askedAhead(path, init) ?? this.#send(path, init));
    if (response.status === 401) {
      if (await this.renew()) response = await this.#send(path, init);
      if (response.status === 401) this.end();
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #json<T>(path: string, init: RequestInit): Promise<T> {
    return (await this.fetch(path, init)).json() as Promise<T>;
  }

  #askedAhead(path: string, { method }: RequestInit): Promise<Response> | undefined {
    if (method !== undefined) return undefined;
    const ahead = this.#ahead.get(path);
    this.#ahead.delete(path);
    const isGood = ahead?.token === this.held && Date.now() - ahead.asked < AHEAD_MS;
    return isGood ? ahead.answer : undefined;
  }

  #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.held) headers.set('authorization', `Bearer ${this.held}`);
    return reach(path, { ...init, headers });
  }
}

/** Requests of somebody whose token comes and goes, as the live connection has to know. */
export interface Caller extends Requests {
  /** Whom the token is of; null where that is nobody in particular. */
  readonly user: string | null;
  readonly token: string | null;
  /** Calls back at each new token until the returned function is called. */
  whenToken(changed: () => void): () => void;
  /** For others who were refused with the token `stale`: theirs may be older than ours. */
  replace(stale: string | null): Promise<void>;
  /** For a stream that the server closed because the token holds no more. */
  recheck(): Promise<void>;
}
