import type { CommandFacts, Values } from './tree.ts';

/** A completion script for bash. The tree is written into it; only names of templates are asked for. */
export function bashCompletion(commands: readonly CommandFacts[]): string {
  const cases = commands.map((command) => caseOf(command)).join('\n');
  const paths = commands.flatMap(({ path, children }) => children.map(({ name }) => `'${`${path} ${name}`.trim()}'`)).join('|');
  return `# Completion of gabarit for bash: source <(gabarit completion bash)
_gabarit_templates() {
  "\${COMP_WORDS[0]}" templates --quiet 2>/dev/null
}

_gabarit() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' word
  local children='' options='' argument='' value=''
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  if [[ -n $value ]]; then argument=$value options='' children=''; fi
  if [[ $cur == -* && -z $value ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  case "$argument" in
    template) mapfile -t COMPREPLY < <(compgen -W "$children $(_gabarit_templates)" -- "$cur"; compgen -f -X '!*.@(yaml|yml|ts)' -- "$cur"; [[ $cur != */* ]] || compgen -d -- "$cur") ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    none) mapfile -t COMPREPLY < <(compgen -W "$children" -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$children $argument" -- "$cur") ;;
  esac
}

complete -F _gabarit gabarit ./gabarit
`;
}

function caseOf({ path, children, options, argument }: CommandFacts): string {
  const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith('--')));
  const values = options.flatMap(({ flags: names, value }) =>
    value ? [`        ${names.join('|')}) value='${wordOf(value)}' ;;`] : [],
  );
  return [
    `    '${path}')`,
    `      children='${children.map(({ name }) => name).join(' ')}' options='${flags.join(' ')}' argument='${wordOf(argument)}'`,
    ...(values.length > 0 ? ['      case "$prev" in', ...values, '      esac'] : []),
    '      ;;',
  ].join('\n');
}

function wordOf(values: Values): string {
  return values.kind === 'words' ? values.words.join(' ') : values.kind;
}
