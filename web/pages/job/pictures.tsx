import { Image, Text, UnstyledButton } from '@mantine/core';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../../src/model/api/contract.ts';
import { addressOf } from '../../api/client.ts';
import { useFormat } from '../../components/format.ts';
import classes from './pictures.module.css';

type Picture = AnswerOf<'GET /jobs/:job/pictures'>[number];

interface Props {
  job: string;
  /** The oldest first. */
  pictures: Picture[];
  /** Whether the newest is shown large until somebody chooses another. */
  showsNewest: boolean;
}

/** What was on the screens of the machines over time. */
export function Pictures({ job, pictures, showsNewest }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const [chosen, setChosen] = useState<string>();
  const strip = useRef<HTMLOListElement>(null);
  const large = pictures.find(({ name }) => name === chosen) ?? (showsNewest ? pictures.at(-1) : undefined);
  const isFollowing = chosen === undefined;
  useEffect(() => {
    if (isFollowing) strip.current?.scrollTo({ left: strip.current.scrollWidth });
  }, [isFollowing, pictures.length]);
  if (pictures.length === 0) return <Text size="sm">{t('console.noPictures')}</Text>;
  const addressFor = ({ name }: Picture): string =>
    addressOf('GET /jobs/:job/pictures/:picture', { params: { job, picture: name } });
  return (
    <div>
      {large && (
        <Image
          src={addressFor(large)}
          alt={t('console.pictureAt', { machine: large.machine, time: format.clock(large.time) })}
          className={classes['large'] ?? ''}
          mb="xs"
        />
      )}
      <ol ref={strip} className={classes['strip']} aria-label={t('console.pictures')} tabIndex={0}>
        {pictures.map((picture) => (
          <li key={picture.name}>
            <UnstyledButton
              className={classes['shot']}
              aria-pressed={picture === large}
              onClick={() => setChosen(picture.name === chosen ? undefined : picture.name)}
            >
              <img src={addressFor(picture)} alt={t('console.enlarge')} width={120} height={90} loading="lazy" />
              <span className="number">{format.clock(picture.time)}</span>
              <span className={classes['machine']}>{picture.machine}</span>
            </UnstyledButton>
          </li>
        ))}
      </ol>
    </div>
  );
}
