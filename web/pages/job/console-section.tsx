import { Button, Group, SegmentedControl, Stack } from '@mantine/core';
import { IconScreenShare } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Section } from '../../components/section.tsx';
import { Loading } from '../../components/states.tsx';
import { Screenshots } from './screenshots.tsx';

const LiveConsole = lazy(() => import('./live-console.tsx').then(({ LiveConsole: component }) => ({ default: component })));

/** The machines that are being tested now: pictures of their screens over time, and a live console for whoever asks for it. */
export function ConsoleSection({ job }: { job: string }): ReactElement | null {
  const { t } = useTranslation();
  const consoles = useQuery(ask('GET /jobs/:job/consoles', { params: { job } }, { every: 2000 }));
  const machines = consoles.data?.map(({ machine }) => machine) ?? [];
  const [chosen, setChosen] = useState<string>();
  const [isLive, setLive] = useState(false);
  const machine = chosen !== undefined && machines.includes(chosen) ? chosen : machines[0];
  if (machine === undefined) return null;
  return (
    <Section title={t('console.title')}>
      <Stack gap="sm">
        <Group gap="sm">
          {machines.length > 1 && (
            <SegmentedControl aria-label={t('console.machine')} data={machines} value={machine} onChange={setChosen} />
          )}
          <Button
            variant="default"
            size="xs"
            leftSection={<IconScreenShare size={14} aria-hidden />}
            aria-pressed={isLive}
            onClick={() => setLive(!isLive)}
          >
            {isLive ? t('console.close') : t('console.open')}
          </Button>
        </Group>
        {isLive && (
          <Suspense fallback={<Loading rows={4} />}>
            <LiveConsole key={machine} job={job} machine={machine} />
          </Suspense>
        )}
        <Screenshots key={machine} job={job} machine={machine} />
      </Stack>
    </Section>
  );
}
