import { Code, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { IconHammer } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useMay } from '../../api/session.ts';
import { Page } from '../../components/page.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import type { CatalogSearch } from '../../search.ts';
import { VersionsTable } from './versions-table.tsx';
import { ButtonLink, TextLink } from '../../components/links.tsx';

const route = getRouteApi('/inside/templates/$template');

/** One template: what was written, and every image that was made of it. */
export function TemplatePage(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const { template } = route.useParams();
  const [search, setSearch] = useState<CatalogSearch>({});
  const definition = useQuery(ask('GET /templates/:template', { params: { template } }));
  const images = useQuery(ask('GET /images', { query: { template, limit: 10_000 } }, { every: 30_000 }));
  return (
    <Page
      title={template}
      lead={definition.data?.extends.length ? t('template.extends', { names: definition.data.extends.join(', ') }) : undefined}
      beside={definition.data && definition.data.faults.length > 0 && <Status tone="bad">{t('catalog.faulty')}</Status>}
      actions={
        may('builder') && (
          <ButtonLink to="/build" search={{ template }} leftSection={<IconHammer size={16} aria-hidden />}>
            {t('template.build')}
          </ButtonLink>
        )
      }
    >
      <Stack gap="sm">
        <Title order={2}>{t('template.images')}</Title>
        <Answer query={images}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title={t('template.noImages')}>{t('template.noImagesHint')}</Empty>
            ) : (
              <VersionsTable images={items} search={search} onChange={setSearch} />
            )
          }
        </Answer>
      </Stack>
      <Stack gap="sm">
        <Title order={2}>{t('template.definition')}</Title>
        <Answer query={definition}>
          {({ yaml, writable, extends: bases }) => (
            <Paper withBorder p="sm">
              <Group justify="space-between" mb="xs">
                <Text size="sm" c="dimmed">
                  {writable ? t('template.writable') : t('template.notWritable')}
                </Text>
                <Group gap="sm">
                  {bases.map((base) => (
                    <TextLink key={base} to="/templates/$template" params={{ template: base }} size="sm">
                      {base}
                    </TextLink>
                  ))}
                </Group>
              </Group>
              <Code block tabIndex={0} aria-label={t('template.definition')}>
                {yaml}
              </Code>
            </Paper>
          )}
        </Answer>
      </Stack>
    </Page>
  );
}
