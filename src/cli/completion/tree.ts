import type { Argument, Command, Option } from 'commander';
import { errorTable } from '../../util/error-table.ts';

/** What may stand for a value: names of templates, paths, or words from a list. */
export type Values = { kind: 'template' | 'file' | 'folder' | 'none' } | { kind: 'words'; words: readonly string[] };

export interface OptionFacts {
  /** `-q`, `--quiet` */
  flags: string[];
  description: string;
  /** Absent when the option takes none. */
  value?: Values;
}

export interface CommandFacts {
  /** `` for the whole program, `catalog ls`. */
  path: string;
  /** Names of subcommands with their descriptions. */
  children: { name: string; description: string }[];
  options: OptionFacts[];
  /** What its arguments may be. */
  argument: Values;
}

/** What completion needs to know of the tree of commands: one entry a command, the program itself first. */
export function describeCommands(program: Command): CommandFacts[] {
  const globals = program.options.filter((option) => !option.flags.includes('--version'));
  return walk(program, '', globals);
}

function walk(command: Command, path: string, globals: readonly Option[]): CommandFacts[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  const own = help.visibleOptions(command).map(optionFacts);
  const all = path === '' ? own : [...own, ...globals.map(optionFacts)];
  const [argument] = command.registeredArguments;
  const facts: CommandFacts = {
    path,
    children: children.map((child) => ({ name: child.name(), description: child.summary() })),
    options: all,
    argument: argument ? argumentValues(argument) : { kind: 'none' },
  };
  return [facts, ...children.flatMap((child) => walk(child, `${path} ${child.name()}`.trim(), globals))];
}

function optionFacts(option: Option): OptionFacts {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const facts = { flags, description: firstLine(option.description) };
  if (!option.required && !option.optional) return facts;
  return { ...facts, value: option.argChoices ? { kind: 'words', words: option.argChoices } : valuesNamed(option.flags) };
}

function argumentValues(argument: Argument): Values {
  return argument.argChoices ? { kind: 'words', words: argument.argChoices } : valuesNamed(argument.name());
}

/** The name of a placeholder says what it takes. */
function valuesNamed(text: string): Values {
  const name = /<([^>]+)>/.exec(text)?.[1] ?? text;
  if (name === 'template') return { kind: 'template' };
  if (name === 'code') return { kind: 'words', words: Object.keys(errorTable) };
  if (name === 'file') return { kind: 'file' };
  return { kind: name.startsWith('folder') || name === 'url' ? 'folder' : 'none' };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
