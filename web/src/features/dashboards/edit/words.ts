import { differences, shortWords } from '../../../dashboard/difference';
import type { Content } from '../../../dashboard/content';
import type { Conflict } from '../../../dashboard/merge';

export interface ConflictWords {
  what: string;
  mine: string;
  theirs: string;
}

const DETAILS: Record<string, string> = {
  name: 'The name',
  description: 'The description',
  refresh_interval: 'How often it updates',
  filters: 'The filters',
  is_public: 'Who sees it',
};

function quoted(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? `“${value}”` : otherwise;
}

/** A conflict as a question with two answers. */
export function conflictWords(conflict: Conflict): ConflictWords {
  if (conflict.kind === 'places') {
    const where = conflict.on === 'wide' ? '' : ` on ${conflict.on} screens`;
    return { what: `Where widgets stand${where}`, mine: 'Keep mine', theirs: 'Take theirs' };
  }
  if (conflict.kind === 'detail') {
    const what = DETAILS[conflict.detail] ?? conflict.detail;
    const mine = `Keep ${quoted(conflict.mine, 'mine')}`;
    return { what, mine, theirs: `Take ${quoted(conflict.theirs, 'theirs')}` };
  }
  const mine = conflict.mine ? 'Keep mine' : 'Delete it, as I did';
  const theirs = conflict.theirs ? 'Take theirs' : 'Delete it, as they did';
  return { what: `The widget “${conflict.title}”`, mine, theirs };
}

/** What a version did to the one before it, as a sentence. */
export function versionWords(before: Content | null, after: Content): string {
  if (!before) return 'The oldest that is kept';
  const words = shortWords(differences(before, after)).join('; ');
  return words === '' ? 'Nothing that is seen' : words.charAt(0).toUpperCase() + words.slice(1);
}
