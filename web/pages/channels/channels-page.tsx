import { Button, Group, Paper, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiChannelSummary, ApiImageSummary } from '../../../src/model/api/images.ts';
import { ask } from '../../api/ask.ts';
import { useMay, useMe } from '../../api/session.ts';
import { useFormat } from '../../components/format.ts';
import { Page } from '../../components/page.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { When } from '../../components/when.tsx';
import { PromoteDialog } from '../image/promote-dialog.tsx';
import { ApproveDialog } from './approve-dialog.tsx';
import { RollBackDialog } from './roll-back-dialog.tsx';
import { ButtonLink, TextLink } from '../../components/links.tsx';

type Chosen =
  | { what: 'promote' | 'rollBack'; channel: ApiChannelSummary }
  | { what: 'approve'; channel: ApiChannelSummary; proposal: Proposal };

type Proposal = ApiChannelSummary['proposals'][number];

/** Where every channel points, what waits for approval, and what is newer. */
export function ChannelsPage(): ReactElement {
  const { t } = useTranslation();
  const channels = useQuery(ask('GET /channels', { query: {} }, { every: 15_000 }));
  const images = useQuery(ask('GET /images', { query: { limit: 10_000 } }));
  const [chosen, setChosen] = useState<Chosen>();
  const close = (): void => setChosen(undefined);
  return (
    <Page title={t('channels.title')} lead={t('channels.lead')}>
      <Answer query={channels}>
        {(all) =>
          all.length === 0 ? (
            <Empty
              title={t('channels.none')}
              action={
                <ButtonLink to="/" variant="default">
                  {t('errors.toCatalog')}
                </ButtonLink>
              }
            >
              {t('channels.noneHint')}
            </Empty>
          ) : (
            <Stack gap="lg">
              <Proposals channels={all} onChoose={setChosen} />
              <Channels channels={all} images={images.data?.items ?? []} onChoose={setChosen} />
            </Stack>
          )
        }
      </Answer>
      {chosen?.what === 'rollBack' && (
        <RollBackDialog channel={chosen.channel} images={images.data?.items ?? []} onClose={close} />
      )}
      {chosen?.what === 'approve' && <ApproveDialog channel={chosen.channel} proposal={chosen.proposal} onClose={close} />}
      {chosen?.what === 'promote' && <PromoteNewest channel={chosen.channel} images={images.data?.items ?? []} onClose={close} />}
    </Page>
  );
}

/** The newest image that a channel may move to. */
function newer(channel: ApiChannelSummary, images: ApiImageSummary[]): ApiImageSummary[] {
  const own = images.filter(({ template, revoked }) => template === channel.template && revoked === undefined);
  const at = own.find(({ digest }) => digest === channel.digest);
  return own.filter(({ published }) => at === undefined || published > at.published);
}

function PromoteNewest({
  channel,
  images,
  onClose,
}: {
  channel: ApiChannelSummary;
  images: ApiImageSummary[];
  onClose: () => void;
}): ReactElement | null {
  const [image] = newer(channel, images);
  return image ? <PromoteDialog image={image} channel={channel.channel} onClose={onClose} /> : null;
}

interface Part {
  channels: ApiChannelSummary[];
  onChoose: (chosen: Chosen) => void;
}

function Proposals({ channels, onChoose }: Part): ReactElement | null {
  const { t } = useTranslation();
  const format = useFormat();
  const may = useMay();
  const { data: me } = useMe();
  const waiting = channels.flatMap((channel) => channel.proposals.map((proposal) => ({ channel, proposal })));
  if (waiting.length === 0) return null;
  return (
    <Section title={t('channels.waiting')}>
      {waiting.map(({ channel, proposal }) => (
        <Paper key={`${channel.template} ${channel.channel} ${proposal.digest}`} withBorder p="sm">
          <Group justify="space-between">
            <div>
              <Text fw={600}>
                {t('channels.proposal', { channel: channel.channel, template: channel.template, version: proposal.version })}
              </Text>
              <Text size="sm" c="dimmed">
                {t('channels.approvedBy', {
                  names: proposal.approvals.map(({ by, at }) => `${by} (${format.dateTime(at)})`).join(', '),
                  count: proposal.approvals.length,
                  needed: proposal.needed,
                })}
              </Text>
            </div>
            {proposal.approvals.some(({ by }) => by === me?.name) ? (
              <Text size="sm">{t('channels.othersApprove')}</Text>
            ) : (
              may('publisher') && (
                <Button size="xs" onClick={() => onChoose({ what: 'approve', channel, proposal })}>
                  {t('channels.approve')}
                </Button>
              )
            )}
          </Group>
        </Paper>
      ))}
    </Section>
  );
}

function Channels({ channels, images, onChoose }: Part & { images: ApiImageSummary[] }): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const head = [
    t('catalog.template'),
    t('catalog.channel'),
    t('image.version'),
    t('channels.moved'),
    t('catalog.state'),
    t('channels.actions'),
  ];
  return (
    <PlainTable label={t('channels.title')} head={head}>
      {channels.map((channel) => {
        const { version, promoted } = channel;
        // It is only proposed as yet.
        if (version === undefined || promoted === undefined) return null;
        const ahead = newer(channel, images);
        return (
          <Table.Tr key={`${channel.template} ${channel.channel}`}>
            <Table.Td>
              <TextLink to="/templates/$template" params={{ template: channel.template }} size="sm">
                {channel.template}
              </TextLink>
            </Table.Td>
            <Table.Td fw={600}>{channel.channel}</Table.Td>
            <Table.Td>
              <TextLink
                to="/images/$template/$version"
                params={{ template: channel.template, version }}
                size="sm"
                className="number"
              >
                {version}
              </TextLink>
            </Table.Td>
            <Table.Td>
              <When time={promoted} />
              {channel.by !== undefined && ` ${t('channels.movedBy', { name: channel.by })}`}
            </Table.Td>
            <Table.Td>
              {ahead.length > 0 ? (
                <Status tone="waiting">{t('catalog.behind', { count: ahead.length })}</Status>
              ) : (
                <Status tone="ok">{t('catalog.upToDate')}</Status>
              )}
            </Table.Td>
            <Table.Td>
              {may('publisher') && (
                <Group gap={6} wrap="nowrap">
                  <Button
                    size="compact-sm"
                    variant="default"
                    disabled={ahead.length === 0}
                    onClick={() => onChoose({ what: 'promote', channel })}
                    aria-label={t('channels.promoteNewest', { template: channel.template, channel: channel.channel })}
                  >
                    {t('promote.submit')}
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => onChoose({ what: 'rollBack', channel })}
                    aria-label={t('channels.rollBackOf', { template: channel.template, channel: channel.channel })}
                  >
                    {t('channels.rollBack')}
                  </Button>
                </Group>
              )}
            </Table.Td>
          </Table.Tr>
        );
      })}
    </PlainTable>
  );
}
