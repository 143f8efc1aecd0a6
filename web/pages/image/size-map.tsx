import { Table } from '@mantine/core';
import { type ReactElement, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../components/format.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import classes from './size-map.module.css';
import { treemap } from './treemap.ts';

/** What takes the room: a picture with areas by size, and the same as a table. `folders` are those of the first two levels; the upper hold the lower. */
export function SizeMap({ folders }: { folders: Record<string, number> }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const { leaves, total } = useMemo(() => leavesOf(folders), [folders]);
  const tiles = useMemo(() => treemap(leaves, 2.6), [leaves]);
  return (
    <div className={classes['beside']}>
      <div className={classes['map']} aria-hidden>
        {tiles.map(({ name, size, x, y, width, height }) => (
          <div
            key={name}
            className={classes['tile']}
            data-group={name.split('/')[1]}
            title={`${name}: ${format.bytes(size)}`}
            style={{ left: `${x * 100}%`, top: `${y * 100}%`, width: `${width * 100}%`, height: `${height * 100}%` }}
          >
            {width > 0.09 && height > 0.09 && (
              <>
                <span className={classes['name']}>{name}</span>
                <span>{format.bytes(size)}</span>
              </>
            )}
          </div>
        ))}
      </div>
      <div className={classes['table']}>
        <PlainTable label={t('contents.sizes')} head={[t('contents.folder'), t('catalog.size'), t('contents.share')]}>
          {leaves.slice(0, 20).map(({ name, size }) => (
            <Table.Tr key={name}>
              <Table.Td className="mono">{name}</Table.Td>
              <Table.Td className="number">{format.bytes(size)}</Table.Td>
              <Table.Td className="number">{format.percent(size / total)}</Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      </div>
    </div>
  );
}

/** Each folder without what its own folders hold, the largest first. */
export function leavesOf(folders: Record<string, number>): { leaves: { name: string; size: number }[]; total: number } {
  const names = Object.keys(folders);
  const leaves = names
    .map((name) => {
      const inside = names.filter((other) => other.startsWith(`${name}/`) && !other.slice(name.length + 1).includes('/'));
      return { name, size: (folders[name] ?? 0) - inside.reduce((sum, child) => sum + (folders[child] ?? 0), 0) };
    })
    .filter(({ size }) => size > 0)
    .toSorted((a, b) => b.size - a.size);
  return {
    leaves,
    total: Math.max(
      1,
      leaves.reduce((sum, { size }) => sum + size, 0),
    ),
  };
}
