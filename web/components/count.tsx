import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from './format.ts';

/** How many rows a filter leaves; said aloud when it changes. */
export function Count({ shown, all }: { shown: number; all: number }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Text size="sm" c="dimmed" role="status">
      {shown === all
        ? t('table.count', { count: all, all: format.number(all) })
        : t('table.countOf', { shown: format.number(shown), all: format.number(all) })}
    </Text>
  );
}
