import { Exchange, type Member } from './exchange';
import { transportOf } from './ladder';
import type { Said } from './line';
import { SharedRequests } from './shared-requests';

const SWEEP_MS = 15_000;

declare const self: {
  readonly name: string;
  onconnect: ((event: MessageEvent) => void) | null;
};

// The name ends in the transport that the address of the page forces, if it does.
const forced = transportOf(self.name.split(' ').at(-1) ?? null);
const requests = new SharedRequests((stale) => {
  exchange.newest?.tell({ say: 'renew', stale });
});
const exchange = new Exchange(requests, forced);

function serve(port: MessagePort): void {
  const member: Member = exchange.join((message) => {
    port.postMessage(message);
  });
  port.onmessage = ({ data }: MessageEvent<Said>) => {
    if (data.do === 'token') requests.accept(data.token);
    exchange.hear(member, data);
    if (data.do === 'bye') port.close();
  };
}

self.onconnect = ({ ports: [port] }) => {
  if (port) serve(port);
};

setInterval(() => {
  exchange.sweep();
}, SWEEP_MS);
