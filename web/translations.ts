import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './locales/en.json';

export type Language = 'en' | 'fr';
export const languages: Record<Language, string> = { en: 'English', fr: 'Français' };

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

const remembered = 'gabarit.language';

function preferred(): Language {
  const asked = [localStorage.getItem(remembered) ?? '', ...navigator.languages];
  const known = asked.map((tag) => tag.slice(0, 2)).find((tag) => Object.hasOwn(languages, tag));
  return known === 'fr' ? 'fr' : 'en';
}

/** English comes with the page, and stands in for nothing: a test holds both catalogues to the same keys. */
export async function startTranslations(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await switchLanguage(preferred(), false);
}

/** Switches the page to a language, and remembers it in this browser. */
export async function switchLanguage(language: Language, remember = true): Promise<void> {
  if (language === 'fr' && !i18next.hasResourceBundle('fr', 'translation')) {
    const { default: fr } = await import('./locales/fr.json');
    i18next.addResourceBundle('fr', 'translation', fr);
  }
  if (remember) localStorage.setItem(remembered, language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}
