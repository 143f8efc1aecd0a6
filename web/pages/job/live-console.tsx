import { Alert, Group, Switch, Text } from '@mantine/core';
import RFB from '@novnc/novnc';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { addressOf } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Status } from '../../components/status.tsx';
import classes from './live-console.module.css';

type State = 'connecting' | 'connected' | 'ended';

/** The screen of a machine, live. Nothing is sent to it unless somebody turns that on. */
export function LiveConsole({ job, machine }: { job: string; machine: string }): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const frame = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<State>('connecting');
  const [controls, setControls] = useState(false);
  useEffect(() => {
    if (!frame.current) return;
    const path = addressOf('GET /jobs/:job/consoles/:machine', {
      params: { job, machine },
      query: { mode: controls ? 'control' : 'view' },
    });
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
    setState('connecting');
    const screen = new RFB(frame.current, url, { shared: true });
    screen.viewOnly = !controls;
    screen.scaleViewport = true;
    screen.background = '#11161a';
    screen.addEventListener('connect', () => setState('connected'));
    let isOver = false;
    screen.addEventListener('disconnect', () => {
      isOver = true;
      setState('ended');
    });
    return () => {
      if (!isOver) screen.disconnect();
    };
  }, [job, machine, controls]);
  return (
    <div>
      <Group gap="md" mb={6}>
        <Status tone={state === 'connected' ? 'ok' : state === 'connecting' ? 'waiting' : 'stopped'}>
          {t(`console.states.${state}`)}
        </Status>
        {may('builder') && (
          <Switch
            label={t('console.control')}
            checked={controls}
            onChange={(event) => setControls(event.currentTarget.checked)}
          />
        )}
      </Group>
      {controls && (
        <Alert variant="outline" color="orange" mb={6} p="xs">
          <Text size="sm">{t('console.controlHint')}</Text>
        </Alert>
      )}
      <div ref={frame} className={classes['screen']} role="group" aria-label={t('console.screenOf', { machine })} />
    </div>
  );
}
