/**
 * `rcptwise completion` in a real zsh and a real fish.
 *
 *   zsh, fish ─▶ the script ─▶ what is offered at the end of a line
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shells } from '../../../src/cli/completion/shells.ts'
import { placesOf } from '../../../src/cli/completion/words.ts'
import { commandLine } from '../../../src/cli/program.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'

const places = placesOf(await commandLine())

/** A shell with its script, in a directory with one file. */
interface Completing {
  readonly place: Place
  /** What is offered at the end of each line. */
  readonly offered: (lines: readonly string[]) => Promise<readonly (readonly string[])[]>
}

const quoted = (text: string): string => `'${text}'`

/** Each line's offers are behind a line of its own. */
const blocks = (said: string): readonly (readonly string[])[] =>
  said
    .split('==\n')
    .slice(1)
    .map((block) => block.split('\n').filter((line) => line !== ''))

async function ran(place: Place, shell: string, script: string): Promise<string> {
  await place.write('/tmp/script', script)
  const env = { HOME: '/tmp', LC_ALL: 'C.UTF-8', TERM: 'dumb' }
  const { code, transcript } = await place.run(`/usr/bin/${shell}`, ['/tmp/script'], { env })
  if (code !== 0) throw new Error(`${shell} ended with ${code}: ${transcript}`)
  return transcript
}

/** zsh asks these three to show what is found; here they print it. */
const zshShows = `
_describe() { local -a all; all=("\${(@P)2}"); print -rl -- "\${(@)all%%:*}"; (( $#all )) }
compadd() { [[ $1 = -- ]] && shift; print -rl -- "$@" }
_files() { print FILES }
compdef() { : }
cd /tmp
`

async function openZsh(): Promise<Completing> {
  const place = await Place.make('zsh')
  await place.write('/tmp/rcptwise.zsh', shells.zsh.script(places))
  return {
    place,
    offered: async (lines) => {
      const asked = lines.map((line) => {
        const words = line.split(' ').map(quoted)
        return `print -- '=='; words=(${words.join(' ')}); CURRENT=${words.length}; _rcptwise`
      })
      const script = `${zshShows}source /tmp/rcptwise.zsh\n${asked.join('\n')}\nexit 0\n`
      // zsh itself leaves out what does not begin with what was typed.
      return blocks(await ran(place, 'zsh', script)).map((words, i) => {
        const typed = lines[i]?.split(' ').at(-1) ?? ''
        return words.filter((word) => word === 'FILES' || word.startsWith(typed))
      })
    },
  }
}

async function openFish(): Promise<Completing> {
  const place = await Place.make('fish')
  await place.write('/tmp/rcptwise.fish', shells.fish.script(places))
  await place.write('/tmp/mail.eml', '')
  return {
    place,
    offered: async (lines) => {
      const asked = lines.map((line) => `echo ==; complete -C ${quoted(line)}`)
      const script = `cd /tmp\nsource /tmp/rcptwise.fish\n${asked.join('\n')}\nexit 0\n`
      // A word, a tab, and its description.
      return blocks(await ran(place, 'fish', script)).map((words) =>
        words.map((word) => word.split('\t')[0] ?? ''),
      )
    },
  }
}

describe.skipIf(interopObstacle() !== undefined).each([
  ['zsh', openZsh],
  ['fish', openFish],
] as const)(
  'cli.md: “Your shell completes commands, options and the values that are known.” In %s',
  (shell, open) => {
    let completing: Completing
    beforeAll(async () => {
      completing = await open()
    })
    afterAll(async () => await completing.place[Symbol.asyncDispose]())

    test('every command, wherever one may be', async () => {
      const all = await completing.offered(places.map(({ path }) => `${path} `))
      expect(all).toHaveLength(places.length)
      for (const [i, { commands }] of places.entries())
        for (const { word } of commands) expect(all[i]).toContain(word)
    })

    test('every option, wherever one may be', async () => {
      const all = await completing.offered(places.map(({ path }) => `${path} --`))
      for (const [i, { options }] of places.entries())
        for (const { word } of options) expect(all[i]).toContain(word)
    })

    test('values that are known, and files', async () => {
      const asked: readonly (readonly [string, readonly string[]])[] = [
        ['rcptwise ser', ['serve']],
        ['rcptwise peers le', ['learned']],
        ['rcptwise peers learned --strategy le', ['lenient']],
        ['rcptwise strategy set default la', ['late']],
        ['rcptwise explain --config mail', [shell === 'zsh' ? 'FILES' : 'mail.eml']],
        ['rcptwise replay --senders-like postf', ['postfix']],
        ['rcptwise completion f', ['fish']],
      ]
      expect(await completing.offered(asked.map(([line]) => line))).toEqual(
        asked.map(([, words]) => words),
      )
    })
  },
)
