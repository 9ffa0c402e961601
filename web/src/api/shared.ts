import { Requests, type Caller, type Doors } from './requests';
import type { components } from './types.gen';

type Schemas = components['schemas'];

export type SharedDashboard = Schemas['SharedDashboard'];

const PATH = '/api/v1/shared';
const DOORS: Doors = {
  ticket: `${PATH}/ticket`,
  query: `${PATH}/query`,
  socket: '/ws/shared',
  stream: `${PATH}/stream`,
  poll: `${PATH}/poll`,
};

/** Speaks to the server as whoever holds a link to a dashboard. */
export class SharedApi extends Requests implements Caller {
  override readonly doors = DOORS;
  readonly user = null;
  readonly #onEnded: () => void;

  constructor(token: string, onEnded: () => void) {
    super();
    this.held = token;
    this.#onEnded = onEnded;
  }

  get token(): string | null {
    return this.held;
  }

  whenToken(): () => void {
    return () => undefined;
  }

  async replace(): Promise<void> {
    await this.recheck();
  }

  /** Asks whether the link holds: if not, it has ended. */
  async recheck(): Promise<void> {
    await this.dashboard();
  }

  dashboard(): Promise<SharedDashboard> {
    return this.get<SharedDashboard>(PATH);
  }

  protected override renew(): Promise<boolean> {
    return Promise.resolve(false);
  }

  protected override end(): void {
    this.#onEnded();
  }
}
