import { oneTabAtATime } from './one-tab';
import { jsonBody, reach, refusal, Refused, Requests, Unreachable } from './requests';
import type { components } from './types.gen';

type Schemas = components['schemas'];
type FieldError = Schemas['FieldError'];
type Token = Schemas['Token'];

export { Refused, Unreachable };

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
const RETRY_RENEWAL_MS = 10_000;

/** The `sub` of a JSON Web Token (RFC 7519 section 4.1.2), null of anything else. */
function subjectOf(token: string): string | null {
  try {
    const [, payload = ''] = token.split('.');
    const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const { sub } = JSON.parse(text) as { sub?: unknown };
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
}

/** Speaks to the server as the signed-in user. */
export class Api extends Requests {
  readonly #onSignedOut: () => void;
  readonly #onRenewed: () => void;
  readonly #onToken = new Set<() => void>();
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<boolean> | null = null;

  constructor(onSignedOut: () => void, onRenewed: () => void) {
    super();
    this.#onSignedOut = onSignedOut;
    this.#onRenewed = onRenewed;
  }

  /** Whom the token is of; null while nobody is signed in. */
  get user(): string | null {
    return this.held === null ? null : subjectOf(this.held);
  }

  get token(): string | null {
    return this.held;
  }

  /** Calls back at each new token until the returned function is called. */
  whenToken(changed: () => void): () => void {
    this.#onToken.add(changed);
    return () => this.#onToken.delete(changed);
  }

  async login(email: string, password: string): Promise<void> {
    this.#accept(await this.#open<Token>('/api/auth/login', { email, password }));
  }

  async setup(token: string, email: string, password: string): Promise<void> {
    this.#accept(await this.#open<Token>('/api/auth/setup', { token, email, password }));
  }

  async logout(): Promise<void> {
    await this.fetch('/api/auth/logout', { method: 'POST' }).catch(() => undefined);
    this.end();
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
    else this.end();
  }

  /** For others who were refused with the token `stale`: theirs may be older than ours. */
  async replace(stale: string | null): Promise<void> {
    if (this.held === stale) await this.recheck();
  }

  protected override renew(): Promise<boolean> {
    return this.refresh();
  }

  protected override end(): void {
    clearTimeout(this.#renewal);
    if (this.held === null) return;
    this.held = null;
    this.#onSignedOut();
  }

  async #open<T>(path: string, body: unknown): Promise<T> {
    const response = await reach(path, { method: 'POST', ...jsonBody(body) });
    if (!response.ok) throw await refusal(response);
    return response.json() as Promise<T>;
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
    this.held = access_token;
    this.#renewIn(expires_in * 1000 * RENEW_AT);
    for (const changed of this.#onToken) changed();
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => {
      this.recheck().catch(() => {
        this.#renewIn(RETRY_RENEWAL_MS);
      });
    }, ms);
  }
}
