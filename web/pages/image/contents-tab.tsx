import { SimpleGrid, Stack, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Inventory } from '../../../src/model/inventory.ts';
import { ask } from '../../api/ask.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer } from '../../components/states.tsx';
import type { ImageName } from './image-name.ts';
import { NameList } from './name-list.tsx';
import { SizeMap } from './size-map.tsx';

export function ContentsTab({ name }: { name: ImageName }): ReactElement {
  const query = useQuery(ask('GET /images/:template/:version/inventory', { params: name, query: {} }));
  return <Answer query={query}>{(inventory) => <Contents inventory={inventory} />}</Answer>;
}

function Contents({ inventory }: { inventory: Inventory }): ReactElement {
  const { t } = useTranslation();
  const setuid = Object.entries(inventory.setuid).map(([path, mode]) => `${path} (${mode})`);
  return (
    <Stack gap="lg">
      <Section title={t('contents.sizes')}>
        <SizeMap folders={inventory.folders} />
      </Section>
      <Section title={t('contents.users')}>
        <PlainTable
          label={t('contents.users')}
          head={[t('contents.user'), t('contents.uid'), t('contents.shell'), t('contents.password'), t('contents.groups')]}
        >
          {Object.entries(inventory.users).map(([user, { uid, shell, password, groups }]) => (
            <Table.Tr key={user}>
              <Table.Td className="mono">{user}</Table.Td>
              <Table.Td className="number">{uid}</Table.Td>
              <Table.Td className="mono">{shell}</Table.Td>
              <Table.Td>{t(`contents.passwords.${password}`)}</Table.Td>
              <Table.Td>{groups.join(', ')}</Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <NameList title={t('contents.ports')} names={inventory.ports} />
        <NameList title={t('contents.kernelArguments')} names={inventory.kernelArguments} />
        <NameList title={t('contents.enabledUnits')} names={inventory.units.enabled} />
        <NameList title={t('contents.maskedUnits')} names={inventory.units.masked} />
        <NameList title={t('contents.setuid')} names={setuid} />
        <NameList title={t('contents.sudoers')} names={inventory.sudoers} />
      </SimpleGrid>
    </Stack>
  );
}
