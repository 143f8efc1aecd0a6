import { Image, Text, UnstyledButton } from '@mantine/core';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { addressOf } from '../../api/client.ts';
import { useFormat } from '../../components/format.ts';
import classes from './screenshots.module.css';

interface Shot {
  time: string;
  url: string;
  /** To know a picture that is the same as the one before. */
  size: number;
}

const everyMs = 5000;
const keep = 40;

/** Pictures of a machine's screen while one watches, the newest first; a screen that does not change is kept once. */
export function Screenshots({ job, machine }: { job: string; machine: string }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const [shots, setShots] = useState<Shot[]>([]);
  const [chosen, setChosen] = useState<string>();
  const made = useRef<string[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    const take = async (): Promise<void> => {
      const response = await fetch(addressOf('GET /jobs/:job/consoles/:machine/screenshot', { params: { job, machine } }), {
        signal: stop.signal,
      });
      if (!response.ok) return;
      const picture = await response.blob();
      const url = URL.createObjectURL(picture);
      made.current.push(url);
      setShots((known) =>
        known[0]?.size === picture.size
          ? known
          : [{ time: new Date().toISOString(), url, size: picture.size }, ...known].slice(0, keep),
      );
    };
    // A machine that has just ended has no screen any more: the list of machines says so.
    const attempt = (): void => void take().catch(() => undefined);
    attempt();
    const timer = setInterval(attempt, everyMs);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [job, machine]);
  useEffect(() => () => made.current.forEach((url) => URL.revokeObjectURL(url)), []);
  const large = shots.find(({ url }) => url === chosen);
  if (shots.length === 0) return <Text size="sm">{t('console.noPictures')}</Text>;
  return (
    <div>
      {large && (
        <Image src={large.url} alt={t('console.pictureAt', { machine, time: format.clock(large.time) })} maw={800} mb="xs" />
      )}
      <ol className={classes['strip']} aria-label={t('console.pictures')} tabIndex={0}>
        {shots.map(({ time, url }) => (
          <li key={url}>
            <UnstyledButton
              className={classes['shot']}
              aria-pressed={url === chosen}
              aria-label={t('console.enlarge', { time: format.clock(time) })}
              onClick={() => setChosen(url === chosen ? undefined : url)}
            >
              <img src={url} alt="" width={160} height={120} />
              <span className="number">{format.clock(time)}</span>
            </UnstyledButton>
          </li>
        ))}
      </ol>
    </div>
  );
}
