import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { IconScreenShare } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Section } from '../../components/section.tsx';
import { Loading } from '../../components/states.tsx';
import { Pictures } from './pictures.tsx';

const LiveConsole = lazy(() => import('./live-console.tsx').then(({ LiveConsole: component }) => ({ default: component })));
const everyMs = 2000;

/** The machines that are or were tested: pictures of their screens over time, and while they run a live console for whoever asks for it. */
export function ConsoleSection({ job, active }: { job: string; active: boolean }): ReactElement | null {
  const { t } = useTranslation();
  const params = { job };
  const every = active ? { every: everyMs } : {};
  const consoles = useQuery(ask('GET /jobs/:job/consoles', { params }, { enabled: active, ...every }));
  const pictures = useQuery(ask('GET /jobs/:job/pictures', { params }, every));
  const machines = active ? (consoles.data?.map(({ machine }) => machine) ?? []) : [];
  const [chosen, setChosen] = useState<string>();
  const [isLive, setLive] = useState(false);
  const machine = chosen !== undefined && machines.includes(chosen) ? chosen : machines[0];
  const kept = pictures.data ?? [];
  if (machine === undefined && kept.length === 0) return null;
  return (
    <Section title={t('console.title')}>
      <Stack gap="sm">
        {machine !== undefined && (
          <>
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
          </>
        )}
        {machine === undefined && isLive && <Text size="sm">{t('console.allEnded')}</Text>}
        <Pictures job={job} pictures={kept} showsNewest={!isLive || machine === undefined} />
      </Stack>
    </Section>
  );
}
