import { Button, Group, Select, Switch, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { type ReactElement, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiLogLine } from '../../../src/model/api/jobs.ts';
import { Section } from '../../components/section.tsx';
import { Count } from '../../components/count.tsx';
import { Empty, ErrorBox, Loading } from '../../components/states.tsx';
import { plainText } from './ansi.ts';
import { LogView } from './log-view.tsx';
import { useJobLog } from './use-job-log.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;

/** The whole log, with search, and following its end while the job runs. */
export function LogSection({ job, attempt, active }: { job: string; attempt: number; active: boolean }): ReactElement {
  const { t } = useTranslation();
  const { lines, error, loaded } = useJobLog(job, attempt, active);
  const [text, setText] = useState('');
  const [level, setLevel] = useState<(typeof levels)[number]>('info');
  const [follow, setFollow] = useState(true);
  const word = text.trim().toLowerCase();
  const shown = useMemo(
    () =>
      lines.filter(
        (line) =>
          levels.indexOf(line.level) >= levels.indexOf(level) &&
          (word === '' || plainText(line.message).toLowerCase().includes(word)),
      ),
    [lines, level, word],
  );
  return (
    <Section
      title={t('log.title')}
      actions={
        <Button size="compact-sm" variant="default" onClick={() => download(`gabarit-${job}.log`, lines)}>
          {t('log.download')}
        </Button>
      }
    >
      <Group gap="sm" align="flex-end">
        <TextInput
          type="search"
          label={t('log.search')}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          flex="1 1 12rem"
        />
        <Select
          label={t('log.level')}
          data={levels.map((name) => ({ value: name, label: t(`log.levels.${name}`) }))}
          value={level}
          onChange={(name) => setLevel(name ?? 'info')}
          allowDeselect={false}
          w={150}
        />
        <Switch label={t('log.follow')} checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} pb={8} />
      </Group>
      {error && <ErrorBox error={error} />}
      {!loaded && !error && <Loading rows={4} />}
      {loaded && lines.length === 0 && <Empty title={active ? t('log.notYet') : t('log.empty')} />}
      {lines.length > 0 && (
        <>
          <Count shown={shown.length} all={lines.length} />
          <LogView lines={shown} word={word} follow={follow} onFollow={setFollow} />
        </>
      )}
    </Section>
  );
}

function download(name: string, lines: ApiLogLine[]): void {
  const text = lines.map(({ time, level, message }) => `${time} ${level} ${plainText(message)}\n`);
  const url = URL.createObjectURL(new Blob(text, { type: 'text/plain' }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
