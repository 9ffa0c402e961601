import { Api } from '../api/client';
import { getMe, type Me } from '../api/resources';

export type SessionState = 'unknown' | 'unreachable' | 'signed-out' | 'signed-in';

/** Who is looking at the page. */
export class Session {
  state = $state<SessionState>('unknown');
  me = $state.raw<Me | null>(null);
  readonly api = new Api(
    () => {
      this.#signedOut();
    },
    () => {
      this.#readMe();
    },
  );

  /** Signs in by the cookie of an earlier visit, if there is one. */
  async resume(): Promise<void> {
    this.state = 'unknown';
    try {
      if (await this.api.refresh()) this.#signedIn();
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
