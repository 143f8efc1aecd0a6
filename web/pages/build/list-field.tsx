import { Button, Fieldset, Group, Menu, Stack, Text } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { ComponentType, ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { type Path, valueAt } from './definition.ts';
import { useForm } from './form.ts';
import { type FieldSchema, variantsOf } from './schema.ts';

interface Props {
  schema: FieldSchema;
  path: Path;
  label: string;
  description: string;
  error: string | false;
  /** How the value of one key is asked for. */
  entry: ComponentType<{ schema: FieldSchema; path: Path }>;
}

/** A list whose entries have keys of their own, perhaps in several shapes. */
export function ListField({ schema, path, label, description, error, entry: Field }: Props): ReactElement {
  const { t } = useTranslation();
  const { definition, onChange } = useForm();
  const items = schema.items ?? {};
  const shapes = items.properties ? [{ name: '', schema: items }] : variantsOf(items);
  const value = valueAt(definition, path);
  const entries = Array.isArray(value) ? (value as unknown[]) : [];
  const add = ({ name, schema: shape }: (typeof shapes)[number]): void => {
    const keys = name === '' ? (shape.required ?? []) : [name, ...(shape.required ?? [])];
    onChange([...path, entries.length], Object.fromEntries(keys.map((key) => [key, shape.properties?.[key]?.enum?.[0] ?? ''])));
  };
  const remove = (index: number): void => {
    const rest = entries.filter((_, at) => at !== index);
    onChange(path, rest.length > 0 ? rest : undefined);
  };
  const [first] = shapes;
  return (
    <Fieldset legend={label} p="sm">
      <Stack gap="sm">
        <Text size="xs" c="dimmed">
          {description}
        </Text>
        {error !== false && (
          <Text size="xs" c="var(--mantine-color-error)" role="alert">
            {error}
          </Text>
        )}
        {entries.map((entry, index) => {
          const shape = shapes.find(({ name }) => name === '' || (typeof entry === 'object' && entry !== null && name in entry));
          return (
            <Fieldset key={index} legend={t('build.entry', { number: index + 1 })} p="xs">
              <Stack gap="xs">
                {Object.entries(shape?.schema.properties ?? {}).map(([key, inner]) => (
                  <Field key={key} schema={inner} path={[...path, index, key]} />
                ))}
                <Group justify="flex-end">
                  <Button
                    size="compact-sm"
                    variant="default"
                    leftSection={<IconTrash size={14} aria-hidden />}
                    aria-label={t('build.removeEntry', { number: index + 1 })}
                    onClick={() => remove(index)}
                  >
                    {t('common.remove')}
                  </Button>
                </Group>
              </Stack>
            </Fieldset>
          );
        })}
        {shapes.length === 1 && first ? (
          <Button size="xs" variant="default" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => add(first)}>
            {t('build.addEntry', { list: label })}
          </Button>
        ) : (
          <Menu>
            <Menu.Target>
              <Button size="xs" variant="default" leftSection={<IconPlus size={14} aria-hidden />}>
                {t('build.addEntry', { list: label })}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {shapes.map((shape) => (
                <Menu.Item key={shape.name} onClick={() => add(shape)}>
                  {shape.name}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        )}
      </Stack>
    </Fieldset>
  );
}
