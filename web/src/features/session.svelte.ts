import type { Api } from '../api/client';
import { getMe, type Me } from '../api/resources';
import type { Opening } from './opening';

export type SessionState = 'unknown' | 'unreachable' | 'signed-out' | 'signed-in';

/** Who is looking at the page. */
export class Session {
  state = $state<SessionState>('unknown');
  me = $state.raw<Me | null>(null);
  readonly api: Api;
  readonly #opening: Opening;

  constructor(opening: Opening) {
    this.#opening = opening;
    this.api = opening.api;
    opening.owner = {
      signedOut: () => {
        this.#signedOut();
      },
      renewed: () => {
        this.#readMe();
      },
    };
  }

  /** Goes on with what was asked before the page was here. */
  begin(): Promise<void> {
    if (this.#opening.signedIn !== null) return this.#resume(this.#opening.signedIn);
    this.state = 'signed-out';
    return Promise.resolve();
  }

  /** Signs in by the cookie of an earlier visit, if there is one. */
  resume(): Promise<void> {
    return this.#resume(this.api.refresh());
  }

  async #resume(signedIn: Promise<boolean>): Promise<void> {
    this.state = 'unknown';
    try {
      if (await signedIn) this.#signedIn();
      else this.#signedOut();
    } catch {
      this.state = 'unreachable';
    }
  }

  async login(email: string, password: string): Promise<void> {
    await this.api.login(email, password);
    this.#signedIn();
  }

  async setup(token: string, email: string, password: string): Promise<void> {
    await this.api.setup(token, email, password);
    this.#signedIn();
  }

  get isAdmin(): boolean {
    return this.me?.role === 'admin';
  }

  /** Whether this user may change what all users see: KPIs, dashboards. */
  get isEditor(): boolean {
    return this.me?.role === 'editor' || this.isAdmin;
  }

  #signedIn(): void {
    this.state = 'signed-in';
    this.#readMe();
  }

  /** The role may have changed since the last token. */
  #readMe(): void {
    getMe(this.api).then(
      (me) => (this.me = me),
      () => undefined,
    );
  }

  #signedOut(): void {
    this.me = null;
    this.state = 'signed-out';
  }
}
