import type { CommandFacts, OptionFacts, Values } from './tree.ts';

/** A completion script for fish, with descriptions. The tree is written into it; only names of templates are asked for. */
export function fishCompletion(commands: readonly CommandFacts[]): string {
  const paths = commands.flatMap(({ path }) => (path === '' ? [] : [quote(path)])).join(' ');
  return `# Completion of gabarit for fish: gabarit completion fish > ~/.config/fish/completions/gabarit.fish
function __gabarit_path
    set -l path ''
    set -l words (commandline -opc)
    for word in $words[2..]
        set -l longer (string trim -- "$path $word")
        contains -- $longer ${paths}; and set path $longer
    end
    echo $path
end

function __gabarit_at
    test (__gabarit_path) = "$argv[1]"
end

function __gabarit_templates
    set -l words (commandline -opc)
    $words[1] templates --quiet 2>/dev/null
end

complete -c gabarit -f
${commands.flatMap((command) => linesOf(command)).join('\n')}
`;
}

function linesOf({ path, children, options, argument }: CommandFacts): string[] {
  const at = `complete -c gabarit -n ${quote(`__gabarit_at ${quote(path)}`)}`;
  return [
    ...children.map(({ name, description }) => `${at} -a ${name} -d ${quote(description)}`),
    ...(argument.kind === 'none' ? [] : [`${at} ${valueFlags(argument)}`]),
    ...options.map((option) => `${at} ${optionFlags(option)}`),
  ];
}

function optionFlags({ flags, description, value }: OptionFacts): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, ...(value ? [value.kind === 'file' ? '-r' : '-x', valueFlags(value)] : []), `-d ${quote(description)}`]
    .filter((part) => part !== '')
    .join(' ');
}

function valueFlags(values: Values): string {
  if (values.kind === 'words') return `-a ${quote(values.words.join(' '))}`;
  return { template: "-a '(__gabarit_templates)'", file: '-F', folder: "-a '(__fish_complete_directories)'", none: '' }[
    values.kind
  ];
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
