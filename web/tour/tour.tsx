import { Button, CloseButton, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../api/ask.ts';
import { StatusMark } from '../components/status.tsx';
import classes from './tour.module.css';
import { endTour } from './tour-state.ts';
import { ButtonLink } from '../components/links.tsx';

/** Leads from an empty server to a first image on a channel. Each step is done when the server says so, not when a button was pressed. */
export function Tour(): ReactElement {
  const { t } = useTranslation();
  const jobs = useQuery(ask('GET /jobs', { query: { limit: 20 } }, { every: 5000 })).data?.items ?? [];
  const images = useQuery(ask('GET /images', { query: { limit: 20 } }, { every: 5000 })).data?.items ?? [];
  const latest = jobs.find(({ request }) => request.kind === 'build');
  const published = images[0];
  const promoted = images.find(({ channels }) => channels.length > 0);
  const done = [latest, jobs.find(({ state }) => state === 'done'), published, promoted].findIndex(
    (proof) => proof === undefined,
  );
  const active = done === -1 ? 4 : done;
  const actions = [
    <ButtonLink key="build" size="xs" to="/build">
      {t('tour.build')}
    </ButtonLink>,
    latest && (
      <ButtonLink key="watch" size="xs" to="/jobs/$job" params={{ job: latest.id }}>
        {t('tour.watch')}
      </ButtonLink>
    ),
    <ButtonLink key="publish" size="xs" to="/build">
      {t('tour.publish')}
    </ButtonLink>,
    published && (
      <ButtonLink
        key="promote"
        size="xs"
        to="/images/$template/$version"
        params={{ template: published.template, version: published.version }}
      >
        {t('tour.promote')}
      </ButtonLink>
    ),
    <Button key="end" size="xs" onClick={endTour}>
      {t('tour.end')}
    </Button>,
  ];
  return (
    <aside className={classes['tour']} aria-label={t('tour.title')}>
      <Text fw={600} size="sm">
        {active === 4 ? t('tour.all') : t('tour.title')}
      </Text>
      <CloseButton size="sm" className={classes['close'] ?? ''} aria-label={t('tour.close')} onClick={endTour} />
      <ol className={classes['steps']}>
        {(['one', 'two', 'three', 'four'] as const).map((step, index) => (
          <li key={step} aria-current={index === active ? 'step' : undefined} data-done={index < active}>
            <StatusMark
              tone={index < active ? 'ok' : index === active ? 'busy' : 'idle'}
              label={t(`tour.marks.${index < active ? 'done' : 'open'}`)}
            />
            {t(`tour.${step}`)}
          </li>
        ))}
      </ol>
      <div className={classes['action']}>{actions[active]}</div>
    </aside>
  );
}
