import { describe, expect, it } from 'vitest';

import { explain, Refused, Unreachable } from './client';

function refused(errors: { field: string; message: string }[]): Refused {
  const rows = errors.map((error) => ({ ...error, index: null }));
  return new Refused(400, { detail: 'the whole of it', errors: rows }, null);
}

describe('explain', () => {
  it('names the field where the message is about it', () => {
    expect(explain(refused([{ field: 'name', message: 'must not be empty' }]))).toBe(
      'Name must not be empty.',
    );
  });

  it('makes a sentence of a message that stands alone', () => {
    expect(explain(refused([{ field: 'email', message: 'a user has it already' }]))).toBe(
      'A user has it already.',
    );
  });

  it('falls back to the detail, and to what the browser said', () => {
    expect(explain(refused([]))).toBe('the whole of it');
    expect(explain(new Unreachable())).toContain('did not answer');
    expect(explain('?')).toBe('Something went wrong.');
  });
});
