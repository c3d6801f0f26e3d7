import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { type LinesFile, longestLine, openLinesFile } from '../../src/policy/file-source.ts'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'
import type { NamedPolicy } from '../../src/policy/policy-source.ts'
import { nameOfRaw } from './breakable.ts'
import { policies } from './policies.ts'
import { describePolicySource } from './source.contract.ts'

type PolicyFile = LinesFile<NamedPolicy>

let directory: string
let path: string
let facts: Fact[]
let opened: PolicyFile[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-policy-'))
  path = join(directory, 'recipients.yaml')
  facts = []
  opened = []
})

afterEach(async () => {
  for (const file of opened) await file.close()
  await rm(directory, { recursive: true })
})

async function open(): Promise<PolicyFile> {
  const onFact = (fact: Fact): void => {
    facts.push(fact)
  }
  const file = await openLinesFile<NamedPolicy>({
    kind: 'file',
    path,
    namedIn: 'recipients.sources',
    noEntries: () => new PolicyEntries([...policies.keys()]),
    onFact,
    clock: () => 1000,
  })
  opened.push(file)
  return file
}

const listening = new AbortController().signal
const policyOf = (file: PolicyFile, recipient: string): string => {
  const answers = file.policiesFor([recipient], listening)
  if (answers instanceof Promise) throw new Error('what is at hand is given at once')
  const [answer] = answers
  return answer?.kind === 'named' ? answer.name : (answer?.kind ?? 'no answer')
}

const eventually = async (holds: () => void): Promise<void> => {
  await vi.waitFor(holds, { timeout: 18_000, interval: 20 })
}

const becomes = async (file: PolicyFile, policy: string): Promise<void> => {
  await eventually(() => {
    expect(policyOf(file, 'user@example.org')).toBe(policy)
  })
}

const kept = (): readonly string[] =>
  facts.flatMap((fact) => (fact.kind === 'policiesKept' ? fact.why : []))

describe('at the start', () => {
  test('the entries are there, and said to be', async () => {
    await writeFile(path, '# Ours\nuser@example.org: strict\n"@example.org": careful\n')
    const file = await open()
    expect(policyOf(file, 'user@example.org')).toBe('strict')
    expect(policyOf(file, 'other@example.org')).toBe('careful')
    expect(policyOf(file, 'other@example.net')).toBe('unknown')
    expect(facts).toEqual([{ kind: 'policiesLoaded', at: 1000, file: path, entries: 2 }])
    expect(file.entries).toBe(2)
  })

  test('an empty file knows nobody', async () => {
    await writeFile(path, '')
    expect(policyOf(await open(), 'user@example.org')).toBe('unknown')
  })

  test('no file: says so', async () => {
    await expect(open()).rejects.toThrow(
      `${path}: there is no such file; create it, or take it out of recipients.sources`,
    )
  })

  test('a directory: says so', async () => {
    await mkdir(path)
    await expect(open()).rejects.toThrow(`${path}: is a directory, expected a file`)
  })

  test('another encoding: says so', async () => {
    await writeFile(path, Buffer.from('b\xfccher@example.org: strict\n', 'latin1'))
    await expect(open()).rejects.toThrow(`${path}: is not in UTF-8; save it as UTF-8`)
  })

  test('mistakes: with file and line, the first five', async () => {
    await writeFile(path, `user@example.org: strict\n${'nobody\n'.repeat(7)}`)
    const lines = [2, 3, 4, 5, 6].map(
      (line) => `${path}:${line}: expected "address: policy", got "nobody"`,
    )
    await expect(open()).rejects.toThrow([...lines, 'and 2 more'].join('\n'))
  })

  test('a line that never ends', async () => {
    await writeFile(path, `a@example.org: strict\n${'x'.repeat(3 * longestLine)}`)
    await expect(open()).rejects.toThrow(`${path}: has a line of more than 65536 characters`)
  })

  test('wherever it is cut when it is read: between the octets of a character, in a line', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `"ü${i}ü@example.org": strict`)
    for (const before of ['', '#', '##', '###']) {
      await writeFile(path, [before, ...lines].join('\n'))
      const file = await open()
      expect(file.entries).toBe(5000)
      expect(policyOf(file, 'ü4999ü@example.org')).toBe('strict')
    }
  })

  test('a mistake far behind has its line', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `a${i}@example.org: strict`)
    await writeFile(path, `${[...lines, 'a7@example.org: careful'].join('\n')}\n`)
    await expect(open()).rejects.toThrow(
      `${path}:20001: a7@example.org is there already, in line 8; keep one of them`,
    )
  })

  test('100,000 entries, while others get their turn', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `user${i}@example.org: strict`)
    await writeFile(path, lines.join('\n'))
    let turns = 0
    let loading = true
    const others = (async () => {
      while (loading) {
        await setImmediate()
        turns++
      }
    })()
    const file = await open().finally(() => {
      loading = false
    })
    await others
    expect(file.entries).toBe(100_000)
    expect(policyOf(file, 'user99999@example.org')).toBe('strict')
    expect(turns).toBeGreaterThan(15)
  })
})

describe('when the file changes', () => {
  test('written in place', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await writeFile(path, 'user@example.org: careful\n')
    await becomes(file, 'careful')
    await writeFile(path, 'user@example.org: tag-only\n')
    await becomes(file, 'tag-only')
    expect(kept()).toEqual([])
  })

  test('replaced by a rename, as editors do', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    for (const policy of ['careful', 'tag-only', 'strict']) {
      await writeFile(`${path}~`, `user@example.org: ${policy}\n`)
      await rename(`${path}~`, path)
      await becomes(file, policy)
    }
  })

  test('replaced by a new symbolic link, as Kubernetes does with a mounted ConfigMap', async () => {
    const publish = async (version: string, policy: string): Promise<void> => {
      await mkdir(join(directory, version))
      await writeFile(join(directory, version, 'recipients.yaml'), `user@example.org: ${policy}\n`)
      await symlink(version, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    }
    await publish('..2026_01', 'strict')
    await symlink('..data/recipients.yaml', path)
    const file = await open()
    await publish('..2026_02', 'careful')
    await becomes(file, 'careful')
    await rm(join(directory, '..2026_01'), { recursive: true })
    await publish('..2026_03', 'tag-only')
    await becomes(file, 'tag-only')
  })

  test('a mistake: the old entries stay, and it is told once', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await writeFile(path, 'user@example.org: careful\nother@example.org: lax\n')
    await eventually(() => {
      expect(kept()).toEqual([
        `${path}:2: other@example.org: there is no policy "lax", expected one of strict, careful, tag-only`,
      ])
    })
    expect(policyOf(file, 'user@example.org')).toBe('strict')
    // Something else happens in the directory; the file is the same.
    await writeFile(join(directory, 'other'), '')
    await writeFile(path, 'user@example.org: careful\n')
    await becomes(file, 'careful')
    expect(kept()).toHaveLength(1)
  })

  test('taken away: the old entries stay until it is back', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await unlink(path)
    await eventually(() => {
      expect(kept()).toEqual([
        `${path}: there is no such file; create it, or take it out of recipients.sources`,
      ])
    })
    expect(policyOf(file, 'user@example.org')).toBe('strict')
    await writeFile(path, 'user@example.org: careful\n')
    await becomes(file, 'careful')
  })
})

describe('reload', () => {
  test('reads at once, and says so even when nothing changed', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await file.reload()
    expect(facts.map(({ kind }) => kind)).toEqual(['policiesLoaded', 'policiesLoaded'])
    await appendFile(path, 'other@example.org: careful\n')
    await file.reload()
    expect(policyOf(file, 'other@example.org')).toBe('careful')
  })

  test('rejects when the file is gone, and keeps what it had', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await unlink(path)
    await expect(file.reload()).rejects.toThrow(/there is no such file/)
    expect(policyOf(file, 'user@example.org')).toBe('strict')
  })

  test('nothing is read or told after close', async () => {
    await writeFile(path, 'user@example.org: strict\n')
    const file = await open()
    await file.close()
    await writeFile(path, 'user@example.org: careful\n')
    await file.reload()
    expect(facts).toHaveLength(1)
    expect(policyOf(file, 'user@example.org')).toBe('strict')
  })
})

describePolicySource('a file', {
  async open(entries) {
    await writeFile(
      path,
      Object.entries(entries)
        .map(([address, policy]) => `"${address}": ${policy}\n`)
        .join(''),
    )
    return { source: await open(), end: async () => await Promise.resolve() }
  },
  nameOf: nameOfRaw,
})
