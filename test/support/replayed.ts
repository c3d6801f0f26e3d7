/** What a journal says was done and said. */
import type { Effect } from '../../src/session/effects.ts'
import type { Journal } from '../../src/session/journal.ts'
import { replay } from '../../src/session/replay.ts'

export function replayed({ lines }: Pick<Journal, 'lines'>): {
  readonly effects: readonly Effect[]
  readonly said: string
} {
  const { turns } = replay(lines)
  return {
    effects: turns.flatMap(({ effects }) => effects),
    said: turns.map(({ said }) => said).join(''),
  }
}
