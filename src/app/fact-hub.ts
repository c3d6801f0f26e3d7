/** Where every fact of a process goes first, and from there to whoever wants to hear of it. */
import type { Fact, FactListener } from '../facts.ts'

export interface FactHub {
  readonly tell: FactListener
  /** Hears of everything from now on, after those who came before; gives what ends that. */
  add(listener: FactListener): () => void
}

export function factHub(): FactHub {
  const listeners = new Set<FactListener>()
  return {
    tell: (fact: Fact): void => {
      for (const listener of listeners) listener(fact)
    },
    add(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
