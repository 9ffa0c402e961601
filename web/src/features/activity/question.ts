/** Which events of the past are asked for, as text fields hold it. */
export interface Question {
  event_type: string;
  user_id: string;
  organization_id: string;
  session_id: string;
  last: Last;
}

export const LASTS = ['1h', '24h', '7d', '30d'] as const;
export type Last = (typeof LASTS)[number];
const SPANS_MS: Record<Last, number> = {
  '1h': 3_600_000,
  '24h': 86_400_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
};
export const LAST_NAMES: Record<Last, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};

export const FIELDS = ['event_type', 'user_id', 'organization_id', 'session_id'] as const;
export const FIELD_NAMES: Record<(typeof FIELDS)[number], string> = {
  event_type: 'Type',
  user_id: 'User',
  organization_id: 'Organization',
  session_id: 'Session',
};
export const EMPTY: Question = {
  event_type: '',
  user_id: '',
  organization_id: '',
  session_id: '',
  last: '24h',
};
export const A_PAGE = 50;

/** The question in an address; what it does not say is not asked for. */
export function readQuestion(params: URLSearchParams): Question {
  const question = { ...EMPTY };
  for (const field of FIELDS) question[field] = params.get(field) ?? '';
  question.last = LASTS.find((last) => last === params.get('last')) ?? EMPTY.last;
  return question;
}

/** The address's parameters with the question in them. */
export function writeQuestion(question: Question, around: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams(around);
  for (const field of [...FIELDS, 'last'] as const) {
    const value = question[field].trim();
    if (value && value !== EMPTY[field]) params.set(field, value);
    else params.delete(field);
  }
  return params;
}

/** What the server is asked: the events from so long before `now` on, or the page after. */
export function asked(question: Question, now: number, cursor: string | null): URLSearchParams {
  const params = new URLSearchParams({ limit: String(A_PAGE) });
  for (const field of FIELDS) if (question[field]) params.set(field, question[field]);
  params.set('start', String(Math.floor(now - SPANS_MS[question.last])));
  if (cursor !== null) params.set('cursor', cursor);
  return params;
}

/** Where the events of one user, type, organization or session are listed. */
export function addressOf(field: (typeof FIELDS)[number], value: string): string {
  return `/activity/events?${new URLSearchParams({ [field]: value }).toString()}`;
}
