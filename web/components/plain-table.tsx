import { Table } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import classes from './plain-table.module.css';

/** A short table, all of it in the page; a wide one scrolls by itself. */
export function PlainTable({ label, head, children }: { label: string; head: string[]; children: ReactNode }): ReactElement {
  return (
    <div className={classes['frame']} tabIndex={0} role="region" aria-label={label}>
      <Table verticalSpacing={6} fz="sm" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {head.map((text) => (
              <Table.Th key={text} className={classes['head']}>
                {text}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </div>
  );
}
