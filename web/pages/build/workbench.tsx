import { Button, Group, Stack } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconDeviceFloppy } from '@tabler/icons-react';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiTemplateDetail } from '../../../src/model/api/templates.ts';
import { ask } from '../../api/ask.ts';
import { call } from '../../api/client.ts';
import type { Fault } from '../../api/fault.ts';
import { announce } from '../../components/announce.ts';
import { Section } from '../../components/section.tsx';
import { Answer, Empty, ErrorBox, Loading } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { readDefinition, withValue } from './definition.ts';
import { Field } from './field.tsx';
import { DefinitionForm } from './form.ts';
import type { FieldSchema } from './schema.ts';
import { StartPanel } from './start-panel.tsx';
import classes from './workbench.module.css';

const YamlEditor = lazy(() => import('./yaml-editor.tsx').then(({ YamlEditor: component }) => ({ default: component })));

export function Workbench({ template }: { template: string }): ReactElement {
  const detail = useQuery({ ...ask('GET /templates/:template', { params: { template } }), staleTime: Number.POSITIVE_INFINITY });
  const schema = useQuery({ ...ask('GET /template-schema', {}), staleTime: Number.POSITIVE_INFINITY });
  return (
    <Answer query={detail}>
      {(data) => <Answer query={schema}>{(shape) => <OpenWorkbench key={data.etag} detail={data} schema={shape} />}</Answer>}
    </Answer>
  );
}

/** The form and the text are two views of one definition: what is changed in one shows in the other. */
function OpenWorkbench({ detail, schema }: { detail: ApiTemplateDetail; schema: FieldSchema }): ReactElement {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [text, setText] = useState(detail.yaml);
  const definition = useMemo(() => readDefinition(text), [text]);
  const [asked] = useDebouncedValue(text, 400);
  const params = { template: detail.name };
  const check = useQuery({
    ...ask('POST /templates/:template/check', { params, body: { yaml: asked } }, { enabled: detail.language === 'yaml' }),
    placeholderData: keepPreviousData,
  });
  const { faults = detail.faults, warnings = detail.warnings, resolved = detail.resolved } = check.data ?? {};
  const ownFaults = useMemo(() => faults.filter(isOwn(detail.name)), [faults, detail.name]);
  const ownWarnings = useMemo(() => warnings.filter(isOwn(detail.name)), [warnings, detail.name]);
  const isChanged = text !== detail.yaml;
  const save = useMutation({
    mutationFn: () => call('PUT /templates/:template', { params, body: { yaml: text } }, { etag: detail.etag }),
    onSuccess: async (saved) => {
      announce(t('build.saved', { name: saved.name }));
      queries.setQueryData(ask('GET /templates/:template', { params }).queryKey, saved);
      await queries.invalidateQueries({ queryKey: ['GET /templates'] });
    },
  });
  const form = useMemo(
    () => ({
      definition,
      resolved,
      faults: ownFaults,
      onChange: (path: (string | number)[], value: unknown) => setText((now) => withValue(readDefinition(now), path, value)),
    }),
    [definition, resolved, ownFaults],
  );
  return (
    <Stack gap="md">
      <div className={classes['beside']}>
        <Section title={t('build.form')}>
          {detail.language !== 'yaml' || definition.isBroken ? (
            <Empty title={detail.language === 'yaml' ? t('build.broken') : t('build.typescript')} />
          ) : (
            <DefinitionForm value={form}>
              <Stack gap="sm" className={classes['form']}>
                {Object.entries(schema.properties ?? {})
                  .filter(([key]) => key !== 'name' && key !== 'abstract')
                  .map(([key, inner]) => (
                    <Field key={key} schema={inner} path={[key]} />
                  ))}
              </Stack>
            </DefinitionForm>
          )}
        </Section>
        <Section
          title={t('build.yaml')}
          actions={
            <Group gap="xs">
              <Status tone={faults.length > 0 ? 'bad' : warnings.length > 0 ? 'warn' : 'ok'}>
                {faults.length > 0
                  ? t('build.faults', { count: faults.length })
                  : warnings.length > 0
                    ? t('build.warnings', { count: warnings.length })
                    : t('build.fine')}
              </Status>
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconDeviceFloppy size={14} aria-hidden />}
                disabled={!isChanged || faults.length > 0 || !detail.writable}
                loading={save.isPending}
                onClick={() => save.mutate()}
              >
                {t('build.save')}
              </Button>
            </Group>
          }
        >
          <div className={classes['editor']}>
            <Suspense fallback={<Loading rows={8} />}>
              <YamlEditor text={text} readOnly={!detail.writable} faults={ownFaults} warnings={ownWarnings} onChange={setText} />
            </Suspense>
          </div>
          {save.error && <ErrorBox error={save.error} />}
          {check.error && <ErrorBox error={check.error} />}
          <ul className={classes['faults']} aria-live="polite">
            {[...faults, ...warnings].map((fault) => (
              <li key={JSON.stringify(fault)}>
                <code>
                  {[isOwn(detail.name)(fault) ? undefined : fault.file?.split('/').at(-1), fault.line ?? 1, fault.column ?? 1]
                    .filter(Boolean)
                    .join(':')}
                </code>{' '}
                {[fault.message, fault.hint].filter(Boolean).join('. ')}
              </li>
            ))}
          </ul>
        </Section>
      </div>
      <StartPanel
        template={detail.name}
        yaml={isChanged ? text : undefined}
        faulty={faults.length > 0}
        onSave={isChanged ? () => save.mutateAsync() : undefined}
      />
    </Stack>
  );
}

/** Whether a fault is about the definition itself, and not one that it extends. */
function isOwn(name: string): (fault: Fault) => boolean {
  return ({ file }) => file === undefined || file.endsWith(`${name}.yaml`);
}
