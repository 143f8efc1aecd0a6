import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactElement, type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiLogLine } from '../../../src/model/api/jobs.ts';
import { useFormat } from '../../components/format.ts';
import { parseAnsi } from './ansi.ts';
import classes from './log-view.module.css';

interface Props {
  lines: ApiLogLine[];
  /** In lower case; marked wherever it stands. */
  word: string;
  follow: boolean;
  onFollow: (follow: boolean) => void;
}

/** Lines of a log: text and nothing but text, whatever a guest may have written. Only those in view exist. */
export function LogView({ lines, word, follow, onFollow }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const frame = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 20,
    overscan: 20,
  });
  useEffect(() => {
    if (follow && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: 'end' });
  }, [follow, lines.length, virtual]);
  return (
    <div
      ref={frame}
      className={classes['frame']}
      role="log"
      aria-live="off"
      aria-label={t('log.title')}
      tabIndex={0}
      onWheel={({ deltaY }) => {
        if (deltaY < 0 && follow) onFollow(false);
      }}
    >
      <div className={classes['lines']} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const line = lines[index];
          if (!line) return null;
          return (
            <div
              key={index}
              data-index={index}
              ref={virtual.measureElement}
              className={classes['line']}
              data-level={line.level}
              style={{ transform: `translateY(${start}px)` }}
            >
              <time dateTime={line.time} className={classes['time']}>
                {line.time !== '' && format.clock(line.time)}
              </time>
              <span className={classes['message']}>
                {line.level !== 'info' && line.level !== 'debug' && <b>{`${t(`log.levels.${line.level}`)}: `}</b>}
                {line.source !== undefined && <span className={classes['source']}>{`${line.source} `}</span>}
                {parseAnsi(line.message).map(({ text, colour, bold }, place) => (
                  <span key={place} data-colour={colour} data-bold={bold}>
                    {marked(text, word)}
                  </span>
                ))}
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function marked(text: string, word: string): ReactNode {
  const at = word === '' ? -1 : text.toLowerCase().indexOf(word);
  if (at === -1) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + word.length)}</mark>
      {marked(text.slice(at + word.length), word)}
    </>
  );
}
