import { UnstyledButton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconArrowsSort } from '@tabler/icons-react';
import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  sortFn_alphanumeric,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactElement, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import classes from './data-table.module.css';

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric },
});

export interface Column<Row> {
  id: string;
  header: string;
  /** A track of a CSS grid: `minmax(10rem, 2fr)`. */
  width: string;
  cell: (row: Row) => ReactNode;
  /** What the column is sorted by; absent where there is no order. */
  value?: (row: Row) => string | number;
  align?: 'end';
  /** Left out on a narrow screen. */
  wideOnly?: boolean;
}

interface Props<Row> {
  label: string;
  rows: Row[];
  rowKey: (row: Row) => string;
  columns: Column<Row>[];
  sort?: SortingState;
  onSort?: (sort: SortingState) => void;
  /** Pixels; rows do not grow. */
  rowHeight?: number;
}

/** Rows and columns. Only the rows in view exist in the page, so 10,000 of them are no slower than 20. */
export function DataTable<Row>({ label, rows, rowKey, columns, sort, onSort, rowHeight = 44 }: Props<Row>): ReactElement {
  const { t } = useTranslation();
  const isNarrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false });
  const shown = useMemo(() => columns.filter((column) => !(isNarrow && column.wideOnly)), [columns, isNarrow]);
  const [ownSort, setOwnSort] = useState<SortingState>([]);
  const sorting = sort ?? ownSort;
  const definitions = useMemo(
    () =>
      shown.map(
        (column): ColumnDef<typeof features, Row & object> => ({
          id: column.id,
          accessorFn: (row: Row) => column.value?.(row) ?? '',
          enableSorting: column.value !== undefined,
          sortFn: 'alphanumeric',
        }),
      ),
    [shown],
  );
  const table = useTable({
    features,
    columns: definitions,
    data: rows as (Row & object)[],
    state: { sorting },
    onSortingChange: (update) => {
      const next = typeof update === 'function' ? update(sorting) : update;
      (onSort ?? setOwnSort)(next);
    },
  });
  const sorted = table.getRowModel().rows;
  const body = useRef<HTMLDivElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useEffect(() => {
    setScrollMargin((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
  }, [rows.length]);
  const virtual = useWindowVirtualizer({ count: sorted.length, estimateSize: () => rowHeight, overscan: 8, scrollMargin });
  const grid = { gridTemplateColumns: shown.map(({ width }) => width).join(' ') };
  return (
    <div role="table" aria-label={label} aria-rowcount={sorted.length + 1} className={classes['table']}>
      <div role="rowgroup" className={classes['head']}>
        <div role="row" aria-rowindex={1} className={classes['row']} style={grid}>
          {shown.map((column) => {
            const direction = table.getColumn(column.id)?.getIsSorted() ?? false;
            const ariaSort = direction === 'asc' ? 'ascending' : direction === 'desc' ? 'descending' : 'none';
            const Arrow = direction === 'asc' ? IconArrowUp : direction === 'desc' ? IconArrowDown : IconArrowsSort;
            return (
              <div key={column.id} role="columnheader" aria-sort={ariaSort} data-align={column.align} className={classes['cell']}>
                {column.value ? (
                  <UnstyledButton
                    className={classes['sort']}
                    title={t('table.sortBy', { column: column.header })}
                    onClick={() => table.getColumn(column.id)?.toggleSorting()}
                  >
                    {column.header}
                    <Arrow size={14} aria-hidden data-idle={direction === false} />
                  </UnstyledButton>
                ) : (
                  column.header
                )}
              </div>
            );
          })}
        </div>
      </div>
      <div role="rowgroup" ref={body} className={classes['body']} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = sorted[index]?.original;
          if (row === undefined) return null;
          const place = { ...grid, height: rowHeight, transform: `translateY(${start - scrollMargin}px)` };
          return (
            <div key={rowKey(row)} role="row" aria-rowindex={index + 2} className={classes['row']} data-floating style={place}>
              {shown.map((column) => (
                <div key={column.id} role="cell" data-align={column.align} className={classes['cell']}>
                  {column.cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
