/** What installers ask instead of a locale: a language and a country. */
export interface InstallerLocale {
  /** `fr` */
  language: string;
  /** `FR` */
  country: string;
  /** `fr_FR.UTF-8` */
  locale: string;
}

/** C has neither language nor country: installers speak English then, and the base step sets the locale of the image. */
const neutral: InstallerLocale = { language: 'en', country: 'US', locale: 'en_US.UTF-8' };

export function isNeutral(locale: string): boolean {
  return /^(C|POSIX)(\.|$)/.test(locale);
}

/** Whether a locale says all that installers ask: language, country, character set. */
export function saysAll(locale: string): boolean {
  return isNeutral(locale) || /^[a-z]{2,3}_[A-Z]{2}\.UTF-?8$/i.test(locale);
}

export function installerLocale(locale: string): InstallerLocale {
  if (isNeutral(locale)) return neutral;
  const [, language = '', country = ''] = /^([a-z]+)_([A-Z]+)/.exec(locale) ?? [];
  return { language, country, locale };
}
