import type { Requests } from '../api/requests';
import { channelName } from './channel-name';
import { Connection } from './connection';
import type { TransportKind } from './ladder';
import type { Said, Told } from './line';
import type { ErrorFrame, Frame, Wanted } from './protocol';
import { Streams } from './streams';

/** A tab that is heard from every 15 s; one that is frozen, crashed or gone is not. */
const SILENT_MS = 45_000;

/** One subscription at the server and who reads it. */
interface Channel {
  id: string;
  wanted: string;
  readers: { member: Member; id: string }[];
  /** Why the server refused it, for those who come later. */
  problem: ErrorFrame | null;
}

/** One tab. */
export interface Member {
  readonly tell: (message: Told) => void;
  readonly channels: Map<string, Channel>;
  heardAt: number;
  known: boolean;
}

/**
 * Shares one connection among tabs: what several of them watch is subscribed to once, and each
 * frame goes to all who watch it, under their own ids. So it is with streams of one thing.
 */
export class Exchange {
  readonly #connection: Connection;
  readonly #streams: Streams;
  #isUp = false;
  readonly #members = new Set<Member>();
  readonly #byWanted = new Map<string, Channel>();
  readonly #byId = new Map<string, Channel>();

  constructor(requests: Requests, forced: TransportKind | null) {
    const signedOut = (): void => {
      this.#tellAll({ say: 'signed-out' });
    };
    this.#streams = new Streams(requests, signedOut);
    this.#connection = new Connection(requests, forced, {
      frame: (frame) => {
        this.#deliver(frame);
      },
      status: (status) => {
        this.#tellAll({ say: 'status', status });
        this.#heed(status.phase === 'up');
      },
      signedOut,
    });
  }

  /** The tab that was heard from last: the likeliest to answer. */
  get newest(): Member | null {
    const members = [...this.#members].sort((a, b) => b.heardAt - a.heardAt);
    return members[0] ?? null;
  }

  join(tell: Member['tell']): Member {
    const member = { tell, channels: new Map<string, Channel>(), heardAt: Date.now(), known: true };
    this.#members.add(member);
    tell({ say: 'status', status: this.#connection.status });
    return member;
  }

  hear(member: Member, message: Said): void {
    member.heardAt = Date.now();
    if (!member.known) this.#recall(member);
    if (message.do === 'watch') this.#watch(member, message.id, message.wanted, message.since);
    else if (message.do === 'open') this.#connection.open();
    else if (message.do === 'leave') this.#leave(member, message.id);
    else if (message.do === 'follow') this.#streams.follow(member, message.id, message.path);
    else if (message.do === 'unfollow') this.#streams.unfollow(member, message.id);
    else if (message.do === 'reconnect') this.#reconnect();
    else if (message.do === 'bye') this.#part(member);
    else if (message.do === 'beat') member.tell({ say: 'beat', known: true });
  }

  close(): void {
    this.#connection.stop();
    this.#streams.close();
  }

  /** Forgets tabs that were silent for too long: they are told when they are heard from again. */
  sweep(): void {
    for (const member of this.#members) {
      if (Date.now() - member.heardAt > SILENT_MS) this.#part(member);
    }
  }

  /** Where frames come again, streams will. */
  #heed(isUp: boolean): void {
    if (isUp && !this.#isUp) this.#streams.retry();
    this.#isUp = isUp;
  }

  #reconnect(): void {
    this.#connection.reconnect();
    this.#streams.retry();
  }

  /** A tab that was taken for gone is to say again what it watches. */
  #recall(member: Member): void {
    member.known = true;
    this.#members.add(member);
    member.tell({ say: 'beat', known: false });
    member.tell({ say: 'status', status: this.#connection.status });
  }

  #part(member: Member): void {
    for (const id of [...member.channels.keys()]) this.#leave(member, id);
    this.#streams.part(member);
    member.known = false;
    this.#members.delete(member);
  }

  #watch(member: Member, id: string, wanted: string, since: string | null): void {
    this.#leave(member, id);
    const channel = this.#byWanted.get(wanted) ?? this.#open(wanted, since);
    channel.readers.push({ member, id });
    member.channels.set(id, channel);
    if (channel.problem) member.tell({ say: 'frame', frame: { ...channel.problem, id } });
    else if (since === null || since !== this.#connection.position(channel.id))
      this.#connection.renew(channel.id);
  }

  #open(wanted: string, since: string | null): Channel {
    let id = channelName(wanted);
    while (this.#byId.has(id)) id += '~';
    const channel = { id, wanted, readers: [], problem: null };
    this.#byWanted.set(wanted, channel);
    this.#byId.set(channel.id, channel);
    this.#connection.watch(channel.id, JSON.parse(wanted) as Wanted, since);
    return channel;
  }

  #leave(member: Member, id: string): void {
    const channel = member.channels.get(id);
    if (!channel) return;
    member.channels.delete(id);
    channel.readers = channel.readers.filter((one) => one.member !== member || one.id !== id);
    if (channel.readers.length > 0) return;
    this.#byWanted.delete(channel.wanted);
    this.#byId.delete(channel.id);
    this.#connection.leave(channel.id);
  }

  #deliver(frame: Frame): void {
    const channel = 'id' in frame && frame.id ? this.#byId.get(frame.id) : undefined;
    if (!channel) return;
    channel.problem = frame.type === 'error' ? frame : null;
    for (const { member, id } of channel.readers) {
      member.tell({ say: 'frame', frame: { ...frame, id } as Frame });
    }
  }

  #tellAll(message: Told): void {
    for (const member of this.#members) member.tell(message);
  }
}
