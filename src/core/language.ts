/** The languages that clients are spoken to in: answers, reasons of failures, mails. Everything else is English. */

export const LANGUAGES = ['en', 'pt-BR'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What is spoken where nothing says otherwise. */
export const DEFAULT_LANGUAGE: Language = 'en';

export type Texts = Readonly<Record<Language, string>>;

export function isLanguage(text: unknown): text is Language {
  return LANGUAGES.some((language) => language === text);
}
