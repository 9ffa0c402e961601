import { describe, expect, it } from 'vitest';

import { addressOf, asked, EMPTY, readQuestion, writeQuestion } from './question';

describe('the question', () => {
  it('stands in the address and comes back from it', () => {
    const question = { ...EMPTY, user_id: ' bob@example.com ', last: '7d' as const };
    const params = writeQuestion(question, new URLSearchParams('range=1h&session_id=old'));
    expect(params.toString()).toBe('range=1h&user_id=bob%40example.com&last=7d');
    expect(readQuestion(params)).toEqual({ ...EMPTY, user_id: 'bob@example.com', last: '7d' });
  });

  it('takes what it does not know for what is usual', () => {
    expect(readQuestion(new URLSearchParams('last=forever'))).toEqual(EMPTY);
  });

  it('asks the server for a page of a span of time', () => {
    const question = { ...EMPTY, event_type: 'ERROR', last: '1h' as const };
    const params = asked(question, 3_600_500.4, 'abc');
    expect(Object.fromEntries(params)).toEqual({
      limit: '50',
      event_type: 'ERROR',
      start: '500',
      cursor: 'abc',
    });
  });

  it('has an address for all events of one user', () => {
    expect(addressOf('user_id', 'a&b')).toBe('/activity/events?user_id=a%26b');
  });
});
