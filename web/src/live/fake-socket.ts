/** A WebSocket as tests see it from the server's side. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];

  /** The newest one. */
  static last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('no WebSocket was opened');
    return socket;
  }

  /** The newest one to a path. */
  static of(path: string): FakeSocket | undefined {
    return FakeSocket.all.findLast(({ url }) => url.pathname === path);
  }

  readonly url: URL;
  readyState = 0;
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  /** What a server does with each message; unread ones are kept. */
  onsent: (message: Record<string, unknown>) => void = (message) => this.sent.push(message);
  readonly sent: Record<string, unknown>[] = [];

  constructor(url: string) {
    this.url = new URL(url);
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.onsent(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  tell(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code: number): void {
    this.onclose?.({ code });
  }
}
