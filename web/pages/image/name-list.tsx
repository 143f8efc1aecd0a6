import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Section } from '../../components/section.tsx';
import classes from './name-list.module.css';

export function NameList({ title, names }: { title: string; names: string[] }): ReactElement {
  const { t } = useTranslation();
  return (
    <Section title={t('contents.counted', { title, count: names.length })}>
      {names.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t('common.none')}
        </Text>
      ) : (
        <ul className={classes['list']} tabIndex={0} aria-label={title}>
          {names.map((name) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
      )}
    </Section>
  );
}
