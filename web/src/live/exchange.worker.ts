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

/** What the tabs of one user share; two users never meet. */
interface Meeting {
  requests: SharedRequests;
  exchange: Exchange;
}

const meetings = new Map<string, Meeting>();

function meetingOf(user: string): Meeting {
  const known = meetings.get(user);
  if (known) return known;
  const requests = new SharedRequests((stale) => {
    exchange.newest?.tell({ say: 'renew', stale });
  });
  const exchange = new Exchange(requests, forced);
  const meeting = { requests, exchange };
  meetings.set(user, meeting);
  return meeting;
}

/** Takes a tab in once it has said whose it is. */
function serve(port: MessagePort): void {
  let joined: { meeting: Meeting; member: Member } | null = null;
  port.onmessage = ({ data }: MessageEvent<Said>) => {
    if (data.do === 'join') {
      const meeting = meetingOf(data.user);
      const tell: Member['tell'] = (message) => {
        port.postMessage(message);
      };
      joined = { meeting, member: meeting.exchange.join(tell) };
    }
    if (joined === null) return;
    const { meeting, member } = joined;
    if (data.do === 'token') meeting.requests.accept(data.token);
    meeting.exchange.hear(member, data);
    if (data.do === 'bye') port.close();
  };
}

self.onconnect = ({ ports: [port] }) => {
  if (port) serve(port);
};

setInterval(() => {
  for (const { exchange } of meetings.values()) exchange.sweep();
}, SWEEP_MS);
