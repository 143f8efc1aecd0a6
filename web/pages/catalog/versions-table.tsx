import { type ReactElement, useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiImageSummary } from '../../../src/model/api/images.ts';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useFormat } from '../../components/format.ts';
import { Empty } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import type { CatalogSearch } from '../../search.ts';
import { filterImages } from './catalog-rows.ts';
import { Count } from '../../components/count.tsx';
import { ChannelNames, ImageStatus } from './image-status.tsx';
import { sortOf, sortText } from './table-sort.ts';
import { TextLink } from '../../components/links.tsx';

interface Props {
  images: ApiImageSummary[];
  search: CatalogSearch;
  onChange: (changed: CatalogSearch) => void;
}

export function VersionsTable({ images, search, onChange }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const { q, channel, state } = search;
  const rows = useMemo(() => filterImages(images, { q, channel, state }), [images, q, channel, state]);
  useFilterTime(rows);
  const columns = useMemo(
    (): Column<ApiImageSummary>[] => [
      {
        id: 'version',
        header: t('catalog.image'),
        width: 'minmax(13rem, 2.6fr)',
        value: ({ template, version }) => `${template} ${version}`,
        cell: ({ template, version }) => (
          <TextLink to="/images/$template/$version" params={{ template, version }} fw={550} size="sm">
            {template} <span className="number">{version}</span>
          </TextLink>
        ),
      },
      {
        id: 'os',
        header: t('catalog.os'),
        width: 'minmax(7rem, 1.2fr)',
        value: ({ os }) => os,
        cell: ({ os }) => os,
        wideOnly: true,
      },
      {
        id: 'arch',
        header: t('catalog.arch'),
        width: '5rem',
        value: ({ arch }) => arch,
        cell: ({ arch }) => arch,
        wideOnly: true,
      },
      {
        id: 'channels',
        header: t('catalog.channels'),
        width: 'minmax(9.5rem, 1.2fr)',
        value: ({ channels }) => channels.join(' '),
        cell: ({ channels }) => <ChannelNames names={channels} />,
        wideOnly: true,
      },
      {
        id: 'published',
        header: t('catalog.published'),
        width: '8rem',
        value: ({ published }) => published,
        cell: ({ published }) => <When time={published} />,
        wideOnly: true,
      },
      {
        id: 'size',
        header: t('catalog.size'),
        width: '6rem',
        align: 'end',
        value: ({ size }) => size,
        cell: ({ size }) => <span className="number">{format.bytes(size)}</span>,
        wideOnly: true,
      },
      {
        id: 'status',
        header: t('catalog.state'),
        width: 'minmax(7.5rem, 1fr)',
        value: ({ revoked, checks }) => (revoked ? 9 : checks.fail * 2 + checks.warn),
        cell: (image) => <ImageStatus image={image} />,
      },
    ],
    [t, format],
  );
  if (images.length === 0) return <Empty title={t('catalog.noImages')}>{t('catalog.noImagesHint')}</Empty>;
  return (
    <>
      <Count shown={rows.length} all={images.length} />
      {rows.length === 0 ? (
        <Empty title={t('catalog.noMatch')}>{t('catalog.noMatchHint')}</Empty>
      ) : (
        <DataTable
          label={t('catalog.views.versions')}
          rows={rows}
          rowKey={({ digest }) => digest}
          columns={columns}
          sort={sortOf(search.sort, '-published')}
          onSort={(sort) => onChange({ sort: sortText(sort) ?? '-published' })}
        />
      )}
    </>
  );
}

/** Measures, for whoever looks, how long it takes from a key to the picture. */
function useFilterTime(rows: unknown): void {
  useEffect(() => {
    if (performance.getEntriesByName('gabarit.filter', 'mark').length === 0) return;
    requestAnimationFrame(() => {
      if (performance.getEntriesByName('gabarit.filter', 'mark').length > 0)
        performance.measure('gabarit.filtered', 'gabarit.filter');
      performance.clearMarks('gabarit.filter');
    });
  }, [rows]);
}
