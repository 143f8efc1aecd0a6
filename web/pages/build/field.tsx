import { Fieldset, MultiSelect, Select, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import { type ReactElement, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { faultsAt, type Path, valueAt } from './definition.ts';
import { useForm } from './form.ts';
import { ListField } from './list-field.tsx';
import { type FieldSchema, kindOf, textOf } from './schema.ts';

function inheritedAt(resolved: unknown, path: Path): unknown {
  let value = resolved;
  for (const key of path)
    value = typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
  return value;
}

/** `sizeBudget.artifact` without the places in lists: the name that translations know it by. */
function nameOf(path: Path): string {
  return path.filter((key) => typeof key === 'string').join('.');
}

interface Words {
  label: string;
  description: string;
}

/** What a field is called in the person's language: from the catalogue, or else as the schema says. */
export function useWords(path: Path, schema: FieldSchema): Words {
  const { t, i18n } = useTranslation();
  // Names of fields have dots in them, with which places in the catalogue are separated otherwise.
  const options = { keySeparator: '/' } as const;
  const say = (part: keyof Words): string | undefined => {
    const key = `fields/${nameOf(path)}/${part}`;
    return i18n.exists(key, options) ? (t as (key: string, given: typeof options) => string)(key, options) : undefined;
  };
  return {
    label: say('label') ?? String(path.at(-1)),
    description: say('description') ?? (schema.description ?? '').replaceAll('`', ''),
  };
}

/** One value of the definition, asked for as its schema says. What is inherited is shown, but not written. */
export function Field({ schema, path }: { schema: FieldSchema; path: Path }): ReactElement {
  const { t } = useTranslation();
  const { definition, resolved, faults, onChange } = useForm();
  const { label, description } = useWords(path, schema);
  const value = valueAt(definition, path);
  const inherited = inheritedAt(resolved, path) ?? schema.default;
  const wrong = faultsAt(definition, faults, path);
  const error = wrong.length > 0 && wrong.map(({ message, hint }) => [message, hint].filter(Boolean).join('. ')).join('\n');
  const common = { label, description, error };
  const set = (next: unknown): void => onChange(path, next);
  const kind = kindOf(schema);
  const empty = Array.isArray(inherited) && inherited.length > 0 ? inherited.join(', ') : undefined;
  switch (kind) {
    case 'choice':
      return (
        <Select
          {...common}
          data={(schema.enum ?? []).map(String)}
          value={value === undefined ? null : textOf(value)}
          placeholder={inherited === undefined ? t('build.notSet') : t('build.inherited', { value: textOf(inherited) })}
          clearable
          onChange={(next) => set(next ?? undefined)}
        />
      );
    case 'choices':
      return (
        <MultiSelect
          {...common}
          data={(schema.items?.enum ?? []).map(String)}
          value={Array.isArray(value) ? value.map(String) : []}
          placeholder={value === undefined && empty !== undefined ? t('build.inherited', { value: empty }) : ''}
          clearable
          onChange={(next) => set(next.length > 0 ? next : undefined)}
        />
      );
    case 'texts':
      return (
        <TagsInput
          {...common}
          value={Array.isArray(value) ? value.map(String) : []}
          placeholder={value === undefined && empty !== undefined ? t('build.inherited', { value: empty }) : t('build.addHint')}
          clearable
          onChange={(next) => set(next.length > 0 ? next : undefined)}
        />
      );
    case 'switch':
      return (
        <Switch
          {...common}
          checked={(value ?? inherited) === true}
          onChange={(event) =>
            set(event.currentTarget.checked === (schema.default ?? false) ? undefined : event.currentTarget.checked)
          }
        />
      );
    case 'text':
      return <TextField common={common} value={value} inherited={inherited} example={schema.examples?.[0]} onChange={set} />;
    case 'group':
      return <GroupField schema={schema} path={path} label={label} description={description} />;
    case 'list':
      return <ListField schema={schema} path={path} label={label} description={description} error={error} entry={Field} />;
    default:
      return (
        <div>
          <Text size="sm" fw={500}>
            {label}
          </Text>
          <Text size="xs" c="dimmed">
            {`${description} ${t('build.onlyYaml')}`}
          </Text>
        </div>
      );
  }
}

interface TextProps {
  common: { label: string; description: string; error: string | false };
  value: unknown;
  inherited: unknown;
  example: unknown;
  onChange: (value: unknown) => void;
}

/** Written when it is left, or after Enter: half a word is no value. */
function TextField({ common, value, inherited, example, onChange }: TextProps): ReactElement {
  const { t } = useTranslation();
  const [text, setText] = useState(value === undefined ? '' : textOf(value));
  useEffect(() => setText(value === undefined ? '' : textOf(value)), [value]);
  const write = (): void => {
    const next = text === '' ? undefined : text;
    if (next !== (value === undefined ? undefined : textOf(value))) onChange(next);
  };
  const isInherited = inherited !== undefined && inherited !== '';
  const hint = isInherited
    ? t('build.inherited', { value: textOf(inherited) })
    : example === undefined
      ? ''
      : t('build.example', { value: textOf(example) });
  return (
    <TextInput
      {...common}
      value={text}
      placeholder={hint}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={write}
      onKeyDown={(event) => {
        if (event.key === 'Enter') write();
      }}
    />
  );
}

function GroupField({
  schema,
  path,
  label,
  description,
}: {
  schema: FieldSchema;
  path: Path;
  label: string;
  description: string;
}): ReactElement {
  return (
    <Fieldset legend={label} p="sm">
      <Stack gap="sm">
        {description !== '' && (
          <Text size="xs" c="dimmed">
            {description}
          </Text>
        )}
        {Object.entries(schema.properties ?? {}).map(([key, inner]) => (
          <Field key={key} schema={inner} path={[...path, key]} />
        ))}
      </Stack>
    </Fieldset>
  );
}
