import { describe, expect, it } from 'vitest';

import { EventStreamParser } from './event-stream';

describe('EventStreamParser', () => {
  it('reads events whatever the pieces', () => {
    const text = 'retry: 1000\n\nid: c-1\nevent: snapshot\ndata: {"a":1}\n\n: still here\n\n';
    const parser = new EventStreamParser();
    const events = [...text].flatMap((piece) => parser.feed(piece));
    expect(events).toEqual([{ event: 'snapshot', data: '{"a":1}', id: 'c-1' }]);
  });

  it('joins lines of data, knows CRLF, and keeps the last id', () => {
    const parser = new EventStreamParser();
    const events = parser.feed('id: 7\r\ndata: a\r\ndata:b\r\n\r\ndata: c\r\n\r\n');
    expect(events).toEqual([
      { event: 'message', data: 'a\nb', id: '7' },
      { event: 'message', data: 'c', id: '7' },
    ]);
  });
});
