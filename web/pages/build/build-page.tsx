import { Button, Group, Select } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Page } from '../../components/page.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { NewTemplateDialog } from './new-template-dialog.tsx';
import { Workbench } from './workbench.tsx';

const route = getRouteApi('/inside/build');

/** From a template to a job: choose, change, look at the plan, start. */
export function BuildPage(): ReactElement {
  const { t } = useTranslation();
  const { template } = route.useSearch();
  const navigate = useNavigate({ from: '/build' });
  const [isNew, dialog] = useDisclosure(false);
  const templates = useQuery(ask('GET /templates', {}));
  const choose = (name: string | null): void => void navigate({ search: { template: name ?? undefined } });
  return (
    <Page title={t('build.title')} lead={t('build.lead')}>
      <Answer query={templates}>
        {(all) => (
          <>
            <Group align="flex-end" gap="sm">
              <Select
                label={t('build.template')}
                placeholder={t('build.choose')}
                data={all.map(({ name, description }) => ({
                  value: name,
                  label: description === '' ? name : `${name}: ${description}`,
                }))}
                value={template ?? null}
                onChange={choose}
                searchable
                flex="1 1 18rem"
                maw={560}
              />
              <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={dialog.open}>
                {t('build.new')}
              </Button>
            </Group>
            {template === undefined ? (
              <Empty title={t('build.none')}>{t('build.noneHint')}</Empty>
            ) : (
              <Workbench key={template} template={template} />
            )}
            {isNew && (
              <NewTemplateDialog
                bases={all.map(({ name }) => name)}
                onClose={dialog.close}
                onDone={(name) => {
                  dialog.close();
                  choose(name);
                }}
              />
            )}
          </>
        )}
      </Answer>
    </Page>
  );
}
