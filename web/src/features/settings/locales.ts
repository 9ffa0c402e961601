import { Locale, ownLocale } from '../../series/locale';

/** The languages and regions that are offered; a tag may also ask for a clock or for digits. */
const TAGS = `
  en-US en-US-u-hc-h23 en-GB en-AU en-CA en-IE en-IN en-NZ en-SG en-ZA af-ZA am-ET ar-AE ar-EG
  ar-EG-u-nu-arab ar-MA ar-SA bg-BG bn-BD bn-BD-u-nu-beng bs-BA ca-ES cs-CZ cy-GB da-DK de-AT de-CH
  de-DE el-GR es-AR es-CL es-CO es-ES es-MX et-EE eu-ES fa-IR fa-IR-u-nu-arabext fi-FI fil-PH fr-BE
  fr-CA fr-CH fr-FR ga-IE gl-ES gu-IN he-IL hi-IN hi-IN-u-nu-deva hr-HR hu-HU hy-AM id-ID is-IS it-CH
  it-IT ja-JP ka-GE kk-KZ km-KH kn-IN ko-KR lt-LT lv-LV mk-MK ml-IN mr-IN ms-MY nb-NO ne-NP nl-BE
  nl-NL pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU si-LK sk-SK sl-SI sq-AL sr-RS sv-SE sw-KE ta-IN te-IN
  th-TH tr-TR uk-UA ur-PK uz-UZ vi-VN zh-CN zh-HK zh-TW zu-ZA`
  .trim()
  .split(/\s+/);

/** What a tag asks for besides its language and region, in words. */
const EXTRAS: Record<string, string> = {
  'hc-h23': '24-hour clock',
  'nu-arab': 'own digits',
  'nu-arabext': 'own digits',
  'nu-beng': 'own digits',
  'nu-deva': 'own digits',
};

export interface Region {
  tag: string;
  name: string;
  /** A number as it is written there. */
  sample: string;
}

const english = new Intl.DisplayNames('en', { type: 'language', languageDisplay: 'standard' });

/** `German (Germany) · Deutsch (Deutschland)`. */
export function nameOf(tag: string): string {
  const [plain = tag, extra = ''] = tag.split('-u-');
  const name = english.of(plain) ?? plain;
  const own = new Intl.DisplayNames(plain, { type: 'language', languageDisplay: 'standard' });
  const names = [...new Set([name, own.of(plain) ?? name])].join(' · ');
  return EXTRAS[extra] ? `${names}, ${EXTRAS[extra]}` : names;
}

export const BROWSERS = 'Browser’s';

/** All that are offered, by their English names; the browser's own first. */
export function regions(): Region[] {
  const region = (tag: string, name: string): Region => {
    return { tag, name, sample: new Locale(tag).number(1234567.5, 1) };
  };
  const offered = TAGS.map((tag) => region(tag, nameOf(tag)));
  offered.sort((a, b) => a.name.localeCompare(b.name, 'en'));
  return [region(ownLocale(), `${BROWSERS}: ${nameOf(ownLocale())}`), ...offered];
}
