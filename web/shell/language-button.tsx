import { Button } from '@mantine/core';
import { IconLanguage } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { languages, switchLanguage } from '../translations.ts';

/** There are two languages: the button names the other one, in it. */
export function LanguageButton(): ReactElement {
  const { i18n } = useTranslation();
  const other = i18n.language === 'fr' ? 'en' : 'fr';
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-md"
      c="var(--mantine-color-text)"
      lang={other}
      leftSection={<IconLanguage size={18} aria-hidden />}
      onClick={() => void switchLanguage(other)}
    >
      {languages[other]}
    </Button>
  );
}
