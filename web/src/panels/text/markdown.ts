import { Marked, type Token } from 'marked';

export type { Token, Tokens } from 'marked';

const parser = new Marked({ gfm: true, breaks: true });

/** A text in Markdown as tokens. HTML in it is a token too, and is shown as it was written. */
export function tokensOf(text: string): Token[] {
  return parser.lexer(text);
}

/** The parts of a token, if it has any. */
export function inside(token: Token): Token[] {
  return 'tokens' in token && token.tokens ? token.tokens : [];
}

const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

/** What a token says in plain text: the page writes it as text, so nothing may be escaped twice. */
export function plainText(token: Token): string {
  const text = 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}
