/** Scripts for the completion of bash, zsh and fish, made of what can follow where. Pure. */
import type { Place, Word } from './words.ts'

export const shells = {
  bash: { script: bash, load: 'source <(rcptwise completion bash)' },
  zsh: { script: zsh, load: 'source <(rcptwise completion zsh)' },
  fish: { script: fish, load: 'rcptwise completion fish | source' },
} as const

export type Shell = keyof typeof shells

const below = (places: readonly Place[]): readonly string[] =>
  places.slice(1).map(({ path }) => path)
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const wordsOf = (words: readonly Word[]): readonly string[] => words.map(({ word }) => word)
const patterns = (texts: readonly string[]): string => texts.map(quoted).join('|')

/** What an option takes is asked before what may follow. */
function valueCases(
  places: readonly Place[],
  { file, words, none }: { file: string; words: (list: readonly string[]) => string; none: string },
): readonly string[] {
  return places.flatMap(({ path, values }) =>
    values.map(({ flags, takes, words: list }) => {
      const act = takes === 'file' ? file : takes === 'words' ? words(list) : none
      return `    ${patterns(flags.map((flag) => `${path} ${flag}`))}) ${act}; return ;;`
    }),
  )
}

function bash(places: readonly Place[]): string {
  const offer = (list: readonly string[]): string =>
    `COMPREPLY=($(compgen -W ${quoted(list.join(' '))} -- "$cur"))`
  const values = valueCases(places, {
    file: 'COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null',
    words: offer,
    none: ':',
  })
  return `# Completion of rcptwise for bash: ${shells.bash.load}
_rcptwise() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at=rcptwise i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${patterns(below(places))}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $prev" in
${values.join('\n')}
  esac
  case "$at" in
${places
  .map(
    ({ path, commands, options, argumentWords }) =>
      `    ${quoted(path)}) ${offer([...wordsOf(commands), ...argumentWords, ...wordsOf(options)])} ;;`,
  )
  .join('\n')}
  esac
}
complete -o default -F _rcptwise rcptwise
`
}

function zsh(places: readonly Place[]): string {
  const entry = ({ word, description }: Word): string =>
    quoted(`${word.replaceAll(':', '\\:')}:${description}`)
  const values = valueCases(places, {
    file: '_files',
    words: (list) => `compadd -- ${list.map(quoted).join(' ')}`,
    none: ':',
  })
  return `#compdef rcptwise
# Completion of rcptwise for zsh: ${shells.zsh.load}
_rcptwise() {
  local at=rcptwise i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      (${patterns(below(places))}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${values.map((line) => line.replace(/^ {4}/, '    (')).join('\n')}
  esac
  case "$at" in
${places
  .map(({ path, commands, options, argumentWords }) => {
    const all = [
      ...commands,
      ...argumentWords.map((word) => ({ word, description: 'strategy' })),
      ...options,
    ]
    return `    (${quoted(path)}) found=(${all.map(entry).join(' ')}) ;;`
  })
  .join('\n')}
  esac
  _describe rcptwise found || _files
}
if [ "\${funcstack[1]}" = _rcptwise ]; then _rcptwise "$@"; else compdef _rcptwise rcptwise; fi
`
}

function fish(places: readonly Place[]): string {
  const text = (one: string): string => `'${one.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = places.flatMap(({ path, commands, options, values, argumentWords }) => {
    const head = `complete -c rcptwise -n ${text(`__rcptwise_at ${path}`)}`
    const takes = new Map(values.flatMap((one) => one.flags.map((flag) => [flag, one] as const)))
    return [
      ...commands.map(({ word, description }) => `${head} -f -a ${word} -d ${text(description)}`),
      ...(argumentWords.length === 0 ? [] : [`${head} -f -a ${text(argumentWords.join(' '))}`]),
      ...options.map(({ word, description }) => {
        const value = takes.get(word)
        const kind = {
          file: ' -r -F',
          words: ` -x -a ${text(value?.words.join(' ') ?? '')}`,
          other: ' -x',
        }
        const more = value === undefined ? '' : kind[value.takes]
        return `${head} -l ${word.replace(/^--/, '')}${more} -d ${text(description)}`
      }),
    ]
  })
  return `# Completion of rcptwise for fish: ${shells.fish.load}
function __rcptwise_at
  set -l at rcptwise
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case ${below(places).map(text).join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv"
end
${lines.join('\n')}
`
}
