/**
 * Man pages from the program's own --help, one for it and one for each command:
 *
 *   node man-pages.mjs DIRECTORY PROGRAM [ARGUMENT ...]     node man-pages.mjs out node dist/cli/main.js
 *
 * and, beside DIRECTORY in man5, rcptwise.yaml(5) from the schema that the program brings.
 *
 * What is not in the help (files) is written here, once. The exit codes are in the help of the
 * program alone, and are the same for every command.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [directory, program, ...first] = process.argv.slice(2)
if (directory === undefined || program === undefined) {
  process.stderr.write('usage: node man-pages.mjs DIRECTORY PROGRAM [ARGUMENT ...]\n')
  process.exit(2)
}

const say = (...args) => execFileSync(program, [...first, ...args], { encoding: 'utf8' })

/**
 * Usage line, description, and the two-column lists of one help text; a wrapped entry is one entry
 * again.
 */
function parseHelp(text) {
  const help = { usage: '', description: '', lists: new Map() }
  let entries
  for (const line of text.split('\n')) {
    const heading = /^([A-Z][\w ]+):(?: (.*))?$/.exec(line)
    const entry = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line)
    if (heading?.[1] === 'Usage') help.usage = heading[2] ?? ''
    else if (heading !== null) help.lists.set(heading[1], (entries = []))
    else if (entries === undefined) help.description = `${help.description} ${line}`.trim()
    else if (entry !== null) entries.push({ term: entry[1], text: entry[2] ?? '' })
    else if (line.trim() !== '') entries.at(-1).text += ` ${line.trim()}`
  }
  return help
}

/**
 * Text for troff: a backslash or a leading dot or quote would be a command, a hyphen is meant as
 * one.
 */
const plain = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')

const exitCodes = 'Exit codes'
const section = (title, ...lines) => [`.SH ${title}`, ...lines]
const list = (entries) =>
  entries.flatMap(({ term, text }) => ['.TP', `.B ${plain(term)}`, plain(text) || '\\&'])
const firstLetterUp = (text) => text.charAt(0).toUpperCase() + text.slice(1)

const files = [
  {
    term: '/etc/rcptwise/config.yaml',
    text: 'The configuration, as the package and the systemd unit use it.',
  },
  {
    term: '/var/lib/rcptwise',
    text: 'The ledger and, if no other certificate is configured, the self-signed one.',
  },
]

function page(names, help, { pages, exits }) {
  const name = names.join('-')
  const description = help.description.replace(/\.$/, '')
  const others = pages.filter((other) => other !== name).map((other) => `.BR ${plain(other)} (1)`)
  return [
    `.TH ${plain(name.toUpperCase())} 1 "" "rcptwise ${version}" "Rcptwise"`,
    ...section('NAME', `${plain(name)} \\- ${plain(description)}`),
    ...section('SYNOPSIS', `.B ${plain(help.usage)}`),
    ...section('DESCRIPTION', plain(firstLetterUp(description)) + '.'),
    ...[...help.lists]
      .filter(([title]) => title !== exitCodes)
      .flatMap(([title, entries]) => section(title.toUpperCase(), ...list(entries))),
    ...(names.length === 1 ? section('FILES', ...list(files)) : []),
    ...section('EXIT STATUS', ...list(exits)),
    ...section(
      'SEE ALSO',
      others
        .map((other, i) => (i < others.length - 1 ? `${other},` : other))
        .join('\n')
        .replace(/ \(1\),/g, ' (1),'),
    ),
    '',
  ].join('\n')
}

/** The help of a command and of all below it, by the words that lead there. */
function collect(names, found = []) {
  const help = parseHelp(say(...names.slice(1), '--help'))
  found.push({ names, help })
  for (const { term } of help.lists.get('Commands') ?? []) {
    const command = term.split(' ')[0]
    if (command !== 'help') collect([...names, command], found)
  }
  return found
}

/** A word that is longer than a line may be broken behind a colon. */
const breakable = (text) =>
  text
    .split(' ')
    .map((word) => (word.length > 60 ? word.replaceAll(':', ':\\:') : word))
    .join(' ')

/** What is written like code is bold; the rest of a sentence is as it is. */
const marked = (text) =>
  breakable(plain(text))
    .split(/`([^`]*)`/)
    .map((part, at) => (at % 2 === 1 ? `\\fB${part}\\fR` : part))
    .join('')

/** Every key of the configuration, from its schema. */
function configurationPage(keys) {
  const tops = keys.filter(({ key }) => /^[a-z_]+$/.test(key))
  const entry = ({ key, value, default: fallback, sentence }) => {
    const defaults =
      fallback === undefined ? 'required' : fallback === '' ? '' : `default: ${fallback}`
    return [
      '.TP',
      `.B ${plain(key)}`,
      marked(sentence),
      '.br',
      marked(`${firstLetterUp(value)}${defaults === '' ? '' : `; ${defaults}`}.`),
    ]
  }
  return [
    `.TH RCPTWISE.YAML 5 "" "rcptwise ${version}" "Rcptwise"`,
    '.ad l',
    ...section('NAME', 'rcptwise.yaml \\- configuration of rcptwise'),
    ...section(
      'DESCRIPTION',
      'One YAML file, which "rcptwise serve" and other commands read with',
      '.BR \\-\\-config .',
      'A key that is not known is an error, and so is a key that is written twice.',
      '"rcptwise check" tells what is wrong, with file, line and key.',
      '"rcptwise config show" tells what is in force, and where it comes from.',
      '.PP',
      marked(
        'A duration is written `500ms`, `60s`, `5m`, `2h`, `5d` or `hh:mm:ss`; a size `64KiB`, `50MiB`, `1MB`, or a number of bytes.',
      ),
    ),
    ...tops.flatMap((top) => {
      const below = keys.filter(
        ({ key }) => key.startsWith(`${top.key}.`) || key.startsWith(`${top.key}[`),
      )
      return section(top.key.toUpperCase(), ...[top, ...below].flatMap(entry))
    }),
    ...section('FILES', ...list(files.slice(0, 1))),
    ...section(
      'SEE ALSO',
      '.BR rcptwise (1),',
      '.BR rcptwise\\-check (1),',
      '.BR rcptwise\\-config\\-show (1)',
    ),
    '',
  ].join('\n')
}

const version = say('--version').trim()
const found = collect(['rcptwise'])
const pages = found.map(({ names }) => names.join('-'))
const exits = found[0].help.lists.get(exitCodes)
mkdirSync(directory, { recursive: true })
for (const { names, help } of found) {
  writeFileSync(join(directory, `${names.join('-')}.1`), page(names, help, { pages, exits }))
}

const schema = join(dirname(first.at(-1)), '..', 'config', `schema-keys${extname(first.at(-1))}`)
const { documentedKeys } = await import(pathToFileURL(resolve(schema)).href)
const man5 = join(directory, '..', 'man5')
mkdirSync(man5, { recursive: true })
writeFileSync(join(man5, 'rcptwise.yaml.5'), configurationPage(documentedKeys()))
