import type { ReactElement } from 'react';
import { useFormat } from './format.ts';

/** A moment, as it is remembered: `3 days ago`; exactly on hovering. */
export function When({ time }: { time: string }): ReactElement {
  const format = useFormat();
  return (
    <time dateTime={time} title={format.dateTime(time)} className="number">
      {format.ago(time)}
    </time>
  );
}
