import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../../src/model/api/contract.ts';
import { ask } from '../../api/ask.ts';
import { useFormat } from '../../components/format.ts';
import { Section } from '../../components/section.tsx';
import classes from './boot-times.module.css';
import type { ImageName } from './image-name.ts';

type Machine = AnswerOf<'GET /images/:template/:version/boots'>[number];

/** How the machines came up that were booted from an image, on one scale: until one could log in, and until cloud-init had ended. */
export function BootTimes({ name }: { name: ImageName }): ReactElement | null {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(ask('GET /images/:template/:version/boots', { params: name, query: {} }));
  const machines = query.data ?? [];
  if (machines.length === 0) return null;
  const longest = Math.max(...machines.map(endOf));
  const share = (seconds: number): string => `${(seconds / longest) * 100}%`;
  return (
    <Section title={t('boots.title')}>
      <table className={classes['times']}>
        <tbody>
          {machines.map((machine) => (
            <tr key={machine.name}>
              <th scope="row">
                {machine.name}
                <Text component="span" size="xs" c="dimmed">
                  {` ${machine.firmware} · ${machine.accelerator}`}
                </Text>
              </th>
              <td className={classes['track']}>
                <span className={classes['boot']} style={{ width: share(machine.bootSeconds) }} />
                <span className={classes['cloudInit']} style={{ width: share(endOf(machine) - machine.bootSeconds) }} />
              </td>
              <td className="number">
                {t('boots.up', { time: format.duration(machine.bootSeconds * 1000) })}
                {machine.cloudInitSeconds !== undefined &&
                  ` · ${t('boots.cloudInit', { time: format.duration(machine.cloudInitSeconds * 1000) })}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function endOf({ bootSeconds, cloudInitSeconds }: Machine): number {
  return Math.max(bootSeconds, cloudInitSeconds ?? 0);
}
