import { ActionIcon, Button, Fieldset, Group, Select, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Grant } from '../../src/model/api/access.ts';
import type { Role } from '../../src/model/api/contract-type.ts';

export const roles: Role[] = ['viewer', 'builder', 'publisher', 'admin'];
export const newGrant: Grant = { role: 'viewer', templates: '*', channels: '*' };

/** What somebody may do, with which templates and channels. */
export function GrantsField({ grants, onChange }: { grants: Grant[]; onChange: (grants: Grant[]) => void }): ReactElement {
  const { t } = useTranslation();
  const change = (index: number, part: Partial<Grant>): void =>
    onChange(grants.map((grant, at) => (at === index ? { ...grant, ...part } : grant)));
  return (
    <Fieldset legend={t('users.grants')} p="sm">
      <Stack gap="xs">
        {grants.map((grant, index) => (
          <Group key={index} gap="xs" align="flex-end" wrap="nowrap">
            <Select
              label={t('users.role')}
              data={roles.map((role) => ({ value: role, label: t(`roles.${role}`) }))}
              value={grant.role}
              onChange={(role) => change(index, { role: role ?? 'viewer' })}
              allowDeselect={false}
              flex={2}
            />
            <TextInput
              label={t('users.templates')}
              value={grant.templates}
              onChange={(event) => change(index, { templates: event.currentTarget.value })}
              flex={2}
            />
            <TextInput
              label={t('users.channels')}
              value={grant.channels}
              onChange={(event) => change(index, { channels: event.currentTarget.value })}
              flex={1}
            />
            <ActionIcon
              variant="default"
              size="lg"
              aria-label={t('users.removeGrant', { number: index + 1 })}
              disabled={grants.length === 1}
              onClick={() => onChange(grants.filter((_, at) => at !== index))}
            >
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          </Group>
        ))}
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...grants, newGrant])}
        >
          {t('users.addGrant')}
        </Button>
      </Stack>
    </Fieldset>
  );
}

export function GrantList({ grants }: { grants: Grant[] }): ReactElement {
  const { t } = useTranslation();
  return (
    <>
      {grants.map((grant) => (
        <div key={JSON.stringify(grant)}>
          {grant.templates === '*' && grant.channels === '*'
            ? t(`roles.${grant.role}`)
            : t('users.grantOn', { role: t(`roles.${grant.role}`), templates: grant.templates, channels: grant.channels })}
        </div>
      ))}
    </>
  );
}
