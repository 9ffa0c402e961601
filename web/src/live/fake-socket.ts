/** A WebSocket as tests see it from the server's side. */
export class FakeSocket {
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
  closed = false;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(url: string) {
    this.url = new URL(url);
    FakeSocket.all.push(this);
  }

  close(): void {
    this.closed = true;
  }

  tell(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code: number): void {
    this.onclose?.({ code });
  }
}
