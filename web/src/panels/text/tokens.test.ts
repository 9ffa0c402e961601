import { render } from 'svelte/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { tokensOf } from './markdown';
import Tokens from './Tokens.svelte';

function html(text: string): string {
  const { body } = render(Tokens, { props: { tokens: tokensOf(text) } });
  return body.replaceAll(/<!--.*?-->/g, '');
}

describe('Markdown on the page', () => {
  beforeEach(() => {
    vi.stubGlobal('location', { href: 'https://nowline.example.com/d/host' });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('is made of elements', () => {
    expect(html('# Title\n\nSome **bold** `code`.\n\n1. one\n2. two')).toMatch(
      /<h3>Title<\/h3>.*<p>Some <strong>bold<\/strong> <code>code<\/code>\.<\/p>.*<ol.*<li>one<\/li>/s,
    );
    expect(html('| a | b |\n| - | - |\n| 1 | 2 |')).toMatch(
      /<th scope="col">a<\/th>.*<td>2<\/td>/s,
    );
    expect(html('[here](/d/shop)')).toContain('href="/d/shop"');
  });

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'text <b onclick="x()">bold</b>',
    '<iframe src="https://a.example"></iframe>',
    '[x](javascript:alert(1))',
    '[x](data:text/html,hello)',
    '[x]( java&#115;cript:alert(1))',
    '![x](https://a.example/pixel.png)',
    '<https://a.example/"onmouseover="x()>',
    '# <style>*{display:none}</style>',
    '```\n</code></pre><script>1</script>\n```',
  ])('takes nothing of %j for an element, a script or a picture', (text) => {
    const made = html(text);
    expect(made).not.toMatch(/<(script|img|iframe|style|b)\b/i);
    const addresses = [...made.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href);
    for (const href of addresses) {
      expect(new URL(href.replaceAll('&amp;', '&'), location.href).protocol).toBe('https:');
    }
    expect(made).not.toMatch(/<[^>]*\son\w+=/i);
  });

  it('shows HTML as it was written', () => {
    expect(html('a <b>c</b>')).toContain('&lt;b>c&lt;/b>');
  });
});
