import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../api/change.ts';
import { ErrorBox } from '../../components/states.tsx';

interface Props {
  bases: string[];
  onClose: () => void;
  onDone: (name: string) => void;
}

export function NewTemplateDialog({ bases, onClose, onDone }: Props): ReactElement {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [from, setFrom] = useState<string | null>(bases.find((base) => base === 'debian-12') ?? bases[0] ?? null);
  const create = useChange('POST /templates', ['GET /templates'], (template) => onDone(template.name));
  return (
    <Modal opened onClose={onClose} title={t('build.new')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate({ body: { name, ...(from === null ? {} : { from }) } });
        }}
      >
        <Stack>
          {create.error && <ErrorBox error={create.error} />}
          <TextInput
            label={t('build.newName')}
            description={t('build.newNameHint')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            pattern="[a-z0-9][a-z0-9._\-]{0,62}"
            data-autofocus
          />
          <Select label={t('build.from')} data={bases} value={from} onChange={setFrom} searchable />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t('build.create')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
