import { List, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { Answer } from '../../components/states.tsx';
import type { ImageName } from './image-name.ts';
import { TextLink } from '../../components/links.tsx';

export function AncestrySection({ name }: { name: ImageName }): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /images/:template/:version/ancestry', { params: name, query: {} }));
  return (
    <Answer query={query}>
      {({ ancestors, descendants }) => (
        <>
          <Relatives title={t('image.basedOn')} names={ancestors} none={t('image.basedOnNone')} />
          <Relatives title={t('image.baseOf')} names={descendants} none={t('image.baseOfNone')} />
        </>
      )}
    </Answer>
  );
}

function Relatives({ title, names, none }: { title: string; names: ImageName[]; none: string }): ReactElement {
  return (
    <div>
      <Text size="sm" fw={550}>
        {title}
      </Text>
      {names.length === 0 ? (
        <Text size="sm" c="dimmed">
          {none}
        </Text>
      ) : (
        <List size="sm">
          {names.map(({ template, version }) => (
            <List.Item key={`${template}@${version}`}>
              <TextLink to="/images/$template/$version" params={{ template, version }}>
                {`${template} ${version}`}
              </TextLink>
            </List.Item>
          ))}
        </List>
      )}
    </div>
  );
}
