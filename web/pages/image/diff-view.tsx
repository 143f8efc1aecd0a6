import { Stack, Table, Text } from '@mantine/core';
import { IconMinus, IconPencil, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Changes, InventoryDiff } from '../../../src/model/inventory.ts';
import { ask } from '../../api/ask.ts';
import { useFormat } from '../../components/format.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import classes from './diff-view.module.css';

const parts = ['packages', 'enabledUnits', 'maskedUnits', 'ports', 'users', 'sudoers', 'setuid', 'kernelArguments'] as const;

/** What differs between two images, side by side. References: `debian-12@20261123.1`. */
export function DiffView({ from, to }: { from: string; to: string }): ReactElement {
  const query = useQuery(ask('GET /diffs', { query: { from, to } }));
  return <Answer query={query}>{(diff) => <Diff diff={diff} from={from} to={to} />}</Answer>;
}

interface Line {
  kind: 'added' | 'removed' | 'changed';
  name: string;
  from: string;
  to: string;
}

export function linesOf(changes: Changes<string | true>, present: string): Line[] {
  const text = (value: string | true): string => (value === true ? present : value);
  return [
    ...Object.entries(changes.changed).map(
      ([name, value]): Line => ({ kind: 'changed', name, from: text(value.from), to: text(value.to) }),
    ),
    ...Object.entries(changes.added).map(([name, value]): Line => ({ kind: 'added', name, from: '', to: text(value) })),
    ...Object.entries(changes.removed).map(([name, value]): Line => ({ kind: 'removed', name, from: text(value), to: '' })),
  ];
}

function Diff({ diff, from, to }: { diff: InventoryDiff; from: string; to: string }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const filled = parts
    .map((part) => ({ part, lines: linesOf(diff[part], t('diff.present')) }))
    .filter(({ lines }) => lines.length > 0);
  const folders = diff.folders.filter((folder) => folder.from !== folder.to);
  if (filled.length === 0 && folders.length === 0) return <Empty title={t('diff.same')}>{t('diff.sameHint')}</Empty>;
  return (
    <Stack gap="lg">
      {filled.map(({ part, lines }) => (
        <Section key={part} title={t('contents.counted', { title: t(`diff.parts.${part}`), count: lines.length })}>
          <PlainTable label={t(`diff.parts.${part}`)} head={[t('diff.change'), t('diff.what'), from, to]}>
            {lines.map((line) => (
              <Table.Tr key={`${line.kind} ${line.name}`} className={classes[line.kind] ?? ''}>
                <Table.Td>
                  <Kind kind={line.kind} />
                </Table.Td>
                <Table.Td className="mono">{line.name}</Table.Td>
                <Table.Td className="mono">{line.from}</Table.Td>
                <Table.Td className="mono">{line.to}</Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        </Section>
      ))}
      {folders.length > 0 && (
        <Section title={t('contents.counted', { title: t('diff.parts.folders'), count: folders.length })}>
          <PlainTable label={t('diff.parts.folders')} head={[t('contents.folder'), from, to, t('diff.difference')]}>
            {folders.map((folder) => (
              <Table.Tr key={folder.folder}>
                <Table.Td className="mono">{folder.folder}</Table.Td>
                <Table.Td className="number">{format.bytes(folder.from)}</Table.Td>
                <Table.Td className="number">{format.bytes(folder.to)}</Table.Td>
                <Table.Td className="number">{`${folder.to > folder.from ? '+' : '−'}${format.bytes(Math.abs(folder.to - folder.from))}`}</Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        </Section>
      )}
    </Stack>
  );
}

function Kind({ kind }: { kind: Line['kind'] }): ReactElement {
  const { t } = useTranslation();
  const Icon = { added: IconPlus, removed: IconMinus, changed: IconPencil }[kind];
  return (
    <Text size="xs" component="span" className={classes['kind']}>
      <Icon size={13} aria-hidden />
      {t(`diff.kinds.${kind}`)}
    </Text>
  );
}
