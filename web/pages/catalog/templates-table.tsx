import { Group, Stack, Text } from '@mantine/core';
import { type ReactElement, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiImageSummary } from '../../../src/model/api/images.ts';
import type { ApiTemplateSummary } from '../../../src/model/api/templates.ts';
import { Count } from '../../components/count.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useFormat } from '../../components/format.ts';
import { Empty } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { When } from '../../components/when.tsx';
import type { CatalogSearch } from '../../search.ts';
import { filterTemplates, type TemplateRow, templateRows } from './catalog-rows.ts';
import { ImageStatus } from './image-status.tsx';
import { sortOf, sortText } from './table-sort.ts';
import { ButtonLink, TextLink } from '../../components/links.tsx';

interface Props {
  templates: ApiTemplateSummary[];
  images: ApiImageSummary[];
  search: CatalogSearch;
  onChange: (changed: CatalogSearch) => void;
}

export function TemplatesTable({ templates, images, search, onChange }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const all = useMemo(() => templateRows(templates, images), [templates, images]);
  const { q, channel, state } = search;
  const rows = useMemo(() => filterTemplates(all, { q, channel, state }), [all, q, channel, state]);
  const columns = useMemo(
    (): Column<TemplateRow>[] => [
      {
        id: 'name',
        header: t('catalog.template'),
        width: 'minmax(11rem, 2.2fr)',
        value: ({ name }) => name,
        cell: (row) => <NameCell row={row} />,
      },
      {
        id: 'os',
        header: t('catalog.os'),
        width: 'minmax(8rem, 1.4fr)',
        value: ({ os }) => os,
        cell: ({ os }) => os,
        wideOnly: true,
      },
      {
        id: 'channels',
        header: t('catalog.newestPerChannel'),
        width: 'minmax(12rem, 2fr)',
        cell: (row) => <ChannelsCell row={row} />,
        wideOnly: true,
      },
      {
        id: 'age',
        header: t('catalog.newest'),
        width: 'minmax(9rem, 1fr)',
        value: ({ newest }) => newest?.published ?? '',
        cell: ({ newest }) => newest && <NewestCell newest={newest} />,
        wideOnly: true,
      },
      {
        id: 'size',
        header: t('catalog.size'),
        width: '5.5rem',
        align: 'end',
        value: ({ newest }) => newest?.size ?? 0,
        cell: ({ newest }) => newest && <span className="number">{format.bytes(newest.size)}</span>,
        wideOnly: true,
      },
      { id: 'status', header: t('catalog.state'), width: 'minmax(8rem, 1fr)', cell: (row) => <StateCell row={row} /> },
    ],
    [t, format],
  );
  if (all.length === 0) {
    return <Empty title={t('catalog.noTemplates')} action={<ButtonLink to="/build">{t('build.title')}</ButtonLink>} />;
  }
  return (
    <>
      <Count shown={rows.length} all={all.length} />
      {rows.length === 0 ? (
        <Empty title={t('catalog.noMatch')}>{t('catalog.noMatchHint')}</Empty>
      ) : (
        <DataTable
          label={t('catalog.views.templates')}
          rows={rows}
          rowKey={({ name }) => name}
          columns={columns}
          rowHeight={58}
          sort={sortOf(search.sort, 'name')}
          onSort={(sort) => onChange({ sort: sortText(sort) })}
        />
      )}
    </>
  );
}

function NameCell({ row: { name, description } }: { row: TemplateRow }): ReactElement {
  return (
    <div>
      <TextLink to="/templates/$template" params={{ template: name }} fw={600} size="sm">
        {name}
      </TextLink>
      <Text size="xs" c="dimmed" truncate>
        {description}
      </Text>
    </div>
  );
}

function ChannelsCell({ row }: { row: TemplateRow }): ReactElement {
  const { t } = useTranslation();
  if (row.channels.length === 0) return <Text size="sm">{t('common.none')}</Text>;
  return (
    <Stack gap={0} align="flex-start" lh={1.35}>
      {row.channels.slice(0, 2).map(({ channel, image, behind }) => (
        <TextLink
          key={channel}
          to="/images/$template/$version"
          params={{ template: image.template, version: image.version }}
          size="xs"
          lh="inherit"
          title={behind > 0 ? t('catalog.behind', { count: behind }) : t('catalog.upToDate')}
        >
          {channel} <span className="number">{image.version}</span>
          {behind > 0 && <span aria-label={t('catalog.behind', { count: behind })}>{` +${behind}`}</span>}
        </TextLink>
      ))}
      {row.channels.length > 2 && (
        <Text size="xs" lh="inherit" c="dimmed">
          {t('catalog.moreChannels', { count: row.channels.length - 2 })}
        </Text>
      )}
    </Stack>
  );
}

function NewestCell({ newest }: { newest: ApiImageSummary }): ReactElement {
  const { template, version, published } = newest;
  return (
    <div>
      <TextLink to="/images/$template/$version" params={{ template, version }} size="sm" className="number">
        {version}
      </TextLink>
      <Text size="xs" c="dimmed">
        <When time={published} />
      </Text>
    </div>
  );
}

function StateCell({ row: { newest, channels, error } }: { row: TemplateRow }): ReactElement {
  const { t } = useTranslation();
  if (error !== undefined) return <Status tone="bad">{t('catalog.faulty')}</Status>;
  if (!newest) return <Status tone="idle">{t('catalog.states.unbuilt')}</Status>;
  const behind = channels.some((entry) => entry.behind > 0);
  return (
    <Group gap={4}>
      <ImageStatus image={newest} />
      {newest.support === 'none' && <Status tone="warn">{t('catalog.unsupported')}</Status>}
      {behind && <Status tone="waiting">{t('catalog.pending')}</Status>}
    </Group>
  );
}
