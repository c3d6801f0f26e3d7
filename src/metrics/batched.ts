/**
 * Counting that can wait. What is told is kept for a while and counted together: the code that
 * counts is then at hand in the processor's cache, which makes it several times as fast as a fact
 * at a time between other work.
 */

/** More are counted at once, so that the memory they take stays small. */
const most = 64

export interface Batched<Told> {
  readonly tell: (told: Told) => void
  /** Counts what waits. */
  readonly count: () => void
}

export function late<Told>(count: (told: Told) => void): Batched<Told> {
  let waiting: Told[] = []
  const countAll = (): void => {
    const all = waiting
    waiting = []
    for (const told of all) count(told)
  }
  return {
    tell: (told) => {
      if (waiting.push(told) >= most) countAll()
    },
    count: countAll,
  }
}
