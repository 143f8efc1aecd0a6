import { Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Answer, Empty } from '../../components/states.tsx';
import { DiffView } from './diff-view.tsx';
import { type ImageName, referenceTo } from './image-name.ts';

const route = getRouteApi('/inside/images/$template/$version');

/** This image beside any other one: what it has that the other has not. */
export function CompareTab({ name }: { name: ImageName }): ReactElement {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = useNavigate();
  const images = useQuery(ask('GET /images', { query: { limit: 10_000 } }));
  return (
    <Answer query={images}>
      {({ items }) => {
        const others = items.filter(({ template, version }) => !(template === name.template && version === name.version));
        const older = others.find((image) => image.template === name.template && image.version < name.version);
        const chosen = search.with ?? (older && referenceTo(older)) ?? (others[0] && referenceTo(others[0]));
        if (chosen === undefined) return <Empty title={t('diff.noOther')}>{t('diff.noOtherHint')}</Empty>;
        return (
          <Stack>
            <Select
              label={t('diff.with')}
              data={others.map((image) => ({ value: referenceTo(image), label: `${image.template} ${image.version}` }))}
              value={chosen}
              searchable
              limit={200}
              maw={420}
              allowDeselect={false}
              onChange={(reference) =>
                void navigate({
                  to: '/images/$template/$version',
                  params: name,
                  search: { tab: 'compare', with: reference ?? undefined },
                  replace: true,
                })
              }
            />
            <DiffView from={chosen} to={referenceTo(name)} />
          </Stack>
        );
      }}
    </Answer>
  );
}
