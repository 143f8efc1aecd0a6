import { createContext, use } from 'react';
import type { Fault } from '../../api/fault.ts';
import type { Definition, Path } from './definition.ts';

interface FormContext {
  definition: Definition;
  /** With all that it inherits. */
  resolved: unknown;
  faults: readonly Fault[];
  onChange: (path: Path, value: unknown) => void;
}

export const DefinitionForm = createContext<FormContext | undefined>(undefined);

export function useForm(): FormContext {
  const form = use(DefinitionForm);
  if (!form) throw new Error('A field stands outside of a form');
  return form;
}
