import { oneTabAtATime } from './one-tab';
import type { components } from './types.gen';

type Schemas = components['schemas'];
type Problem = Partial<Schemas['Problem']>;
type FieldError = Schemas['FieldError'];
type Token = Schemas['Token'];

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

function sentence({ field, message }: FieldError): string {
  const text = field && message.startsWith('must ') ? `${field} ${message}` : message;
  const end = text.endsWith('.') ? '' : '.';
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

/** One sentence for a person, whatever went wrong. */
export function explain(error: unknown): string {
  if (error instanceof Refused && error.errors[0]) return sentence(error.errors[0]);
  return error instanceof Error ? error.message : 'Something went wrong.';
}

/** The share of a token's life after which it is renewed. */
const RENEW_AT = 0.8;

async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const retryAfter = Number(response.headers.get('retry-after'));
  return new Refused(response.status, problem, retryAfter || null);
}

/** Speaks to the server as the signed-in user; the access token lives in memory only. */
export class Api {
  readonly #onSignedOut: () => void;
  readonly #onRenewed: () => void;
  #token: string | null = null;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<boolean> | null = null;

  constructor(onSignedOut: () => void, onRenewed: () => void) {
    this.#onSignedOut = onSignedOut;
    this.#onRenewed = onRenewed;
  }

  async login(email: string, password: string): Promise<void> {
    this.#accept(await this.#open<Token>('/api/auth/login', { email, password }));
  }

  async setup(token: string, email: string, password: string): Promise<void> {
    this.#accept(await this.#open<Token>('/api/auth/setup', { token, email, password }));
  }

  async logout(): Promise<void> {
    await this.fetch('/api/auth/logout', { method: 'POST' }).catch(() => undefined);
    this.#end();
  }

  /** Gets a token by the cookie; false when nobody is signed in. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= oneTabAtATime(() => this.#refresh()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** For a stream that the server closed because its session ended. */
  async recheck(): Promise<void> {
    if (await this.refresh()) this.#onRenewed();
    else this.#end();
  }

  async ticket(): Promise<string> {
    const { ticket } = await this.post<Schemas['Ticket']>('/api/auth/ticket');
    return ticket;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json<T>(path, signal ? { signal } : {});
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#json<T>(path, { method: 'POST', ...jsonBody(body) });
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
    let response = await this.#send(path, init);
    if (response.status === 401) {
      if (await this.refresh()) response = await this.#send(path, init);
      if (response.status === 401) this.#end();
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #json<T>(path: string, init: RequestInit): Promise<T> {
    return (await this.fetch(path, init)).json() as Promise<T>;
  }

  async #open<T>(path: string, body: unknown): Promise<T> {
    const response = await reach(path, { method: 'POST', ...jsonBody(body) });
    if (!response.ok) throw await refusal(response);
    return response.json() as Promise<T>;
  }

  #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token) headers.set('authorization', `Bearer ${this.#token}`);
    return reach(path, { ...init, headers });
  }

  async #refresh(): Promise<boolean> {
    // A reload must not cut the answer off: it carries the only cookie that counts from then on.
    const response = await reach('/api/auth/refresh', { method: 'POST', keepalive: true });
    if (response.status === 401 || response.status === 403) return false;
    if (!response.ok) throw await refusal(response);
    this.#accept((await response.json()) as Token);
    return true;
  }

  #accept({ access_token, expires_in }: Token): void {
    this.#token = access_token;
    this.#renewIn(expires_in * 1000 * RENEW_AT);
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => {
      this.recheck().catch(() => {
        this.#renewIn(RETRY_RENEWAL_MS);
      });
    }, ms);
  }

  #end(): void {
    clearTimeout(this.#renewal);
    if (this.#token === null) return;
    this.#token = null;
    this.#onSignedOut();
  }
}

const RETRY_RENEWAL_MS = 10_000;

function jsonBody(body: unknown): RequestInit {
  if (body === undefined) return {};
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Unreachable();
  }
}
