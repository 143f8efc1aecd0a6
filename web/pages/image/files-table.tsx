import { Button, Table } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { addressOf } from '../../api/client.ts';
import { Digest } from '../../components/digest.tsx';
import { useFormat } from '../../components/format.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import type { ImageName } from './image-name.ts';

interface Props {
  name: ImageName;
  label: string;
  files: { name: string; kind: string; size: number; digest: string }[];
}

export function FilesTable({ name, label, files }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <PlainTable
      label={label}
      head={[t('image.file'), t('image.kind'), t('catalog.size'), t('image.digest'), t('image.download')]}
    >
      {files.map((file) => (
        <Table.Tr key={file.name}>
          <Table.Td className="mono">{file.name}</Table.Td>
          <Table.Td>{file.kind}</Table.Td>
          <Table.Td className="number">{format.bytes(file.size)}</Table.Td>
          <Table.Td>
            <Digest value={file.digest} />
          </Table.Td>
          <Table.Td>
            <Button
              component="a"
              href={addressOf('GET /images/:template/:version/files/:file', { params: { ...name, file: file.name }, query: {} })}
              download={`${name.template}-${name.version}-${file.name}`}
              size="compact-sm"
              variant="default"
              leftSection={<IconDownload size={14} aria-hidden />}
              aria-label={t('image.downloadFile', { name: file.name })}
            >
              {t('image.download')}
            </Button>
          </Table.Td>
        </Table.Tr>
      ))}
    </PlainTable>
  );
}
