/** Where every fact of a process goes first, and from there to whoever wants to hear of it. */
import type { Fact, FactListener } from '../facts/fact.ts'

export interface FactHub {
  readonly tell: FactListener
  /** Hears of everything from now on, after those who came before; gives what ends that. */
  add(listener: FactListener): () => void
}

export function factHub(): FactHub {
  // Made anew at each change, which is seldom: who comes or goes while a fact is told disturbs
  // nobody.
  let listeners: readonly FactListener[] = []
  return {
    tell: (fact: Fact): void => {
      for (const listener of listeners) listener(fact)
    },
    add(listener) {
      listeners = [...listeners, listener]
      return () => {
        listeners = listeners.filter((other) => other !== listener)
      }
    },
  }
}
