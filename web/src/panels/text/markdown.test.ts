import { describe, expect, it } from 'vitest';

import { inside, plainText, tokensOf, type Token } from './markdown';

function all(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => {
    const items = 'items' in token ? (token.items as Token[]) : [];
    return [token, ...all(inside(token)), ...all(items)];
  });
}

function kinds(text: string): string[] {
  return all(tokensOf(text)).map(({ type }) => type);
}

describe('tokensOf', () => {
  it('knows what people write', () => {
    const text = '# Title\n\nSome **bold** and `code`, [a link](/d/host).\n\n- one\n- two';
    const wanted = ['heading', 'paragraph', 'strong', 'codespan', 'link', 'list', 'list_item'];
    expect(kinds(text)).toEqual(expect.arrayContaining(wanted));
  });

  it('keeps HTML apart, as it was written', () => {
    const html = all(tokensOf('<img src=x onerror=alert(1)>\n\nand <b>bold</b>'));
    const raw = html.filter(({ type }) => type === 'html').map(plainText);
    expect(raw.join('')).toContain('<img src=x onerror=alert(1)>');
    expect(raw).toContain('<b>');
  });
});

describe('plainText', () => {
  it('is escaped by nobody but the page', () => {
    const [code] = all(tokensOf('`a < b && "c"`')).filter(({ type }) => type === 'codespan');
    expect(code && plainText(code)).toBe('a < b && "c"');
    const text = all(tokensOf("it's 1 < 2")).filter(({ type }) => type === 'text');
    expect(text.map(plainText).join('')).toBe("it's 1 < 2");
  });
});
