import { Group, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { IconHammer, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { type ReactElement, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useMay } from '../../api/session.ts';
import { Page } from '../../components/page.tsx';
import { Answer } from '../../components/states.tsx';
import { type CatalogSearch, catalogStates, catalogViews } from '../../search.ts';
import { TemplatesTable } from './templates-table.tsx';
import { VersionsTable } from './versions-table.tsx';
import { ButtonLink } from '../../components/links.tsx';

const route = getRouteApi('/inside/');

/** All templates with the newest image of each channel, or all images there are. */
export function CatalogPage(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/' });
  const change = (changed: CatalogSearch): void => void navigate({ search: { ...search, ...changed }, replace: true });
  const templates = useQuery(ask('GET /templates', {}));
  const images = useQuery(ask('GET /images', { query: { limit: 10_000 } }, { every: 30_000 }));
  const channels = [...new Set(images.data?.items.flatMap((image) => image.channels))].toSorted();
  const view = search.view ?? 'templates';
  return (
    <Page
      title={t('catalog.title')}
      lead={t('catalog.lead')}
      actions={
        may('builder') && (
          <ButtonLink to="/build" leftSection={<IconHammer size={16} aria-hidden />}>
            {t('build.title')}
          </ButtonLink>
        )
      }
    >
      <Group gap="sm" align="flex-end">
        <SearchBox value={search.q ?? ''} onChange={(q) => change({ q: q === '' ? undefined : q })} />
        <NativeSelect
          label={t('catalog.channel')}
          data={[{ value: '', label: t('catalog.anyChannel') }, ...channels]}
          value={search.channel ?? ''}
          onChange={(event) => change({ channel: event.currentTarget.value === '' ? undefined : event.currentTarget.value })}
          w={140}
        />
        <NativeSelect
          label={t('catalog.state')}
          data={[
            { value: '', label: t('catalog.anyState') },
            ...catalogStates.map((value) => ({ value, label: t(`catalog.states.${value}`) })),
          ]}
          value={search.state ?? ''}
          onChange={(event) => change({ state: catalogStates.find((state) => state === event.currentTarget.value) })}
          w={190}
        />
        <SegmentedControl
          aria-label={t('catalog.view')}
          data={catalogViews.map((name) => ({ value: name, label: t(`catalog.views.${name}`) }))}
          value={view}
          onChange={(name) => change({ view: name === 'versions' ? 'versions' : undefined, sort: undefined })}
        />
      </Group>
      <Answer query={images}>
        {({ items }) =>
          view === 'versions' ? (
            <VersionsTable images={items} search={search} onChange={change} />
          ) : (
            <Answer query={templates}>
              {(all) => <TemplatesTable templates={all} images={items} search={search} onChange={change} />}
            </Answer>
          )
        }
      </Answer>
    </Page>
  );
}

/** Answers while one types; the address follows a moment later. */
function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }): ReactElement {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      type="search"
      label={t('catalog.search')}
      placeholder={t('catalog.searchHint')}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        performance.mark('gabarit.filter');
        onChange(event.currentTarget.value);
      }}
      flex="1 1 16rem"
    />
  );
}
