import { Stack, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Count } from '../../components/count.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import type { ImageName } from './image-name.ts';

interface Package {
  name: string;
  arch: string;
  version: string;
}

export function PackagesTab({ name }: { name: ImageName }): ReactElement {
  const query = useQuery(ask('GET /images/:template/:version/packages', { params: name, query: {} }));
  return <Answer query={query}>{(packages) => <Packages all={packages} />}</Answer>;
}

function Packages({ all }: { all: Package[] }): ReactElement {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const word = text.trim().toLowerCase();
  const rows = useMemo(() => all.filter(({ name, version }) => name.includes(word) || version.includes(word)), [all, word]);
  const columns = useMemo(
    (): Column<Package>[] => [
      {
        id: 'name',
        header: t('image.package'),
        width: 'minmax(10rem, 2fr)',
        value: ({ name }) => name,
        cell: ({ name }) => <span className="mono">{name}</span>,
      },
      {
        id: 'version',
        header: t('image.version'),
        width: 'minmax(8rem, 2fr)',
        value: ({ version }) => version,
        cell: ({ version }) => <span className="mono">{version}</span>,
      },
      {
        id: 'arch',
        header: t('catalog.arch'),
        width: '6rem',
        value: ({ arch }) => arch,
        cell: ({ arch }) => arch,
        wideOnly: true,
      },
    ],
    [t],
  );
  return (
    <Stack gap="sm">
      <TextInput
        type="search"
        label={t('image.searchPackages')}
        leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        maw={360}
      />
      <Count shown={rows.length} all={all.length} />
      {rows.length === 0 ? (
        <Empty title={t('catalog.noMatch')} />
      ) : (
        <DataTable
          label={t('image.tabs.packages')}
          rows={rows}
          rowKey={(row) => `${row.name}:${row.arch}`}
          columns={columns}
          rowHeight={34}
        />
      )}
    </Stack>
  );
}
