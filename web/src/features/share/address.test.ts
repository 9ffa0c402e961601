import { describe, expect, it } from 'vitest';

import { addressOf, frameOf, originsOf } from './address';

describe('addressOf', () => {
  it('keeps what is seen and leaves out what is being done', () => {
    const here = 'http://a.example/d/1?edit=1&range=1h&configure=w&wall&transport=poll&widget=w#x';
    expect(addressOf(here)).toBe('http://a.example/d/1?range=1h&widget=w');
  });
});

describe('originsOf', () => {
  it('reads addresses in any form', () => {
    const text = 'https://app.example.com/path, http://localhost:3000\napp.example.com';
    expect(originsOf(text)).toEqual(['https://app.example.com', 'http://localhost:3000']);
  });

  it('leaves what is none to the server', () => {
    expect(originsOf('*')).toEqual(['https://*']);
    expect(originsOf('https://')).toEqual(['https://']);
    expect(originsOf(' ')).toEqual([]);
  });
});

describe('frameOf', () => {
  it('is HTML whatever the title is', () => {
    const html = frameOf('https://a/embed/x', '"><script>&');
    expect(html).toContain('title="&quot;&gt;&lt;script&gt;&amp;"');
    expect(html).toContain('src="https://a/embed/x"');
  });
});
