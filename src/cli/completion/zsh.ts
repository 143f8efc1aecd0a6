import type { CommandFacts, OptionFacts, Values } from './tree.ts';

/** A completion script for zsh, with descriptions. The tree is written into it; only names of templates are asked for. */
export function zshCompletion(commands: readonly CommandFacts[]): string {
  const functions = commands.map((command) => functionOf(command)).join('\n\n');
  return `#compdef gabarit ./gabarit
# Completion of gabarit for zsh: source <(gabarit completion zsh), after compinit
_gabarit__template_names() {
  local -a names
  names=("\${(@f)$("$words_at_start[1]" templates --quiet 2>/dev/null)}")
  _describe template names
  _files -g '*.(yaml|yml|ts)'
}

${functions}

_gabarit_start() {
  local -a words_at_start=("\${words[@]}")
  _gabarit "$@"
}

compdef _gabarit_start gabarit ./gabarit
`;
}

function functionOf({ path, children, options, argument }: CommandFacts): string {
  const name = functionName(path);
  const specs = options.flatMap(optionSpecs);
  if (children.length === 0) {
    // Without a word on further arguments, zsh would stop completing after the first.
    const rest = `'*:${argument.kind === 'words' || argument.kind === 'none' ? 'value' : argument.kind}:${actionOf(argument)}'`;
    return `${name}() {\n  _arguments -s ${[...specs, rest].join(' \\\n    ')}\n}`;
  }
  const names = children.map((child) => quote(`${child.name}:${child.description}`)).join('\n    ');
  const calls = children.map((child) => `    ${child.name}) ${functionName(`${path} ${child.name}`.trim())} ;;`).join('\n');
  return `${name}() {
  local line state
  local -a children=(
    ${names}
  )
  _arguments -C ${specs.join(' \\\n    ')} \\
    '1: :->child' '*::argument:->rest'
  case $state in
    child) _describe command children ;;
    rest) case $line[1] in
${calls}
    esac ;;
  esac
}`;
}

function functionName(path: string): string {
  return ['_gabarit', ...path.split(' ').filter((part) => part !== '')].join('_');
}

function optionSpecs({ flags, description, value }: OptionFacts): string[] {
  const text = description.replaceAll(/[[\]:]/g, (character) => `\\${character}`);
  const suffix = value ? `:value:${actionOf(value)}` : '';
  return flags.map((flag) => quote(`${flag}[${text}]${suffix}`));
}

function actionOf(values: Values): string {
  if (values.kind === 'words') return `(${values.words.join(' ')})`;
  return { template: '_gabarit__template_names', file: '_files', folder: '_files -/', none: ' ' }[values.kind];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
