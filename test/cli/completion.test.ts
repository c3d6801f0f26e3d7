/**
 * `rcptwise completion`: in a real bash, and for all shells from the tree of commands. A real zsh
 * and a real fish are in test/interop/completion.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shells } from '../../src/cli/completion/shells.ts'
import { placesOf } from '../../src/cli/completion/words.ts'
import { commandLine } from '../../src/cli/program.ts'

const places = placesOf(await commandLine())
let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-completion-'))
  writeFileSync(join(directory, 'bash'), shells.bash.script(places))
  writeFileSync(join(directory, 'mail.eml'), '')
})
afterAll(() => rmSync(directory, { recursive: true }))

/** What bash offers at the end of a line. */
function offered(line: string): readonly string[] {
  const words = line.split(' ')
  const script = `source ./bash
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_rcptwise; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['--norc', '-c', script], { cwd: directory, encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '')
}

describe('cli.md: “Your shell completes commands, options and the values that are known.” In bash', () => {
  test('every command, every option, wherever one may be', () => {
    for (const { path, commands, options } of places) {
      const all = offered(`${path} `)
      for (const { word } of [...commands, ...options]) expect(all).toContain(word)
    }
    expect(places.length).toBeGreaterThan(20)
  })

  test.each<readonly [string, readonly string[]]>([
    ['rcptwise ser', ['serve']],
    ['rcptwise peers le', ['learned']],
    ['rcptwise peers learned --strategy le', ['lenient']],
    ['rcptwise strategy set default la', ['late']],
    ['rcptwise explain --config mail', ['mail.eml']],
    ['rcptwise replay --senders-like postf', ['postfix']],
    ['rcptwise check --listen ', []],
    ['rcptwise completion f', ['fish']],
  ])('%s', (line, words) => expect(offered(line)).toEqual(words))
})

test('the scripts for zsh and fish name every command and option', () => {
  const zsh = shells.zsh.script(places)
  const fish = shells.fish.script(places)
  for (const { path, commands, options } of places) {
    expect(zsh).toContain(`('${path}') found=(`)
    for (const { word } of commands)
      expect(fish).toContain(`-n '__rcptwise_at ${path}' -f -a ${word} `)
    for (const { word } of options)
      expect(fish).toContain(`-n '__rcptwise_at ${path}' -l ${word.slice(2)} `)
  }
})
