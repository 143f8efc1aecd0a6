import { Alert, Group, Tabs } from '@mantine/core';
import { IconBan } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useFormat } from '../../components/format.ts';
import { Page } from '../../components/page.tsx';
import { Answer } from '../../components/states.tsx';
import { type ImageTab, imageTabs } from '../../search.ts';
import { ChannelNames, ImageStatus } from '../catalog/image-status.tsx';
import { ChecksTab } from './checks-tab.tsx';
import { CompareTab } from './compare-tab.tsx';
import { ContentsTab } from './contents-tab.tsx';
import { ImageActions } from './image-actions.tsx';
import { OverviewTab } from './overview-tab.tsx';
import { PackagesTab } from './packages-tab.tsx';
import { ProvenanceTab } from './provenance-tab.tsx';

const route = getRouteApi('/inside/images/$template/$version');

export function ImagePage(): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const name = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const query = useQuery(ask('GET /images/:template/:version', { params: name, query: {} }));
  const tab = search.tab ?? 'overview';
  const show = (next: ImageTab): void =>
    void navigate({
      to: '/images/$template/$version',
      params: name,
      search: next === 'overview' ? {} : { tab: next },
      replace: true,
    });
  const image = query.data?.image;
  return (
    <Page
      title={`${name.template} ${name.version}`}
      beside={
        image && (
          <Group gap={6}>
            <ImageStatus image={image} />
            <ChannelNames names={query.data?.channels ?? []} />
          </Group>
        )
      }
      lead={image && `${image.os} · ${image.arch} · ${t('image.publishedAt', { time: format.dateTime(image.published) })}`}
      actions={query.data && <ImageActions detail={query.data} />}
    >
      {image?.revoked && (
        <Alert variant="outline" color="red" icon={<IconBan aria-hidden />} title={t('image.revokedTitle')}>
          {t('image.revokedBy', { reason: image.revoked.reason, by: image.revoked.by, time: format.dateTime(image.revoked.at) })}
        </Alert>
      )}
      <Tabs value={tab} onChange={(next) => show((next ?? 'overview') as ImageTab)} keepMounted={false}>
        <Tabs.List mb="md">
          {imageTabs.map((id) => (
            <Tabs.Tab key={id} value={id}>
              {t(`image.tabs.${id}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Answer query={query}>{(detail) => <OverviewTab detail={detail} />}</Answer>
        </Tabs.Panel>
        <Tabs.Panel value="packages">
          <PackagesTab name={name} />
        </Tabs.Panel>
        <Tabs.Panel value="checks">
          <ChecksTab name={name} />
        </Tabs.Panel>
        <Tabs.Panel value="contents">
          <ContentsTab name={name} />
        </Tabs.Panel>
        <Tabs.Panel value="provenance">
          <ProvenanceTab name={name} />
        </Tabs.Panel>
        <Tabs.Panel value="compare">
          <CompareTab name={name} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
