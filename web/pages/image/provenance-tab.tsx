import { Code, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { ApiError } from '../../api/client.ts';
import { Section } from '../../components/section.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import type { ImageName } from './image-name.ts';

export function ProvenanceTab({ name }: { name: ImageName }): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /images/:template/:version/provenance', { params: name, query: {} }));
  if (query.error instanceof ApiError && query.error.status === 404) {
    return <Empty title={t('image.noProvenance')}>{t('image.noProvenanceHint')}</Empty>;
  }
  return (
    <Answer query={query}>
      {({ statement }) => (
        <Stack>
          <Text size="sm">{t('image.provenanceLead')}</Text>
          <Section title={t('image.statement')}>
            <Code block mah="70vh" tabIndex={0} aria-label={t('image.statement')}>
              {JSON.stringify(statement, null, 2)}
            </Code>
          </Section>
        </Stack>
      )}
    </Answer>
  );
}
