export interface ServerEvent {
  event: string;
  data: string;
  id: string | null;
}

/** Reads the text of a Server-Sent Events answer, in whatever pieces it arrives. */
export class EventStreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null = null;

  feed(text: string): ServerEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): ServerEvent | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
    return null;
  }

  #dispatch(): ServerEvent | null {
    const found =
      this.#data.length > 0
        ? { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id }
        : null;
    this.#event = '';
    this.#data = [];
    return found;
  }
}
